// Shows what mounted live queries cost and hear: fetches counted, streams counted, events joined, gaps told, over the real client in virtual time.
import { createHubClient, type Frame, type Source } from '@sse-hub/core'
import { focusManager, InfiniteQueryObserver, skipToken } from '@tanstack/query-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { virtualClock } from '../../core/src/testing/virtual-clock.ts'
import { cursorOf, withCursor } from './cursor.ts'
import { liveQueryDefaults } from './live.ts'
import { patch, remove, upsert } from './reducers.ts'
import {
  type C,
  type Card,
  connect,
  connectQueries,
  createWorld,
  liveQueryOptions,
  type World,
} from './testing/world.ts'

let world: World
let stop: () => void
beforeEach(() => {
  world = createWorld()
  world.save('board:7', 'a', 'A')
  world.queryClient.mount()
  stop = connect(world)
})
afterEach(() => {
  stop()
  focusManager.setFocused(undefined)
  world.queryClient.unmount()
  world.queryClient.clear()
  world.client.close()
})

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
const titles = (board = '7') =>
  (world.data('cards', board) as { title: string }[] | undefined)?.map(({ title }) => title).join(' ')
const isLive = (topic = 'board:7') => world.client.status.topic(topic as 'board:7') === 'live'

test('a first load starts the stream from the answer’s cursor: one fetch, no gap, and events land', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(5)
  world.save('board:7', 'b', 'between the read and the stream')
  await world.pass(500)
  expect(world.streams).toEqual(['board:7 after e1:1'])
  expect(isLive()).toBe(true)
  expect(titles()).toBe('A between the read and the stream')
  world.save('board:7', 'a', 'AA')
  world.delete('board:7', 'b')
  await world.pass(20)
  expect(titles()).toBe('AA')
  expect(world.fetches).toHaveLength(1)
})

test('an answer without a cursor costs a second fetch, and no third', async () => {
  world.rest.cursors = false
  world.mount(world.cardsQuery('7'))
  await world.pass(12)
  world.save('board:7', 'b', 'read by nobody, and before the stream')
  await world.pass(2_000)
  expect(world.streams).toEqual(['board:7'])
  expect(world.fetches).toHaveLength(2)
  expect(titles()).toBe('A read by nobody, and before the stream')
})

test('where the topic is live already, one fetch is enough without a cursor', async () => {
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(500)
  world.rest = { ...world.rest, cursors: false, readMs: 50, answerMs: 50 }
  world.mount(world.cardsQuery('7'))
  await world.pass(20)
  world.save('board:7', 'b', 'before the read')
  await world.pass(50)
  world.save('board:7', 'c', 'after the read')
  await world.pass(2_000)
  expect(world.fetches).toHaveLength(1)
  expect(titles()).toBe('A before the read after the read')
})

test('data that was read before others held its topic is read again', async () => {
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(500)
  world.queryClient.setQueryData(['cards', '7'], [])
  world.mount({ ...world.cardsQuery('7'), refetchOnMount: false })
  await world.pass(500)
  expect(world.fetches).toHaveLength(1)
  expect(titles()).toBe('A')
})

test('a topic that goes live during a first load may have begun too late for it', async () => {
  world.rest = { readMs: 5, answerMs: 500, cursors: false, fails: false }
  world.mount(world.cardsQuery('7'))
  await world.pass(20)
  world.save('board:7', 'b', 'after the read, before the stream')
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(3_000)
  expect(titles()).toBe('A after the read, before the stream')
})

test('a read that fails leaves what was cached before as old as it was', async () => {
  world.client.subscribe({ topic: 'board:7' })
  world.mount(world.cardsQuery('7'))()
  await world.pass(5_000)
  world.save('board:7', 'a', 'while nobody held it')
  await world.pass(10)
  world.rest.fails = true
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.rest.fails = false
  await world.pass(5_000)
  expect(titles()).toBe('while nobody held it')
})

test('nor does one that is cancelled at once', async () => {
  world.client.subscribe({ topic: 'board:7' })
  world.mount(world.cardsQuery('7'))()
  await world.pass(5_000)
  world.save('board:7', 'a', 'while nobody held it')
  await world.pass(10)
  world.mount(world.cardsQuery('7'))
  void world.queryClient.cancelQueries()
  await world.pass(5_000)
  expect(titles()).toBe('while nobody held it')
})

test('more events than a journal holds have the query read once more', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(2_000)
  world.rest.answerMs = 100
  void world.queryClient.refetchQueries()
  await world.pass(10)
  for (let i = 0; i < 10_001; i++) world.publish('board:7', 'card.titled', { id: 'unknown', title: 'x', version: i })
  await world.pass(5_000)
  expect(world.fetches).toHaveLength(3)
})

test('two queries on one topic are each read once, whatever happens between their answers', async () => {
  const other = liveQueryOptions({
    queryKey: ['count', '7'],
    queryFn: async () => {
      await world.cards('board:7')
      await new Promise<void>((resolve) => void world.clock.after(300, resolve))
      return world.cards('board:7')
    },
    topic: 'board:7',
    on: { 'card.saved': (old) => [...old] },
  })
  world.mount(world.cardsQuery('7'))
  world.mount(other)
  for (let i = 0; i < 20; i++) {
    await world.pass(20)
    world.save('board:7', `c${i}`, `t${i}`)
  }
  await world.pass(2_000)
  expect(world.fetches).toHaveLength(3)
  expect(titles()?.split(' ')).toHaveLength(21)
})

test('an answer that is older than where its topic has come is joined from its own cursor, without a second fetch', async () => {
  world.rest.answerMs = 300
  world.mount({ ...world.cardsQuery('7'), queryKey: ['slow', '7'] })
  await world.pass(10)
  world.save('board:7', 'b', 'B')
  world.rest.answerMs = 5
  world.mount(world.cardsQuery('7'))
  await world.pass(2_000)
  expect(world.streams).toEqual(['board:7 after e1:2', 'board:7 after e1:1'])
  expect(world.fetches).toHaveLength(2)
  expect(world.data('slow', '7')).toEqual(world.state('board:7'))
})

