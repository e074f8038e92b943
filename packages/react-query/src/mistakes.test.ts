// Shows what is said while an application is developed, of what compiles and is not what was meant.
import { platform } from '@sse-hub/core'
import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { withCursor } from './cursor.ts'
import { patch, remove, upsert } from './reducers.ts'
import { type Card, connect, createWorld, liveQueryOptions, type World } from './testing/world.ts'

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }

let world: World
let stop: () => void
let log: ReturnType<typeof vi.spyOn>
beforeEach(() => {
  log = vi.spyOn(console, 'error').mockImplementation(() => {})
  world = createWorld()
  world.save('board:7', 'a', 'A')
  world.queryClient.mount()
  stop = connect(world)
  vi.spyOn(platform.clock, 'after').mockImplementation(world.clock.after)
})
afterEach(() => {
  vi.restoreAllMocks()
  stop()
  world.queryClient.unmount()
  world.queryClient.clear()
  world.client.close()
})
/** It was said once, so, and with this remedy. */
function expectSaid(what: RegExp, remedy: string): void {
  expect(log.mock.calls).toEqual([
    [
      'sse-hub',
      expect.stringMatching(what),
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(remedy) }),
    ],
  ])
}

test('two definitions of one query', async () => {
  const list = () => world.cardsQuery('7')
  const badge = () =>
    liveQueryOptions({
      ...world.cardsQuery('7'),
      topic: ['board:7', 'news:1'],
      on: { 'card.titled': patch(card), 'card.deleted': remove(card) },
    })
  world.mount(list())
  world.mount(list())
  await world.pass(1_000)
  expect(log).not.toHaveBeenCalled()
  world.mount(badge())
  world.mount(badge())
  await world.pass(1_000)
  expectSaid(
    /\["cards","7"\].*"news:1".*"card\.deleted","card\.titled".* and as .*"card\.saved".*10000/,
    'one function',
  )
})

test('nor two that say the same in other words', async () => {
  const say = (fallback: { refetchInterval: number } | undefined, ...topic: 'board:7'[]) =>
    world.mount(liveQueryOptions({ ...world.cardsQuery('7'), topic, on: {}, ...(fallback && { fallback }) }))
  say(undefined, 'board:7')
  for (const refetchInterval of [0, -1, Number.POSITIVE_INFINITY]) say({ refetchInterval }, 'board:7', 'board:7')
  await world.pass(1_000)
  expect(log).not.toHaveBeenCalled()
})

test('a query that nobody connects', async () => {
  const queryClient = new QueryClient()
  const mount = () => new QueryObserver(queryClient, world.cardsQuery('7')).subscribe(() => {})
  const unmount = mount()
  mount()
  world.mount(world.cardsQuery('7'))
  await world.pass(6_000)
  expectSaid(/\["cards","7"\] is mounted, and nobody connects it/, 'HubProvider')
  unmount()
})

test('nor where a connection has ended', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  stop()
  await world.pass(6_000)
  expect(log).not.toHaveBeenCalled()
})

test('nor is it said of what is not looked at any more, or on a server', async () => {
  const queryClient = new QueryClient()
  void queryClient.prefetchQuery(world.cardsQuery('7'))
  new QueryObserver(queryClient, world.cardsQuery('8')).subscribe(() => {})()
  await world.pass(6_000)
  expect(log).not.toHaveBeenCalled()
})

test('a reducer that changes its data in place', async () => {
  const of = (queryKey: string, push: (old: Card[], card: Card) => Card[]) =>
    liveQueryOptions({
      queryKey: [queryKey],
      queryFn: () => world.cards('board:7'),
      topic: 'board:7',
      on: { 'card.saved': (old, { data }) => push(old, data) },
    })
  world.mount(
    of('in place', (old, card) => {
      old.push(card)
      return old
    }),
  )
  world.mount(of('anew', (old, card) => [...old, card]))
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.save('board:7', 'b', 'B')
  await world.pass(1_000)
  expect(world.reports).toMatchObject([
    { during: 'reduce', queryKey: ['in place'], error: { message: expect.stringContaining('Return new data') } },
  ])
  expect(world.data('in place')).toEqual(world.state('board:7'))
})

test('which is looked at a few times only, however often it is made anew, and though a burst is one render', async () => {
  const looked = vi.spyOn(JSON, 'stringify')
  const of = () =>
    liveQueryOptions({
      queryKey: ['often'],
      queryFn: () => world.cards('board:7'),
      topic: 'board:7',
      on: { 'card.saved': (old: Card[], { data }) => [...old, data] },
    })
  const { observer } = world.mount(of())
  await world.pass(1_000)
  for (let i = 0; i < 100; i++) world.save('board:7', 'a', `A${i}`)
  for (let i = 0; i < 100; i++) {
    observer.setOptions(of() as never)
    await world.pass(20)
    world.save('board:7', 'a', `A${i}`)
  }
  await world.pass(1_000)
  expect(looked.mock.calls.filter(([data]) => Array.isArray(data) && data[0] instanceof Object).length).toBe(2 * 20)
})

test('data that JSON cannot say is the reducer’s own affair', async () => {
  const query = liveQueryOptions({
    queryKey: ['big'],
    queryFn: async () => BigInt((await world.cards('board:7')).length),
    topic: 'board:7',
    on: { 'card.saved': (old) => old + 1n },
  })
  world.mount(query)
  await world.pass(1_000)
  world.save('board:7', 'b', 'B')
  await world.pass(50)
  expect(world.reports).toEqual([])
  expect(world.data('big')).toBe(2n)
})

test('a part of an answer, which has no cursor', async () => {
  const of = (queryKey: string, part: (answer: { cards: Card[] }) => Card[]) =>
    liveQueryOptions({
      queryKey: [queryKey],
      queryFn: async () => part(withCursor({ cards: await world.cards('board:7') }, 'e1:1')),
      topic: 'board:7',
      on: { 'card.saved': upsert(card) },
    })
  world.rest.cursors = false
  world.mount(of('part', ({ cards }) => cards))
  world.mount({ ...world.cardsQuery('7') })
  world.mount(of('whole', ({ cards }) => withCursor(cards, 'e1:1')))
  await world.pass(1_000)
  void world.queryClient.refetchQueries()
  await world.pass(1_000)
  expectSaid(/\["part"\] returns a part/, 'withCursor')
})
