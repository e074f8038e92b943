// All that is known of one live query in a cache: its definition, its data's join, the topics it holds, and the wish to read it again.
import type { Clock, HubEvent } from '@sse-hub/core'
import type { Query, QueryClient, QueryKey } from '@tanstack/query-core'
import { createHolds, type Holds, type HoldsOptions, type Topics } from './holds.ts'
import { createJoin, type Heard, type Join, type JoinOptions } from './join.ts'
import { coverage, type Live } from './live.ts'
import { createRefresh, type Refresh } from './refresh.ts'

/** What went wrong without anybody to throw it at. */
export interface QueryReport {
  /**
   * `reduce`: a reducer threw, and the query is read again; `read`: its answers say cursors of another log (in development only); `subscribe`: the client would
   * not take a topic; `share`: what a poll was answered cannot be handed to other tabs, so each of them polls; `fallback`: the file with what
   * polls cannot be fetched, and is asked for again while the hub is down; `response`: that of a mutation threw, which goes on as if the answer had
   * said nothing.
   */
  readonly during: 'reduce' | 'read' | 'subscribe' | 'share' | 'fallback' | 'response'
  /** The error. */
  readonly error: unknown
  /** The query's key; of `response`, the mutation's. */
  readonly queryKey: QueryKey
  /** The event that was to be reduced. */
  readonly event?: HubEvent | undefined
}

/** What an entry works with. */
export interface EntryOptions {
  readonly query: Query
  readonly queryClient: QueryClient
  readonly heard: Heard
  readonly live: Live
  readonly changes: JoinOptions['changes']
  readonly client: Topics
  readonly isLive: HoldsOptions['isLive']
  readonly clock: Clock
  /** How much later than others this page reads what all of them lack. */
  readonly spread: () => number
  readonly onReport: (report: QueryReport) => void
}

/** What has changed a query's state: that a fetch has begun says whether it is of one more page only. */
export interface Did {
  readonly type: string
  readonly meta?: { readonly fetchMore?: unknown }
}

/** One live query in a cache. */
export interface Entry {
  readonly query: Query
  readonly join: Join
  readonly holds: Holds
  readonly refresh: Refresh
  /** What its observers say, or have said last; always the same object. */
  readonly live: Live
  /** The query's state has changed, by such an action. */
  did(action: Did): void
  /** Whether a fetch of all its data has begun since this was last asked, and is in flight. */
  isBeginning(): boolean
  /** Ends it. */
  stop(): void
}

/** Takes up a query that is in the cache. */
export function createEntry(options: EntryOptions): Entry {
  const { query, live, clock, spread, onReport } = options
  let fetching = query.state.fetchStatus !== 'idle'
  let beginning = false

  const covered = () => {
    const { topics } = live
    return topics.length > 0 && topics.every(holds.covers)
  }
  const refresh = createRefresh(query, clock, spread)
  const report = (during: QueryReport['during'], error: unknown, event?: HubEvent) =>
    onReport({ during, error, queryKey: query.queryKey, event })
  const join = createJoin({ ...options, covered, refresh: refresh.ask, report })
  const holds = createHolds({ ...options, join, refresh: refresh.ask, report })
  coverage.set(query, covered)

  return {
    query,
    live,
    holds,
    refresh,
    did({ type, meta }) {
      if (type === 'fetch') {
        // Where there is no page yet, one more is all.
        beginning = !meta?.fetchMore || query.state.data === undefined
        fetching = true
        join.began(beginning)
        refresh.began(beginning)
      }
      if (query.state.fetchStatus !== 'idle') return
      if (fetching) {
        fetching = beginning = false
        const joined = join.ended(type === 'success')
        const isGranted = refresh.ended(!!joined, !joined?.behind)
        // Read again for that reason, it may be the same once more: it would be so for ever.
        holds.ended(joined && (joined.isOurs || isGranted))
        if (joined?.behind) holds.again(joined.behind)
      }
      // What is hydrated, reset or restored is of any age.
      if (type === 'setState') join.look('now')
    },
    isBeginning() {
      const was = beginning
      beginning = false
      return was
    },
    join,
    stop() {
      holds.keep([])
      refresh.stop()
    },
  }
}
