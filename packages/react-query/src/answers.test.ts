// Shows what an answer is taken for: as new as its cursor says, of this log or of another, from the query function or from elsewhere.
import {
  dehydrate,
  hydrate,
  InfiniteQueryObserver,
  MutationObserver,
  onlineManager,
  QueryClient,
  type QueryKey,
} from '@tanstack/query-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withCursor } from './cursor.ts'
import { liveQueryDefaults } from './live.ts'
import {
  type C,
  type Card,
  connect,
  createWorld,
  liveInfiniteQueryOptions,
  liveQueryOptions,
  type World,
} from './testing/world.ts'
import { createWrites } from './testing/writes.ts'

let world: World
let stop: () => void
beforeEach(() => {
  world = createWorld()
  world.save('board:7', 'c0', 'A')
  stop = connect(world)
})
afterEach(() => {
  stop()
  world.queryClient.clear()
  world.client.close()
})

const titles = (key: QueryKey = ['cards', '7']) => {
  const data = world.data(...key) as Card[] | { pages: Card[][] } | undefined
  const cards = data && 'pages' in data ? data.pages.flat() : data
  return cards?.map(({ title }) => title).join(' ')
}
const pages = () => titles(['pages', '7'])
const count = (n: () => { n: number }, cursor: () => string) =>
  liveQueryOptions({
    queryKey: ['count'],
    queryFn: async () => {
      await world.cards('board:7')
      return withCursor(n(), cursor())
    },
    topic: 'board:7',
    on: { 'card.saved': (old) => ({ n: old.n + 1 }) },
  })

test('one more page that is newer than the others does not stand for them', async () => {
  world.save('board:7', 'c1', 'B')
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  world.down()
  world.save('board:7', 'c0', 'AA')
  void observer.fetchNextPage()
  await world.pass(100)
  world.up()
  await world.pass(5_000)
  expect(pages()).toBe('AA B')
  expect(world.fetches).toHaveLength(2)
})

test('what waits for its frame when an answer comes is counted once', async () => {
  let n = 0
  world.mount(
    count(
      () => ({ n }),
      () => `e1:${n + 1}`,
    ),
  )
  await world.pass(1_000)
  world.rest = { ...world.rest, readMs: 0, answerMs: 5 }
  void world.queryClient.refetchQueries()
  await world.pass(4)
  for (const title of ['one', 'two', 'three']) world.save('board:7', 'c0', title)
  await world.pass(0)
  expect(world.data('count')).toEqual({ n: 1 })
  await world.pass(100)
  expect(world.data('count')).toEqual({ n: 3 })
  n = 3
})

test('nor does one whose answer overtakes the stream', async () => {
  world.save('board:7', 'c1', 'B')
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  world.rest = { ...world.rest, readMs: 50, answerMs: 0 }
  void observer.fetchNextPage()
  await world.pass(49)
  world.down()
  world.save('board:7', 'c0', 'AA')
  await world.pass(10)
  world.up()
  await world.pass(5_000)
  expect(pages()).toBe('AA B')
})

test('a page that is older than what was heard before it was asked for is joined from its own cursor', async () => {
  world.save('board:7', 'c1', 'B')
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  world.save('board:7', 'c1', 'BB')
  await world.pass(10)
  world.rest.behind = 1
  void observer.fetchNextPage()
  await world.pass(5_000)
  expect(pages()).toBe('A BB')
  expect(world.fetches).toHaveLength(2)
})

test('of pages that are read one after the other, the first counts', async () => {
  world.save('board:7', 'c1', 'B')
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  void observer.fetchNextPage()
  await world.pass(100)
  world.down()
  world.rest = { ...world.rest, readMs: 50, answerMs: 50 }
  void observer.refetch()
  await world.pass(60)
  world.save('board:7', 'c0', 'AA')
  await world.pass(1_000)
  world.up()
  await world.pass(5_000)
  expect(pages()).toBe('AA B')
  expect(world.fetches).toHaveLength(4)
})

test('a page without a cursor leaves none to the whole', async () => {
  world.save('board:7', 'c1', 'B')
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  world.down()
  world.rest = { ...world.rest, cursors: false }
  void observer.fetchNextPage()
  world.save('board:7', 'c0', 'AA')
  await world.pass(100)
  world.rest = { ...world.rest, cursors: true }
  world.up()
  await world.pass(5_000)
  expect(pages()).toBe('AA B')
})

