// Shows what compiles and what does not: topics, event names, payloads, reducers and identities against the contract and the query's data.
import { defineContract } from '@sse-hub/core/contract'
import { MutationObserver, QueryClient, QueryObserver, skipToken } from '@tanstack/query-core'
import {
  type InfiniteData,
  useInfiniteQuery,
  useMutation,
  useQueries,
  useQuery,
  useSuspenseQuery,
} from '@tanstack/react-query'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { ask, fieldMerge } from './conflict.ts'
import { createHubQuery } from './hub-query.ts'
import { liveQueryDefaults } from './live.ts'
import { createHubReact } from './react.tsx'
import { invalidate, patch, remove, upsert } from './reducers.ts'

interface Card {
  id: string
  title: string
  column: string
  version: number
}
const Card = z.object({ id: z.string(), title: z.string(), column: z.string(), version: z.number() })

const contract = defineContract({
  topics: ['board', 'conversation', 'news'],
  events: {
    'card.created': { topic: 'board', data: Card },
    'card.moved': { topic: 'board', data: z.object({ id: z.string(), column: z.string(), version: z.number() }) },
    'card.titled': { topic: 'board', data: z.object({ id: z.string(), title: z.string().optional() }) },
    'card.deleted': { topic: 'board', data: z.object({ id: z.string() }) },
    'board.cleared': { topic: 'board', data: z.object({ at: z.number() }) },
    'card.broken': { topic: 'board', data: z.object({ id: z.string(), column: z.number() }) },
    'message.sent': { topic: 'conversation', data: z.object({ id: z.string(), text: z.string() }) },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.enum(['light', 'dark']) }), emit: true },
    'button.clicked': { data: z.object({ b: z.string() }), emit: true, durable: false },
  },
})
type C = typeof contract

const { liveQueryOptions, liveInfiniteQueryOptions, hubMutationOptions, connectQueries } = createHubQuery<C>()
const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
const key = ['n'] as const
const cards = async () => [] as Card[]

const cardsQuery = (board: string) =>
  liveQueryOptions({
    queryKey: ['cards', board],
    queryFn: cards,
    topic: `board:${board}`,
    on: {
      'card.created': upsert(card),
      'card.moved': patch(card),
      'card.titled': patch(card),
      'card.deleted': remove(card),
      'board.cleared': invalidate(),
    },
    fallback: { refetchInterval: 10_000 },
  })

test('what is right compiles, and the data is inferred everywhere', () => {
  const queryClient = new QueryClient()
  const typed = () => {
    expectTypeOf(useQuery(cardsQuery('7')).data).toEqualTypeOf<Card[] | undefined>()
    expectTypeOf(useSuspenseQuery(cardsQuery('7')).data).toEqualTypeOf<Card[]>()
    expectTypeOf(useQuery({ ...cardsQuery('7'), select: (c) => c.length }).data).toEqualTypeOf<number | undefined>()
    const [one] = useQueries({ queries: [cardsQuery('7')] })
    expectTypeOf(one.data).toEqualTypeOf<Card[] | undefined>()
    expectTypeOf(queryClient.fetchQuery(cardsQuery('7'))).resolves.toEqualTypeOf<Card[]>()
    expectTypeOf(queryClient.ensureQueryData(cardsQuery('7'))).resolves.toEqualTypeOf<Card[]>()
    void queryClient.prefetchQuery(cardsQuery('7'))
    new QueryObserver(queryClient, cardsQuery('7'))
    queryClient.setQueryData(cardsQuery('7').queryKey, (old) => old?.filter((c) => c.version > 1))
    // @ts-expect-error the key knows its data
    queryClient.setQueryData(cardsQuery('7').queryKey, 3)
    const selected = liveQueryOptions({
      queryKey: ['cards'],
      queryFn: cards,
      select: (c) => c.length,
      topic: 'board:1',
      on: { 'card.moved': patch(card) },
      staleTime: 5,
    })
    expectTypeOf(useQuery(selected).data).toEqualTypeOf<number | undefined>()
  }
  expectTypeOf(typed).toBeFunction()
  expectTypeOf(queryClient.getQueryData(cardsQuery('7').queryKey)).toEqualTypeOf<Card[] | undefined>()
})

test('a query that is not to be read yet', () => {
  const query = (board: string | undefined) =>
    liveQueryOptions({
      queryKey: ['cards', board],
      queryFn: board === undefined ? skipToken : cards,
      topic: `board:${board}`,
      on: { 'card.moved': patch(card), 'card.created': (old, { data }) => [...old, data] },
    })
  const typed = () => expectTypeOf(useQuery(query('7')).data).toEqualTypeOf<Card[] | undefined>()
  expectTypeOf(typed).toBeFunction()
})

