// Shows how often a query is read again: the first reason at once, many reasons at a pace, whatever the reason is.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect, createWorld, liveQueryOptions, type World } from './testing/world.ts'

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
