// A hub as the application holds it: what it can be asked to do, and its figures. hub.ts makes one.
import type { Contract, Emittable, EventOf, Presence, PresentTopic, Publication } from '@sse-hub/core/contract'
import type { Counters } from './counters.ts'
import type { NewEvent } from './log.ts'
import type { Published } from './publishing/publisher.ts'

/** The hub in figures: what is, and what was counted since it was made. */
export interface Stats extends Readonly<Counters> {
  /** Open streams and waiting pages. */
  readonly connections: number
  /** The same by what they do: `waiting` (not begun), `reading` (from the log), `live`, `ending`, `page`. */
  readonly phases: Readonly<Record<string, number>>
  /** How many different users they are; anonymous ones are not counted. */
  readonly users: number
  /** Bytes that wait for slow readers. */
  readonly bufferedBytes: number
  /** Bytes of the newest events that are kept at hand. */
  readonly recentBytes: number
  /** Up to where the log's tail was handed out; null before the first stream. */
  readonly tail: string | null
  /** How many positions the tail is behind the newest that this hub knows of. */
  readonly tailLag: number
  readonly disabled: boolean
  readonly draining: boolean
}

/** The server side: contract, log, authorization and fan-out behind one fetch handler. */
export interface Hub<C extends Contract> {
  /** Where it is mounted, without a slash at the end. */
  readonly prefix: string
  /** Answers a request. It never rejects, and needs no `this`: `export const GET = hub.fetch, POST = hub.fetch`. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Publishes events: resolves when they are kept, as durably as the log says. Several are kept all or none, in order.
   * Rejects with a HubError: `invalid_data` (its `details.issues` say what), `unknown_type`, `invalid_topic`, `too_large`, `malformed`; or, retryable,
   * `timeout` when a validator did not answer, and `internal` with an unknown outcome (try again with the same `id`).
   */
  publish(publication: Publication<C>): Promise<Published>
  publish(publications: readonly Publication<C>[]): Promise<readonly Published[]>
  /** Validates, stamps and encodes, for a log that keeps events in your own transaction: `log.appendIn(tx, await hub.prepare([…]))`. Durable events only. */
  prepare(publications: readonly Publication<C>[]): Promise<readonly NewEvent[]>
  /** The head of the log. Read it before the state that an answer reflects, and send it as that answer's `Hub-Cursor` header. Rejects with `closed` once the hub is. */
  cursor(): Promise<string>
  /**
   * Hears what clients emit, on the node that accepted it, before the emit is answered and at least once. A throw refuses the emit: for good, or, by a HubError
   * with `retryable: true`, for now. The topic of an event without one is an empty string. The answer stops it.
   */
  on<N extends Emittable<C>>(type: N, handler: (event: EventOf<C, N>) => unknown): () => void
  /** Sends everybody elsewhere, spread over `overMs` (default 5,000), and lets nobody in any more; resolves when all are gone. Emits are still accepted. */
  drain(options?: { readonly overMs?: number }): Promise<void>
  /** The kill switch: ends every stream and page within a second, and lets nobody in. Emits and publishing go on. */
  disable(): void
  /** Undoes `disable()`. */
  enable(): void
  /** Ends every stream and page of a user, and forgets what waits for it. */
  disconnect(user: string): void
  /**
   * Drops what waits for slow readers and can be read from the log again, which they do as they drain: nothing durable is lost. For when memory is short;
   * past `limits.memoryBytes` it happens by itself. Answers how many connections had something.
   */
  flush(): number
  /**
   * Who is on a topic of a kind that the contract gives presence, as its readers are told it: of this node's streams and pages.
   * Throws a HubError `invalid_topic` for any other.
   */
  presence(topic: PresentTopic<C>): Presence
  /** The hub in figures. */
  stats(): Stats
  /** Ends everything, then closes the log. May be called twice. */
  close(): Promise<void>
}
