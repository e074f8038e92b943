// createHubClient: subscriptions in, typed events out, over one connection; the composition root of the browser side.
import { createConnection } from './connection.ts'
import type { Contract, Emission, Emittable, EventOf, EventsOn, SubscribableTopic } from './contract/contract.ts'
import type { Presence } from './contract/wire.ts'
import type { HubError } from './errors.ts'
import { asHubError } from './http.ts'
import type { Emitted, Outbox } from './outbox/outbox.ts'
import type { EmitOutcome } from './outbox/queue.ts'
import { logReport, page, platform } from './platform.ts'
import type { Clock, EmitStorage, Fetch, Life, Random, Tabs } from './ports.ts'
import type { TopicGap } from './sequence.ts'
import type { HeadersOption } from './settings.ts'
import { fallbackSource } from './sources/fallback.ts'
import type { Source } from './sources/source.ts'
import { reduce, type Status, type TopicState } from './status.ts'
import { createSubscriptions } from './subscriptions.ts'
import { sharedSource } from './tabs/shared.ts'

/** What to hear of one topic. */
export interface Subscription<C extends Contract, T extends SubscribableTopic<C>> {
  /** The topic; `user` is the user's own. */
  readonly topic: T
  /**
   * A cursor that reflects what was read already (a `Hub-Cursor` header): delivery starts right after it, with no gap if the log still holds
   * what came then; a stream that is further already is asked for again from there, and nobody else hears anything twice. Without it, delivery
   * starts where the client is: subscribe before you read.
   */
  readonly after?: string
  /** Handlers by event type. */
  readonly on?: { readonly [N in EventsOn<C, T>]?: (event: EventOf<C, N>) => void }
  /** Hears every event of the topic, after `on`. */
  readonly onEvent?: (event: EventOf<C, EventsOn<C, T>>) => void
  /** Hears that this subscription is not whole. Events after `to` follow. */
  readonly onGap?: (gap: TopicGap) => void
}

/** The connection's status, as a store: a snapshot and a subscription, ready for `useSyncExternalStore`. */
export interface StatusStore {
  /** The snapshot: the same object until something changes. */
  get(): Status
  /** The state of one topic. */
  topic(topic: string): TopicState
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
  /** Headers of every request; asked again at each attempt, and with `refresh: true` once after a 401 or 403. */
  readonly headers?: HeadersOption
  /** Default `same-origin`. */
  readonly credentials?: RequestCredentials
  /** Where frames come from. Default: the hub's stream, one for all tabs of the browser; `pollSource` reads pages instead, `plainSource()` any other SSE server. */
  readonly source?: Source
  /** `false`: this client has a stream of its own. Default: tabs of the same origin, `url` and user share one (docs/tabs.md). Outside of a browser's page nothing is shared. */
  readonly share?: boolean
  /** How long an attempt may take until the hub has begun the stream, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** How long changes of topics are gathered before the stream is opened anew, in milliseconds. Default 50. */
  readonly debounceMs?: number
  /** How long a topic is held after its last subscriber left, in milliseconds. Default 1,000. */
  readonly lingerMs?: number
  /**
   * Who is signed in, as the hub knows them: the `user` of `authorize`. A hub that takes the client for somebody else is an error, `identity_mismatch`. Emits that
   * wait are kept in the browser under it from the first one on, and go out as nobody else. Without it they are kept once the hub has said who it is, and a tab asks
   * that once before it follows another one's stream. A change of user needs a new client.
   */
  readonly identity?: string
  /** How long an emit may wait for the hub, over closed and reopened pages, in milliseconds. Default 24 hours; at most the 48 that a hub remembers. */
  readonly maxAgeMs?: number
  /** Where emits that wait outlive the page. Default: IndexedDB, where there is one; `null`: nowhere. */
  readonly storage?: EmitStorage | null
  /**
   * Fetch what emits need (a file of its own) as soon as the hub is there, so that even the first emit of this browser may fall into an outage. Without it that file is
   * fetched at the first emit, which fails where it cannot be. Default: true where this browser has kept emits of this origin before, or `storage` is your own.
   */
  readonly preloadOutbox?: boolean
  /**
   * How long a page may be hidden before it lets go of its stream, in milliseconds; it takes up where it left as soon as it is seen. Default: it never does, so that
   * what a hidden page shows (a title, a badge, a sound) stays true.
   */
  readonly pauseWhenHiddenMs?: number
  /** Hears what went wrong. Default: `console.error` for handlers and validation, nothing for attempts (they are in `status`). */
  readonly onReport?: (report: ClientReport) => void
  /** The platform, for tests. Default: the real one. */
  readonly clock?: Clock
  readonly random?: Random
  readonly fetch?: Fetch
  /** The other tabs, and the life of the page. */
  readonly tabs?: Tabs | undefined
  readonly life?: Life | undefined
}

