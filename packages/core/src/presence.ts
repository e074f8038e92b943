// Who is there on a topic, as a store: what the hub said last, and whether that still holds. Whoever does not import it pays nothing.
import type { HubClient } from './client.ts'
import type { Contract, PresentTopic, SubscribableTopic } from './contract/contract.ts'

/** Who is there on a topic. */
export interface PresenceState {
  /** The ids of the users, each once, in the order in which they came: at most 100. */
  readonly users: readonly string[]
  /** How many they are in all. */
  readonly count: number
  /** Whether this is what was so: there is no stream now, or it has not told yet (pages of the log never do). */
  readonly stale: boolean
}

/** Who is there, as a store: a snapshot and a subscription, ready for `useSyncExternalStore`. */
export interface PresenceStore {
  /** The snapshot: the same object until something changes; undefined until the hub has told. */
  get(): PresenceState | undefined
  /** Holds the topic, and calls back after every change. The answer lets go of it. */
  subscribe(listener: () => void): () => void
}

/**
 * Makes a store of who is there on a topic. Its kind must be in the `presence` of the contract. The client itself is there, too, while it holds the topic.
 *
 * @example
 * ```ts
 * import { createHubClient, presenceOf } from '@sse-hub/core'
 * import { defineContract } from '@sse-hub/core/contract'
 *
 * const contract = defineContract({ topics: ['board'], presence: ['board'], events: {} })
 * const client = createHubClient<typeof contract>({ url: '/api/sse' })
 * const presence = presenceOf(client, 'board:7')
 * const stop = presence.subscribe(() => console.log(presence.get()?.users))
 * ```
 */
export function presenceOf<C extends Contract>(
  { subscribe, status, present }: Pick<HubClient<C>, 'subscribe' | 'status' | 'present'>,
  topic: PresentTopic<C>,
): PresenceStore {
  let state: PresenceState | undefined
  // Whom the hub took us for when it told.
  let user: string | null | undefined

  const get = () => {
    const now = status.get()
    const isLive = now.phase === 'live'
    // What another user was told is nobody else's business, nor is what is not granted any more.
    if (isLive && (now.user !== user || status.topic(topic) === 'refused')) {
      state = undefined
      user = now.user
    }
    const told = present.get(topic)
    const { users, count } = (isLive && told) || state || { users: undefined, count: 0 }
    const stale = !isLive || !told
    const isSame = state?.stale === stale && state.count === count && String(state.users) === String(users)
    if (users && !isSame) state = { users, count, stale }
    return state
  }

  return {
    get,
    subscribe(listener) {
      let last = get()
      const leave = subscribe({ topic: topic as SubscribableTopic<C> })
      const stop = status.subscribe(() => {
        const before = last
        last = get()
        if (last !== before) listener()
      })
      return () => {
        stop()
        leave()
      }
    },
  }
}
