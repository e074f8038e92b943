// Which request a mutation is that goes on after a reload. Loaded when there is one.
import { platform } from '@sse-hub/core'
import type { MutationFunctionContext } from '@tanstack/query-core'
import { type Optimistic, optimisticOf } from './optimistic.ts'

/** The id that it has borne since before this page; `begun` is what this page itself has begun, where its id is added. */
export function again(
  { client, mutationKey = [] }: MutationFunctionContext,
  variables: unknown,
  begun: WeakSet<Optimistic>,
): string {
  const mutation = client.getMutationCache().find({
    status: 'pending',
    mutationKey,
    predicate: ({ state }) =>
      state.variables === variables && !!state.context && !begun.has(state.context as Optimistic),
  })
  const made = optimisticOf(mutation) ?? { id: platform.random.id(), optimistic: [] }
  begun.add(made)
  return made.id
}
