// Shows the hooks on screen: live queries over MSW-mocked streams and the real client, under StrictMode and Suspense.
import { createHubClient, type HubClient, platform } from '@sse-hub/core'
import {
  type DehydratedState,
  dehydrate,
  HydrationBoundary,
  QueryClient,
  QueryClientProvider,
  useQuery,
  useSuspenseQuery,
} from '@tanstack/react-query'
import { act, cleanup, configure, render, screen, waitFor } from '@testing-library/react'
import { type ReactNode, StrictMode, Suspense, useState } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { virtualClock } from '../../core/src/testing/virtual-clock.ts'
import { ask } from './conflict.ts'
import { hubJson } from './cursor.ts'
import type { QueryReport } from './entry.ts'
import { keepCursors } from './hydration.ts'
import { createHubReact, type HubStatus } from './react.tsx'
import { patch, remove, upsert } from './reducers.ts'
import { createMocked, type Mocked, origin } from './testing/mocked.ts'
import type { C, Card } from './testing/world.ts'

// What is waited for may take a second by the library's own chance (who reads again, or connects again, waits a part of one), and machines are busy.
configure({ asyncUtilTimeout: 10_000 })

const { HubProvider, liveQueryOptions, useHub, useHubEmit, useHubEvent, useHubMutation, useHubStatus } =
  createHubReact<C>()
const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
const cardsQuery = (board: string) =>
  liveQueryOptions({
    queryKey: ['cards', board],
    queryFn: () => hubJson<Card[]>(fetch(`${origin}/api/cards`)),
    topic: `board:${board}`,
    on: { 'card.saved': upsert(card), 'card.titled': patch(card), 'card.deleted': remove(card) },
  })

let mocked: Mocked
let client: HubClient<C>
let queryClient: QueryClient
let errors: ReturnType<typeof vi.spyOn>
beforeEach(() => {
  errors = vi.spyOn(console, 'error')
  asked.length = renders.length = 0
  mocked = createMocked()
  mocked.cards = [{ id: 'a', title: 'A', version: 1 }]
  mocked.listen()
  // A test may set the platform's clock, which is not the client's then.
  client = createHubClient<C>({ url: mocked.url, clock: { ...platform.clock } })
  queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
})
afterEach(() => {
  cleanup()
  client.close()
  queryClient.clear()
  mocked.close()
  // React tells of updates outside of act, of keys and of hydration on this channel.
  expect(errors.mock.calls).toEqual([])
})

// At the root: elsewhere StrictMode does not run effects twice.
const inStrictMode = (children: ReactNode, onReport?: (report: QueryReport) => void) => (
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <HubProvider client={client} {...(onReport && { onReport })}>
        {children}
      </HubProvider>
    </QueryClientProvider>
  </StrictMode>
)
const show = (children: ReactNode) => render(inStrictMode(children))

function Cards({ query = cardsQuery('7') }) {
  const { data } = useQuery(query)
  return <p>{data ? `cards: ${data.map(({ title }) => title).join(' ')}` : 'loading'}</p>
}
function SuspendedCards() {
  const { data } = useSuspenseQuery(cardsQuery('7'))
  return <p>cards: {data.map(({ title }) => title).join(' ')}</p>
}
function Pages() {
  const [page, setPage] = useState(1)
  return (
    <>
      <button type="button" onClick={() => setPage(page + 1)}>
        next
      </button>
      <Cards key={page} />
    </>
  )
}
function Selected<T>({ select, show }: { select: (status: HubStatus) => T; show: (selected: T) => string }) {
  return <b>{show(useHubStatus({ topic: 'board:7', select }))}</b>
}
function Ears({ hear }: { hear: (text: string) => void }) {
  const [n, setN] = useState(1)
  useHubEvent('card.saved', { topic: 'board:7' }, ({ data }) => hear(`${n} ${data.title}`))
  return (
    <button type="button" onClick={() => setN(n + 1)}>
      {`n ${n}`}
    </button>
  )
}
function Theme({ seen }: { seen: (emit: unknown) => void }) {
  const emit = useHubEmit()
  const [n, setN] = useState(0)
  seen(emit)
  const pick = () => {
    setN(n + 1)
    emit({ type: 'theme.picked', data: { theme: 'dark' } })
  }
  return (
    <button type="button" onClick={pick}>
      {`theme ${n}`}
    </button>
  )
}
function Lost() {
  return <p>{typeof useHub()}</p>
}
function Light() {
  const { live, topicState } = useHubStatus({ topic: 'board:7' })
  return <i>{live ? 'live' : topicState}</i>
}

/** The requests that wait for their answer. */
const asked: { id: string; title: string; answer: (card: Card) => void; refuse: () => void }[] = []
const save = (title: string, { id }: { id: string }) =>
  new Promise<Card>((answer, reject) => {
    asked.push({ id, title, answer, refuse: () => reject(new Error('refused')) })
  })
