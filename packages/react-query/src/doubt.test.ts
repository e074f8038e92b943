// Shows what becomes of answers that may have what I am making under another id: it is never seen twice, others do not wait for it for ever, and nobody reads for as long as nobody can know.
import { MutationObserver, notifyManager, type QueryObserverOptions } from '@tanstack/query-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { invalidate, remove, upsert } from './reducers.ts'
import { type Card, connect, createWorld, liveQueryOptions, type World } from './testing/world.ts'
import { createWrites, type Writes } from './testing/writes.ts'

const NEVER = 3_600_000

let world: World
let writes: Writes
let stop: () => void
beforeEach(() => {
  world = createWorld()
  writes = createWrites(world)
  world.save('board:7', 'a', 'A')
  world.queryClient.mount()
  stop = connect(world)
})
// As frameworks render: after all that happens at one moment.
beforeAll(() => notifyManager.setScheduler(queueMicrotask))
afterAll(() => notifyManager.setScheduler((flush) => void setTimeout(flush, 0)))
afterEach(async () => {
  stop()
  world.queryClient.unmount()
  world.queryClient.clear()
  world.client.close()
  await world.pass(0)
})

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
/** The cards, which are not polled. */
const cards = () =>
  liveQueryOptions({
    queryKey: ['cards', '7'],
    queryFn: () => world.cards('board:7'),
    topic: 'board:7',
    on: { 'card.saved': upsert(card), 'card.deleted': remove({ id: card.id }), 'board.changed': invalidate() },
  })
const titles = () => (world.data('cards', '7') as Card[] | undefined)?.map(({ title }) => title).join(' ') ?? ''

/** Mounts the cards, and notes each state that a framework would render, from when it is live on. */
async function show(query: QueryObserverOptions = cards() as never): Promise<string[]> {
  const { observer } = world.mount(query as never)
  await world.pass(1_000)
  const frames = [titles()]
  observer.subscribe(
    notifyManager.batchCalls(() => {
      if (titles() !== frames.at(-1)) frames.push(titles())
    }),
  )
  world.fetches.length = 0
  return frames
}
/** Makes a card whose request takes its time to the server, and its answer back. */
async function create(sendMs: number, answerMs: number, how: 'create' | 'mute' = 'create'): Promise<void> {
  Object.assign(writes.api, { sendMs, answerMs })
  const observer = new MutationObserver(world.queryClient, writes[how])
  observer.mutate({ board: '7', title: 'mine' }).catch(() => {})
  await world.pass(1)
}
const refetch = () => void world.queryClient.refetchQueries()
/** Others make a card that only reading tells of. */
const others = () => world.lose('board:7', 'z', 'theirs')

/** Whatever happens from now on is done: the cache equals the server, and nothing is read any more. */
async function settle(): Promise<void> {
  await world.pass(60_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  const { length } = world.fetches
  await world.pass(60_000)
  expect(world.fetches).toHaveLength(length)
}

test('what has nothing new has not what I make: it is shown at once, below mine, and not read again', async () => {
  const frames = await show()
  await create(30_000, 30_000)
  world.publish('board:7', 'board.changed', {})
  await world.pass(100)
  world.down()
  world.save('board:7', 'a', 'AA')
  refetch()
  await world.pass(20)
  expect(frames).toEqual(['A', 'A mine', 'AA mine'])
  world.delete('board:7', 'a')
  refetch()
  await world.pass(20)
  expect(frames.at(-1)).toBe('mine')
  expect(world.fetches).toHaveLength(3)
  world.up()
  await world.pass(60_000)
  expect(frames.slice(3)).toEqual(['mine'])
  await settle()
})

test('while the hub is down and the request hangs, polls keep to their interval', async () => {
  await show(world.cardsQuery('7') as never)
  await vi.waitFor(() => import('./fallback.ts'))
  await world.pass(1_000)
  await create(NEVER, 0)
  world.down()
  await world.pass(60_000)
  expect(world.fetches.length).toBeGreaterThanOrEqual(6)
  expect(world.fetches.length).toBeLessThanOrEqual(8)
})

test.each([
  ['lacks mine', 2_000, 1_000],
  ['has mine', 10, 2_990],
])(
  'what has something new is put aside until the request is answered, and read once then: it %s',
  async (_, sendMs, answerMs) => {
    const frames = await show()
    world.down()
    await create(sendMs, answerMs)
    await world.pass(100)
    others()
    refetch()
    await world.pass(2_800)
    expect(frames).toEqual(['A', 'A mine'])
    expect(world.fetches).toHaveLength(1)
    await world.pass(1_000)
    expect(frames.map((frame) => frame.split(' ').sort().join(' '))).toEqual(['A', 'A mine', 'A mine theirs'])
    expect(world.fetches).toHaveLength(2)
    world.up()
    await settle()
    expect(frames).toHaveLength(3)
  },
)

test('or refused', async () => {
  const frames = await show()
  world.down()
  writes.api.fails = 'refused'
  await create(2_000, 1_000)
  others()
  refetch()
  await world.pass(4_000)
  expect(frames).toEqual(['A', 'A mine', 'A', 'A theirs'])
  expect(world.fetches).toHaveLength(2)
  world.up()
  await settle()
})

test('where the answer does not name it, reading does', async () => {
  const frames = await show()
  world.down()
  await create(100, 2_000, 'mute')
  await world.pass(200)
  refetch()
  await world.pass(4_000)
  expect(frames).toEqual(['A', 'A mine'])
  expect(titles()).toBe('A mine')
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(2)
  world.up()
  await settle()
})

test.each([
  ['lacks mine', 30_000, 30_000, ['A', 'A mine', 'A theirs', 'A theirs mine']],
  ['has mine', 10, 60_000, ['A', 'A mine', 'A mine theirs']],
])(
  'a request that hangs hides what others have made for a few seconds; mine is hidden then, rather than shown twice: the server %s',
  async (_, sendMs, answerMs, seen) => {
    const frames = await show()
    world.down()
    await create(sendMs, answerMs)
    await world.pass(100)
    others()
    refetch()
    await world.pass(4_800)
    expect(frames).toEqual(['A', 'A mine'])
    await world.pass(1_000)
    expect(titles()).toBe(seen[2])
    expect(world.fetches).toHaveLength(2)
    for (let poll = 0; poll < 4; poll++) {
      await world.pass(5_000)
      refetch()
    }
    await world.pass(60_000)
    expect(frames).toEqual(seen)
    expect(world.fetches.length).toBeLessThan(20)
    world.up()
    await settle()
    expect(frames).toEqual(seen)
  },
)

test('a gap is read at most three times while a request hangs, and is closed', async () => {
  const frames = await show()
  await create(NEVER, 0)
  others()
  await world.pass(120_000)
  expect(frames).toEqual(['A', 'A mine', 'A theirs'])
  expect(world.fetches.length).toBeLessThanOrEqual(3)
})

test('before there is data, an empty answer shows mine at once', async () => {
  world.delete('board:7', 'a')
  world.rest.answerMs = 100
  world.mount(cards())
  await create(1_000, 1_000)
  await world.pass(150)
  expect(titles()).toBe('mine')
  await settle()
})