test.each([
  ['with cursors', true],
  ['without', false],
])('events during a refetch survive it, each applied once, %s', async (_, cursors) => {
  let applied = 0
  const counted = liveQueryOptions({
    queryKey: ['cards', '7'],
    queryFn: () => world.cards('board:7'),
    topic: 'board:7',
    on: {
      'card.saved'(old, { data }) {
        applied++
        return old.some(({ id, version }) => id === data.id && version >= data.version) ? undefined : [...old, data]
      },
    },
  })
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(100)
  world.mount(counted)
  await world.pass(500)
  world.rest = { ...world.rest, readMs: 50, answerMs: 50, cursors }
  void world.queryClient.refetchQueries({ queryKey: ['cards', '7'] })
  await world.pass(20)
  world.save('board:7', 'b', 'b')
  await world.pass(50)
  world.save('board:7', 'c', 'c')
  await world.pass(10)
  expect(titles()).toBe('A b c')
  await world.pass(500)
  expect(titles()).toBe('A b c')
  expect(world.fetches).toHaveLength(2)
  // Once when they came, and again on the answer: what the cursor says it reflects is left out.
  expect(applied).toBe(cursors ? 3 : 4)
})

test('what an answer reflects is not applied to it, so that counting reducers count right', async () => {
  const count = liveQueryOptions({
    queryKey: ['count'],
    queryFn: async () => withCursor({ n: world.state('board:7').length }, `e1:${world.state('board:7').length}`),
    topic: 'board:7',
    on: { 'card.saved': (old) => ({ n: old.n + 1 }) },
  })
  world.mount(count)
  await world.pass(500)
  world.down()
  world.save('board:7', 'b', 'B')
  world.save('board:7', 'c', 'C')
  await world.queryClient.refetchQueries({ queryKey: ['count'] })
  expect(world.data('count')).toEqual({ n: 3 })
  world.save('board:7', 'd', 'D')
  world.up()
  await world.pass(1_000)
  expect(world.data('count')).toEqual({ n: 4 })
})

test('a topic that is let go is not taken up again where its last answer was: what came since is in the data', async () => {
  const count = liveQueryOptions({
    queryKey: ['count'],
    queryFn: async () => {
      world.fetches.push('count')
      return withCursor({ n: world.state('board:7').length }, `e1:${world.state('board:7').length}`)
    },
    topic: 'board:7',
    on: { 'card.saved': (old) => ({ n: old.n + 1 }) },
  })
  const unmount = world.mount(count)
  await world.pass(500)
  world.save('board:7', 'b', 'B')
  await world.pass(10)
  unmount()
  await world.pass(5_000)
  world.mount({ ...count, refetchOnMount: false })
  await world.pass(5_000)
  expect(world.data('count')).toEqual({ n: 2 })
  expect(world.fetches).toEqual(['count', 'count'])
})

test('a gap reads exactly the live queries of its topic again, once each', async () => {
  world.save('board:8', 'x', 'X')
  const both = liveQueryOptions({
    queryKey: ['both'],
    queryFn: () => world.cards('both'),
    topic: ['board:7', 'board:8'],
    on: {},
  })
  world.mount(world.cardsQuery('7'))
  world.mount(world.cardsQuery('8'))
  world.mount(both)
  world.mount({ queryKey: ['plain'], queryFn: () => world.cards('plain') })
  world.mount({ ...world.cardsQuery('9'), enabled: false })
  await world.pass(1_000)
  expect(world.fetches.toSorted()).toEqual(['board:7', 'board:8', 'both', 'plain'])
  world.fetches.length = 0

  world.down()
  world.save('board:7', 'a', 'missed')
  world.trim()
  world.up()
  await world.pass(2_000)
  expect(titles('7')).toBe('missed')
  expect(world.fetches.toSorted()).toEqual(['board:7', 'board:8', 'both'])
})

test('a gap in mid-stream reads the queries of its topic again, and leaves those of others alone', async () => {
  world.mount(world.cardsQuery('7'))
  world.mount(world.cardsQuery('8'))
  await world.pass(1_000)
  world.fetches.length = 0
  world.lose('board:8', 'x', 'lost')
  await world.pass(1_000)
  expect(world.fetches).toEqual(['board:8'])
})

test('a gap is not read by what nobody looks at, until somebody does', async () => {
  const keep = { ...world.cardsQuery('7'), queryKey: ['kept', '7'], refetchOnMount: false } as const
  world.mount(world.cardsQuery('7'))
  const unmount = world.mount(keep)
  await world.pass(1_000)
  unmount()
  await world.pass(3_000)
  world.fetches.length = 0
  world.lose('board:7', 'a', 'lost')
  await world.pass(3_000)
  expect(world.fetches).toHaveLength(1)
  expect(world.queryClient.getQueryState(['kept', '7'])?.isInvalidated).toBe(true)
  world.mount(keep)
  await world.pass(1_000)
  expect(world.data('kept', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(2)
})

test('one more page does not count as reading again', async () => {
  const pages = {
    ...world.cardsQuery('7'),
    queryKey: ['pages', '7'],
    initialPageParam: 0,
    getNextPageParam: (_: unknown, all: unknown[]) => all.length,
  }
  const observer = new InfiniteQueryObserver(world.queryClient, pages as never)
  const unmount = observer.subscribe(() => {})
  await world.pass(1_000)
  world.lose('board:7', 'a', 'lost')
  await world.pass(0)
  world.rest.answerMs = 100
  void observer.fetchNextPage()
  await world.pass(5_000)
  expect(world.data('pages', '7')).toMatchObject({ pages: [world.state('board:7'), world.state('board:7')] })
  unmount()
})

test('a gap that ends before the answer’s cursor costs nothing', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.down()
  world.save('board:7', 'a', 'read by the poll')
  world.trim()
  await Promise.all([world.queryClient.refetchQueries(), world.pass(50)])
  world.up()
  await world.pass(2_000)
  expect(world.fetches).toHaveLength(2)
  expect(titles()).toBe('read by the poll')
})

test('a log that began anew is read again, whatever the cursors say', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.down()
  world.wipe()
  world.save('board:7', 'a', 'new epoch')
  world.up()
  await world.pass(2_000)
  expect(world.fetches).toHaveLength(2)
  expect(titles()).toBe('new epoch')
})