test('a page that is late does not hide what the others still wait for', async () => {
  world.save('board:7', 'c1', 'B')
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  world.save('board:7', 'c0', 'heard')
  await world.pass(10)
  world.down()
  world.wipe()
  world.save('board:7', 'c0', 'of the next log')
  await Promise.all([observer.refetch(), world.pass(50)])
  world.save('board:7', 'c0', 'missed')
  await Promise.all([observer.fetchNextPage(), world.pass(5_000)])
  world.up()
  await world.pass(5_000)
  expect(pages()).toBe('missed B')
  expect(world.fetches).toHaveLength(3)
})

test('asking for more where there is no more reads nothing, and leaves what is known', async () => {
  const { observer } = world.mountPages('7')
  await world.pass(1_000)
  for (let page = 0; page < 3; page++) await Promise.all([observer.fetchNextPage(), world.pass(100)])
  expect(world.fetches).toHaveLength(3)
  await Promise.all([observer.fetchNextPage(), world.pass(5_000)])
  world.save('board:7', 'c0', 'AA')
  await world.pass(5_000)
  expect(pages()).toBe('AA')
  expect(world.fetches).toHaveLength(3)
})

describe.each(['liveInfiniteQueryOptions', 'liveQueryDefaults'])('a feed, by %s', (how) => {
  const feed = (direction: 'forward' | 'backward', maxPages?: number) => {
    const posts = ['one']
    const after = (_: string[], pages: string[][]) => pages.flat().length
    const theirs = {
      queryKey: ['feed'],
      queryFn: async ({ pageParam }: { pageParam: number }) =>
        withCursor(posts.slice(pageParam, pageParam + 1), 'e1:1'),
      initialPageParam: 0,
      getNextPageParam: after,
      getPreviousPageParam: after,
      ...(maxPages && { maxPages }),
    }
    const live = { topic: 'board:7', on: {} } as const
    world.queryClient.setQueryDefaults(['feed'], liveQueryDefaults<C, unknown>()(live))
    const query = how === 'liveQueryDefaults' ? theirs : liveInfiniteQueryOptions({ ...theirs, ...live })
    const observer = new InfiniteQueryObserver(world.queryClient, query as never)
    observer.subscribe(() => {})
    const more = () => {
      const asked = direction === 'forward' ? observer.fetchNextPage() : observer.fetchPreviousPage()
      return Promise.all([asked, world.pass(2_000)])
    }
    return { posts, more }
  }

  test.each([
    ['forward', undefined, [['one'], [], ['two']]],
    ['backward', undefined, [['two'], [], ['one']]],
    ['forward', 2, [[], ['two']]],
    ['backward', 2, [['two'], []]],
  ] as const)(
    'has what its end, asked for again, has by now: %s, at most %s pages',
    async (direction, maxPages, pages) => {
      const { posts, more } = feed(direction, maxPages)
      await world.pass(1_000)
      await more()
      posts.push('two')
      await more()
      expect(world.data('feed')).toMatchObject({ pages })
      await world.pass(60_000)
      expect(world.data('feed')).toMatchObject({ pages })
    },
  )
})

test('the first page may be asked for as one more', async () => {
  const { observer } = world.mountPages('7')
  void observer.fetchNextPage()
  await world.pass(5_000)
  expect(pages()).toBe('A')
  expect(world.fetches).toHaveLength(1)
})

test('a refetch whose answer is older than what was heard is joined from its cursor, each event once, without another read', async () => {
  let n = 1
  let cursor = 'e1:1'
  world.mount(
    count(
      () => ({ n }),
      () => cursor,
    ),
  )
  await world.pass(500)
  world.save('board:7', 'c1', 'B')
  world.save('board:7', 'c2', 'C')
  await world.pass(50)
  ;[n, cursor] = [2, 'e1:2']
  world.rest.answerMs = 100
  void world.queryClient.refetchQueries()
  await world.pass(50)
  world.save('board:7', 'c3', 'D')
  await world.pass(5_000)
  expect(world.data('count')).toEqual({ n: 4 })
  expect(world.fetches).toHaveLength(2)
  expect(world.streams).toEqual(['board:7 after e1:1', 'board:7 after e1:2'])
})