test('an interval is what `fallback` is for', () => {
  // @ts-expect-error it would be read while it is live
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: {}, refetchInterval: 10_000 })
  // @ts-expect-error so it would be in the background
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: {}, refetchIntervalInBackground: true })
})

test('several topics, the user’s own, and topics without a key', () => {
  liveQueryOptions({
    queryKey: key,
    queryFn: async () => 3,
    topic: ['board:1', 'user', 'news'],
    on: {
      'card.moved': (old, { data, topic, cursor }) => {
        expectTypeOf(data).toEqualTypeOf<{ id: string; column: string; version: number }>()
        expectTypeOf(topic).toEqualTypeOf<'board' | `board:${string}`>()
        expectTypeOf(cursor).toEqualTypeOf<string | undefined>()
        return old + 1
      },
      'theme.changed': (old, { data }) => (data.theme === 'dark' ? old : undefined),
    },
  })
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board', on: { 'card.deleted': remove(card) } })
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'news', on: {} })
})

test('topics and event names are those of the contract', () => {
  // @ts-expect-error no such kind
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'bord:1', on: {} })
  // @ts-expect-error another user's topic cannot be written
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'user:u2', on: {} })
  // @ts-expect-error a topic is needed
  liveQueryOptions({ queryKey: key, queryFn: cards, on: {} })
  // @ts-expect-error reducers are needed
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1' })
  // @ts-expect-error no such event
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: { 'card.mvoed': patch(card) } })
  // @ts-expect-error not on this topic
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: { 'theme.changed': invalidate() } })
  // @ts-expect-error not on any of these
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: ['board:1', 'user'], on: { 'message.sent': invalidate() } })
  // @ts-expect-error never reaches a browser
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: { 'button.clicked': invalidate() } })
  // @ts-expect-error the interval is a number
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: {}, fallback: { refetchInterval: '10s' } })
  // @ts-expect-error an option that no query has
  liveQueryOptions({ queryKey: key, queryFn: cards, topic: 'board:1', on: {}, refetchIntreval: 3 })
})

test('reducers fit the data and the payload', () => {
  const base = { queryKey: key, queryFn: cards, topic: 'board:1' } as const
  // @ts-expect-error the result is not the query's data
  liveQueryOptions({ ...base, on: { 'card.moved': (_old, { data }) => data.column } })
  // @ts-expect-error the payload has no such member
  liveQueryOptions({ ...base, on: { 'card.moved': (old, { data }) => old.filter((c) => c.title !== data.title) } })
  // @ts-expect-error only a full entity can be inserted
  liveQueryOptions({ ...base, on: { 'card.moved': upsert(card) } })
  // @ts-expect-error a payload that does not name the entity
  liveQueryOptions({ ...base, on: { 'board.cleared': remove(card) } })
  // @ts-expect-error nor one that is to be merged into it
  liveQueryOptions({ ...base, on: { 'board.cleared': patch(card) } })
  // @ts-expect-error a member of another type
  liveQueryOptions({ ...base, on: { 'card.broken': patch(card) } })
  // @ts-expect-error nor as a whole
  liveQueryOptions({ ...base, on: { 'card.broken': upsert(card) } })
  // @ts-expect-error the data is not a list
  liveQueryOptions({ ...base, queryFn: async () => 3, on: { 'card.created': upsert(card) } })
  // @ts-expect-error a list of something else
  liveQueryOptions({ ...base, queryFn: async () => [1], on: { 'card.deleted': remove(card) } })
})

test('identities fit the entity', () => {
  const base = { queryKey: key, queryFn: cards, topic: 'board:1' } as const
  // @ts-expect-error the data has no such member
  upsert({ id: (c: Card) => c.uuid })
  // @ts-expect-error an id names something
  upsert({ id: (c: Card) => c })
  // @ts-expect-error versions compare
  upsert({ id: (c: Card) => c.id, version: (c: Card) => new Date(c.version) })
  // @ts-expect-error an identity of something else
  liveQueryOptions({ ...base, on: { 'card.deleted': remove({ id: (m: { id: string; text: string }) => m.id }) } })
  // An identity may ask for less than the entity has.
  liveQueryOptions({
    ...base,
    on: { 'card.created': upsert({ id: (c: { id: string }) => c.id, version: (c: { version: number }) => c.version }) },
  })
  // An id of another name is asked for by what the function takes.
  interface Row {
    rowId: string
    n: number
  }
  const rows = { queryKey: key, queryFn: async () => [] as Row[], topic: 'board:1' } as const
  // @ts-expect-error the payload has no rowId
  liveQueryOptions({ ...rows, on: { 'card.deleted': remove({ id: (r: Pick<Row, 'rowId'>) => r.rowId }) } })
})