test('events of a log that is gone are not applied to what was read from its successor', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.rest.readMs = 100
  void world.queryClient.refetchQueries()
  await world.pass(10)
  world.delete('board:7', 'a')
  await world.pass(10)
  expect(titles()).toBe('')
  world.down()
  world.wipe()
  world.save('board:7', 'a', 'made again')
  await world.pass(500)
  world.up()
  await world.pass(2_000)
  expect(titles()).toBe('made again')
})

test('a resume without a gap fetches nothing', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.down()
  world.save('board:7', 'a', 'replayed')
  await world.pass(300)
  world.up()
  await world.pass(3_000)
  expect(titles()).toBe('replayed')
  expect(world.fetches).toHaveLength(1)
})

test('a read that fails after a gap is tried again until it succeeds', async () => {
  world.mount({ ...world.cardsQuery('7'), retry: false })
  await world.pass(500)
  world.down()
  world.save('board:7', 'a', 'missed')
  world.trim()
  world.rest.fails = true
  world.up()
  await world.pass(8_000)
  expect(world.fetches.length).toBeGreaterThan(2)
  expect(world.fetches.length).toBeLessThan(8)
  expect(titles()).toBe('A')
  world.rest.fails = false
  await world.pass(10_000)
  expect(titles()).toBe('missed')
  const { length } = world.fetches
  await world.pass(60_000)
  expect(world.fetches).toHaveLength(length)
})

test('many invalidations are one fetch; those during it are one more', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(2_000)
  for (let i = 0; i < 20; i++) world.publish('board:7', 'board.changed', {})
  await world.pass(40)
  expect(world.fetches).toHaveLength(1)
  await world.pass(15)
  expect(world.fetches).toHaveLength(2)
  for (let i = 0; i < 20; i++) world.publish('board:7', 'board.changed', {})
  await world.pass(3_000)
  expect(world.fetches).toHaveLength(3)
  // A stream of them: about one fetch a second.
  for (let i = 0; i < 500; i++) {
    world.publish('board:7', 'board.changed', {})
    await world.pass(20)
  }
  await world.pass(2_000)
  expect(world.fetches.length).toBeGreaterThanOrEqual(12)
  expect(world.fetches.length).toBeLessThanOrEqual(15)
})

test('a reducer that throws is reported, and the query read again', async () => {
  const broken = liveQueryOptions({
    queryKey: ['broken'],
    queryFn: () => world.cards('board:7'),
    topic: 'board:7',
    on: {
      'card.saved'() {
        throw new Error('bug')
      },
    },
  })
  world.mount(broken)
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.save('board:7', 'b', 'B')
  await world.pass(500)
  expect(world.data('broken')).toEqual(world.state('board:7'))
  expect(titles()).toBe('A B')
  expect(world.reports).toMatchObject([
    { during: 'reduce', queryKey: ['broken'], event: { type: 'card.saved' }, error: new Error('bug') },
  ])
  expect(world.fetches).toHaveLength(3)
})

test('an event for a query that has no data, or no place in the cache, invents none', async () => {
  world.rest.fails = true
  world.client.subscribe({ topic: 'board:7' })
  const unmount = world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.save('board:7', 'b', 'B')
  await world.pass(10)
  expect(world.data('cards', '7')).toBeUndefined()
  unmount()
  world.queryClient.removeQueries()
  world.save('board:7', 'c', 'C')
  await world.pass(10)
  expect(world.queryClient.getQueryCache().getAll()).toEqual([])
})

test('an event keeps an earlier invalidation, and a cancelled fetch keeps the event', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  await world.queryClient.invalidateQueries({ queryKey: ['cards'], refetchType: 'none' })
  world.save('board:7', 'a', 'patched')
  await world.pass(10)
  expect(titles()).toBe('patched')
  expect(world.queryClient.getQueryState(['cards', '7'])?.isInvalidated).toBe(true)

  void world.queryClient.refetchQueries()
  await world.pass(1)
  world.save('board:7', 'a', 'while it was fetching')
  await world.pass(1)
  await world.queryClient.cancelQueries()
  await world.pass(500)
  expect(titles()).toBe('while it was fetching')
})

test('an event does not make data look fresh that is not covered', async () => {
  world.refuse('news:1')
  world.mount(liveQueryOptions({ ...world.cardsQuery('7'), topic: ['board:7', 'news:1'], on: {}, staleTime: 60_000 }))
  const both = liveQueryOptions({
    queryKey: ['both'],
    queryFn: () => world.cards('board:7'),
    topic: ['board:7', 'news:1'],
    on: { 'card.saved': (old, { data }) => [...old, data] },
  })
  world.mount(both)
  await world.pass(500)
  const { dataUpdatedAt } = world.queryClient.getQueryState(['both']) ?? {}
  const now = vi.spyOn(Date, 'now').mockReturnValue((dataUpdatedAt ?? 0) + 5_000)
  world.save('board:7', 'b', 'B')
  await world.pass(10)
  now.mockRestore()
  expect(world.data('both')).toHaveLength(2)
  expect(world.queryClient.getQueryState(['both'])?.dataUpdatedAt).toBe(dataUpdatedAt)
})

test('what is known of removals ends with the next answer: it says what there is', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.publish('board:7', 'card.deleted', { id: 'a', version: 9 })
  world.publish('board:7', 'card.saved', { id: 'a', title: 'late', version: 8 })
  await world.pass(10)
  expect(titles()).toBe('')
  await Promise.all([world.queryClient.refetchQueries(), world.pass(100)])
  world.publish('board:7', 'card.deleted', { id: 'a' })
  world.publish('board:7', 'card.saved', { id: 'a', title: 'restored from a backup', version: 2 })
  await world.pass(20)
  expect(titles()).toBe('restored from a backup')
})