test('so is that of a first load on a topic of which others have heard more', async () => {
  world.mount({ ...world.cardsQuery('7'), queryKey: ['other'] })
  await world.pass(500)
  world.save('board:7', 'c0', 'AA')
  await world.pass(50)
  world.rest.behind = 1
  world.mount(world.cardsQuery('7'))
  await world.pass(5_000)
  expect(titles()).toBe('AA')
  expect(world.fetches).toHaveLength(2)
})

test.each([
  ['older than the one before', undefined],
  ['of the log before', 'e0:1'],
])('while the hub is away an answer may be %s: the hub is asked from there', async (_, cursor) => {
  world.down()
  world.save('board:7', 'c0', 'AA')
  world.save('board:7', 'c0', 'AAA')
  world.mount(world.cardsQuery('7'))
  await world.pass(50)
  world.rest = { ...world.rest, behind: 1, ...(cursor ? { cursor } : {}) }
  void world.queryClient.refetchQueries()
  await world.pass(50)
  expect(titles()).toBe('AA')
  world.rest = { readMs: 5, answerMs: 5, cursors: true, fails: false }
  world.up()
  await world.pass(5_000)
  expect(titles()).toBe('AAA')
})

test('what was read after its topic was held is not read again when the hub is back, though nothing says of when it was', async () => {
  world.rest.cursors = false
  const leave = world.client.subscribe({ topic: 'board:7' })
  await world.pass(500)
  world.down()
  await world.pass(50)
  world.mount(world.cardsQuery('7'))
  await world.pass(100)
  world.save('board:7', 'c0', 'AA')
  void world.queryClient.refetchQueries()
  await world.pass(100)
  world.save('board:7', 'c0', 'AAA')
  world.up()
  await world.pass(5_000)
  expect(titles()).toBe('AAA')
  expect(world.fetches).toHaveLength(2)
  leave()
})

test('nor is what is mounted again while the stream still carries its topic', async () => {
  stop()
  stop = connect(world, 0)
  world.rest.cursors = false
  const unmount = world.mount(world.cardsQuery('7'))
  await world.pass(500)
  // Nobody follows this answer, of which nothing says how new it is.
  world.rest.answerMs = 300
  void world.queryClient.refetchQueries()
  await world.pass(100)
  unmount()
  await world.pass(400)
  const { length } = world.fetches
  world.mount(world.cardsQuery('7'))
  await world.pass(5_000)
  expect(world.fetches).toHaveLength(length + 1)
})

test('one more page does not make the others any newer, though the topic is live when it is asked for', async () => {
  world.rest.cursors = false
  world.save('board:7', 'c1', 'B')
  const leave = world.client.subscribe({ topic: 'board:7' })
  world.mountPages('7')()
  await world.pass(5_000)
  expect(pages()).toBe('A')
  stop()
  world.save('board:7', 'c0', 'AA')
  await world.pass(100)
  stop = connect(world)
  const { observer } = world.mountPages('7')
  void observer.fetchNextPage()
  await world.pass(5_000)
  expect(pages()).toBe('AA B')
  leave()
})

test('an answer as new as what was heard asks nothing of the hub', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  for (let i = 0; i < 20; i++) {
    world.save('board:7', 'c0', `t${i}`)
    if (i % 5 === 0) void world.queryClient.refetchQueries()
    await world.pass(7)
  }
  await world.pass(5_000)
  expect(titles()).toBe('t19')
  expect(world.streams).toHaveLength(1)
})

test('nor does one whose fetch was begun instead of another, of which an older answer comes meanwhile', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.rest.answerMs = 100
  void world.queryClient.refetchQueries()
  await world.pass(50)
  world.save('board:7', 'c0', 'AA')
  await world.pass(20)
  void world.queryClient.refetchQueries()
  await world.pass(5_000)
  expect(titles()).toBe('AA')
  expect(world.fetches).toHaveLength(3)
  expect(world.streams).toHaveLength(1)
})

