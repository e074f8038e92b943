// Shows how often a query is read again: the first reason at once, many reasons at a pace, whatever the reason is.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { hubJson } from './cursor.ts'
import { invalidate } from './reducers.ts'
import { type Card, connect, createWorld, liveQueryOptions, type World } from './testing/world.ts'

let world: World
let stop: () => void
beforeEach(() => {
  world = createWorld()
  world.save('board:7', 'a', 'A')
  stop = connect(world)
})
afterEach(() => {
  stop()
  world.queryClient.clear()
  world.client.close()
})

const throwing = () =>
  liveQueryOptions({
    queryKey: ['cards', '7'],
    queryFn: () => world.cards('board:7'),
    topic: 'board:7',
    on: {
      'card.saved'() {
        throw new Error('bug')
      },
    },
  })

test.each([
  ['gaps', () => world.cardsQuery('7'), (title: string) => world.lose('board:7', 'a', title)],
  ['events whose reducer throws', throwing, (title: string) => world.save('board:7', 'a', title)],
  ['events that invalidate', () => world.cardsQuery('7'), () => world.publish('board:7', 'board.changed', {})],
])('a storm of %s costs one fetch at once, and then one a second', async (_, query, happen) => {
  world.mount(query() as ReturnType<typeof throwing>)
  await world.pass(500)
  world.fetches.length = 0
  happen('first')
  await world.pass(100)
  expect(world.fetches).toHaveLength(1)
  for (let i = 0; i < 1_000; i++) {
    happen(`t${i}`)
    await world.pass(10)
  }
  await world.pass(5_000)
  expect(world.fetches.length).toBeGreaterThanOrEqual(10)
  expect(world.fetches.length).toBeLessThanOrEqual(13)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  const { length } = world.fetches
  await world.pass(60_000)
  expect(world.fetches).toHaveLength(length)
})

test('answers that are always a little late do not slow it down, as long as the hub can fill in', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.fetches.length = 0
  world.rest.behind = 20
  for (let i = 0; i < 1_000; i++) {
    world.publish('board:7', 'board.changed', {})
    await world.pass(10)
  }
  expect(world.fetches.length).toBeGreaterThanOrEqual(9)
  expect(world.fetches.length).toBeLessThanOrEqual(11)
})

test('a storm on a query whose reads fail does not defeat the growing wait between them', async () => {
  world.mount(throwing())
  await world.pass(500)
  world.fetches.length = 0
  world.rest.fails = true
  for (let i = 0; i < 300; i++) {
    world.save('board:7', 'a', `t${i}`)
    await world.pass(100)
  }
  expect(world.fetches.length).toBeLessThanOrEqual(6)
})

test.each([
  ['a gap', (w: World) => w.lose('board:7', 'a', 'lost')],
  ['an event that invalidates', (w: World) => w.publish('board:7', 'board.changed', {})],
])('pages that hear of the same, %s, read again one by one, within a second', async (_, happen) => {
  stop()
  const [near, far] = [createWorld(), createWorld()]
  const stops = [near, far].map((each, n) =>
    connect(each, undefined, { spreadMs: 1_000, random: { next: () => 0.2 + 0.6 * n } }),
  )
  for (const each of [near, far]) each.mount(each.cardsQuery('7'))
  await Promise.all([near.pass(2_000), far.pass(2_000)])
  const begin = [near.fetches.length, far.fetches.length]
  for (const each of [near, far]) happen(each)
  const more = async (ms: number) => {
    await Promise.all([near.pass(ms), far.pass(ms)])
    return [near.fetches.length, far.fetches.length].map((count, n) => count - (begin[n] ?? 0))
  }
  expect(await more(240)).toEqual([0, 0])
  expect(await more(100)).toEqual([1, 0])
  expect(await more(480)).toEqual([1, 0])
  expect(await more(100)).toEqual([1, 1])
  for (const end of stops) end()
  for (const each of [near, far]) each.client.close()
})

test.each([
  ['a gap', (w: World) => w.lose('board:7', 'b', 'lost')],
  [
    'a hub that is back',
    async (w: World) => {
      w.down()
      w.save('board:7', 'b', 'lost')
      w.trim()
      await w.pass(3_000)
      w.up()
    },
  ],
])('a read that hangs keeps nobody from reading again, for %s', async (_, happen) => {
  const { observer } = world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.rest.answerMs = 3_600_000
  void observer.refetch()
  await world.pass(100)
  world.rest.answerMs = 5
  await happen(world)
  await world.pass(12_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(3)
})

test('nor does one that was for that very reason', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.rest.answerMs = 3_600_000
  world.lose('board:7', 'b', 'lost')
  await world.pass(1_000)
  world.rest.answerMs = 5
  await world.pass(12_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
})

test('an API that is slow is waited for longer each time, whatever happens meanwhile', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.rest.answerMs = 25_000
  for (let i = 0; i < 120; i++) {
    world.lose('board:7', 'b', `t${i}`)
    await world.pass(1_000)
  }
  expect(world.fetches.length).toBeLessThan(10)
  expect(world.data('cards', '7')).toMatchObject([{ title: 'A' }, { title: expect.stringMatching(/^t[1-9]/) }])
  await world.pass(120_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
})

test('and no longer than it needs: one that takes twelve seconds is not asked twice for each answer', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.rest.answerMs = 12_000
  world.fetches.length = 0
  for (let i = 0; i < 600; i++) {
    world.publish('board:7', 'board.changed', {})
    await world.pass(1_000)
  }
  expect(world.fetches.length).toBeLessThan(55)
})

test('a first read that hangs is given up as any other', async () => {
  world.rest.readMs = 3_600_000
  world.mount(world.cardsQuery('7'))
  await vi.waitFor(() => import('./fallback.ts'))
  await world.pass(100)
  world.rest.readMs = 5
  world.down()
  await world.pass(21_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.queryClient.getQueryState(['cards', '7'])).toMatchObject({ status: 'success', fetchStatus: 'idle' })
})

test('what is gone for good is not asked for for ever, but for every new reason', async () => {
  let status = 200
  let asked = 0
  const query = () =>
    liveQueryOptions({
      ...world.cardsQuery('7'),
      topic: 'board:7',
      on: { 'board.changed': invalidate() },
      queryFn: async () => {
        asked++
        return hubJson<Card[]>(Response.json(await world.cards('board:7'), { status }))
      },
    })
  const unmount = world.mount(query())
  await world.pass(1_000)
  status = 404
  asked = 0
  world.publish('board:7', 'board.changed', {})
  await world.pass(3_600_000)
  expect(asked).toBe(1)
  world.publish('board:7', 'board.changed', {})
  await world.pass(60_000)
  expect(asked).toBe(2)
  unmount()
  world.mount(query())
  await world.pass(60_000)
  expect(asked).toBe(3)
  status = 429
  world.publish('board:7', 'board.changed', {})
  await world.pass(60_000)
  expect(asked).toBeGreaterThan(5)
})