/** How often the cards are written. */
const writes = () => world.queryClient.getQueryState(['cards', '7'])?.dataUpdateCount ?? 0

test('one event is written at once, and a burst is one write for each frame', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.save('board:7', 'a', 'alone')
  await world.pass(0)
  expect(titles()).toBe('alone')
  await world.pass(100)
  const before = writes()
  for (let i = 0; i < 100; i++) {
    world.save('board:7', 'a', `t${i}`)
    if (i % 10 === 0) await world.pass(8)
  }
  await world.pass(16)
  expect(titles()).toBe('t99')
  // 80 ms are five frames, and the first event does not wait.
  expect(writes() - before).toBeLessThanOrEqual(7)
  expect(world.clock.pending()).toBe(0)
})

test.each([
  ['an answer', () => world.queryClient.refetchQueries()],
  ['another fetch', () => world.queryClient.refetchQueries({}, { cancelRefetch: true })],
  ['the end of the connection', () => stop()],
  ['a wish to read', () => world.publish('board:7', 'board.changed', {})],
])('what waits for its frame is in before %s', async (_, act) => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.rest = { ...world.rest, readMs: 0, answerMs: 1 }
  world.save('board:7', 'b', 'B')
  world.save('board:7', 'c', 'C')
  await world.pass(0)
  expect(titles()).toBe('A B')
  act()
  if (_ === 'the end of the connection') expect(titles()).toBe('A B C')
  await world.pass(5)
  expect(world.reports).toEqual([])
  await world.pass(100)
  expect(titles()).toBe('A B C')
})

test('nor is it lost to one more page', async () => {
  world.save('board:7', 'c0', 'A')
  const { observer } = world.mountPages('7')
  await world.pass(500)
  world.rest = { ...world.rest, readMs: 0, answerMs: 1, cursors: false }
  world.save('board:7', 'c0', 'AA')
  world.save('board:7', 'c0', 'AAA')
  await world.pass(0)
  void observer.fetchNextPage()
  await world.pass(10)
  expect(world.data('pages', '7')).toMatchObject({ pages: [[{ title: 'AAA' }], []] })
})

test('an event that is called as a member of every object is one that nobody binds', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.publish('board:7', 'valueOf', {})
  await world.pass(50)
  expect(titles()).toBe('A')
})

test('what does not change the data writes nothing', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  const before = world.queryClient.getQueryState(['cards', '7'])
  world.publish('board:7', 'card.titled', { id: 'unknown', title: 'x', version: 9 })
  world.publish('board:7', 'card.saved', { id: 'a', title: 'A', version: 1 })
  world.publish('board:7', 'card.unheard-of', {})
  await world.pass(10)
  expect(world.queryClient.getQueryState(['cards', '7'])).toBe(before)
})

test('the last to unmount lets go, after a linger; who mounts again within it finds the data whole', async () => {
  const first = world.mount(world.cardsQuery('7'))
  const second = world.mount(world.cardsQuery('7'))
  await world.pass(500)
  first()
  await world.pass(3_000)
  expect(isLive()).toBe(true)
  second()
  await world.pass(900)
  world.save('board:7', 'a', 'while nobody looked')
  const third = world.mount(world.cardsQuery('7'))
  await world.pass(5_000)
  expect(titles()).toBe('while nobody looked')
  expect(world.fetches).toHaveLength(1)
  expect(world.streams).toHaveLength(1)
  third()
  await world.pass(1_000)
  expect(world.client.status.topic('board:7')).toBe('unsubscribed')
  await world.pass(1_100)
  expect(world.client.status.get().phase).toBe('idle')
  // Not covered any more, so it is stale, and starts again from the new answer, which is waited for whatever else mounts.
  world.save('board:7', 'a', 'later')
  world.rest.answerMs = 200
  world.mount(world.cardsQuery('7'))
  await world.pass(50)
  world.mount(world.cardsQuery('8'))
  await world.pass(3_000)
  expect(titles()).toBe('later')
  expect(world.fetches).toEqual(['board:7', 'board:7', 'board:8'])
})

test('a cached query that nobody looks at is kept in step while others hold its topics, and is stale when they go', async () => {
  const all = liveQueryOptions({
    queryKey: ['all', '7'],
    queryFn: () => world.cards('board:7'),
    topic: 'board:7',
    on: { 'card.saved': (old, { data }) => [...old.filter(({ id }) => id !== data.id), data] },
  })
  const list = world.mount(world.cardsQuery('7'))
  world.mount(all)()
  await world.pass(500)
  const again = world.mount(all)
  await world.pass(500)
  again()
  await world.pass(5_000)
  world.save('board:7', 'a', 'unseen')
  await world.pass(10)
  expect(world.data('all', '7')).toEqual(world.state('board:7'))
  const { length } = world.fetches
  world.mount(all)()
  await world.pass(2_000)
  expect(world.fetches).toHaveLength(length)

  list()
  await world.pass(5_000)
  expect(world.client.status.get().phase).toBe('idle')
  world.save('board:7', 'a', 'missed')
  world.mount(all)
  await world.pass(500)
  expect(world.fetches).toHaveLength(length + 1)
  expect(world.data('all', '7')).toEqual(world.state('board:7'))
})

test('a prefetched query starts from the cursor of its answer when it is mounted', async () => {
  await Promise.all([world.queryClient.prefetchQuery(world.cardsQuery('7')), world.pass(50)])
  world.save('board:7', 'b', 'B')
  world.mount({ ...world.cardsQuery('7'), refetchOnMount: false })
  await world.pass(500)
  expect(world.streams).toEqual(['board:7 after e1:1'])
  expect(titles()).toBe('A B')
  expect(world.fetches).toHaveLength(1)
})

test('data that no query function returned, but a persister restored, is of no known cursor', async () => {
  world.save('board:7', 'b', 'B')
  const query = world.cardsQuery('7')
  world.mount(query)()
  await world.pass(5_000)
  world.queryClient.removeQueries()
  let restored = 0
  const persister = async (read: (context: unknown) => unknown, context: unknown) => (restored++ ? read(context) : [])
  world.mount({ ...query, persister: persister as never })
  await world.pass(2_000)
  expect(titles()).toBe('A B')
})

