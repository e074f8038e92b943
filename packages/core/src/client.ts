// createHubClient: subscriptions in, typed events out, over one connection; the composition root of the browser side.
import type { Contract, Emission, Emittable, EventOf, EventsOn, SubscribableTopic } from './contract/contract.ts'
import type { GapReason } from './contract/wire.ts'
import type { HubError } from './errors.ts'
import type { Clock, Fetch, Random } from './ports.ts'
import type { Status, TopicStatus } from './status.ts'

/** What a subscriber is told when it is not whole: what it read before, of this topic, must be read again. */
export interface TopicGap {
  /** The topic, as the hub writes it (`user:<id>` for `user`). */
  readonly topic: string
  /** The last cursor before the gap; absent when it is unknown. */
  readonly from?: string
  /** Where delivery starts or continues. */
  readonly to: string
  /** `added`: the topic is new to this client. The others are the hub's: the log dropped it, is another one, or an event no longer fits the contract. */
  readonly reason: 'added' | GapReason
}

/** What to hear of one topic. */
export interface Subscription<C extends Contract, T extends SubscribableTopic<C>> {
  /** The topic; `user` is the user's own. */
  readonly topic: T
  /** A cursor that reflects what was read already (a `Hub-Cursor` header): delivery starts right after it, with no `added` gap if the log still holds it. */
  readonly after?: string
  /** Handlers by event type. */
  readonly on?: { readonly [N in EventsOn<C, T>]?: (event: EventOf<C, N>) => void }
  /** Hears every event of the topic, after `on`. */
  readonly onEvent?: (event: EventOf<C, EventsOn<C, T>>) => void
  /** Hears that this subscription is not whole. Events after `to` follow. */
  readonly onGap?: (gap: TopicGap) => void
}

/** What became of an emit. */
export type EmitOutcome =
  | { readonly ok: true; readonly id: string; readonly cursor?: string }
  /** The error's code is the hub's (docs/PROTOCOL.md §7), `uncertain` (sent, and the hub has lost its memory of it) or `closed`. */
  | { readonly ok: false; readonly id: string; readonly error: HubError }

/** An emit on its way. */
export interface Emitted {
  /** Its id: yours, or a random one. */
  readonly id: string
  /** Resolves to what became of it. It never rejects. */
  readonly accepted: Promise<EmitOutcome>
}

/** The connection's status, as a store: a snapshot and a subscription, ready for `useSyncExternalStore`. */
export interface StatusStore {
  /** The snapshot: the same object until something changes. */
  get(): Status
  /** The snapshot of one topic: the same object until its state changes. */
  topic(topic: string): TopicStatus
  /** Calls back after every change of any of them. The answer unsubscribes. */
  subscribe(listener: () => void): () => void
}

/** What went wrong without anybody to throw it at: a handler that threw, an event that does not validate, a failed attempt. */
export interface ClientReport {
  /** What the client was doing. */
  readonly during: 'handler' | 'validate' | 'connect' | 'emit'
  /** The error. */
  readonly error: unknown
}

/** What {@link createHubClient} takes. */
export interface ClientOptions<C extends Contract> {
  /** Where the hub is mounted, absolute or relative to the page: `/api/sse`. */
  readonly url: string
  /** Pass the contract itself, not only its type, to validate events as they arrive and emits before they leave. */
  readonly contract?: C
  /** Headers of every request; asked again at each attempt, and with `refresh: true` once after a 401. */
  readonly headers?: HeadersInit | ((context: { readonly refresh: boolean }) => HeadersInit | Promise<HeadersInit>)
  /** Default `same-origin`. */
  readonly credentials?: RequestCredentials
  /** How long an attempt may take until the first byte, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** How long changes of topics are gathered before the stream is opened anew, in milliseconds. Default 50. */
  readonly debounceMs?: number
  /** How long a topic is held after its last subscriber left, in milliseconds. Default 1,000. */
  readonly lingerMs?: number
  /** Hears what went wrong. Default: `console.error` for handlers and validation, nothing for attempts (they are in `status`). */
  readonly onReport?: (report: ClientReport) => void
  /** The platform, for tests. Default: the real one. */
  readonly clock?: Clock
  readonly random?: Random
  readonly fetch?: Fetch
}

/** The browser side of a hub: one connection, any number of subscriptions. */
export interface HubClient<C extends Contract> {
  /** Hears a topic. The connection opens with the first subscription and closes after the last. The answer unsubscribes, and may be called twice. */
  subscribe<T extends SubscribableTopic<C>>(subscription: Subscription<C, T>): () => void
  /** Sends an event; answers at once. */
  emit<N extends Emittable<C>>(emission: Emission<C, N>): Emitted
  /** The connection's status. */
  readonly status: StatusStore
  /** Tries (again) now: after `close()`, after `stopped`, or while waiting to retry. Subscriptions and what they have are kept. */
  start(): void
  /** Ends the connection. Subscriptions stay; `start()` takes up where it left. Emits that wait are settled as `closed`. */
  close(): void
}