function Form() {
  const { mutate, status } = useHubMutation({
    mutationFn: save,
    optimistic: (title, { id }) => ({ type: 'card.saved', topic: 'board:7', data: { id, title, version: 0 } }),
    response: (data) => ({ type: 'card.saved', topic: 'board:7', data }),
  })
  return (
    <button type="button" onClick={() => mutate('B')}>
      {status}
    </button>
  )
}
const renders: string[] = []
function Titles() {
  const { data = [] } = useQuery(cardsQuery('7'))
  const text = data.map(({ title }) => title).join(' ')
  if (text !== renders.at(-1)) renders.push(text)
  return <p>titles: {text}</p>
}
function Edit() {
  const { mutate, status } = useHubMutation({
    mutationFn: save,
    optimistic: (title) => ({ type: 'card.titled', topic: 'board:7', data: { id: 'a', title, version: 0 } }),
  })
  return (
    <button type="button" onClick={() => mutate('mine')}>
      {status}
    </button>
  )
}

test('a live query on the screen: one fetch, one stream from its cursor, and every event', async () => {
  mocked.cursor = 'e:41'
  mocked.position = 41
  show(
    <>
      <Cards />
      <Light />
    </>,
  )
  await screen.findByText('cards: A')
  await screen.findByText('live')
  expect(mocked.asked).toEqual(['board:7 after e:41'])
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 })
  await screen.findByText('cards: A B')
  mocked.publish('board:7', 'card.titled', { id: 'a', title: 'AA', version: 2 })
  mocked.publish('board:7', 'card.deleted', { id: 'b' })
  await screen.findByText('cards: AA')
  expect(mocked.requests).toEqual(['/api/cards'])
  expect(mocked.streams).toHaveLength(1)
})

test('under Suspense the stream starts from the cursor of the answer that was waited for', async () => {
  show(
    <Suspense fallback="waiting">
      <SuspendedCards />
      <Light />
    </Suspense>,
  )
  await screen.findByText('waiting')
  await screen.findByText('cards: A')
  await screen.findByText('live')
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 })
  await screen.findByText('cards: A B')
  expect(mocked.requests).toHaveLength(1)
  expect(mocked.asked).toEqual(['board:7 after e:0'])
})

test('moving between pages on one topic keeps the stream and fetches nothing again', async () => {
  show(
    <>
      <Pages />
      <Light />
    </>,
  )
  await screen.findByText('live')
  for (let i = 0; i < 3; i++) act(() => screen.getByText('next').click())
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 })
  await screen.findByText('cards: A B')
  expect(mocked.requests).toHaveLength(1)
  expect(mocked.asked).toHaveLength(1)
})

test('useHubStatus tells why it is not live', async () => {
  mocked.refuse = ['board:7']
  show(
    <>
      <Cards />
      <Light />
      <Selected select={({ phase }) => phase} show={(phase) => `phase ${phase}`} />
    </>,
  )
  expect(screen.getByText('phase idle')).toBeTruthy()
  expect(screen.getByText('unsubscribed')).toBeTruthy()
  await screen.findByText('refused')
  await screen.findByText('phase live')
})

test('useHubStatus renders only for what is selected', async () => {
  const shown = vi.fn(String)
  show(
    <>
      <Cards />
      <Selected select={({ phase }) => phase === 'live'} show={shown} />
    </>,
  )
  await screen.findByText('true')
  const { length } = shown.mock.calls
  // Another topic changes the status, and not what is selected.
  const stop = client.subscribe({ topic: 'board:8' })
  await waitFor(() => expect(client.status.topic('board:8')).toBe('live'))
  expect(shown).toHaveBeenCalledTimes(length)
  stop()
})

test('what is selected may be a new object every time', async () => {
  show(
    <>
      <Cards />
      <Selected select={({ live, phase }) => ({ live, phase })} show={({ live, phase }) => `${phase} ${live}`} />
    </>,
  )
  await screen.findByText('live true')
})

test('useHubEvent hears with the newest handler, over one subscription', async () => {
  const subscribe = vi.spyOn(client, 'subscribe')
  const heard: string[] = []
  show(
    <>
      <Ears hear={(text) => heard.push(text)} />
      <Light />
    </>,
  )
  await screen.findByText('live')
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'first', version: 1 })
  await waitFor(() => expect(heard).toEqual(['1 first']))
  act(() => screen.getByText('n 1').click())
  mocked.publish('board:7', 'card.deleted', { id: 'b' })
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'second', version: 2 })
  await waitFor(() => expect(heard).toEqual(['1 first', '2 second']))
  // StrictMode mounts twice.
  expect(subscribe).toHaveBeenCalledTimes(2)
  expect(mocked.asked).toHaveLength(1)
})