/** The browser side of a hub: one connection, any number of subscriptions. */
export interface HubClient<C extends Contract> {
  /** Where the hub is mounted, as it was given. */
  readonly url: string
  /** Hears a topic. The connection opens with the first subscription and closes after the last. The answer unsubscribes, and may be called twice. */
  subscribe<T extends SubscribableTopic<C>>(subscription: Subscription<C, T>): () => void
  /**
   * Sends an event; answers at once.
   * @throws TypeError where the data cannot be written as JSON
   */
  emit<N extends Emittable<C>>(emission: Emission<C, N>): Emitted
  /** The connection's status. */
  readonly status: StatusStore
  /** Who is there, by topic, as the stream that there is has said; `presenceOf` makes a store of it. `status` tells of changes. */
  readonly present: ReadonlyMap<string, Presence>
  /** Tries (again) now: after `close()`, after `stopped`, or while waiting to retry. Subscriptions and what they have are kept. */
  start(): void
  /** Ends the connection. Subscriptions stay; `start()` takes up where it left. Emits that wait are settled as `closed`; those that are kept go out at the next start, here or in another page. */
  close(): void
}

/**
 * Makes the browser side of a hub. Nothing happens until the first `subscribe` or `emit`, so it may be made anywhere, on a server too.
 *
 * @example
 * ```ts
 * import { createHubClient } from '@sse-hub/core'
 * import type { contract } from './contract.ts'
 *
 * export const client = createHubClient<typeof contract>({ url: '/api/sse' })
 * const stop = client.subscribe({
 *   topic: 'board:7',
 *   on: { 'card.moved': ({ data }) => console.log(data.id, data.column) },
 *   onGap: ({ reason }) => console.log('read the board again:', reason),
 * })
 * ```
 */
export function createHubClient<C extends Contract>(options: ClientOptions<C>): HubClient<C> {
  const { onReport = logReport } = options
  const report = (during: ClientReport['during'], error: unknown) => {
    const running = async () => onReport({ during, error })
    running().catch((unheard) => logReport({ during: 'handler', error: unheard }))
  }
  /** Calls what the application gave us; what it throws, now or later, hurts nobody else. */
  const call = <A>(handler: ((argument: A) => unknown) | undefined, argument: A) => {
    const failed = (error: unknown) => report('handler', error)
    try {
      const running = handler?.(argument)
      // Most handlers answer nothing: a promise for each would cost more than what it waits for.
      if (running) Promise.resolve(running).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
  const listeners = new Set<() => void>()
  const notify = () => {
    for (const listener of [...listeners]) listener()
  }
  let status: Status = { phase: 'idle' }
  const tell = (next: Status) => {
    const before = status
    status = reduce(before, next)
    if (status === before) return
    notify()
    if (status.phase === 'live') prepare().catch(ignore)
  }

  const given = { ...platform, ...page(), ...options }
  const hub = fallbackSource(given)
  const settings = {
    source: given.share === false ? hub : sharedSource({ ...given, hub }),
    connectTimeoutMs: 10_000,
    debounceMs: 50,
    lingerMs: 1_000,
    ...given,
    url: given.url.replace(/\/+$/, ''),
  }
  const subscriptions = createSubscriptions(settings, {
    call,
    changed() {
      notify()
      connection.changed()
    },
    notify,
  })
  const { full, user } = subscriptions.sequence
  const connection = createConnection(settings, subscriptions, { status: () => status, tell, report })
  let outbox: Promise<Outbox> | undefined
  /** Whoever emits, or has emitted here before, finds the outbox in an outage only if it is fetched while the server is there. */
  const prepare = async () => {
    if (outbox ?? settings.preloadOutbox ?? settings.storage ?? (await settings.hasKept())) {
      const box = await loaded()
      box.sync(user())
    }
  }
  // Loaded on demand. An emit that finds no way to it is settled with the reason, and the next one tries again.
  const loaded = () => {
    outbox ??= import('./later.ts').then(
      ({ createOutbox }) => createOutbox(settings, report, status.phase === 'closed'),
      (cause) => {
        outbox = undefined
        throw asHubError('Outbox', cause)
      },
    )
    return outbox
  }

  return {
    url: settings.url,
    subscribe: subscriptions.add as (subscription: unknown) => () => void,
    emit(emission) {
      const { id = settings.random.id() } = emission as { id?: string }
      // As they are now: the outbox may be there only later.
      const text = JSON.stringify({ ...emission, id })
      const who = user()
      const late = status.phase === 'closed'
      const accepted = loaded().then(
        (box) => box.add(id, text, who, late),
        (error: HubError): EmitOutcome => ({ ok: false, id, error }),
      )
      return { id, accepted }
    },
    present: subscriptions.present,
    status: {
      get: () => status,
      topic(topic) {
        if (!subscriptions.has(topic)) return 'unsubscribed'
        if (status.phase === 'live') {
          if (status.topics.includes(full(topic))) return 'live'
          if (status.refused.includes(topic)) return 'refused'
        }
        return 'pending'
      },
      subscribe(listener) {
        // A function of its own, so that the same one may listen twice.
        const guarded = () => call(listener, undefined)
        listeners.add(guarded)
        return () => void listeners.delete(guarded)
      },
    },
    start() {
      connection.start()
      outbox?.then((box) => box.start(), ignore)
    },
    close() {
      connection.close()
      outbox?.then((box) => box.close(), ignore)
    },
  }
}

const ignore = () => {}