test('neither focus nor another mount reads a covered query again; an uncovered one is read as its staleTime says', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  const look = async () => {
    focusManager.setFocused(false)
    focusManager.setFocused(true)
    await world.pass(100)
    world.mount(world.cardsQuery('7'))()
    await world.pass(100)
    return world.fetches.length
  }
  expect(await look()).toBe(1)
  expect(await look()).toBe(1)
  world.down()
  await world.pass(100)
  expect(await look()).toBeGreaterThan(1)
})

test('the caller’s staleTime counts while the query is not covered', async () => {
  world.refuse('board:7')
  const options = (staleTime: number) =>
    liveQueryOptions({ ...world.cardsQuery('7'), topic: 'board:7', on: {}, staleTime })
  world.mount(options(60_000))
  await world.pass(500)
  world.mount(options(60_000))
  await world.pass(500)
  expect(world.fetches).toHaveLength(1)
  world.mount(options(0))
  await world.pass(500)
  expect(world.fetches).toHaveLength(2)
})

test('while the hub is down, queries that ask for it are polled; recovery stops it, and while it is up there is no timer', async () => {
  world.mount(world.cardsQuery('7'))
  world.mount({
    ...liveQueryOptions({ ...world.cardsQuery('8'), topic: 'board:8', on: {} }),
    queryKey: ['no fallback'],
  })
  const hidden = world.mount(world.cardsQuery('9'))
  await world.pass(5_000)
  hidden()
  await world.pass(5_000)
  expect(world.clock.pending()).toBe(0)
  world.fetches.length = 0

  world.down()
  await world.pass(399)
  expect(world.fetches).toEqual([])
  await world.pass(2)
  expect(world.fetches).toEqual(['board:7'])
  await world.pass(29_000)
  expect(world.fetches).toEqual(['board:7', 'board:7', 'board:7', 'board:7'])
  world.save('board:7', 'a', 'seen by a poll')
  await world.pass(10_000)
  expect(titles()).toBe('seen by a poll')
  world.up()
  await world.pass(200)
  expect(isLive()).toBe(true)
  const { length } = world.fetches
  await world.pass(100_000)
  expect(world.fetches).toHaveLength(length)
  expect(world.clock.pending()).toBe(0)
})

test('a poll that failed while all was down does not show its error after the recovery', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.down()
  world.rest.fails = true
  await world.pass(15_000)
  expect(world.queryClient.getQueryState(['cards', '7'])?.status).toBe('error')
  world.rest.fails = false
  const { length } = world.fetches
  world.up()
  await world.pass(1_000)
  expect(world.queryClient.getQueryState(['cards', '7'])?.status).toBe('success')
  expect(world.fetches).toHaveLength(length + 1)
})

test('nor is it read twice for that, where another read is under way when the hub is back', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.down()
  world.rest.fails = true
  await world.pass(15_000)
  world.rest = { ...world.rest, fails: false, answerMs: 1_000 }
  void world.queryClient.refetchQueries()
  const { length } = world.fetches
  world.up()
  await world.pass(5_000)
  expect(world.queryClient.getQueryState(['cards', '7'])?.status).toBe('success')
  expect(world.fetches).toHaveLength(length)
})

test('a refused topic is polled, by those in focus', async () => {
  world.refuse('board:7')
  world.mount(world.cardsQuery('7'))
  world.mount(world.cardsQuery('8'))
  await world.pass(25_000)
  expect(world.client.status.topic('board:7')).toBe('refused')
  expect(world.fetches.filter((topic) => topic === 'board:7')).toHaveLength(3)
  expect(world.fetches.filter((topic) => topic === 'board:8')).toHaveLength(1)
  focusManager.setFocused(false)
  await world.pass(20_000)
  expect(world.fetches.filter((topic) => topic === 'board:7')).toHaveLength(3)
})

test('the user’s own topic, and several at once', async () => {
  const theme = liveQueryOptions({
    queryKey: ['theme'],
    queryFn: async () => (await world.cards('board:7')).map(({ title }) => title),
    topic: ['user', 'news:1', 'news:1'],
    on: {
      'theme.changed': (old, { data, topic }) => [...old, topic, data.theme],
      'news.said': (old, { data }) => [...old, data.title],
    },
  })
  const unmount = world.mount(theme)
  await world.pass(2_000)
  expect(world.streams).toEqual(['news:1,user'])
  world.publish('user:u1', 'theme.changed', { theme: 'dark' })
  world.save('news:1', 'n', 'hello')
  await world.pass(20)
  expect(world.data('theme')).toEqual(['A', 'user:u1', 'dark', 'hello'])
  unmount()
  await world.pass(5_000)
  expect(world.client.status.get().phase).toBe('idle')
})

test('topics follow the options of a mounted query', async () => {
  const over = (topic: 'board:7' | 'board:8') => ({
    ...liveQueryOptions({ ...world.cardsQuery('7'), topic, on: {} }),
    queryKey: ['moving'],
  })
  const { observer } = world.mount(over('board:7'))
  await world.pass(500)
  expect(isLive()).toBe(true)
  observer.setOptions(over('board:8') as unknown as Parameters<typeof observer.setOptions>[0])
  await world.pass(2_000)
  expect(isLive()).toBe(false)
  expect(isLive('board:8')).toBe(true)
})

