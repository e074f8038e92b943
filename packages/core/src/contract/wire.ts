// What goes over the wire (docs/PROTOCOL.md §3–5): blocks encoded behind a field guard, blocks decoded into frames, and the JSON bodies.
import { HubError } from '../errors.ts'
import type { HubEvent } from './contract.ts'
import { parseCursor } from './cursor.ts'

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

/** One thing that a source says to a client. */
export type Frame =
  | ({ readonly kind: 'sync'; readonly retryMs?: number } & Sync)
  | { readonly kind: 'event'; readonly event: HubEvent }
  | { readonly kind: 'beat'; readonly cursor: string }
  | ({ readonly kind: 'gap' } & Gap)
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
 * @throws HubError `invalid_data` for a payload that JSON cannot hold: undefined, a function, a bigint, a cycle.
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
  return json
}

function notJson(why: string, cause?: unknown): HubError {
  return new HubError(
    'invalid_data',
    `The payload of an event must be JSON, and this one is not: ${why}. Let the schema of the event put out plain JSON.`,
    { cause },
  )
}

/**
 * Reads one block of a hub's stream. Of a `hub.` block that this version does not know, only the id counts: it is read as a beat, or, without
 * an id, as undefined.
 * @throws HubError `protocol` for a block that no hub sends.
 */
export function decodeBlock(block: Block): Frame | undefined {
  const type = block.event ?? 'message'
  switch (type) {
    case 'hub.sync': {
      const { cursor, topics, gaps, user, heartbeatMs } = parseObject(block.data, type)
      if (!isStrings(topics) || !Array.isArray(gaps) || !isPositive(heartbeatMs) || !isUser(user)) throw unlike(type)
      return {
        kind: 'sync',
        cursor: checkCursor(cursor, type),
        topics,
        gaps: gaps.map((gap) => checkGap(gap, type)),
        user,
        heartbeatMs,
        ...(block.retryMs === undefined ? {} : { retryMs: block.retryMs }),
      }
    }
    case 'hub.gap':
      return { kind: 'gap', ...checkGap(parseObject(block.data, type), type) }
    case 'hub.bye': {
      const { reason, retryMs } = parseObject(block.data, type)
      if (typeof reason !== 'string' || !(retryMs === 0 || isPositive(retryMs))) throw unlike(type)
      return { kind: 'bye', reason: reason as ByeReason, retryMs }
    }
    case 'hub.beat':
      return { kind: 'beat', cursor: checkCursor(block.id, type) }
  }
  if (type.startsWith('hub.')) {
    return block.id === undefined ? undefined : { kind: 'beat', cursor: checkCursor(block.id, type) }
  }
  const data = parseObject(block.data, type)
  return { kind: 'event', event: checkEvent(data, type, block.id, type) }
}

/** Takes what an event has and nothing else: a member of the payload's object must not pass for the stream's own `type` or `id:`. */
function checkEvent(value: Record<string, unknown>, type: unknown, cursor: unknown, where: string): HubEvent {
  const { data, topic, at, id, user } = value
  if (
    typeof type !== 'string' ||
    data === undefined ||
    typeof topic !== 'string' ||
    typeof at !== 'number' ||
    typeof id !== 'string' ||
    !(user === undefined || typeof user === 'string')
  ) {
    throw unlike(where)
  }
  return {
    type,
    topic,
    data,
    at,
    id,
    ...(user === undefined ? {} : { user }),
    ...(cursor === undefined ? {} : { cursor: checkCursor(cursor, where) }),
  }
}

function checkGap(value: unknown, where: string): Gap {
  const { topics, from, to, reason } = asObject(value, where)
  if (!isStrings(topics) || typeof reason !== 'string') throw unlike(where)
  const gap = { topics, to: checkCursor(to, where), reason: reason as GapReason }
  return from === undefined ? gap : { ...gap, from: checkCursor(from, where) }
}

function checkCursor(value: unknown, where: string): string {
  if (typeof value !== 'string' || !parseCursor(value)) throw unlike(where)
  return value
}

function parseObject(text: string | undefined, where: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text ?? '')
  } catch (cause) {
    throw unlike(where, cause)
  }
  return asObject(value, where)
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unlike(where)
  return value as Record<string, unknown>
}

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
const isPositive = (value: unknown): value is number => Number.isFinite(value) && (value as number) > 0
const isUser = (value: unknown): value is string | null => value === null || typeof value === 'string'
const quote = (text: string): string => JSON.stringify(text.slice(0, 80))

function unlike(where: string, cause?: unknown): HubError {
  return new HubError(
    'protocol',
    `The server sent "${where.slice(0, 40)}" as no hub does: compare the versions, or read it with plainSource()`,
    { retryable: true, ...(cause === undefined ? {} : { cause }) },
  )
}

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
}

/**
 * Checks the body of a page.
 * @throws HubError `protocol`
 */
export function decodePage(text: string): PageBody {
  const where = 'page'
  const { after, through, topics, user, events, gaps } = parseObject(text, where)
  if (!isStrings(topics) || !Array.isArray(events) || !Array.isArray(gaps) || !isUser(user)) throw unlike(where)
  return {
    after: checkCursor(after, where),
    through: checkCursor(through, where),
    topics,
    user,
    events: events.map((item) => {
      const event = asObject(item, where)
      return checkEvent(event, event.type, checkCursor(event.cursor, where), where)
    }),
    gaps: gaps.map((gap) => checkGap(gap, where)),
  }
}

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
