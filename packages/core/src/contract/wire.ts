// What goes over the wire (docs/PROTOCOL.md §3–5): blocks encoded behind a field guard, blocks decoded into frames, and the JSON of emits.
import { HubError } from '../errors.ts'
import type { HubEvent } from './contract.ts'
import {
  fit,
  foreign,
  GAP,
  isCursor,
  isEvent,
  isGaps,
  isString,
  isStrings,
  isTime,
  isUser,
  optional,
  type Shape,
} from './shape.ts'

/** Why something is missing: the log dropped it, the log is another one, or the event no longer fits the contract. */
export type GapReason = 'trimmed' | 'epoch' | 'schema'

/** What a stream does not carry: events of `topics` in the range `(from, to]`. */
export interface Gap {
  /** The topics that are not whole. */
  readonly topics: readonly string[]
  /** The last cursor before the gap; absent when it is unknown. */
  readonly from?: string
  /** Where delivery continues. */
  readonly to: string
  /** Why. */
  readonly reason: GapReason
}

/** Why the hub ends a stream. */
export type ByeReason = 'disabled' | 'draining' | 'changed' | 'expired' | 'revoked' | 'overloaded'

/** What a stream says first. */
export interface Sync {
  /** Where the stream starts. */
  readonly cursor: string
  /** The topics it carries. */
  readonly topics: readonly string[]
  /** What could not be replayed. */
  readonly gaps: readonly Gap[]
  /** Who the hub takes the client to be; null for an anonymous user. */
  readonly user: string | null
  /** The hub sends at least one byte in this many milliseconds. */
  readonly heartbeatMs: number
}

/** Who is there: the users whose pages read a topic. */
export interface Presence {
  /** The topic. */
  readonly topic: string
  /** Their ids, each once, in the order in which they came: at most 100. */
  readonly users: readonly string[]
  /** How many they are in all. */
  readonly count: number
}

/** Who is there, as a source says it. */
export type PresenceFrame = { readonly kind: 'presence' } & Presence

/** One thing that a source says to a client. */
export type Frame =
  | ({
      readonly kind: 'sync'
      readonly retryMs?: number
      /** Why it is not the stream that speaks. */
      readonly degraded?: Pick<HubError, 'code' | 'message'>
    } & Sync)
  | { readonly kind: 'event'; readonly event: HubEvent }
  | { readonly kind: 'beat'; readonly cursor: string }
  | ({ readonly kind: 'gap' } & Gap)
  | PresenceFrame
  | { readonly kind: 'bye'; readonly reason: ByeReason; readonly retryMs: number }

/** The fields of one block of a stream. */
export interface Block {
  /** The `event:` field. */
  readonly event?: string | undefined
  /** The `id:` field. */
  readonly id?: string | undefined
  /** The `data:` field: one line. */
  readonly data?: string | undefined
  /** The `retry:` field, in milliseconds. */
  readonly retryMs?: number | undefined
}

// CR and LF end a line, NUL voids an `id:`, and UTF-8 cannot carry a lone surrogate (Cs), so another text would arrive. This is the only
// door into a stream, so nothing else needs to ask.
const UNSAFE = /[\r\n\0\p{Cs}]/u

function field(name: string, value: string): string {
  if (UNSAFE.test(value)) {
    throw new HubError(
      'malformed',
      `The field "${name}" of a stream block may not hold CR, LF, NUL or a lone surrogate, but is ${quote(value)}. Remove them, or send them inside the JSON of the payload.`,
    )
  }
  return `${name}: ${value}\n`
}

/**
 * Writes one block of a stream, ready to send.
 * @throws HubError `malformed` if a field holds CR, LF, NUL or a lone surrogate, `event` is empty, or `retryMs` is not a whole number.
 */
export function encodeBlock(block: Block): string {
  const { event, id, data, retryMs } = block
  let text = ''
  if (retryMs !== undefined) {
    if (!Number.isSafeInteger(retryMs) || retryMs < 0) {
      throw new HubError('malformed', `retryMs must be a whole number of milliseconds, at least 0, not ${retryMs}.`)
    }
    text += `retry: ${retryMs}\n`
  }
  if (event !== undefined) {
    // An empty one would arrive as "message".
    if (event === '')
      throw new HubError('malformed', 'The field "event" of a stream block may not be empty: leave it out.')
    text += field('event', event)
  }
  if (id !== undefined) text += field('id', id)
  if (data !== undefined) text += data === '' ? 'data:\n' : field('data', data)
  return `${text}\n`
}