test('for a topic that is added later the query is read again, instead of asking for all that came since its answer', async () => {
  const both = (...topic: ('board:7' | 'board:8')[]) =>
    liveQueryOptions({
      queryKey: ['both'],
      async queryFn() {
        const cards = await world.cards('board:8')
        return withCursor([...cards, ...(await world.cards('board:7'))], cursorOf(cards))
      },
      topic,
      on: { 'card.saved': upsert(card) },
    })
  const { observer } = world.mount(both('board:7'))
  await world.pass(1_000)
  world.save('board:8', 'b', 'heard by nobody')
  for (let i = 0; i < 50; i++) world.save('board:7', 'a', `A${i}`)
  await world.pass(1_000)
  world.streams.length = world.fetches.length = 0
  observer.setOptions(both('board:7', 'board:8') as never)
  await world.pass(2_000)
  expect(world.streams).toEqual(['board:7,board:8 after e1:52'])
  expect(world.fetches).toEqual(['board:8', 'board:7'])
  expect(world.data('both')).toEqual([...world.state('board:8'), ...world.state('board:7')])
  world.save('board:8', 'b', 'heard')
  await world.pass(100)
  expect(world.data('both')).toEqual([...world.state('board:8'), ...world.state('board:7')])
  expect(world.fetches).toHaveLength(2)
})

test('a disabled query holds nothing, until it is enabled', async () => {
  const { observer } = world.mount({ ...world.cardsQuery('7'), enabled: false })
  await world.pass(500)
  expect(world.client.status.get().phase).toBe('idle')
  observer.setOptions({ ...world.cardsQuery('7') } as unknown as Parameters<typeof observer.setOptions>[0])
  await world.pass(500)
  expect(isLive()).toBe(true)
  expect(world.fetches).toHaveLength(1)
})

test('a query that is skipped is neither read nor live, until it is not', async () => {
  const of = (isSkipped: boolean) =>
    liveQueryOptions({
      ...world.cardsQuery('7'),
      queryFn: isSkipped ? skipToken : () => world.cards('board:7'),
      topic: 'board:7',
      on: {},
    })
  const { observer } = world.mount(of(true))
  await world.pass(500)
  expect(observer.getCurrentResult()).toMatchObject({ fetchStatus: 'idle', error: null })
  expect(world.client.status.get().phase).toBe('idle')
  observer.setOptions(of(false) as unknown as Parameters<typeof observer.setOptions>[0])
  await world.pass(500)
  expect(isLive()).toBe(true)
  expect(titles()).toBe('A')
  observer.setOptions(of(true) as unknown as Parameters<typeof observer.setOptions>[0])
  await world.pass(5_000)
  expect(world.client.status.get().phase).toBe('idle')
})

test('an observer that knows nothing of events does not make the query less live', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.mount({ queryKey: ['cards', '7'], queryFn: () => world.cards('board:7'), staleTime: 60_000 })
  await world.pass(10)
  world.save('board:7', 'a', 'AA')
  await world.pass(10)
  expect(titles()).toBe('AA')
})

test('a query that is taken out of the cache lets go, even while it is observed', async () => {
  const unmount = world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.queryClient.removeQueries()
  await world.pass(10)
  expect(world.client.status.topic('board:7')).toBe('unsubscribed')
  unmount()
  await world.pass(10)
  expect(world.client.status.topic('board:7')).toBe('unsubscribed')
})

test('a topic that is none is reported, and the query polled', async () => {
  const fallback = { refetchInterval: 10_000 }
  world.mount(liveQueryOptions({ ...world.cardsQuery('7'), topic: 'board:,', on: {}, fallback }))
  await world.pass(12_000)
  expect(world.reports).toMatchObject([{ during: 'subscribe', error: { code: 'invalid_topic' } }])
  expect(world.fetches).toHaveLength(2)
})

test('stopping lets go of everything, twice without harm; connecting again takes it up', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  stop()
  stop()
  await world.pass(3_000)
  expect(world.client.status.get().phase).toBe('idle')
  expect(world.clock.pending()).toBe(0)
  world.save('board:7', 'a', 'meanwhile')
  stop = connect(world)
  await world.pass(1_000)
  expect(titles()).toBe('meanwhile')
  world.save('board:7', 'a', 'again')
  await world.pass(10)
  expect(titles()).toBe('again')
})

test('a cache has one connection: another ends the one before, and each event is applied once', async () => {
  const count = liveQueryOptions({
    queryKey: ['count'],
    queryFn: async () => {
      await world.cards('board:7')
      return withCursor({ n: world.state('board:7').length }, `e1:${world.state('board:7').length}`)
    },
    topic: 'board:7',
    on: { 'card.saved': (old) => ({ n: old.n + 1 }) },
  })
  world.mount(count)
  await world.pass(500)
  const first = stop
  stop = connect(world)
  await world.pass(500)
  world.save('board:7', 'b', 'B')
  await world.pass(10)
  expect(world.data('count')).toEqual({ n: 2 })
  first()
  await world.pass(5_000)
  world.save('board:7', 'c', 'C')
  await world.pass(10)
  expect(world.data('count')).toEqual({ n: 3 })
  // Still covered, so another mount reads nothing.
  const { length } = world.fetches
  world.mount(count)
  await world.pass(1_000)
  expect(world.fetches).toHaveLength(length)
})

test('many that unmount at once are looked at once', async () => {
  const unmounts = Array.from({ length: 50 }, (_, i) => world.mount({ ...world.cardsQuery('7'), queryKey: ['n', i] }))
  await world.pass(2_000)
  for (const unmount of unmounts) unmount()
  await world.pass(10)
  const topic = vi.spyOn(world.client.status, 'topic')
  await world.pass(5_000)
  expect(world.client.status.get().phase).toBe('idle')
  expect(topic.mock.calls.length).toBeLessThan(1_000)
})

test('meta and other options stay the caller’s', async () => {
  const options = liveQueryOptions({ ...world.cardsQuery('7'), topic: 'board:7', on: {}, meta: { mine: 1 }, gcTime: 7 })
  expect(options.meta).toEqual({ mine: 1 })
  expect(options.gcTime).toBe(7)
  expect(options).not.toHaveProperty('topic')
})

test('options that an adapter clones, as Vue’s does, are still live', async () => {
  const clone = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value).map(([name, each]) => [name, Array.isArray(each) ? each : clone(each)]),
        )
      : value
  world.mount({ ...(clone(world.cardsQuery('7')) as ReturnType<typeof world.cardsQuery>), select: (data) => data })
  await world.pass(500)
  world.save('board:7', 'a', 'A')
  await world.pass(100)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(1)
})