interface Move {
  board: string
  card: Card
  column: string
}
const moved = async (_: Move, { id }: { id: string }): Promise<Card> => ({ id, title: '', column: '', version: 1 })

test('a mutation infers its variables, its answer and its events', () => {
  const move = hubMutationOptions({
    mutationKey: ['move'],
    mutationFn: async ({ card, column }: Move, { id, client }) => {
      expectTypeOf(id).toEqualTypeOf<string>()
      expectTypeOf(client).toEqualTypeOf<QueryClient>()
      return { ...card, column }
    },
    optimistic: ({ board, card, column }, { id, client }) => {
      expectTypeOf(card).toEqualTypeOf<Card>()
      expectTypeOf(id).toEqualTypeOf<string>()
      expectTypeOf(client.getQueryData(cardsQuery(board).queryKey)).toEqualTypeOf<Card[] | undefined>()
      return { type: 'card.moved', topic: `board:${board}`, data: { id: card.id, column, version: card.version } }
    },
    response: (data, { board }) => {
      expectTypeOf(data).toEqualTypeOf<Card>()
      return { type: 'card.moved', topic: `board:${board}`, data }
    },
    resolve: fieldMerge,
    retry: 3,
    onError: (_error, { card }, made) => {
      expectTypeOf(card).toEqualTypeOf<Card>()
      expectTypeOf(made?.id).toEqualTypeOf<string | undefined>()
    },
  })
  const typed = () => {
    const { mutate, data } = useMutation(move)
    expectTypeOf(data).toEqualTypeOf<Card | undefined>()
    expectTypeOf(mutate).parameter(0).toEqualTypeOf<Move>()
    new QueryClient().setMutationDefaults(['move'], move)
    void new MutationObserver(new QueryClient(), move)
    // @ts-expect-error not what it takes
    mutate({ id: 'a' })
  }
  expectTypeOf(typed).toBeFunction()
  hubMutationOptions({
    mutationFn: moved,
    optimistic: ({ board, card }) => [
      { type: 'card.deleted', topic: `board:${board}`, data: { id: card.id } },
      { type: 'theme.changed', topic: 'user', data: { theme: 'dark' } },
    ],
  })
  hubMutationOptions({ mutationFn: moved, optimistic: () => undefined })
  hubMutationOptions({ mutationFn: async (n: number) => n })
})

test('what a mutation expects fits the contract', () => {
  const topic = 'board:1'
  const data = { id: 'a', column: 'b', version: 1 }
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.moved', topic, data }) })
  // @ts-expect-error no such event
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.mvoed', topic, data }) })
  // @ts-expect-error a payload of another event
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.created', topic, data }) })
  // @ts-expect-error a member of another type
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.moved', topic, data: { ...data, id: 1 } }) })
  // @ts-expect-error not on this topic
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.moved', topic: 'user', data }) })
  // @ts-expect-error no such kind
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.moved', topic: 'bord:1', data }) })
  // @ts-expect-error a topic is needed
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'card.moved', data }) })
  // @ts-expect-error never reaches a browser
  hubMutationOptions({ mutationFn: moved, optimistic: () => ({ type: 'button.clicked', topic, data: { b: 'x' } }) })
  // @ts-expect-error the answer has no such member
  hubMutationOptions({ mutationFn: moved, response: (card) => ({ type: 'card.moved', topic, data: card.nothing }) })
  // @ts-expect-error the variables have no such member
  hubMutationOptions({ mutationFn: moved, optimistic: ({ nothing }) => ({ type: 'card.moved', topic, data: nothing }) })
  // @ts-expect-error one event among several
  hubMutationOptions({ mutationFn: moved, optimistic: () => [{ type: 'card.moved', topic, data: {} }] })
  // @ts-expect-error ours: say `optimistic`
  hubMutationOptions({ mutationFn: moved, onMutate: () => 3 })
  // @ts-expect-error a function is needed
  hubMutationOptions({ optimistic: () => ({ type: 'card.moved', topic, data }) })
  // @ts-expect-error no such policy
  hubMutationOptions({ mutationFn: moved, resolve: 'mine' })
})

