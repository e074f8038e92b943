// Follows a query cache: mounted live queries hold their topics, and the last to unmount lets go.
import { type Clock, type Contract, type HubClient, platform, type Random, type Status, type Tabs } from '@sse-hub/core'
import {
  notifyManager,
  type Query,
  type QueryCacheNotifyEvent,
  type QueryClient,
  type QueryKey,
} from '@tanstack/query-core'
import { tell, WATCHED } from './activity.ts'
import { createChanges } from './changes.ts'
import type { ConflictReport, Resolve } from './conflict.ts'
import { createEntry, type Did, type Entry, type QueryReport } from './entry.ts'
import type { Fallback, Polls } from './fallback.ts'
import type { Topics } from './holds.ts'
import type { Heard } from './join.ts'
import { liveOf } from './live.ts'
import { logError } from './platform.ts'

/** What `connectQueries` takes. */
export interface ConnectOptions<C extends Contract> {
  /** The client that the queries' topics are subscribed with. It stays yours: start and close it as you like. */
  readonly client: HubClient<C>
  /** The cache to keep in step. It has one connection: another one ends the one before. */
  readonly queryClient: QueryClient
  /** How long the topics of a query are held after it was unmounted, in milliseconds. Default 1,000. */
  readonly lingerMs?: number
  /**
   * How far apart the pages that lack the same (the log has lost it; an event invalidates) read again, at most, in milliseconds: each waits for a part of it, at
   * random, so that they do not ask your API all at once. Default 1,000.
   */
  readonly spreadMs?: number
  /** `false`: begin with plain polling, until `setLive(true)`. Default true. */
  readonly live?: boolean
  /** What live queries show where others change what a mutation of mine, which is not confirmed yet, changes too. Default: `lastWriteWins`. */
  readonly resolve?: Resolve
  /** Hears of each such conflict once: what a message with "apply mine again" needs. */
  readonly onConflict?: (conflict: ConflictReport) => void
  /** Hears what went wrong. Default: `console.error`. */
  readonly onReport?: (report: QueryReport) => void
  /** The other tabs, which polls are shared with while the hub is down; `null`: each tab polls for itself. Default: those of the browser. */
  readonly tabs?: Tabs | null
  /** The platform's time and chance, for tests. */
  readonly clock?: Clock
  readonly random?: Pick<Random, 'next'>
}

/** A connected cache. Called, it disconnects it. */
export interface QueryConnection {
  (): void
  /**
   * `false` reverts to plain polling, at once: topics are let go of, and mounted queries with a `fallback` poll at their intervals. `true` makes them live again. For a
   * feature flag, or an operator who wants the hub out of the way.
   */
  setLive(live: boolean): void
  /** How often it has polled so far, and how often it need not. */
  polls(): Polls
}

/** As whom the hub knows this page: its status says so while it is live. */
type User = string | null | undefined

// How to end the connection that a cache has, which tells as whom its data was read.
const connections = new WeakMap<QueryClient, () => User>()

