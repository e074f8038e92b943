// What TanStack Query keeps with a mutation of ours, also over a reload: what is shown until the server has answered.
import type { HubEvent } from '@sse-hub/core'
import type { Mutation } from '@tanstack/query-core'

/** What `onMutate` has returned, for the mutation's other callbacks: what is shown until the server has answered. It is kept with a mutation that is persisted. */
export interface Optimistic {
  readonly id: string
  readonly optimistic: readonly HubEvent[]
}

/** What a mutation shows, if it is one of ours. */
export function optimisticOf(mutation: Mutation | undefined): Optimistic | undefined {
  const made = mutation?.state.context as Optimistic | undefined
  // An application's own mutation may keep something that looks alike.
  return made?.id && Array.isArray(made.optimistic) ? made : undefined
}
