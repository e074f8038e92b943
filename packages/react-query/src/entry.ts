// All that is known of one live query in a cache: its definition, its data's join, the topics it holds, and the wish to read it again.
import type { Clock, HubEvent } from '@sse-hub/core'
import type { Query, QueryKey } from '@tanstack/query-core'
import { createHolds, type Holds, type Topics } from './holds.ts'
import { createJoin } from './join.ts'
import { type Live, liveOf, setCoverage } from './live.ts'
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

/** What an entry works with. */
export interface EntryOptions {
  readonly query: Query
  readonly live: Live
  readonly client: Topics
  readonly clock: Clock
  readonly onReport: (report: QueryReport) => void
}

/** One live query in a cache. */
export interface Entry {
  readonly query: Query
  readonly holds: Holds
  readonly refresh: Refresh
  /** Its definition: the newest that an observer brought. */
  live(): Live
  /** A fetch of all its data, or of one more page, has begun. */
  began(whole: boolean): void
  /** The query's state has changed: has its fetch ended, and with an answer? Says whether it has. */
  changed(answered: boolean): boolean
  /** Whether a fetch has begun since this was last asked, and is in flight. */
  isBeginning(): boolean
  /** Lets go of all topics. */
  release(): void
  /** Ends it. */
  stop(): void
}

/** Takes up a query that is in the cache. */
export function createEntry({ query, live: first, client, clock, onReport }: EntryOptions): Entry {
  const { queryKey } = query
  let fetching = query.state.fetchStatus !== 'idle'
  let beginning = false

  // An observer that says nothing of events does not make the query any less live.
  const live = () => liveOf(query) ?? first
  const covered = () => query.state.data !== undefined && live().topics.every((topic) => holds.covers(topic))
  const refresh = createRefresh(query, clock)
  const join = createJoin({
    query,
    live,
    covered,
    refresh: refresh.ask,
    report: (error, event) => onReport({ during: 'reduce', error, queryKey, event }),
  })
  const holds = createHolds({
    client,
    event: join.event,
    cursor: join.cursor,
    incomplete() {
      // Without data there is nothing to lack, until an answer brings some.
      if (query.state.data !== undefined || query.state.fetchStatus !== 'idle') refresh.ask('now')
    },
    report: (error) => onReport({ during: 'subscribe', error, queryKey }),
  })
  const release = () => {
    // The cursor of an answer that nobody has followed yet stays good.
    if (holds.keep([])) join.forget()
  }
  setCoverage(query, covered)

  return {
    query,
    holds,
    refresh,
    live,
    began(whole) {
      fetching = beginning = true
      join.began()
      refresh.began(whole)
    },
    changed(answered) {
      if (!fetching || query.state.fetchStatus !== 'idle') return false
      fetching = beginning = false
      join.ended(answered)
      refresh.ended(answered)
      holds.ended(answered)
      return true
    },
    isBeginning() {
      const was = beginning
      beginning = false
      return was
    },
    release,
    stop() {
      release()
      refresh.stop()
      setCoverage(query, () => false)
    },
  }
}