/** Connects live queries with a client, until the answer is called. */
export function connectQueries<C extends Contract>(options: ConnectOptions<C>): QueryConnection {
  const { queryClient, lingerMs = 1_000, spreadMs = 1_000 } = options
  const client = options.client as unknown as Topics
  // It may do what it likes, and throw: not in the middle of this.
  const onReport = (report: QueryReport) => queueMicrotask(() => (options.onReport ?? logError)(report))
  const spread = () => parts.random.next() * spreadMs
  const heard: Heard = {}
  const isLive = (topic: string) => isWanted && client.status.topic(topic) === 'live'
  const parts = { ...platform, ...options, client, onReport, heard, spread, isLive }
  const { clock } = parts
  const cache = queryClient.getQueryCache()
  const entries = new Map<Query, Entry>()
  // The mounted ones, and those unmounted a moment ago: how to end their linger.
  const mounted = new Map<Entry, (() => void) | undefined>()
  // Those that the hub does not keep at present.
  const lost = new WeakSet<Entry>()
  // What has changed and is to be looked at: thousands of queries must not be for each answer.
  const touched = new Set<Entry>()
  let isSweeping = false
  let status: Status | undefined
  // Two would apply every event twice. As whom the hub has known this page; undefined before it has been live.
  let known = connections.get(queryClient)?.()
  let isWanted = options.live !== false
  // Loaded with the first query that may poll: it costs the page nothing before, and is there before the hub is lost.
  let fallback: Fallback | undefined
  let isLoading = false
  let isMissing = false
  let stopped = false

  const load = (queryKey: QueryKey) => {
    isLoading = true
    import('./fallback.ts').then(
      ({ createFallback }) => {
        if (stopped) return
        const watched = WATCHED && { polled: (query: Query) => tell({ kind: 'poll', query }) }
        fallback = createFallback({ ...parts, entries, wanted: () => isWanted, ...watched })
        touchAll()
      },
      (error) => {
        // An old page after a deployment, or the network is down with the hub: it is asked for again while that is so, whenever something changes.
        if (!isMissing) onReport({ during: 'fallback', error, queryKey })
        isMissing = true
        isLoading = false
      },
    )
  }

  const adopt = (query: Query): Entry | undefined => {
    const known = entries.get(query)
    const live = known ? undefined : liveOf(query)
    if (!live) return known
    const entry = createEntry({ ...parts, query, live, changes: changes.list })
    entries.set(query, entry)
    entry.join.show()
    return entry
  }

  const drop = (entry: Entry) => {
    mounted.get(entry)?.()
    mounted.delete(entry)
    touched.delete(entry)
    entries.delete(entry.query)
    fallback?.set(entry.query)
    entry.stop()
  }

  /** Notes who is mounted. Whoever is not any more stays so for a moment: StrictMode and navigation mount again at once. */
  const look = (entry: Entry) => {
    const { query, live } = entry
    // Nobody makes it less live by leaving, or by saying nothing of events.
    if (query.observers[0]) Object.assign(live, liveOf(query))
    const cancel = mounted.get(entry)
    if (query.isActive()) {
      cancel?.()
      mounted.set(entry, undefined)
    } else if (mounted.has(entry) && !cancel) {
      const leave = () => {
        mounted.delete(entry)
        sweep()
      }
      mounted.set(entry, clock.after(lingerMs, leave))
    }
  }

  /** Brings what is held in line with what is mounted. */
  const reconcile = () => {
    const looked = [...touched]
    touched.clear()
    looked.forEach(look)
    let needed: Set<string> | undefined
    const isNeeded = (topic: string) => {
      needed ??= new Set([...mounted.keys()].flatMap((entry) => entry.live.topics))
      return needed.has(topic)
    }
    for (const entry of looked) {
      const { query, join, holds, refresh } = entry
      const { topics, polls } = entry.live
      const { data, fetchStatus } = query.state
      const beginning = entry.isBeginning()
      if (holds.keep(topics)) sweep()
      // What nobody looks at is kept in step too, as long as it costs no topic of its own.
      if (!isWanted || (!mounted.has(entry) && !topics.every(isNeeded))) holds.keep([])
      else {
        if (data !== undefined) {
          join.look()
          // A fetch in flight is waited for: its answer may say from where on the topics are needed.
          if (fetchStatus !== 'fetching' || holds.isNew()) holds.take(topics)
          refresh.resume()
        }
        // What is taken just now without a cursor, too.
        if (beginning) topics.forEach(holds.await)
      }
      holds.check()
      const heard = topics.filter(isLive).length
      const live = heard > 0 && heard === topics.length
      if (polls.length && !isLoading && !(isMissing && live)) load(query.queryKey)
      fallback?.set(query, live, !heard)
      if (!live) lost.add(entry)
      // A read that failed meanwhile would show its error for as long as nothing happens, unless another is under way.
      else if (fetchStatus === 'idle' && lost.delete(entry) && query.state.status === 'error') refresh.ask('now')
    }
  }

  /** Mounting is not over when its first event comes: whether a fetch follows is known a moment later. */
  const touch = (entry: Entry) => {
    if (!touched.size) queueMicrotask(reconcile)
    touched.add(entry)
  }
  const touchAll = () => {
    isSweeping = false
    entries.forEach(touch)
  }
  /** Whoever leaves may have been the last to need a topic; many leave at once. */
  const sweep = () => {
    if (!isSweeping) clock.after(0, touchAll)
    isSweeping = true
  }

  const follow = (event: QueryCacheNotifyEvent) => {
    const { query, action } = event as { readonly query: Query; readonly action?: Did }
    // Observers may outlive the place of their query in the cache.
    const gone = cache.get(query.queryHash) !== query
    const entry = gone ? entries.get(query) : adopt(query)
    if (!entry) return
    if (gone) {
      drop(entry)
      sweep()
    } else {
      if (action) entry.did(action)
      touch(entry)
    }
  }

  const changes = createChanges({
    ...parts,
    // A list and its details change in one commit.
    show: () =>
      notifyManager.batch(() => {
        for (const { join } of entries.values()) join.show()
      }),
    settle: (change) => [...entries.values()].filter((entry) => entry.join.settle(change)),
  })
  for (const query of cache.getAll()) adopt(query)
  const watch = () => {
    const before = status
    status = client.status.get()
    // Or else only somebody's topics have changed, who knows it.
    if (status === before) return
    const { user = known } = status as { readonly user?: User }
    // What was read as somebody else, be it in another connection, may be what this one is not to see.
    if (known !== undefined && known !== user) for (const { refresh } of entries.values()) refresh.ask('now')
    known = user
    fallback?.look()
    touchAll()
  }
  watch()
  const unfollow = cache.subscribe(follow)
  const unwatch = client.status.subscribe(watch)

  const stop = () => {
    stopped = true
    unfollow()
    unwatch()
    changes.stop()
    entries.forEach(drop)
    fallback?.stop()
    return known
  }
  connections.set(queryClient, stop)
  return Object.assign(stop, {
    setLive(live: boolean) {
      isWanted = live
      fallback?.look()
      touchAll()
    },
    polls: () => fallback?.counts() ?? { done: 0, shared: 0, avoided: 0 },
  })
}