test('useHubEmit is the same function at every render, and emits', async () => {
  const emit = vi.spyOn(client, 'emit')
  const seen = new Set<unknown>()
  show(<Theme seen={(emit) => seen.add(emit)} />)
  act(() => screen.getByText('theme 0').click())
  expect(screen.getByText('theme 1')).toBeTruthy()
  expect(emit.mock.calls).toEqual([[{ type: 'theme.picked', data: { theme: 'dark' } }]])
  expect(seen.size).toBe(1)
})

test('providers come and go without a fetch, and the last lets go; the client stays the application’s', async () => {
  const virtual = virtualClock()
  vi.spyOn(platform.clock, 'after').mockImplementation(virtual.after)
  const close = vi.spyOn(client, 'close')
  const page = (
    <>
      <Cards />
      <Light />
    </>
  )
  const first = show(page)
  await screen.findByText('live')
  first.unmount()
  const second = show(page)
  const third = render(inStrictMode(null))
  await virtual.advance(5_000)
  third.unmount()
  await virtual.advance(5_000)
  await screen.findByText('live')
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 })
  await screen.findByText('cards: A B')
  expect(mocked.requests).toHaveLength(1)
  second.unmount()
  await virtual.advance(5_000)
  expect(client.status.topic('board:7')).toBe('unsubscribed')
  expect(virtual.pending()).toBe(0)
  expect(close).not.toHaveBeenCalled()
})

test('another client takes the place of the one before at once, and another hub for one cache is reported', async () => {
  const other = createHubClient<C>({ url: mocked.url })
  const page = (with_: HubClient<C>, more?: HubClient<C>) => (
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <HubProvider client={with_}>
          <Cards />
          <Light />
        </HubProvider>
        {more && <HubProvider client={more} />}
      </QueryClientProvider>
    </StrictMode>
  )
  const { rerender } = render(page(client))
  await screen.findByText('live')
  const unsubscribed = waitFor(() => expect(client.status.topic('board:7')).toBe('unsubscribed'), { timeout: 500 })
  rerender(page(other))
  await unsubscribed
  await screen.findByText('live')
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 })
  await screen.findByText('cards: A B')

  errors.mockImplementation(() => {})
  rerender(page(other, client))
  expect(String(errors.mock.calls)).toContain('Give each hub a QueryClient of its own')
  errors.mockClear()
  other.close()
})

test('one flag of the provider makes queries live, and reverts to plain polling', async () => {
  const page = (live: boolean) => (
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <HubProvider client={client} live={live}>
          <Cards />
          <Light />
        </HubProvider>
      </QueryClientProvider>
    </StrictMode>
  )
  const { rerender } = render(page(false))
  await screen.findByText('cards: A')
  await screen.findByText('unsubscribed')
  expect(mocked.asked).toEqual([])
  rerender(page(true))
  await screen.findByText('live')
  rerender(page(false))
  await screen.findByText('unsubscribed', {}, { timeout: 5_000 })
  expect(mocked.asked).toHaveLength(1)
})

test('what a reducer throws reaches onReport, and the query is read again', async () => {
  const reports: QueryReport[] = []
  const on = {
    'card.saved': () => {
      throw new Error('bug')
    },
  }
  const broken = liveQueryOptions({ ...cardsQuery('7'), topic: 'board:7', on })
  render(
    inStrictMode(
      <>
        <Cards query={broken} />
        <Light />
      </>,
      (report) => reports.push(report),
    ),
  )
  await screen.findByText('live')
  mocked.cards = []
  mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 })
  await screen.findByText('cards:')
  expect(reports).toMatchObject([{ during: 'reduce', queryKey: ['cards', '7'], error: new Error('bug') }])
})

