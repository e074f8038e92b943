// The data of one query, joined with the events that came since it was read: a fetch in flight must not overwrite them.
import { type HubEvent, isAfter } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'
import { takeAnswer } from './cursor.ts'
import type { Live } from './live.ts'
import { REFETCH, type Tombstones } from './reducers.ts'

// Past this a fetch takes too long to keep what happens meanwhile: the query is read once more instead.
const MAX_JOURNAL = 10_000

/** What a join works with. */
export interface JoinOptions {
  readonly query: Query
  readonly live: () => Live
  /** Whether the data is as new as this moment; otherwise an event does not make it look so. */
  readonly covered: () => boolean
  /** The data cannot be mended by events. */
  readonly refresh: (pace: 'now' | 'paced') => void
  /** A reducer threw. */
  readonly report: (error: unknown, event: HubEvent) => void
}

/** The join of one query. */
export interface Join {
  /** An event of one of its topics. */
  event(event: HubEvent): void
  /** Its fetch has begun. */
  began(): void
  /** Its fetch has ended, with an answer or without. */
  ended(ok: boolean): void
  /** The cursor that the data reflects, where the answer said so; all up to it is in the data. */
  cursor(): string | undefined
  /** The topics are let go: from now on the cursor says nothing. */
  forget(): void
}

/** Makes the join of one query. */
export function createJoin({ query, live, covered, refresh, report }: JoinOptions): Join {
  let cursor: string | undefined
  // The events since the fetch in flight began, which its answer may or may not reflect.
  let journal: HubEvent[] | undefined
  let tombstones: Tombstones = new Map()

  // An event of another epoch than the data is either of the one before, and so in the data; or it follows a gap, for which the data is read again.
  const isNew = ({ cursor: at }: HubEvent) => !cursor || !at || (isAfter(at, cursor) && !isAfter(cursor, at))

  const reduce = (data: unknown, event: HubEvent): unknown => {
    const { on } = live()
    const reducer = Object.hasOwn(on, event.type) ? on[event.type] : undefined
    try {
      const next = reducer?.(data, event, tombstones)
      if (next !== REFETCH) return next ?? data
      refresh('paced')
    } catch (error) {
      report(error, event)
      refresh('paced')
    }
    return data
  }

  /** Writes what events have made of the data. Data that is not there yet is not invented. */
  const apply = (events: readonly HubEvent[]) => {
    const { data } = query.state
    if (data === undefined) return
    const next = events.filter(isNew).reduce(reduce, data)
    if (next === data) return
    const { isInvalidated, dataUpdatedAt } = query.state
    query.setData(next, { manual: true, ...(covered() ? {} : { updatedAt: dataUpdatedAt }) })
    // A write clears the mark; what was to be read again still is.
    if (isInvalidated) query.invalidate()
  }

  return {
    event(event) {
      if (journal && journal.push(event) > MAX_JOURNAL) {
        journal = []
        refresh('now')
      }
      apply([event])
    },
    began() {
      journal = []
    },
    ended(ok) {
      const events = journal ?? []
      journal = undefined
      if (!ok) return
      cursor = takeAnswer(query.queryKey)
      tombstones = new Map()
      apply(events)
    },
    cursor: () => cursor,
    forget() {
      cursor = undefined
    },
  }
}