test('an answer older than all that the log holds is read again, less and less often, until it is newer', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.save('board:7', 'c0', 'AA')
  world.save('board:7', 'c0', 'AAA')
  await world.pass(50)
  world.trim()
  world.rest.behind = 2
  world.fetches.length = world.streams.length = 0
  void world.queryClient.refetchQueries()
  await world.pass(60_000)
  expect(world.fetches.length).toBeLessThan(10)
  expect(world.streams.length).toBeLessThan(15)
  world.rest.behind = 0
  await world.pass(31_000)
  expect(titles()).toBe('AAA')
  const { length } = world.fetches
  await world.pass(100_000)
  expect(world.fetches).toHaveLength(length)
  // What was slow once is not slow for ever.
  world.lose('board:7', 'c0', 'lost')
  await world.pass(1_100)
  expect(titles()).toBe('lost')
})

test.each(['other:5', 'other:0'])(
  'a cursor of another log (%s) drops no event, is reported once, and does not hammer',
  async (cursor) => {
    world.rest.cursor = cursor
    world.mount(world.cardsQuery('7'))
    await world.pass(10_000)
    world.save('board:7', 'c0', 'AA')
    await world.pass(10)
    expect(titles()).toBe('AA')
    world.fetches.length = world.streams.length = 0
    await world.pass(120_000)
    expect(world.fetches.length).toBeLessThan(10)
    expect(world.streams.length).toBeLessThan(10)
    expect(world.reports).toMatchObject([{ during: 'read', queryKey: ['cards', '7'] }])
    expect(String(world.reports[0]?.error)).toContain(`Hub-Cursor "${cursor}"`)
    world.save('board:7', 'c0', 'AAA')
    await world.pass(10)
    expect(titles()).toBe('AAA')
  },
)

test('so it is where others hold the topic', async () => {
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(500)
  world.rest.cursor = 'other:5'
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.save('board:7', 'c0', 'AA')
  await world.pass(60_000)
  expect(titles()).toBe('AA')
  expect(world.fetches.length).toBeLessThan(10)
  expect(world.reports).toHaveLength(1)
})

test.each(['garbage', 'e1:1, e1:1', '', 'e1:9007199254740993', 'e1:01'])(
  'a Hub-Cursor that cannot be read (%j) is none',
  async (cursor) => {
    world.rest.cursor = cursor
    world.mount(world.cardsQuery('7'))
    await world.pass(3_000)
    world.save('board:7', 'c0', 'AA')
    await world.pass(10)
    expect(titles()).toBe('AA')
    expect(world.fetches).toHaveLength(2)
    world.rest.answerMs = 200
    void world.queryClient.refetchQueries()
    await world.pass(50)
    world.save('board:7', 'c0', 'AAA')
    await world.pass(5_000)
    expect(titles()).toBe('AAA')
    expect(world.queryClient.getQueryState(['cards', '7'])?.status).toBe('success')
    expect(world.reports).toEqual([])
  },
)

const older = () => {
  const other = new QueryClient()
  other.setQueryData(['cards', '7'], structuredClone(world.data('cards', '7')), { updatedAt: Date.now() + 5_000 })
  return JSON.parse(JSON.stringify(dehydrate(other)))
}

test('older data that is hydrated into a covered query is read again', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  const before = older()
  world.save('board:7', 'c0', 'AA')
  await world.pass(50)
  hydrate(world.queryClient, before)
  expect(titles()).toBe('A')
  await world.pass(2_000)
  expect(titles()).toBe('AA')
  expect(world.fetches).toHaveLength(2)
})

test('hydrating what is there already costs nothing', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  hydrate(world.queryClient, older())
  await world.pass(5_000)
  expect(world.fetches).toHaveLength(1)
})

test('data hydrated during a fetch is replaced by its answer, and read again only if there is none', async () => {
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  const before = older()
  world.save('board:7', 'c0', 'AA')
  await world.pass(50)
  world.rest.answerMs = 100
  void world.queryClient.refetchQueries()
  await world.pass(50)
  hydrate(world.queryClient, before)
  await world.pass(5_000)
  expect(titles()).toBe('AA')
  expect(world.fetches).toHaveLength(2)

  const again = older()
  world.save('board:7', 'c0', 'AAA')
  await world.pass(50)
  void world.queryClient.refetchQueries()
  await world.pass(50)
  hydrate(world.queryClient, again)
  void world.queryClient.cancelQueries()
  await world.pass(5_000)
  expect(titles()).toBe('AAA')
})

