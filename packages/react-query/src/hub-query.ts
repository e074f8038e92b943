// createHubQuery: gives the options helper and the connector the type of a contract.
import type { Contract } from '@sse-hub/core'
import { type ConnectOptions, connectQueries, type QueryConnection } from './connect.ts'
import { type LiveInfiniteQueryOptionsOf, type LiveQueryOptionsOf, liveQueryOptions } from './live.ts'
import { type HubMutationOptionsOf, hubMutationOptions } from './mutation.ts'

/** What {@link createHubQuery} answers. */
export interface HubQuery<C extends Contract> {
  /** Makes the options of a live query, for `useQuery` and every other place that takes query options. */
  readonly liveQueryOptions: LiveQueryOptionsOf<C>
  /** Makes the options of a live infinite query, for `useInfiniteQuery` and its like. */
  readonly liveInfiniteQueryOptions: LiveInfiniteQueryOptionsOf<C>
  /** Makes the options of a mutation whose change live queries show at once. */
  readonly hubMutationOptions: HubMutationOptionsOf<C>
  /** Connects the live queries of a cache with a client; the answer disconnects them. With React, `HubProvider` does it. */
  readonly connectQueries: (options: ConnectOptions<C>) => QueryConnection
}

/**
 * Makes the helpers for one contract, for any framework that TanStack Query has an adapter for.
 *
 * @example
 * ```ts
 * import { createHubClient } from '@sse-hub/core'
 * import { createHubQuery, hubJson, patch, remove, upsert } from '@sse-hub/react-query'
 * import { QueryClient } from '@tanstack/query-core'
 * import type { contract } from './contract.ts'
 *
 * interface Card { id: string; column: string; version: number }
 * const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
 *
 * const { liveQueryOptions, connectQueries } = createHubQuery<typeof contract>()
 *
 * export const cardsQuery = (board: string) =>
 *   liveQueryOptions({
 *     queryKey: ['cards', board],
 *     queryFn: () => hubJson<Card[]>(fetch(`/api/cards?board=${board}`)),
 *     topic: `board:${board}`,
 *     on: { 'card.moved': patch(card) },
 *     fallback: { refetchInterval: 10_000 },
 *   })
 *
 * const client = createHubClient<typeof contract>({ url: '/api/sse' })
 * export const stop = connectQueries({ client, queryClient: new QueryClient() })
 * ```
 */
export function createHubQuery<C extends Contract>(): HubQuery<C> {
  return {
    liveQueryOptions: liveQueryOptions as unknown as LiveQueryOptionsOf<C>,
    liveInfiniteQueryOptions: liveQueryOptions as unknown as LiveInfiniteQueryOptionsOf<C>,
    hubMutationOptions: hubMutationOptions as unknown as HubMutationOptionsOf<C>,
    connectQueries,
  }
}
