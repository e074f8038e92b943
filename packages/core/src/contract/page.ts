// A page of the log (docs/PROTOCOL.md §4): what `GET /page` answers.
import type { HubEvent } from './contract.ts'
import {
  fit,
  foreign,
  isArray,
  isCursor,
  isEvent,
  isGaps,
  isString,
  isStrings,
  isUser,
  optional,
  type Shape,
} from './shape.ts'
import type { Gap } from './wire.ts'

/** The answer of `GET /page`. */
export interface PageBody {
  /** Where the page starts. */
  readonly after: string
  /** What was scanned: the `after` of the next page. */
  readonly through: string
  /** The topics it carries. */
  readonly topics: readonly string[]
  /** Who the hub takes the client to be. */
  readonly user: string | null
  /** Durable events in `(after, through]`, in order. */
  readonly events: readonly HubEvent[]
  /** What could not be read. */
  readonly gaps: readonly Gap[]
  /** Whether more was there when it was asked for. */
  readonly more?: boolean
}

const isPageEvent = (event: HubEvent) => isEvent(event) && isString(event.type) && isCursor(event.cursor)
const PAGE: Shape = {
  after: isCursor,
  through: isCursor,
  topics: isStrings,
  user: isUser,
  events: (value) => isArray(value) && value.every(isPageEvent),
  gaps: isGaps,
  more: optional((value) => typeof value === 'boolean'),
}

/**
 * Checks the body of a page.
 * @throws HubError `protocol`
 */
export function decodePage(text: string): PageBody {
  try {
    return fit(PAGE, JSON.parse(text))
  } catch (cause) {
    throw foreign('page', cause)
  }
}