test('a query that is reset to its initial data is read when it is mounted, though others hold its topic', async () => {
  const query = { ...world.cardsQuery('7'), initialData: [{ id: 'c0', title: 'initial', version: 0 }] as Card[] }
  world.mount({ ...world.cardsQuery('7'), queryKey: ['other'] })
  const unmount = world.mount(query)
  await world.pass(1_000)
  unmount()
  await world.pass(3_000)
  world.save('board:7', 'c0', 'AA')
  await world.pass(100)
  expect(titles()).toBe('AA')
  await world.queryClient.resetQueries({ queryKey: ['cards', '7'] })
  await world.pass(100)
  expect(titles()).toBe('initial')
  world.mount(query)
  await world.pass(5_000)
  expect(titles()).toBe('AA')
})

test('what a persister restores is of unknown age, where others hold the topic too', async () => {
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(500)
  let restored = 0
  const persister = async (read: (context: unknown) => unknown, context: unknown) => (restored++ ? read(context) : [])
  world.mount({ ...world.cardsQuery('7'), persister: persister as never })
  await world.pass(2_000)
  expect(titles()).toBe('A')
  expect(world.fetches).toHaveLength(1)
})

test('data put into a query whose read has failed is of unknown age', async () => {
  world.client.subscribe({ topic: 'board:7' })
  await world.pass(500)
  world.rest.fails = true
  world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.rest.fails = false
  world.save('board:7', 'c0', 'AA')
  await world.pass(100)
  world.queryClient.setQueryData(['cards', '7'], [{ id: 'c0', title: 'A', version: 1 }])
  await world.pass(5_000)
  expect(titles()).toBe('AA')
})

test('two caches that share one key array do not take each other’s cursors', async () => {
  const answers = [
    withCursor([{ id: 'c0', title: 'A', version: 1 }], 'e1:1'),
    withCursor([{ id: 'c0', title: 'AA', version: 2 }], 'e1:2'),
  ]
  const releases: (() => void)[] = []
  let asked = 0
  const query = {
    ...world.cardsQuery('7'),
    ...liveQueryOptions({
      ...world.cardsQuery('7'),
      topic: 'board:7',
      on: { 'card.saved': (_, { data }) => [data] },
      queryFn: () => {
        const answer = answers[asked++ % 2] as Card[]
        return new Promise<Card[]>((resolve) => releases.push(() => resolve(answer)))
      },
    }),
  }
  world.mount(query)
  const second = new QueryClient()
  void second.prefetchQuery(query as never)
  await world.pass(1)
  world.save('board:7', 'c0', 'AA')
  for (const release of releases) release()
  await world.pass(5_000)
  expect(titles()).toBe('AA')
  second.clear()
})

test('a query without topics is as stale as its staleTime says', async () => {
  const none = liveQueryOptions({ ...world.cardsQuery('7'), topic: [] as 'board:7'[], on: {} })
  world.mount(none)()
  await world.pass(500)
  world.mount(none)
  await world.pass(500)
  expect(world.fetches).toHaveLength(2)
})

