// What is said of answers that tell the place of another log than the hub's: loaded when there is one.
import { HubError } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'

// How often each query was answered so.
const counts = new WeakMap<Query, Map<string, number>>()

/** Says so, the second time that the same log has answered for the same: once it may be that the hub's was replaced while the answer was on its way. */
export function stranger(
  query: Query,
  answer: string,
  newest: string,
  report: (during: 'read', error: unknown) => void,
): void {
  const logs = [answer, newest].map((cursor) => cursor.slice(0, cursor.lastIndexOf(':'))).join()
  const mine = counts.get(query) ?? new Map<string, number>()
  const count = (mine.get(logs) ?? 0) + 1
  counts.set(query, mine.set(logs, count))
  if (count !== 2) return
  const error = new HubError(
    'protocol',
    `The Hub-Cursor "${answer}" is of another log than the hub's, which is at "${newest}": does the API ask another hub, or answer from a cache?`,
  )
  report('read', error)
}