describe('components that define one query differently', () => {
  const list = () =>
    liveQueryOptions({
      queryKey: ['cards', '7'],
      queryFn: () => world.cards('board:7'),
      topic: 'board:7',
      on: { 'card.saved': upsert(card), 'card.deleted': remove(card) },
      fallback: { refetchInterval: 10_000 },
    })
  const badge = () =>
    liveQueryOptions({
      queryKey: ['cards', '7'],
      queryFn: () => world.cards('board:7'),
      topic: ['board:7', 'news:1'],
      on: { 'card.titled': patch(card) },
    })
  let log: ReturnType<typeof vi.spyOn>
  beforeEach(() => {
    log = vi.spyOn(console, 'error').mockImplementation(() => {})
  })
  afterEach(() => log.mockRestore())

  test.each([
    ['the list first', [list, badge]],
    ['the badge first', [badge, list]],
  ])('what one of them binds changes the data of both: %s', async (_, [first, second]) => {
    const unmount = world.mount((first as typeof list)())
    const unmountOther = world.mount((second as typeof list)())
    await world.pass(1_000)
    world.publish('board:7', 'card.titled', { id: 'a', title: 'AA', version: 1 })
    world.save('board:7', 'b', 'B')
    await world.pass(50)
    expect(titles()).toBe('AA B')
    // Nor does it become less where others keep it in step, when they are gone.
    world.mount({ ...world.cardsQuery('7'), queryKey: ['other'] })
    world.mount(liveQueryOptions({ queryKey: ['n'], queryFn: () => world.cards('news:1'), topic: 'news:1', on: {} }))
    unmount()
    unmountOther()
    await world.pass(3_000)
    world.delete('board:7', 'a')
    await world.pass(50)
    expect(titles()).toBe('B')
  })

  test('the topics of both are held, however often they render', async () => {
    const mounted = [list, badge].map((options) => ({ options, ...world.mount(options() as ReturnType<typeof list>) }))
    await world.pass(3_000)
    world.streams.length = world.fetches.length = 0
    for (let i = 0; i < 10; i++) {
      for (const { options, observer } of mounted) {
        observer.setOptions(options() as unknown as Parameters<typeof observer.setOptions>[0])
        await world.pass(1_500)
      }
    }
    expect(isLive() && isLive('news:1')).toBe(true)
    expect([...world.streams, ...world.fetches]).toEqual([])
  })

  test('an interval that means not to takes nothing from the other', async () => {
    world.mount(list())
    world.mount(liveQueryOptions({ ...list(), topic: 'board:7', on: {}, fallback: { refetchInterval: -1 } }))
    await vi.waitFor(() => import('./fallback.ts'))
    await world.pass(1_000)
    world.down()
    world.fetches.length = 0
    await world.pass(60_000)
    expect(world.fetches.length).toBeGreaterThan(5)
  })

  test('it is polled as often as one of them asks', async () => {
    world.mount(list())
    world.mount(badge())
    world.mount({
      ...list(),
      ...liveQueryOptions({ ...list(), topic: 'board:7', on: {}, fallback: { refetchInterval: 60_000 } }),
    })
    await world.pass(1_000)
    await vi.waitFor(() => import('./fallback.ts'))
    await world.pass(1_000)
    world.down()
    world.fetches.length = 0
    await world.pass(60_000)
    expect(world.fetches.length).toBeGreaterThan(5)
  })
})

test('a query that waits for its topics is polled meanwhile, and not counted as live', async () => {
  const none = [] as 'board:7'[]
  world.mount(
    liveQueryOptions({ ...world.cardsQuery('7'), topic: none, on: {}, fallback: { refetchInterval: 10_000 } }),
  )
  await world.pass(1_000)
  await vi.waitFor(() => import('./fallback.ts'))
  await world.pass(61_000)
  expect(world.fetches).toHaveLength(7)
})

describe.each(['a stream that resumes', 'a client that takes the place of the one before'])('%s', (how) => {
  test.each([
    ['another', 'u2', 2],
    ['nobody', null, 2],
    ['the same', 'u1', 1],
  ])('as %s', async (_, next, reads) => {
    const clock = virtualClock()
    let user: string | null = 'u1'
    let end = () => {}
    const source: Source = {
      via: 'sse',
      async open({ topics, after, take }) {
        take([{ kind: 'sync', cursor: after ?? 'e:10', topics: [...topics], gaps: [], user, heartbeatMs: 0 }])
        await new Promise<void>((resolve) => (end = resolve))
      },
    }
    const open = () => {
      const random = { next: () => 0.5, id: () => 'p-12345678' }
      const client = createHubClient<C>({ url: '/', source, clock, random })
      const disconnect = connectQueries({ client, queryClient: world.queryClient, clock })
      return () => {
        disconnect()
        client.close()
      }
    }
    let close = open()
    let asked = 0
    const query = liveQueryOptions({
      queryKey: ['mine'],
      queryFn: async () => withCursor([`what ${user} may see, read ${++asked} times`], 'e:10'),
      topic: 'board:7',
      on: {},
    })
    world.mount(query as never)
    await clock.advance(1_000)
    user = next
    if (how === 'a stream that resumes') end()
    else {
      close()
      close = open()
    }
    await clock.advance(60_000)
    expect(world.data('mine')).toEqual([`what ${next} may see, read ${reads} times`])
    close()
  })
})