describe('what the application writes itself', () => {
  const write = (change: (cards: Card[]) => Card[]) =>
    world.queryClient.setQueryData(['cards', '7'], (old: Card[] | undefined) => change(old ?? []))
  const titled = (title: string) => (cards: Card[]) => cards.map((each) => ({ ...each, title }))

  test('may be older than what was known: it is read again when the application has been quiet for a while', async () => {
    world.mount(world.cardsQuery('7'))
    await world.pass(500)
    const before = world.data('cards', '7') as Card[]
    write(titled('optimistic'))
    world.save('board:7', 'b', 'B')
    await world.pass(50)
    write(() => before)
    await world.pass(4_900)
    expect(titles()).toBe('A')
    expect(world.fetches).toHaveLength(1)
    await world.pass(200)
    expect(titles()).toBe('A B')
    await world.pass(60_000)
    expect(world.fetches).toHaveLength(2)
  })

  test('as an answer does that comes after a newer event', async () => {
    world.mount(world.cardsQuery('7'))
    await world.pass(500)
    const answer = world.save('board:7', 'c0', 'mine')
    world.save('board:7', 'c0', 'theirs')
    await world.pass(50)
    write(() => [answer])
    await world.pass(6_000)
    expect(titles()).toBe('theirs')
  })

  test('neither flickers nor costs a fetch for each, where mutations are many', async () => {
    const { observer } = world.mount(world.cardsQuery('7'))
    await world.pass(500)
    const seen: (string | undefined)[] = []
    observer.subscribe(() => seen.push(titles()))
    for (let i = 0; i < 20; i++) {
      write(titled(`t${i}`))
      await world.pass(700)
      const answer = world.save('board:7', 'c0', `t${i}`)
      await world.pass(100)
      write(() => [answer])
      await world.pass(1_500)
    }
    await world.pass(60_000)
    expect([...new Set(seen)]).toEqual(Array.from({ length: 20 }, (_, i) => `t${i}`))
    expect(world.fetches).toHaveLength(2)
  })

  test('while a read hangs is noticed, and the read given up when it is due', async () => {
    const { observer } = world.mount(world.cardsQuery('7'))
    await world.pass(500)
    world.rest.readMs = 3_600_000
    void observer.refetch()
    await world.pass(100)
    world.rest.readMs = 5
    write(() => [])
    await world.pass(10_000)
    expect(titles()).toBe('A')
    await world.pass(60_000)
    expect(world.fetches).toHaveLength(3)
  })

  test('while a read is under way is gone with its answer, and no reason for another: it may be a part of what is streamed', async () => {
    const { observer } = world.mount(world.cardsQuery('7'))
    await world.pass(500)
    world.rest.readMs = 2_000
    void observer.refetch()
    for (let i = 0; i < 3; i++) {
      await world.pass(500)
      write(titled(`part ${i}`))
    }
    await world.pass(60_000)
    expect(titles()).toBe('A')
    expect(world.fetches).toHaveLength(2)
  })

  test('and says nothing new is as good as not written', async () => {
    world.mount(world.cardsQuery('7'))
    await world.pass(500)
    write((cards) => structuredClone(cards))
    await world.pass(60_000)
    expect(world.fetches).toHaveLength(1)
  })

  test('before the first answer, or where it is not followed, is nothing to us', async () => {
    world.queryClient.setQueryData(['cards', '7'], [{ id: 'c0', title: 'seed', version: 0 }])
    await world.pass(60_000)
    expect(world.fetches).toHaveLength(0)
    world.mount(world.cardsQuery('7'))
    await world.pass(60_000)
    expect(titles()).toBe('A')
    expect(world.fetches).toHaveLength(1)
  })

  test('with something pending on it is read again, and nothing of it is left', async () => {
    const writes = createWrites(world)
    world.mount(world.cardsQuery('7'))
    await world.pass(500)
    writes.api.sendMs = 1_000
    void new MutationObserver(world.queryClient, writes.title).mutate({ board: '7', id: 'c0', title: 'mine' })
    await world.pass(10)
    write(titled('theirs'))
    await world.pass(10_000)
    expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  })
})

test('data that is there follows events though its own read is paused: the browser takes itself for offline', async () => {
  world.queryClient.setQueryData(['cards', '7'], world.state('board:7'), { updatedAt: 1 })
  onlineManager.setOnline(false)
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.save('board:7', 'b', 'B')
  await world.pass(100)
  expect(titles()).toBe('A B')
  onlineManager.setOnline(true)
  await world.pass(5_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
})

test('an event does not take the error of a read off the screen that is still to be repeated', async () => {
  const { observer } = world.mount(world.cardsQuery('7'))
  await world.pass(500)
  world.rest.fails = true
  world.lose('board:7', 'z', 'lost')
  await world.pass(500)
  world.save('board:7', 'b', 'B')
  await world.pass(20)
  expect(titles()).toBe('A B')
  expect(observer.getCurrentResult()).toMatchObject({ isError: true, isRefetchError: true })
  world.rest.fails = false
  await world.pass(5_000)
  expect(observer.getCurrentResult()).toMatchObject({ isError: false, data: world.state('board:7') })
})
