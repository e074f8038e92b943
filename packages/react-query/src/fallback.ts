// Polls the queries that ask for it while the hub cannot keep them: a scheduler of our own, since observers would not notice the hub's state.
import type { Clock } from '@sse-hub/core'
import { focusManager, type Query } from '@tanstack/query-core'

/** The polls of one query cache. */
export interface Fallback {
  /** Has a query polled, from one interval after now on; or not any more (`undefined`). The same interval again changes nothing. */
  set(query: Query, intervalMs: number | undefined): void
}

/** Makes the polls; there is no timer while there is nothing to poll. */
export function createFallback(clock: Clock): Fallback {
  const polls = new Map<Query, { readonly intervalMs: number; cancel: () => void }>()
  return {
    set(query, intervalMs) {
      const running = polls.get(query)
      if (running?.intervalMs === intervalMs) return
      running?.cancel()
      polls.delete(query)
      // As in TanStack Query, 0 and Infinity mean not to.
      if (!intervalMs || intervalMs < 0 || intervalMs === Number.POSITIVE_INFINITY) return
      const tick = () => {
        poll.cancel = clock.after(intervalMs, tick)
        if (focusManager.isFocused()) query.fetch(undefined, { cancelRefetch: false }).catch(() => {})
      }
      const poll = { intervalMs, cancel: clock.after(intervalMs, tick) }
      polls.set(query, poll)
    },
  }
}
