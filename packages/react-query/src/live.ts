// What makes a query live: the definition that its query function carries, and the promise that it is never stale while it is covered.
import type { Contract, EventOf, EventsOn, HubEvent, SubscribableTopic } from '@sse-hub/core'
import type {
  DataTag,
  DefaultError,
  InfiniteData,
  InfiniteQueryObserverOptions,
  Query,
  QueryFunction,
  QueryFunctionContext,
  QueryKey,
  QueryObserverOptions,
  QueryPersister,
  SkipToken,
} from '@tanstack/query-core'
import { WATCHED } from './activity.ts'
import { cursorOf, noteAnswer, notesOf } from './cursor.ts'
import { compareDefinitions, type Definition, expectConnection, expectCursor, watchReducer } from './mistakes.ts'
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

/**
 * What `liveQueryOptions` takes: all that a query takes, and {@link LiveOptions}; but no interval, at which it would be read whether it is live or not:
 * that is `fallback`.
 */
export type LiveQueryOptions<
  C extends Contract,
  TQueryFnData,
  TError,
  TData,
  TQueryKey extends QueryKey,
  T extends SubscribableTopic<C>,
> = Omit<
  QueryObserverOptions<TQueryFnData, TError, TData, TQueryFnData, TQueryKey>,
  'queryKey' | 'queryFn' | 'refetchInterval' | 'refetchIntervalInBackground'
