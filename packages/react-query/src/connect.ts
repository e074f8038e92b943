// Follows a query cache: mounted live queries hold their topics, events and gaps reach what is cached, and the last to unmount lets go.
import type { Clock, Contract, HubClient, HubEvent } from '@sse-hub/core'
import type { Query, QueryCacheNotifyEvent, QueryClient, QueryKey } from '@tanstack/query-core'
import { createFallback } from './fallback.ts'
import { createHolds, type Holds, type Topics } from './holds.ts'
import { createJoin, type Join } from './join.ts'
import { type Live, liveOf, setCoverage } from './live.ts'
import { logError, clock as platformClock } from './platform.ts'
import { createRefresh, type Refresh } from './refresh.ts'

/** What went wrong without anybody to throw it at. */
export interface QueryReport {
  /** `reduce`: a reducer threw, and the query is read again; `subscribe`: the client would not take a topic. */
  readonly during: 'reduce' | 'subscribe'
  /** The error. */
  readonly error: unknown
  /** The query's key. */
  readonly queryKey: QueryKey
  /** The event that was to be reduced. */
  readonly event?: HubEvent
}

/** What `connectQueries` takes. */
export interface ConnectOptions<C extends Contract> {
  /** The client that the queries' topics are subscribed with. It stays yours: start and close it as you like. */
  readonly client: HubClient<C>
  /** The cache to keep in step. Connect it once. */
  readonly queryClient: QueryClient
  /** How long the topics of a query are held after it was unmounted, in milliseconds. Default 1,000. */
  readonly lingerMs?: number
  /** Hears what went wrong. Default: `console.error`. */
  readonly onReport?: (report: QueryReport) => void
  /** The platform's time, for tests. */
  readonly clock?: Clock
}

interface Entry {
  readonly query: Query
  readonly join: Join
  readonly refresh: Refresh
  readonly holds: Holds
  live: Live
  /** A fetch is in flight. */
  fetching: boolean
  /** It began just now: what is live since cannot have missed anything that its answer will lack. */
  beginning: boolean
  active: boolean
  cancelLinger?: (() => void) | undefined
}

