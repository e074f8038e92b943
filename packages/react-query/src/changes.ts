// What the mutations of one cache change, from the moment they are made until every live query has it from the server.
import type { Clock, HubEvent } from '@sse-hub/core'
import type { Mutation, MutationCacheNotifyEvent, QueryClient } from '@tanstack/query-core'
import { tell, WATCHED } from './activity.ts'
import type { ConflictReport, Resolve } from './conflict.ts'
import type { QueryReport } from './entry.ts'
import { failed, listeners } from './mutation.ts'
import { type Optimistic, optimisticOf } from './optimistic.ts'
import type { Change } from './overlay.ts'
import { LATER_MS } from './refresh.ts'

/** What changes work with. */
export interface ChangesOptions {
  readonly queryClient: QueryClient
  readonly clock: Clock
  readonly resolve?: Resolve
  readonly onConflict?: (conflict: ConflictReport) => void
  /** The `response` of a mutation threw. */
  readonly onReport: (report: QueryReport) => void
  /** The list has changed: the queries are to be shown anew. */
  readonly show: () => void
  /** The event that confirms a change has not come: answers the queries that still wait for it. */
  readonly settle: (change: Change) => readonly unknown[]
}

/** What is pending in one cache. */
export interface Changes {
  /** The oldest first; always the same array. */
  readonly list: readonly Change[]
  /** Takes everything back. */
  stop(): void
}

/** Follows the mutations of a cache. */
export function createChanges(options: ChangesOptions): Changes {
  const { queryClient, clock, resolve, onConflict, onReport, show, settle } = options
  const cache = queryClient.getMutationCache()
  const list: Change[] = []

  const of = (id: string) => list.find((change) => change.id === id)
  const drop = (change: Change) => {
    list.splice(list.indexOf(change), 1)
    show()
  }
  const wait = (change: Change) => {
    // So long its event is waited for, before the queries are read again.
    change.cancel = clock.after(LATER_MS, () => {
      // It may wait for its frame.
      show()
      if (settle(change)[0]) wait(change)
      else drop(change)
    })
  }
  const answered = (change: Change | undefined, events: readonly HubEvent[]) => {
    if (change?.state !== 'sent') return
    change.state = events[0] ? 'told' : 'answered'
    if (events[0]) change.events = events
    show()
    wait(change)
  }
  const begin = (mutation: Mutation, { optimistic: events, id }: Optimistic): Change => {
    const { options } = mutation
    const told = new Set<unknown>()
    return {
      id,
      mutation,
      resolve: (options as { resolve?: Resolve }).resolve ?? resolve,
      events,
      state: 'sent',
      tell(conflict) {
        // Several queries see one change. What was read may be one that is known, or many.
        const name = conflict.event?.id ?? conflict.mine
        if (told.has(name)) return
        told.add(name)
        if (WATCHED) tell({ kind: 'conflict', queryClient, conflict })
        const reapply = () => {
          failed(options, mutation.state.variables, '')
          return cache.build(queryClient, options).execute(mutation.state.variables)
        }
        // It may do what it likes: not in the middle of this.
        queueMicrotask(() => onConflict?.({ ...conflict, mutation, reapply }))
      },
    }
  }
  const look = (mutation: Mutation, isGone: boolean) => {
    const made = optimisticOf(mutation)
    if (!made) return
    const { options, state } = mutation
    const { status, variables } = state
    const change = of(made.id)
    if (status === 'pending' && !isGone) {
      if (change?.events[0]) return
      const begun = begin(mutation, made)
      // Sent again, it is still the same change, whose event may have been heard.
      if (change) Object.assign(change, begun)
      else list.push(begun)
      show()
    } else if (change?.mutation === mutation) {
      if (status === 'success') {
        failed(options, variables, '')
        answered(change, [])
        // What was answered has happened, whatever becomes of the mutation.
      } else if (!change.cancel) {
        failed(options, variables, made.id)
        // It may have happened all the same: its event is mine until the mutation is forgotten.
        change.events = []
        if (isGone) drop(change)
        else show()
      }
    }
  }

  listeners.set(queryClient, ({ id, mutationKey: queryKey = [] }, events) => {
    try {
      answered(of(id), events())
    } catch (error) {
      // The server has done it all the same: the mutation goes on.
      onReport({ during: 'response', error, queryKey })
    }
  })
  const unfollow = cache.subscribe(({ type, mutation }: MutationCacheNotifyEvent) => {
    if (mutation) look(mutation, type === 'removed')
  })
  for (const mutation of cache.getAll()) look(mutation, false)

  return {
    list,
    stop() {
      unfollow()
      for (const change of list.splice(0)) change.cancel?.()
      show()
    },
  }
}