test('a log that has gone back is read again, though it seems to be behind what was read', async () => {
  const clock = virtualClock()
  let head = 900
  let push: (frame: Frame | 'end') => void = () => {}
  const source: Source = {
    via: 'sse',
    async open({ topics, after, take }) {
      const at = Number(after?.split(':')[1] ?? head)
      const gaps = at > head ? [{ topics: [...topics], to: `e:${head}`, reason: 'epoch' } as const] : []
      take([{ kind: 'sync', cursor: `e:${Math.min(at, head)}`, topics: [...topics], gaps, user: 'u1', heartbeatMs: 0 }])
      for (;;) {
        const frame = await new Promise<Frame | 'end'>((resolve) => (push = resolve))
        if (frame === 'end') return
        take([frame])
      }
    },
  }
  const client = createHubClient<C>({ url: '/', source, clock, random: { next: () => 0.5, id: () => 'p-12345678' } })
  const disconnect = connectQueries({ client, queryClient: world.queryClient, clock, spreadMs: 0 })
  let state: Card[] = [{ id: 'a', title: 'A', version: 9 }]
  const streams: number[] = []
  const query = liveQueryOptions({
    queryKey: ['back'],
    async queryFn() {
      streams.push(head)
      return withCursor(state, `e:${head}`)
    },
    topic: 'board:7',
    on: { 'card.saved': upsert(card) },
  })
  world.mount(query as never)
  await clock.advance(1_000)
  head = 500
  state = [{ id: 'a', title: 'of the backup', version: 1 }]
  push('end')
  await clock.advance(5_000)
  expect(world.data('back')).toEqual(state)
  state = [{ id: 'a', title: 'new', version: 2 }]
  push({
    kind: 'event',
    event: { type: 'card.saved', topic: 'board:7', data: state[0], at: 1, id: 'i', cursor: 'e:501' },
  })
  await clock.advance(60_000)
  expect(world.data('back')).toEqual(state)
  expect(streams).toEqual([900, 500])
  disconnect()
  client.close()
})

test('an onReport that throws costs nobody an event, and is heard of', async () => {
  const unheard: unknown[] = []
  // Vitest fails a run in which something is not caught.
  const listeners = process.rawListeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => void unheard.push(error))
  stop()
  stop = connectQueries({
    client: world.client,
    queryClient: world.queryClient,
    clock: world.clock,
    onReport() {
      throw new Error('nobody hears reports')
    },
  })
  world.mount(
    liveQueryOptions({
      queryKey: ['cards', '7'],
      queryFn: () => world.cards('board:7'),
      topic: 'board:7',
      on: {
        'board.changed'() {
          throw new Error('bug')
        },
        'card.saved': upsert(card),
      },
    }),
  )
  await world.pass(500)
  world.rest.fails = true
  world.save('board:7', 'b', 'B')
  world.publish('board:7', 'board.changed', {})
  world.save('board:7', 'c', 'C')
  await world.pass(100)
  expect(titles()).toBe('A B C')
  await vi.waitFor(() => expect(unheard).toHaveLength(1))
  process.removeAllListeners('uncaughtException')
  for (const listener of listeners) process.on('uncaughtException', listener as (error: Error) => void)
})

describe('a query that is defined elsewhere', () => {
  const theirs = (options: object = {}) => ({
    queryKey: ['theirs', '7'],
    queryFn: () => world.cards('board:7'),
    ...options,
  })
  const bind = (options: object = {}) =>
    world.queryClient.setQueryDefaults(['theirs'], {
      ...liveQueryDefaults<C, Card[]>()({
        topic: 'board:7',
        on: { 'card.saved': upsert(card), 'card.deleted': remove(card) },
        fallback: { refetchInterval: 10_000 },
        ...options,
      }),
    })

  test('is live, read once, and not stale', async () => {
    bind()
    const unmount = world.mount(theirs())
    await world.pass(500)
    world.save('board:7', 'b', 'said')
    await world.pass(500)
    expect(world.data('theirs', '7')).toEqual(world.state('board:7'))
    unmount()
    world.mount(theirs())
    await world.pass(500)
    expect(world.fetches).toHaveLength(1)
  })

  test('is read twice where its answer says no cursor, and a read under way is joined with what came', async () => {
    bind()
    world.rest.cursors = false
    world.mount(theirs())
    await world.pass(500)
    expect(world.fetches).toHaveLength(2)
    world.rest.answerMs = 100
    void world.queryClient.refetchQueries()
    await world.pass(50)
    world.save('board:7', 'b', 'meanwhile')
    await world.pass(500)
    expect(world.data('theirs', '7')).toEqual(world.state('board:7'))
  })

  test('and infinite, has the cursors of its pages, and more of them where there are more', async () => {
    bind({ on: {}, fallback: undefined })
    for (const id of ['b', 'c']) world.save('board:7', id, id)
    const pages = new InfiniteQueryObserver(world.queryClient, {
      queryKey: ['theirs'],
      queryFn: ({ pageParam }) => world.cards('board:7', (each) => each === world.state('board:7')[Number(pageParam)]),
      initialPageParam: 0,
      getNextPageParam: (_, all) => (all.length < 2 ? all.length : undefined),
    })
    const unmount = pages.subscribe(() => {})
    await world.pass(500)
    for (let page = 0; page < 3; page++) await Promise.all([pages.fetchNextPage(), world.pass(500)])
    expect(world.fetches).toHaveLength(2)
    expect(world.data('theirs')).toMatchObject({ pageParams: [0, 1] })
    expect(world.streams).toEqual(['board:7 after e1:3'])
    unmount()
    await world.pass(5_000)
    pages.subscribe(() => {})
    await world.pass(500)
    expect(world.fetches).toHaveLength(4)
  })

  test('polls while the hub is down', async () => {
    bind()
    world.mount(theirs())
    await world.pass(500)
    world.down()
    world.save('board:7', 'b', 'unheard')
    await world.pass(1_000)
    expect(world.data('theirs', '7')).toEqual(world.state('board:7'))
  })

  test('is as stale as is said when it is not covered, and what has a persister of its own is left alone', async () => {
    bind({ staleTime: 60_000, fallback: undefined })
    world.down()
    const unmount = world.mount(theirs())
    await world.pass(500)
    unmount()
    world.mount(theirs())
    await world.pass(500)
    expect(world.fetches).toHaveLength(1)
    world.up()
    const persister = (read: (context: unknown) => unknown, context: unknown) => read(context)
    world.mount(theirs({ queryKey: ['theirs', 'kept'], persister }))
    await world.pass(5_000)
    world.save('board:7', 'b', 'said')
    await world.pass(500)
    expect(world.data('theirs', 'kept')).not.toEqual(world.state('board:7'))
  })
})
