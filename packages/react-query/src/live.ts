// What makes a query live: the definition that its query function carries, and the promise that it is never stale while it is covered.
import type { Contract, EventOf, EventsOn, HubEvent, SubscribableTopic } from '@sse-hub/core'
import type { DataTag, DefaultError, Query, QueryFunction, QueryKey, QueryObserverOptions } from '@tanstack/query-core'
import { noteAnswer } from './cursor.ts'
import type { Reducer } from './reducers.ts'

/** What a live query says beside what every query says. */
export interface LiveOptions<C extends Contract, TData, T extends SubscribableTopic<C>> {
  /** The topic whose events change the query, or several; `user` is the user's own. */
  readonly topic: T | readonly T[]
  /** What each type of event does to the data. Types that are left out change nothing. */
  readonly on: { readonly [N in EventsOn<C, T>]?: Reducer<TData, EventOf<C, N>> }
  /** What to do while the hub is down, or refuses a topic. Default: nothing. */
  readonly fallback?: {
    /**
     * Read the query every so many milliseconds, as long as it is mounted and the page is seen and online, for all tabs of the browser that
     * show it. The first time is within a second of the loss of the hub, where it was live until then. 0 and Infinity mean not to.
     */
    readonly refetchInterval: number
  }
}

/** What `liveQueryOptions` takes: all that a query takes, and {@link LiveOptions}. */
export type LiveQueryOptions<
  C extends Contract,
  TQueryFnData,
  TError,
  TData,
  TQueryKey extends QueryKey,
  T extends SubscribableTopic<C>,
> = Omit<QueryObserverOptions<TQueryFnData, TError, TData, TQueryFnData, TQueryKey>, 'queryKey' | 'queryFn'> & {
  readonly queryKey: TQueryKey
  readonly queryFn: QueryFunction<TQueryFnData, TQueryKey>
} & LiveOptions<C, NoInfer<TQueryFnData>, T>

/** What `liveQueryOptions` answers: options for `useQuery`, `useSuspenseQuery`, `fetchQuery` and every other adapter, with a typed key. */
export type LiveQuery<TQueryFnData, TError, TData, TQueryKey extends QueryKey> = Omit<
  QueryObserverOptions<TQueryFnData, TError, TData, TQueryFnData, TQueryKey>,
  'queryKey' | 'queryFn'
> & {
  queryKey: DataTag<TQueryKey, TQueryFnData, TError>
  queryFn: QueryFunction<TQueryFnData, TQueryKey>
}

/**
 * The options helper, for one contract. Its answer takes the place of what `queryOptions` makes.
 *
 * A live query is read once, when it is mounted, and kept in step by events from then on, as long as its topics are live: it is never
 * stale then, and otherwise as its `staleTime` says (default 0; that of the `QueryClient` is not asked). If the answer does not say which
 * cursor it reflects (`hubJson`), and nobody held the topic before, a second read right after the first closes the hole between the answer and the stream.
 *
 * An infinite query is as new as the oldest of its pages: an event may be applied to a page that has it already, so its reducers should bear that.
 */
export type LiveQueryOptionsOf<C extends Contract> = <
  TQueryFnData = unknown,
  TError = DefaultError,
  TData = TQueryFnData,
  const TQueryKey extends QueryKey = QueryKey,
  const T extends SubscribableTopic<C> = never,
>(
  options: LiveQueryOptions<C, TQueryFnData, TError, TData, TQueryKey, T>,
) => LiveQuery<TQueryFnData, TError, TData, TQueryKey>

/** The definition of a live query, whatever its contract. */
export interface Live {
  readonly topics: readonly string[]
  readonly on: Readonly<Record<string, Reducer<unknown, HubEvent> | undefined>>
  readonly pollMs: number | undefined
}

/** What an event of a type does to a live query's data. */
export const reducerOf = ({ on }: Live, type: string): Reducer<unknown, HubEvent> | undefined =>
  Object.hasOwn(on, type) ? on[type] : undefined

// On the query function, which every adapter hands on as it is: options are cloned by some (Vue), and `meta` is dehydrated. Registered, so that two
// copies of this file in one page understand each other.
const LIVE: unique symbol = Symbol.for('@sse-hub/react-query')

/** By query, whether it is covered: it has all that was published on its topics, and hears of all that will be. Said by whoever connects it. */
export const coverage = new WeakMap<Query, () => boolean>()

/** Makes the options of a live query. */
export function liveQueryOptions<TQueryFnData, TError, TData, TQueryKey extends QueryKey>(
  options: LiveQueryOptions<Contract, TQueryFnData, TError, TData, TQueryKey, string>,
): LiveQuery<TQueryFnData, TError, TData, TQueryKey> {
  const { topic, on, fallback, queryFn, staleTime, ...rest } = options
  const live: Live = {
    topics: [...new Set([topic].flat())],
    on: on as Live['on'],
    pollMs: fallback?.refetchInterval,
  }
  // The context is passed on untouched: reading its `signal` would make every unmount cancel the fetch.
  const read: QueryFunction<TQueryFnData, TQueryKey> = async (context) => {
    const data = await queryFn(context)
    noteAnswer(context.client, context.queryKey, data)
    return data
  }
  return {
    ...rest,
    queryKey: rest.queryKey as DataTag<TQueryKey, TQueryFnData, TError>,
    queryFn: Object.assign(read, { [LIVE]: live }),
    staleTime(query) {
      if (coverage.get(query as unknown as Query)?.()) return Number.POSITIVE_INFINITY
      return (typeof staleTime === 'function' ? staleTime(query) : staleTime) ?? 0
    },
  }
}

type Carrier = { readonly [LIVE]?: Live } | undefined

/** The definition that a query carries, if it is live: its own, or that of one of its observers. */
export const liveOf = (query: Query): Live | undefined =>
  [query, ...query.observers].map(({ options }) => (options.queryFn as Carrier)?.[LIVE]).find((live) => live)