describe('useHubMutation', () => {
  const open = async () => {
    show(
      <>
        <Titles />
        <Form />
        <Light />
      </>,
    )
    await screen.findByText('live')
    renders.length = 0
    act(() => screen.getByText('idle').click())
    await screen.findByText('titles: A B')
  }

  test('shows its change at once, and once: the event before the answer', async () => {
    await open()
    const [request] = asked
    mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 }, request?.id)
    await waitFor(() => expect(queryClient.getQueryData(['cards', '7'])).toMatchObject([{ id: 'a' }, { id: 'b' }]))
    request?.answer({ id: 'b', title: 'B', version: 1 })
    await screen.findByText('success')
    expect(asked).toHaveLength(1)
    expect(renders).toEqual(['A B'])
    expect(mocked.requests).toHaveLength(1)
  })

  test('and the answer before the event', async () => {
    await open()
    const [request] = asked
    request?.answer({ id: 'b', title: 'B', version: 1 })
    await screen.findByText('success')
    expect(queryClient.getQueryData(['cards', '7'])).toMatchObject([{ id: 'a' }, { id: 'b' }])
    mocked.publish('board:7', 'card.saved', { id: 'b', title: 'B', version: 1 }, request?.id)
    mocked.publish('board:7', 'card.deleted', { id: 'b' })
    await screen.findByText('titles: A')
    expect(renders).toEqual(['A B', 'A'])
  })

  test('takes back what is refused', async () => {
    await open()
    asked[0]?.refuse()
    await screen.findByText('error')
    await screen.findByText('titles: A')
    expect(renders).toEqual(['A B', 'A'])
  })

  test('onConflict may change at every render, and can apply mine again', async () => {
    const heard: string[] = []
    const page = (n: number) => (
      <StrictMode>
        <QueryClientProvider client={queryClient}>
          <HubProvider
            client={client}
            resolve={ask}
            onConflict={({ theirs, reapply }) => {
              heard.push(`${n} ${(theirs as Card).title}`)
              void reapply()
            }}
          >
            <Titles />
            <Edit />
            <Light />
          </HubProvider>
        </QueryClientProvider>
      </StrictMode>
    )
    const { rerender } = render(page(1))
    await screen.findByText('live')
    rerender(page(2))
    act(() => screen.getByText('idle').click())
    await screen.findByText('titles: mine')
    mocked.publish('board:7', 'card.saved', { id: 'a', title: 'theirs', version: 2 })
    await waitFor(() => expect(asked).toHaveLength(2))
    expect(heard).toEqual(['2 theirs'])
    await screen.findByText('titles: mine')
    expect(new Set(asked.map(({ id }) => id)).size).toBe(2)
  })
})

test('on a server the hub is idle, and nothing connects', () => {
  const html = renderToString(
    inStrictMode(
      <>
        <Light />
        <Cards />
      </>,
    ),
  )
  expect(html).toContain('<i>unsubscribed</i>')
  expect(html).toContain('loading')
  expect(mocked.asked).toEqual([])
})

test('what a server has rendered is taken over as it is: nothing differs, nothing is read again, and the stream starts where it was read', async () => {
  const page = (of: QueryClient, state: unknown) => (
    <StrictMode>
      <QueryClientProvider client={of}>
        <HubProvider client={client}>
          <HydrationBoundary state={state as DehydratedState}>
            <Light />
            <Cards query={{ ...cardsQuery('7'), staleTime: 60_000 }} />
          </HydrationBoundary>
        </HubProvider>
      </QueryClientProvider>
    </StrictMode>
  )
  const server = new QueryClient({ defaultOptions: keepCursors })
  await server.prefetchQuery(cardsQuery('7'))
  const sent = JSON.stringify(dehydrate(server))
  const container = document.createElement('div')
  container.innerHTML = renderToString(page(server, JSON.parse(sent)))
  expect(container.textContent).toBe('unsubscribedcards: A')
  expect(mocked.asked).toEqual([])

  document.body.append(container)
  queryClient.setDefaultOptions(keepCursors)
  render(page(queryClient, JSON.parse(sent)), { container, hydrate: true })
  await screen.findByText('live')
  act(() => mocked.publish('board:7', 'card.titled', { id: 'a', title: 'AA', version: 2 }))
  await screen.findByText('cards: AA')
  expect(mocked.asked).toEqual(['board:7 after e:0'])
  expect(mocked.requests).toHaveLength(1)
})

test('outside of a provider the hooks say what is missing', () => {
  expect(() => renderToString(<Lost />)).toThrow('put <HubProvider client={…}> around')
})

type Present = {
  readonly topics: readonly ['board']
  readonly presence?: readonly ['board']
  readonly events: C['events']
}
const { HubProvider: PresentProvider, useHubPresence } = createHubReact<Present>()

function Others({ topic }: { topic: `board:${string}` | undefined }) {
  const here = useHubPresence(topic)
  return (
    <p>{here ? `${here.users.join(' and ')}, ${here.count} in all${here.stale ? ', it was' : ''}` : 'who knows'}</p>
  )
}

test('useHubPresence tells who is there, from the moment on that it is told, and that it was so', async () => {
  const page = (topic: `board:${string}` | undefined) => (
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <PresentProvider client={client as unknown as HubClient<Present>}>
          <Others topic={topic} />
        </PresentProvider>
      </QueryClientProvider>
    </StrictMode>
  )
  expect(renderToString(page('board:7'))).toContain('who knows')
  const { rerender } = render(page(undefined))
  expect(screen.getByText('who knows')).toBeDefined()
  rerender(page('board:7'))
  await waitFor(() => expect(mocked.streams[0]?.topics).toEqual(['board:7']))
  act(() => mocked.streams[0]?.send('hub.presence', { topic: 'board:7', users: ['u1', 'u2'], count: 12 }, 'e:0'))
  await screen.findByText('u1 and u2, 12 in all')
  act(() => client.close())
  await screen.findByText('u1 and u2, 12 in all, it was')
})