/** Connects live queries with a client, until the answer is called. */
export function connectQueries<C extends Contract>(options: ConnectOptions<C>): () => void {
  const { queryClient, lingerMs = 1_000, clock = platformClock, onReport = logReport } = options
  const client = options.client as unknown as Topics
  const cache = queryClient.getQueryCache()
  const entries = new Map<Query, Entry>()
  const fallback = createFallback(clock)
  let scheduled = false
  let stopped = false

  const isLive = (topic: string) => client.status.topic(topic).live

  const adopt = (query: Query): Entry | undefined => {
    const live = liveOf(query)
    const known = entries.get(query)
    // An observer that says nothing of events does not make the query any less live.
    if (known && live) known.live = live
    if (known || !live) return known
    const { queryKey } = query
    const refresh = createRefresh(query, clock)
    const covered = () =>
      query.state.data !== undefined && refresh.clean() && entry.live.topics.every((topic) => entry.holds.covers(topic))
    const join = createJoin({
      query,
      covered,
      live: () => entry.live,
      refresh: refresh.ask,
      report: (error, event) => onReport({ during: 'reduce', error, queryKey, event }),
    })
    const holds = createHolds({
      client,
      event: (event) => {
        adopt(query)
        join.event(event)
      },
      cursor: join.cursor,
      incomplete: () => {
        // Without data there is nothing to lack, until an answer brings some.
        if (query.state.data !== undefined || query.state.fetchStatus !== 'idle') refresh.ask('now')
      },
      report: (error) => onReport({ during: 'subscribe', error, queryKey }),
    })
    const entry: Entry = {
      query,
      join,
      refresh,
      holds,
      live,
      fetching: query.state.fetchStatus !== 'idle',
      beginning: false,
      active: false,
    }
    entries.set(query, entry)
    setCoverage(query, covered)
    return entry
  }

  const release = ({ holds, join }: Entry) => {
    // The cursor of an answer that nobody has followed yet stays good.
    if (holds.keep([])) join.forget()
  }

  const drop = (entry: Entry) => {
    entries.delete(entry.query)
    setCoverage(entry.query, () => false)
    entry.cancelLinger?.()
    entry.refresh.stop()
    fallback.set(entry.query, undefined)
    release(entry)
  }

  const check = ({ query, active, holds, live }: Entry) => {
    holds.check()
    fallback.set(query, active && !live.topics.every(isLive) ? live.pollMs : undefined)
  }

  /** Brings what is held in line with what is mounted. */
  const reconcile = () => {
    scheduled = false
    if (stopped) return
    const needed = new Set<string>()
    for (const entry of entries.values()) {
      const active = entry.query.isActive()
      if (active) {
        entry.cancelLinger?.()
        entry.cancelLinger = undefined
      } else if (entry.active) {
        entry.cancelLinger = clock.after(lingerMs, () => {
          entry.cancelLinger = undefined
          reconcile()
        })
      }
      entry.active = active
      if (active || entry.cancelLinger) for (const topic of entry.live.topics) needed.add(topic)
    }
    // Topics that begin now, and where: queries whose first answer is still to come can count on it.
    const starts = new Map<string, string>()
    for (const { query, active, holds, live, join, refresh } of entries.values()) {
      holds.keep(live.topics)
      if (!active || query.state.fetchStatus !== 'idle' || query.state.data === undefined) continue
      for (const topic of live.topics) {
        if (holds.has(topic)) continue
        const after = join.cursor()
        if (after !== undefined && client.status.topic(topic).state === 'unsubscribed') starts.set(topic, after)
        holds.take(topic)
      }
      refresh.resume()
    }
    for (const entry of entries.values()) {
      const { holds, live, join } = entry
      // What nobody looks at is kept in step as long as it costs no topic of its own.
      if (!live.topics.every((topic) => needed.has(topic))) release(entry)
      else if (join.reading()) {
        for (const topic of live.topics) {
          const start = starts.get(topic)
          // Any other topic waits for the answer, which may say from where on it is needed.
          if (!holds.has(topic) && (start !== undefined || (entry.beginning && isLive(topic))))
            holds.await(topic, start)
        }
      }
      entry.beginning = false
      check(entry)
    }
  }

  /** Mounting is not over when its first event comes: whether a fetch follows is known a moment later. */
  const touch = () => {
    if (scheduled) return
    scheduled = true
    queueMicrotask(reconcile)
  }

  const follow = (event: QueryCacheNotifyEvent) => {
    const { type, query } = event
    if (type === 'observerResultsUpdated') return
    // Observers may outlive the place of their query in the cache.
    const gone = cache.get(query.queryHash) !== query
    const entry = gone ? entries.get(query) : adopt(query)
    if (!entry) return
    const { join, refresh, holds } = entry
    if (gone) {
      drop(entry)
    } else if (type === 'updated') {
      const { action } = event
      if (action.type === 'fetch') {
        entry.fetching = entry.beginning = true
        join.began()
        holds.began()
        // One more page of an infinite query does not read the others.
        if (!action.meta?.fetchMore) refresh.began()
      } else if (entry.fetching && entry.query.state.fetchStatus === 'idle') {
        // Success, failure, or a cancelled fetch that was taken back.
        const ok = action.type === 'success'
        entry.fetching = false
        join.ended(ok)
        refresh.ended(ok)
        holds.ended(ok)
      } else return
    }
    touch()
  }

  for (const query of cache.getAll()) adopt(query)
  touch()
  const unfollow = cache.subscribe(follow)
  const unwatch = client.status.subscribe(() => entries.forEach(check))

  return () => {
    stopped = true
    unfollow()
    unwatch()
    entries.forEach(drop)
  }
}

function logReport({ during, error, queryKey }: QueryReport): void {
  logError(`sse-hub: ${during} of the query ${JSON.stringify(queryKey)}`, error)
}