/**
 * Writes the `data:` line of an event. A log keeps this text, so that a replay costs no second encoding.
 * @throws HubError `invalid_data` for a payload that JSON cannot hold (undefined, a function, a bigint, a cycle), or that has a member `__proto__`.
 */
export function encodeEvent(event: Pick<HubEvent, 'data' | 'topic' | 'at' | 'id' | 'user'>): string {
  const { data, topic, at, id, user } = event
  let json: string
  try {
    json = JSON.stringify(user === undefined ? { data, topic, at, id } : { data, topic, at, id, user })
  } catch (cause) {
    throw notJson(cause instanceof Error ? cause.message : String(cause), cause)
  }
  // JSON.stringify leaves out what it cannot write.
  if (!json.startsWith('{"data":')) throw notJson(`it is ${typeof data}`)
  // Whoever copies such a member gives the copy a prototype. Within a text the quotes would be escaped, so this is a key.
  if (/[{,]"__proto__":/.test(json)) throw notJson('it has a member "__proto__"')
  return json
}

function notJson(why: string, cause?: unknown): HubError {
  return new HubError(
    'invalid_data',
    `The payload of an event must be plain JSON, and this one is not: ${why}. Let the schema of the event put out plain JSON.`,
    { cause },
  )
}

/**
 * Reads one block of a hub's stream. Of a `hub.` block that this version does not know, only the id counts: it is read as a beat, or, without
 * an id, as undefined. Members that this version does not know stay where they are. A parser tells of the `retry:` field apart, as `retryMs`.
 * @throws HubError `protocol` for a block that no hub sends.
 */
export function decodeBlock(
  { event: type = 'message', data = '', id: cursor, retryMs: own }: Block,
  retryMs: number | undefined = own,
): Frame | undefined {
  try {
    if (!type.startsWith('hub.')) {
      // One of the payload's object must not pass for the stream's own `type` or `id:`.
      const event = JSON.parse(data)
      event.type = type
      event.cursor = cursor
      if (isEvent(event)) return { kind: 'event', event }
      throw new TypeError(type)
    }
    const shape = SHAPES[type]
    if (shape) return fit(shape, { retryMs, ...JSON.parse(data), kind: type.slice(4) })
    // A beat has no data, and that of an unknown block is nobody's business.
    return cursor === undefined && type !== 'hub.beat' ? undefined : fit(BEAT, { kind: 'beat', cursor } as Frame)
  } catch (cause) {
    throw foreign(type, cause)
  }
}

const BEAT: Shape = { cursor: isCursor }
const SHAPES: Readonly<Record<string, Shape>> = {
  'hub.sync': {
    cursor: isCursor,
    topics: isStrings,
    gaps: isGaps,
    user: isUser,
    heartbeatMs: (value) => value && isTime(value),
    retryMs: optional(isTime),
  },
  'hub.gap': GAP,
  'hub.presence': { topic: isString, users: isStrings, count: isTime },
  'hub.bye': { reason: isString, retryMs: isTime },
}
const quote = (text: string): string => JSON.stringify(text.slice(0, 80))

/** One emit of a batch. */
export interface EmitEntry {
  /** Its number within the producer, from 1; absent for an ephemeral event on a topic. */
  readonly seq?: number
  /** The client's name for it. */
  readonly id: string
  /** The event's type. */
  readonly type: string
  /** The topic; may be left out where the contract has none, or `user`. */
  readonly topic?: string
  /** The payload. */
  readonly data: unknown
}

/** The body of `POST /events`. */
export interface EmitRequest {
  /** The outbox these come from. */
  readonly producer: string
  /** Who the client believes to be. */
  readonly user?: string | null
  /** The emits, in order. */
  readonly events: readonly EmitEntry[]
}

/** An error as it stands in a JSON body. */
export interface WireError {
  /** A code of docs/PROTOCOL.md §7. */
  readonly code: string
  /** What happened and what to do. */
  readonly message: string
  /** Whether the same again can succeed later. */
  readonly retryable: boolean
  /** For `out_of_order`: the seq that the hub expects. */
  readonly expected?: number
  /** For `invalid_data`: what the validator said. */
  readonly issues?: readonly { readonly message: string; readonly path?: readonly (string | number)[] }[]
}

/** What became of one emit. */
export type EmitResult =
  | { readonly id: string; readonly cursor?: string; readonly repeated?: true; readonly error?: undefined }
  | { readonly id: string; readonly error: WireError }

/** The answer of `POST /events`. */
export interface EmitResponse {
  /** Who the hub takes the client to be. */
  readonly user: string | null
  /** The results of a prefix of the batch, in order. */
  readonly results: readonly EmitResult[]
}