test('hooks and the connector know the contract', () => {
  const { useHubEvent, useHubMutation, useHubStatus, useHub, HubProvider } = createHubReact<C>()
  const typed = () => {
    useHubEvent('card.moved', { topic: 'board:7' }, ({ data, type }) => {
      expectTypeOf(data.column).toEqualTypeOf<string>()
      expectTypeOf(type).toEqualTypeOf<'card.moved'>()
    })
    useHubEvent('theme.changed', { topic: 'user' }, ({ data }) =>
      expectTypeOf(data.theme).toEqualTypeOf<'light' | 'dark'>(),
    )
    // @ts-expect-error not on this topic
    useHubEvent('card.moved', { topic: 'conversation:7' }, () => {})
    // @ts-expect-error no such event
    useHubEvent('card.mvoed', { topic: 'board:7' }, () => {})
    // @ts-expect-error never reaches a browser
    useHubEvent('button.clicked', { topic: 'board:7' }, () => {})
    // @ts-expect-error a browser names only its own
    useHubEvent('theme.changed', { topic: 'user:u1' }, () => {})

    expectTypeOf(useHubStatus().live).toEqualTypeOf<boolean>()
    const status = useHubStatus({ topic: 'board:7' })
    if (status.phase === 'down') expectTypeOf(status.retryInMs).toEqualTypeOf<number>()
    expectTypeOf(useHubStatus({ select: ({ phase }) => phase === 'live' })).toEqualTypeOf<boolean>()
    // @ts-expect-error no such kind
    useHubStatus({ topic: 'bord:7' })

    const client = useHub()
    client.emit({ type: 'theme.changed', data: { theme: 'dark' } })
    connectQueries({ client, queryClient: new QueryClient() })
    connectQueries({
      client,
      queryClient: new QueryClient(),
      resolve: ask,
      onConflict({ mine, theirs, base, mutation, queryKey, event, reapply }) {
        expectTypeOf(mine).toBeUnknown()
        expectTypeOf(event?.user).toEqualTypeOf<string | undefined>()
        expectTypeOf(reapply()).resolves.toBeUnknown()
        return [theirs, base, mutation.state.variables, queryKey]
      },
    })

    const { mutateAsync } = useHubMutation({
      mutationFn: async (title: string, { id }) => ({ id, title }),
      optimistic: (title, { id }) => ({ type: 'message.sent', topic: 'conversation:1', data: { id, text: title } }),
    })
    expectTypeOf(mutateAsync('x')).resolves.toEqualTypeOf<{ id: string; title: string }>()
    const topic = 'conversation:1'
    // @ts-expect-error a payload of another event
    useHubMutation({ mutationFn: moved, optimistic: () => ({ type: 'message.sent', topic, data: {} }) })
    // @ts-expect-error a client is needed
    connectQueries({ queryClient: new QueryClient() })
    // @ts-expect-error a client of another contract
    HubProvider({ client: {} })
  }
  expectTypeOf(typed).toBeFunction()
})

test('an infinite query is typed as TanStack Query types it, and its reducers by its pages', () => {
  const pages = {
    queryKey: ['pages'] as const,
    queryFn: async ({ pageParam }: { pageParam: number }) => (await cards()).slice(pageParam),
    initialPageParam: 0,
    getNextPageParam: (_: Card[], all: Card[][]) => all.length,
    topic: 'board:7' as const,
  }
  const query = liveInfiniteQueryOptions({
    ...pages,
    on: {
      'card.moved': (old, event) => {
        expectTypeOf(old).toEqualTypeOf<InfiniteData<Card[], number>>()
        return { ...old, pages: old.pages.map((page) => patch(card)(page, event)) }
      },
      'board.cleared': invalidate(),
    },
  })
  const typed = () => {
    expectTypeOf(useInfiniteQuery(query).data?.pages).toEqualTypeOf<Card[][] | undefined>()
    expectTypeOf(new QueryClient().getQueryData(query.queryKey)?.pages).toEqualTypeOf<Card[][] | undefined>()
  }
  expectTypeOf(typed).toBeFunction()
  // @ts-expect-error a reducer of a list is none of pages
  liveInfiniteQueryOptions({ ...pages, on: { 'card.moved': patch(card) } })
  // @ts-expect-error no such topic
  liveInfiniteQueryOptions({ ...pages, topic: 'desk:7', on: {} })
})

test('what makes a query of others live fits the data that is said', () => {
  const queryClient = new QueryClient()
  queryClient.setQueryDefaults(
    ['cards'],
    liveQueryDefaults<C, Card[]>()({
      topic: 'board:7',
      on: { 'card.moved': patch(card), 'board.cleared': invalidate() },
      fallback: { refetchInterval: 10_000 },
      staleTime: 60_000,
    }),
  )
  // @ts-expect-error the data is no list of cards
  liveQueryDefaults<C, { name: string }>()({ topic: 'board:7', on: { 'card.moved': patch(card) } })
  // @ts-expect-error no event of this topic
  liveQueryDefaults<C, Card[]>()({ topic: 'conversation:7', on: { 'card.moved': patch(card) } })
})