> & {
  readonly queryKey: TQueryKey
  /** Reads it. With `skipToken`, while there is nothing to read yet, it is not live either. */
  readonly queryFn: QueryFunction<TQueryFnData, TQueryKey> | SkipToken
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
 * Components with one key share its data: while they are mounted their topics are all held, what any of them binds counts, and it is polled as often as
 * one of them asks. Where they differ that is told in development, since one function that makes these options for all of them is simpler.
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

/** What `liveInfiniteQueryOptions` takes: all that an infinite query takes, and {@link LiveOptions} of `{ pages, pageParams }`. */
export type LiveInfiniteQueryOptions<
  C extends Contract,
  TQueryFnData,
  TError,
  TData,
  TQueryKey extends QueryKey,
  TPageParam,
  T extends SubscribableTopic<C>,
> = Omit<
  InfiniteQueryObserverOptions<TQueryFnData, TError, TData, TQueryKey, TPageParam>,
  'queryKey' | 'queryFn' | 'refetchInterval' | 'refetchIntervalInBackground'
> & {
  readonly queryKey: TQueryKey
  /** Reads one page. With `skipToken`, while there is nothing to read yet, it is not live either. */
  readonly queryFn: QueryFunction<TQueryFnData, TQueryKey, TPageParam> | SkipToken
} & LiveOptions<C, InfiniteData<NoInfer<TQueryFnData>, NoInfer<TPageParam>>, T>

/** What `liveInfiniteQueryOptions` answers: options for `useInfiniteQuery` and its like, with a typed key. */
export type LiveInfiniteQuery<TQueryFnData, TError, TData, TQueryKey extends QueryKey, TPageParam> = Omit<
  InfiniteQueryObserverOptions<TQueryFnData, TError, TData, TQueryKey, TPageParam>,
  'queryKey' | 'queryFn'
> & {
  queryKey: DataTag<TQueryKey, InfiniteData<TQueryFnData, TPageParam>, TError>
  queryFn: QueryFunction<TQueryFnData, TQueryKey, TPageParam>
}

/**
 * The options helper for infinite queries, for one contract. Its answer takes the place of what `infiniteQueryOptions` makes.
 *
 * The data is as new as the oldest of its pages: an event may be applied to a page that has it already, so the reducers should bear that.
 */
export type LiveInfiniteQueryOptionsOf<C extends Contract> = <
  TQueryFnData,
  TError = DefaultError,
  TData = InfiniteData<TQueryFnData>,
  const TQueryKey extends QueryKey = QueryKey,
  TPageParam = unknown,
  const T extends SubscribableTopic<C> = never,
>(
  options: LiveInfiniteQueryOptions<C, TQueryFnData, TError, TData, TQueryKey, TPageParam, T>,
) => LiveInfiniteQuery<TQueryFnData, TError, TData, TQueryKey, TPageParam>

/** What `liveQueryDefaults` answers. */
export type LiveQueryDefaults = Required<Pick<QueryObserverOptions, 'staleTime' | 'persister'>>

/** What a live query is, whatever its contract. */
export interface Live {
  readonly topics: readonly string[]
  /** Without a prototype: events may be called as its members are. */
  readonly on: Readonly<Record<string, Reducer<unknown, HubEvent> | undefined>>
  /** At which intervals it is to be polled, as each says that says one. */
  readonly polls: readonly number[]
}

// On the query function, which every adapter hands on as it is: options are cloned by some (Vue), and `meta` is dehydrated. Registered, so that of two
// copies of this file in one page each knows the other's queries; but not their cursors, nor whether they are covered: they are read more often then.
const LIVE: unique symbol = Symbol.for('sse-hub')

/** By query, whether it is covered: it has all that was published on its topics, and hears of all that will be. Said by whoever connects it. */
export const coverage = new WeakMap<Query, () => boolean>()

/** Makes the options of a live query. */
export function liveQueryOptions<TQueryFnData, TError, TData, TQueryKey extends QueryKey>(
  options: LiveQueryOptions<Contract, TQueryFnData, TError, TData, TQueryKey, string>,
): LiveQuery<TQueryFnData, TError, TData, TQueryKey> {
  const { topic, on, fallback, queryFn, staleTime, ...rest } = options
  const read: QueryFunction<TQueryFnData, TQueryKey> = (context) => noting(queryFn as typeof read, context)
  return {
    ...(rest as typeof rest & { queryKey: DataTag<TQueryKey, TQueryFnData, TError> }),
    queryFn: typeof queryFn === 'function' ? Object.assign(read, { [LIVE]: options }) : (queryFn as never),
    staleTime(query) {
      if (WATCHED) expectConnection(query as unknown as Query, () => coverage.has(query as unknown as Query))
      if (coverage.get(query as unknown as Query)?.()) return Number.POSITIVE_INFINITY
      return (typeof staleTime === 'function' ? staleTime(query) : staleTime) ?? 0
    },
  }
}

/**
 * Makes queries live that are defined elsewhere (generated, or of another package): `C` is the contract, `TData` what they read. Its answer is for
 * `queryClient.setQueryDefaults`, before they are mounted. A query that has a `persister` of its own is not made live by it, and one with a
 * `staleTime` of its own is read again as that says.
 *
 * @example
 * ```ts
 * import { liveQueryDefaults, patch } from '@sse-hub/react-query'
 * import { QueryClient } from '@tanstack/query-core'
 * import type { contract } from './contract.ts'
 *
 * interface Card { id: string; column: string; version: number }
 * const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
 *
 * const queryClient = new QueryClient()
 * const cardsOf7 = liveQueryDefaults<typeof contract, Card[]>()({ topic: 'board:7', on: { 'card.moved': patch(card) } })
 * queryClient.setQueryDefaults(['getCards', { board: '7' }], cardsOf7)
 * ```
 */
export function liveQueryDefaults<C extends Contract, TData>(): <const T extends SubscribableTopic<C>>(
  options: LiveOptions<C, TData, T> & Pick<QueryObserverOptions, 'staleTime'>,
) => LiveQueryDefaults {
  return (options) => ({
    staleTime: liveQueryOptions(options as never).staleTime as never,
    // Whatever reads them, a persister has a say in it.
    persister: Object.assign<QueryPersister, object>(notingAll, { [LIVE]: options }),
  })
}

/** Reads, and notes which cursor the answer reflects. The context is passed on untouched: reading its `signal` would make every unmount cancel the fetch. */
async function noting<T, K extends QueryKey>(
  queryFn: QueryFunction<T, K>,
  context: QueryFunctionContext<K>,
): Promise<T> {
  // Of what was asked before nobody waits for the answer any more, except for the other pages of an infinite query.
  const notes = notesOf(context.client, context.queryKey, !('pageParam' in context))
  const data = await queryFn(context)
  if (WATCHED && !cursorOf(data)) expectCursor(context.queryKey, data)
  noteAnswer(notes, data)
  return data
}

/** As `noting`, for a query of any kind: an infinite one has its pages read all at once, or one more. */
const notingAll: QueryPersister = async (queryFn, context, { state }) => {
  const old = Object(state.data).pages
  const notes = notesOf(context.client, context.queryKey, true)
  const data = await queryFn(context)
  const { pages, pageParams } = Object(data)
  for (const answer of pageParams ? pages : [data]) {
    if (old?.includes(answer)) continue
    if (WATCHED && !cursorOf(answer)) expectCursor(context.queryKey, answer)
    noteAnswer(notes, answer)
  }
  return data
}

type Carrier = { readonly [LIVE]?: Definition } | undefined

/** What makes a query live, if it is: all that its observers say, since they share its data, and whoever asked for it last. */
export function liveOf(query: Query): Live | undefined {
  const said = [query, ...query.observers].flatMap(
    ({ options }) => (options.queryFn as Carrier)?.[LIVE] ?? (options.persister as Carrier)?.[LIVE] ?? [],
  )
  const on = Object.assign(Object.create(null), ...said.map(({ on }) => on))
  if (WATCHED) {
    compareDefinitions(query, said)
    for (const type in on) on[type] = watchReducer(query, type, on[type])
  }
  return (
    said[0] && {
      topics: [...new Set(said.flatMap(({ topic }) => topic))],
      on,
      polls: said.flatMap(({ fallback }) => fallback?.refetchInterval ?? []),
    }
  )
}
