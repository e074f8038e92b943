// Shows what a mutation does to live queries, before, while and after the server has answered: over a real cache with observers, in virtual time.
import {
  dehydrate,
  focusManager,
  hydrate,
  MutationCache,
  MutationObserver,
  notifyManager,
  onlineManager,
  QueryClient,
  QueryObserver,
} from '@tanstack/query-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ask, type ConflictReport, fieldMerge, lastWriteWins } from './conflict.ts'
import { optimisticOf } from './optimistic.ts'
import { connect, createWorld, hubMutationOptions, liveQueryOptions, type World } from './testing/world.ts'
import { createWrites, type Writes } from './testing/writes.ts'

let world: World
let writes: Writes
let stop: () => void
let conflicts: ConflictReport[]
beforeEach(() => {
  world = createWorld()
  writes = createWrites(world)
  conflicts = []
  world.save('board:7', 'a', 'A')
  world.queryClient.mount()
  stop = connect(world, undefined, { onConflict: (conflict) => conflicts.push(conflict) })
})
// As frameworks render: after all that happens at one moment.
beforeAll(() => notifyManager.setScheduler(queueMicrotask))
afterAll(() => notifyManager.setScheduler((flush) => void setTimeout(flush, 0)))
afterEach(async () => {
  stop()
  onlineManager.setOnline(true)
  focusManager.setFocused(undefined)
  world.queryClient.unmount()
  world.queryClient.clear()
  world.client.close()
  // What nobody caught would fail the run, now.
  await world.pass(0)
})

type Options = ConstructorParameters<typeof MutationObserver<never, Error, never, never>>[1]
/** Runs a mutation, as `useMutation` does. */
function mutate(options: object, variables: unknown): void {
  const observer = new MutationObserver(world.queryClient, options as unknown as Options)
  observer.mutate(variables as never).catch(() => {})
}
const titles = (key: readonly unknown[] = ['cards', '7']) =>
  (world.queryClient.getQueryData(key) as { title: string }[] | undefined)?.map(({ title }) => title).join(' ')

/** Mounts the cards, waits until they are live, and notes each state that a framework would render. */
async function show(): Promise<string[]> {
  const mounted = world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  const frames: string[] = [titles() ?? '']
  mounted.observer.subscribe(
    notifyManager.batchCalls(() => {
      const now = titles() ?? ''
      if (now !== frames.at(-1)) frames.push(now)
    }),
  )
  return frames
}
const residue = () =>
  world
    .state('board:7')
    .map(({ title }) => title)
    .join(' ')
/** Whatever happens from now on is done, and the cache equals the server. */
async function settle(): Promise<void> {
  await world.pass(60_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
}

test('a change is shown at once, and once: event and answer say nothing new', async () => {
  const frames = await show()
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(0)
  expect(titles()).toBe('A B')
  await settle()
  expect(frames).toEqual(['A', 'A B'])
  expect(world.fetches).toHaveLength(1)
  expect(residue()).toBe('A B')
})

test.each([
  ['the answer before the event', { sendMs: 50, answerMs: 0 }, 500],
  ['the event before the answer', { sendMs: 50, answerMs: 500 }, 0],
])('a temporary id is replaced once: %s', async (_, api, down) => {
  const frames = await show()
  Object.assign(writes.api, api)
  if (down) world.down()
  const ids: string[] = []
  world.queryClient.getQueryCache().subscribe(() => {
    const now = (world.data('cards', '7') as { id: string }[] | undefined)?.map(({ id }) => id).join(' ')
    if (now && now !== ids.at(-1)) ids.push(now)
  })
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(200)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  world.up()
  await settle()
  expect(ids).toEqual([`a ${writes.sent[0]}`, 'a n0'])
  expect(frames).toEqual(['A', 'A B'])
  expect(world.fetches).toHaveLength(1)
})

test('a late answer does not bring back what others have deleted since, though a read has come between', async () => {
  await show()
  Object.assign(writes.api, { answerMs: 1_000, tags: false })
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(200)
  const [made] = world.state('board:7').filter(({ title }) => title === 'B')
  world.delete('board:7', made?.id ?? '')
  // Only a delete that says its version is newer than anything.
  world.publish('board:7', 'card.deleted', { id: made?.id, version: 2 })
  await world.pass(200)
  void world.queryClient.refetchQueries()
  await world.pass(200)
  expect(world.fetches).toHaveLength(2)
  expect(titles()).toBe('A B')
  await world.pass(700)
  expect(titles()).toBe('A')
  await settle()
})

test('once it was read, and nothing is pending, the server may have made it again from the start', async () => {
  await show()
  world.delete('board:7', 'a')
  world.publish('board:7', 'card.deleted', { id: 'a', version: 9 })
  await world.pass(200)
  void world.queryClient.refetchQueries()
  await world.pass(200)
  expect(titles()).toBe('')
  world.save('board:7', 'a', 'again')
  await world.pass(200)
  expect(titles()).toBe('again')
  expect(world.fetches).toHaveLength(2)
})

test('what is refused is taken back, and nothing else', async () => {
  const frames = await show()
  writes.api.fails = 'refused'
  mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
  await world.pass(20)
  writes.api.fails = undefined
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(10)
  world.save('board:7', 'c', 'C')
  await world.pass(10)
  expect(titles()).toBe('mine C B')
  await settle()
  expect(frames).toEqual(['A', 'mine', 'mine B', 'mine C B', 'A C B'])
  expect(world.fetches).toHaveLength(1)
})

test('a request whose answer is lost has happened all the same', async () => {
  const frames = await show()
  writes.api.fails = 'lost'
  mutate(writes.create, { board: '7', title: 'B' })
  await settle()
  expect(frames).toEqual(['A', 'A B'])
})

test('a request that is tried again carries the same id, and is shown once', async () => {
  const frames = await show()
  writes.api.fails = 'lost'
  mutate({ ...writes.create, retry: 2, retryDelay: 10 }, { board: '7', title: 'B' })
  await world.pass(120)
  writes.api.fails = undefined
  await vi.waitFor(() => expect(writes.sent.length).toBeGreaterThan(1))
  await settle()
  expect(new Set(writes.sent).size).toBe(1)
  expect(frames).toEqual(['A', 'A B'])
})

test('while the hub is away, what an answer of its next log has under its real name is not shown under a temporary one as well', async () => {
  const frames = await show()
  world.save('board:7', 'a', 'A2')
  await world.pass(100)
  world.down()
  mutate(writes.mute, { board: '7', title: 'B' })
  await world.pass(200)
  world.wipe()
  void world.queryClient.refetchQueries()
  await world.pass(100)
  expect(titles()).toBe('A2 B')
  world.up()
  await settle()
  expect(frames).toEqual(['A', 'A2', 'A2 B'])
})

describe('a fetch while a mutation is pending', () => {
  test.each([
    ['that read before the write', 10, 60],
    ['that read after the write', 60, 10],
    ['that is slower than the answer', 10, 300],
    ['that began before it, and read after the write', 120, 120],
  ])('neither erases nor doubles it: one %s', async (_, readMs, answerMs) => {
    const frames = await show()
    world.rest = { ...world.rest, readMs, answerMs }
    void world.queryClient.refetchQueries()
    await world.pass(1)
    mutate(writes.create, { board: '7', title: 'B' })
    mutate(writes.save, { board: '7', id: 'a', title: 'AA' })
    await settle()
    expect(frames).toEqual(['A', 'A B', 'AA B'].filter((t) => frames.includes(t)))
    expect(frames.at(-1)).toBe('AA B')
  })

  test('nor, while the hub is silent, one that has it under another name: it is read again', async () => {
    const frames = await show()
    world.down()
    writes.api = { ...writes.api, answerMs: 700 }
    mutate(writes.create, { board: '7', title: 'B' })
    await world.pass(100)
    world.save('board:7', 'c', 'C')
    void world.queryClient.refetchQueries()
    await world.pass(2_500)
    expect(frames).toEqual(['A', 'A B', 'A B C'])
    world.up()
    await settle()
    expect(frames).toEqual(['A', 'A B', 'A B C'])
  })

  test.each([
    ['before', 100, 'mine'],
    ['after', 1_500, 'A'],
  ])('a page more does not keep what is pending in the others: it comes %s the refusal', async (_, answerMs, title) => {
    world.save('board:7', 'c0', 'A')
    const { observer } = world.mountPages('7')
    await world.pass(1_000)
    writes.api = { ...writes.api, fails: 'refused', sendMs: 1_000 }
    mutate(writes.save, { board: '7', id: 'c0', title: 'mine' })
    await world.pass(10)
    world.rest = { ...world.rest, answerMs }
    void observer.fetchNextPage()
    await world.pass(answerMs + 10)
    expect(world.data('pages', '7')).toMatchObject({ pages: [[{ title }], []] })
    await world.pass(2_000)
    expect(world.data('pages', '7')).toMatchObject({ pages: [[{ title: 'A' }], []] })
    expect(world.fetches).toHaveLength(2)
  })

  test('a page more is put to pages that were not read here', async () => {
    const { observer } = world.mountPages('7')
    world.queryClient.setQueryData(['pages', '7'], { pages: [[{ title: 'theirs' }]], pageParams: [0] })
    await world.queryClient.cancelQueries()
    void observer.fetchNextPage()
    await world.pass(12)
    expect(world.data('pages', '7')).toMatchObject({ pages: [[{ title: 'theirs' }], []] })
    expect(observer.getCurrentResult()).toMatchObject({ status: 'success', error: null })
  })

  test('a page more says nothing of the others', async () => {
    world.save('board:7', 'c0', 'A')
    const { observer } = world.mountPages('7')
    await world.pass(1_000)
    world.down()
    mutate(writes.save, { board: '7', id: 'c0', title: 'mine' })
    await world.pass(200)
    void observer.fetchNextPage()
    await world.pass(100)
    expect(world.data('pages', '7')).toMatchObject({ pages: [[{ title: 'mine' }], []] })
  })

  test('an answer of long ago says nothing of what came since', async () => {
    const frames = await show()
    world.save('board:7', 'c', 'C')
    await world.pass(10)
    world.down()
    mutate(writes.create, { board: '7', title: 'B' })
    await world.pass(200)
    world.rest.behind = 2
    void world.queryClient.refetchQueries()
    await world.pass(100)
    expect(titles()).toBe('A B')
    world.rest.behind = 0
    world.up()
    await settle()
    expect(frames.filter((frame) => !frame.includes('B'))).toEqual(['A', 'A C'])
  })

  test('what is under way when the event has not come for long is what is waited for, and not read again', async () => {
    await show()
    world.down()
    await world.pass(1_000)
    mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
    await world.pass(4_900)
    const { length } = world.fetches
    world.rest.answerMs = 500
    void world.queryClient.refetchQueries()
    await world.pass(1_500)
    expect(world.fetches).toHaveLength(length + 1)
    world.up()
    await settle()
  })

  test('what has come just before its time is over, and waits for its frame, is not read again', async () => {
    await show()
    world.down()
    await world.pass(1_000)
    const { length } = world.fetches
    // Whose event is written at once.
    world.save('board:7', 'c', 'C')
    mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
    await world.pass(5_075)
    world.up()
    await world.pass(22)
    expect(world.data('cards', '7')).toHaveLength(2)
    await settle()
    expect(world.fetches).toHaveLength(length)
  })

  test('an answer is not doubtful once the event of mine has come, though that waits for its frame', async () => {
    await show()
    Object.assign(writes.api, { sendMs: 50, answerMs: 500 })
    mutate(writes.create, { board: '7', title: 'B' })
    await world.pass(10)
    Object.assign(world.rest, { readMs: 43, answerMs: 2 })
    void world.queryClient.refetchQueries()
    await world.pass(35)
    world.save('board:7', 'c', 'C')
    await world.pass(2_000)
    expect(world.fetches).toHaveLength(2)
    await settle()
  })

  test('what waits for its turn was never sent: the answer is taken, and not read again', async () => {
    await show()
    writes.api.sendMs = 10_000
    mutate({ ...writes.save, scope: { id: 's' } }, { board: '7', id: 'a', title: 'mine' })
    mutate({ ...writes.create, scope: { id: 's' } }, { board: '7', title: 'B' })
    await world.pass(10)
    void world.queryClient.refetchQueries()
    await world.pass(5_000)
    expect(titles()).toBe('mine B')
    expect(world.fetches).toHaveLength(2)
    await settle()
  })

  test('what waits to be tried again may have been done: an answer that may have it is put aside', async () => {
    const frames = await show()
    world.down()
    writes.api.fails = 'lost'
    mutate({ ...writes.create, retry: 1, retryDelay: 10 }, { board: '7', title: 'B' })
    await world.pass(10)
    focusManager.setFocused(false)
    await world.pass(500)
    await vi.waitFor(() => expect(world.queryClient.getMutationCache().getAll()[0]?.state.isPaused).toBe(true))
    void world.queryClient.refetchQueries()
    await world.pass(2_000)
    writes.api.fails = undefined
    focusManager.setFocused(true)
    await settle()
    expect(frames).toEqual(['A', 'A B'])
  })

  test('nor where the API says no cursors', async () => {
    world.rest.cursors = false
    const frames = await show()
    mutate(writes.create, { board: '7', title: 'B' })
    for (let i = 0; i < 10; i++) {
      world.rest = { ...world.rest, readMs: i * 7, answerMs: 30 }
      void world.queryClient.refetchQueries()
      await world.pass(15)
    }
    await settle()
    expect(frames).toEqual(['A', 'A B'])
  })
})

describe('before there is data', () => {
  beforeEach(() => {
    world.rest = { ...world.rest, answerMs: 200 }
    world.mount(world.cardsQuery('7'))
  })

  test('nothing is invented, and the first answer shows what is pending', async () => {
    writes.api.sendMs = 1_000
    mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    expect(world.data('cards', '7')).toBeUndefined()
    await world.pass(500)
    expect(titles()).toBe('mine')
    await settle()
  })

  test.each([
    ['lacks', 1_000],
    ['has', 1],
  ])('what the first answer %s already is not shown under a temporary id', async (_, sendMs) => {
    writes.api = { ...writes.api, sendMs, answerMs: 1_000 }
    mutate(writes.create, { board: '7', title: 'B' })
    await world.pass(500)
    expect(world.data('cards', '7')).toEqual(world.state('board:7'))
    await settle()
    expect(titles()).toBe('A B')
  })
})

test('a query that is mounted meanwhile shows it too', async () => {
  writes.api.sendMs = 1_000
  mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
  await world.pass(10)
  world.mount(world.cardsQuery('7'))
  await world.pass(100)
  expect(titles()).toBe('mine')
  await settle()
})

test('every query that binds the event is changed, and no other', async () => {
  await show()
  world.mount(world.cardsQuery('8'))
  world.mount({ ...world.cardsQuery('7'), queryKey: ['cards', '7', 'again'] })
  await world.pass(500)
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(0)
  expect(titles()).toBe('A B')
  expect(titles(['cards', '7', 'again'])).toBe('A B')
  expect(titles(['cards', '8'])).toBe('')
  await settle()
})

test('others’ events pass below what is pending, and deletes stay deleted', async () => {
  const frames = await show()
  world.save('board:7', 'b', 'B')
  await world.pass(5)
  writes.api = { ...writes.api, sendMs: 500 }
  mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
  mutate(writes.remove, { board: '7', id: 'b' })
  await world.pass(5)
  world.save('board:7', 'a', 'theirs 1')
  world.save('board:7', 'b', 'theirs 2')
  world.save('board:7', 'a', 'theirs 3')
  await world.pass(5)
  expect(titles()).toBe('mine')
  await settle()
  expect(frames).toEqual(['A', 'A B', 'mine B', 'mine'].filter((t) => frames.includes(t)))
  expect(residue()).toBe('mine')
})

test('what others have deleted does not come back with an answer that is older, where no event says whose it is', async () => {
  const frames = await show()
  writes.api = { sendMs: 20, answerMs: 200, tags: false }
  mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
  await world.pass(60)
  world.delete('board:7', 'a')
  await world.pass(20)
  expect(titles()).toBe('')
  frames.splice(0, frames.length - 1)
  await settle()
  expect(frames).toEqual([''])
})

test('of several events, the last that is heard confirms, though it is the user’s own', async () => {
  const theme = liveQueryOptions({
    queryKey: ['theme'],
    queryFn: async () => (await world.cards('user')) && 'light',
    topic: 'user',
    on: { 'theme.changed': (_, { data }) => data.theme },
  })
  world.mount(theme)
  await world.pass(1_000)
  let id = ''
  const change = hubMutationOptions({
    async mutationFn(_: string, context) {
      id = context.id
    },
    optimistic: () => [
      { type: 'theme.changed', topic: 'user', data: { theme: 'dark' } },
      { type: 'news.said', topic: 'news:1', data: { id: 'n', title: 'dark', version: 1 } },
    ],
  })
  mutate(change, 'dark')
  await world.pass(10)
  expect(world.data('theme')).toBe('dark')
  world.publish('user:u1', 'theme.changed', { theme: 'dark' }, `${id}.1`)
  world.publish('user:u1', 'theme.changed', { theme: 'by another device' })
  await world.pass(50)
  expect(world.data('theme')).toBe('by another device')
})

test('without the answer’s words it is shown until the event comes', async () => {
  const frames = await show()
  world.down()
  mutate(writes.mute, { board: '7', title: 'B' })
  await world.pass(3_000)
  expect(titles()).toBe('A B')
  world.up()
  await settle()
  expect(frames).toEqual(['A', 'A B'])
  // The second is the first poll after the loss.
  expect(world.fetches).toHaveLength(2)
})

test('where events bear no ids, each query is read once more', async () => {
  writes.api.tags = false
  await show()
  mutate(writes.save, { board: '7', id: 'a', title: 'AA' })
  mutate(writes.title, { board: '7', id: 'a', title: 'AAA' })
  await world.pass(4_000)
  expect(world.fetches).toHaveLength(1)
  await settle()
  expect(world.fetches).toHaveLength(2)
  await world.pass(100_000)
  expect(world.fetches).toHaveLength(2)
  expect(world.clock.pending()).toBe(0)
})

test('where another query has heard the event, one that was read later than that is not read again', async () => {
  await show()
  writes.api = { ...writes.api, sendMs: 20, answerMs: 1_000 }
  mutate(writes.save, { board: '7', id: 'a', title: 'AA' })
  await world.pass(100)
  world.mount({ ...world.cardsQuery('7'), queryKey: ['later'] })
  await settle()
  expect(world.data('later')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(2)
})

describe('what one query has heard goes for another, which has not', () => {
  beforeEach(async () => {
    world.delete('board:7', 'a')
    // Its first answer, which has nothing new, is from before the topic was live.
    world.rest = { readMs: 5, answerMs: 2_000, cursors: false, fails: false }
    world.mount({ ...world.cardsQuery('7'), queryKey: ['later'] })
    await world.pass(10)
    world.rest.answerMs = 5
    await show()
    writes.api = { ...writes.api, sendMs: 20, answerMs: 4_000 }
    mutate(writes.create, { board: '7', title: 'B' })
    await world.pass(100)
    world.rest.answerMs = 500
  })
  afterEach(async () => {
    await settle()
    expect(world.data('later')).toEqual(world.state('board:7'))
  })

  test('what is made does not show twice when it is changed again', async () => {
    await world.pass(1_000)
    expect(titles(['later'])).toBe('B')
    mutate(writes.save, { board: '7', id: 'n0', title: 'BB' })
    await world.pass(0)
    expect([titles(), titles(['later'])]).toEqual(['BB', 'BB'])
  })

  test('what is read from then on has it, or what others have made of it', async () => {
    world.delete('board:7', 'n0')
    await world.pass(2_000)
    expect([titles(), titles(['later'])]).toEqual(['', ''])
  })
})

test('nothing is left of what nobody looks at', async () => {
  const unmount = world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  unmount()
  await world.pass(5_000)
  mutate(writes.mute, { board: '7', title: 'B' })
  await world.pass(0)
  expect(titles()).toBe('A B')
  await world.pass(100_000)
  expect(titles()).toBe('A')
  expect(world.queryClient.getQueryState(['cards', '7'])?.isInvalidated).toBe(true)
  expect(world.fetches).toHaveLength(1)
  expect(world.clock.pending()).toBe(0)
})

test('what the hub’s silence hides is read', async () => {
  const frames = await show()
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(10)
  world.down()
  world.trim()
  await world.pass(10_000)
  world.up()
  await settle()
  expect(frames).toEqual(['A', 'A B'])
})

test('offline it is shown for as long as it takes', async () => {
  await show()
  onlineManager.setOnline(false)
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(600_000)
  expect(titles()).toBe('A B')
  expect(writes.sent).toEqual([])
  onlineManager.setOnline(true)
  await settle()
  expect(titles()).toBe('A B')
})

describe('after a reload', () => {
  // Time is virtual here, and the file that is loaded is not.
  beforeAll(() => import('./again.ts'))

  /** What is kept of a page that was offline when it made a card and changed another. */
  async function keep(): Promise<string> {
    await show()
    onlineManager.setOnline(false)
    mutate(writes.create, { board: '7', title: 'B' })
    mutate(writes.save, { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    const kept = JSON.stringify(dehydrate(world.queryClient))
    stop()
    world.queryClient.clear()
    world.client.close()
    return kept
  }
  /** The next page: another cache, over the same server. */
  function reload(kept: string): void {
    const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
    Object.assign(world, { queryClient })
    queryClient.setMutationDefaults(['create'], writes.create)
    queryClient.setMutationDefaults(['save'], writes.save)
    hydrate(queryClient, JSON.parse(kept))
    stop = connect(world)
    world.client.start()
    queryClient.mount()
  }

  test('what was paused is shown again, resumes, and is shown once', async () => {
    reload(await keep())
    world.mount(world.cardsQuery('7'))
    await world.pass(1_000)
    expect(titles()).toBe('mine B')
    expect(writes.sent).toEqual([])
    world.queryClient.getQueryCache().subscribe(() => {
      expect(titles() ?? 'A').toMatch(/^(A|mine)( B)?$/)
    })
    onlineManager.setOnline(true)
    await settle()
    expect(titles()).toBe('mine B')
    expect(writes.sent).toHaveLength(2)
  })

  test('what was refused then is taken back, temporary ids and all', async () => {
    reload(await keep())
    world.mount(world.cardsQuery('7'))
    writes.api.fails = 'refused'
    onlineManager.setOnline(true)
    await settle()
    expect(titles()).toBe('A')
  })

  test('it resumes under the ids that it had', async () => {
    const kept = await keep()
    reload(kept)
    const ids = (JSON.parse(kept) as { mutations: { state: { context: { id: string } } }[] }).mutations.map(
      ({ state }) => state.context.id,
    )
    onlineManager.setOnline(true)
    await world.pass(1_000)
    expect(writes.sent).toEqual(ids)
  })

  test('each under its own, whichever is first, and though they were given the same', async () => {
    stop()
    const sent: unknown[] = []
    const count = hubMutationOptions({
      mutationKey: ['count'],
      mutationFn: async (n: number, { id }) => void sent.push([n, id]),
    })
    onlineManager.setOnline(false)
    for (const n of [1, 1, 2]) mutate(count, n)
    await world.pass(0)
    const kept = JSON.stringify(dehydrate(world.queryClient))
    const ids = (JSON.parse(kept) as { mutations: { state: { context: { id: string } } }[] }).mutations.map(
      ({ state }) => state.context.id,
    )
    world.queryClient.clear()
    const queryClient = new QueryClient()
    Object.assign(world, { queryClient })
    queryClient.setMutationDefaults(['count'], count)
    hydrate(queryClient, JSON.parse(kept))
    onlineManager.setOnline(true)
    const mutations = queryClient.getMutationCache().getAll()
    for (const mutation of mutations.toReversed()) void mutation.continue()
    await world.pass(0)
    expect(sent).toHaveLength(3)
    expect(sent[0]).toEqual([2, ids[2]])
    expect(new Set(sent.map((each) => (each as [number, string])[1]))).toEqual(new Set(ids))
  })

  /** Two that differ in nothing but their keys and, if at all, their scopes; and which ids their requests carried. */
  const twins = (scopes: { readonly archive?: string; readonly star?: string } = {}) => {
    const sent: Record<'archive' | 'star', string[]> = { archive: [], star: [] }
    const make = (key: 'archive' | 'star') =>
      hubMutationOptions({
        mutationKey: [key],
        ...(scopes[key] && { scope: { id: scopes[key] } }),
        async mutationFn(_: string, { id }) {
          sent[key].push(id)
          await new Promise<void>((resolve) => void world.clock.after(500, resolve))
        },
      })
    return { sent, archive: make('archive'), star: make('star') }
  }
  /** Goes offline, mutates, and comes back with the next page: the ids that were kept, and how to have it restore them. */
  const leave = async (run: () => void, queryClient = new QueryClient()) => {
    onlineManager.setOnline(false)
    run()
    await world.pass(0)
    const kept = JSON.stringify(dehydrate(world.queryClient))
    const { mutations } = JSON.parse(kept) as { mutations: { state: { context: { id: string } } }[] }
    world.queryClient.clear()
    onlineManager.setOnline(true)
    Object.assign(world, { queryClient })
    return {
      ids: mutations.map(({ state }) => state.context.id),
      async restore() {
        hydrate(queryClient, JSON.parse(kept))
        void queryClient.resumePausedMutations()
        await world.pass(2_000)
      },
    }
  }

  test('nor under that of another kind, whose turn has not come', async () => {
    const { sent, archive, star } = twins({ archive: 'cards' })
    const { ids, restore } = await leave(() => {
      mutate(archive, 'z')
      mutate(archive, 'a')
      mutate(star, 'a')
    })
    world.queryClient.setMutationDefaults(['archive'], archive)
    world.queryClient.setMutationDefaults(['star'], star)
    await restore()
    expect(sent).toEqual({ archive: ids.slice(0, 2), star: ids.slice(2) })
  })

  test.each([
    ['and is on its way', 0],
    ['and waits for what the cache does first', 1_000],
  ])('nor under that of one that was begun in this page before, %s', async (_, ms) => {
    const onMutate = () => new Promise<void>((resolve) => void world.clock.after(ms, resolve))
    const { sent, archive } = twins()
    const queryClient = new QueryClient({ mutationCache: new MutationCache({ onMutate }) })
    const { ids, restore } = await leave(() => mutate(archive, 'a'), queryClient)
    queryClient.setMutationDefaults(['archive'], archive)
    mutate(archive, 'a')
    await world.pass(10)
    await restore()
    const contexts = queryClient.getMutationCache().getAll().map(optimisticOf)
    expect(contexts.map((context) => context?.id)).toEqual(expect.arrayContaining(sent.archive))
    expect(sent.archive).toContain(ids[0])
    expect(new Set(sent.archive).size).toBe(2)
  })

  test('nor under that of one that was kept though it was over', async () => {
    const { sent, archive } = twins()
    const keptAs = (id: string, status: 'error' | 'pending') => ({
      mutationKey: ['archive'],
      state: { status, isPaused: status === 'pending', variables: 'a', context: { id, optimistic: [] } } as never,
    })
    world.queryClient.setMutationDefaults(['archive'], archive)
    hydrate(world.queryClient, { queries: [], mutations: [keptAs('failed', 'error'), keptAs('paused', 'pending')] })
    void world.queryClient.resumePausedMutations()
    await world.pass(1_000)
    expect(sent.archive).toEqual(['paused'])
  })
})

describe('conflicts', () => {
  // What is shown when `onConflict` hears of it.
  let seen: string | undefined
  const begin = async (resolve?: 'ask' | 'merge') => {
    if (resolve) {
      stop()
      stop = connect(world, undefined, {
        resolve: resolve === 'ask' ? ask : fieldMerge,
        onConflict(conflict) {
          conflicts.push(conflict)
          seen = titles()
        },
      })
    }
    const frames = await show()
    writes.api.sendMs = 500
    return frames
  }

  test('are told once for each change of theirs, with mine, theirs and the base', async () => {
    await begin()
    world.mount({ ...world.cardsQuery('7'), queryKey: ['cards', '7', 'again'] })
    await world.pass(500)
    mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    world.save('board:7', 'a', 'theirs')
    world.colour('board:7', 'a', 'red')
    world.save('board:7', 'a', 'theirs again')
    await world.pass(10)
    const told = (title: string, version: number) => ({
      mine: { id: 'a', title: 'mine' },
      theirs: { id: 'a', title, version },
      base: { id: 'a', title: 'A', version: 1 },
      fields: ['title'],
      queryKey: ['cards', '7'],
      event: { type: 'card.saved' },
    })
    expect(conflicts).toMatchObject([told('theirs', 2), told('theirs again', 4)])
    expect(conflicts[0]?.mutation.state.variables).toEqual({ board: '7', id: 'a', title: 'mine' })
    expect(titles()).toBe('mine')
    await settle()
    expect(titles()).toBe('mine')
  })

  test.each([
    ['a change of another card', () => world.save('board:7', 'b', 'B')],
    ['a change of something else of it', () => world.colour('board:7', 'a', 'red')],
    ['what others delete elsewhere', () => world.delete('board:7', 'b')],
  ])('%s is none', async (_, act) => {
    world.save('board:7', 'b', 'B')
    await begin()
    mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    act()
    await settle()
    expect(conflicts).toEqual([])
  })

  test('my own earlier change is none, nor what a fetch has read of mine', async () => {
    await begin()
    mutate(writes.title, { board: '7', id: 'a', title: 'one' })
    await world.pass(100)
    mutate(writes.title, { board: '7', id: 'a', title: 'two' })
    await world.pass(405)
    world.rest = { ...world.rest, readMs: 0, answerMs: 0 }
    void world.queryClient.refetchQueries()
    await settle()
    expect(conflicts).toEqual([])
    expect(titles()).toBe('two')
  })

  test('both have deleted it: none', async () => {
    await begin()
    mutate(writes.remove, { board: '7', id: 'a' })
    await world.pass(10)
    world.delete('board:7', 'a')
    await settle()
    expect(conflicts).toEqual([])
  })

  test.each(['title', 'save'] as const)('what others have deleted stays deleted, whatever I %s', async (name) => {
    const frames = await begin()
    mutate(writes[name], { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    world.delete('board:7', 'a')
    await world.pass(10)
    expect(titles()).toBe('')
    expect(conflicts).toMatchObject([{ base: { title: 'A' }, mine: { title: 'mine' } }])
    expect(conflicts[0]?.theirs).toBeUndefined()
    await settle()
    expect(frames).toEqual(['A', 'mine', ''])
  })

  test('what I delete others may have changed', async () => {
    await begin()
    mutate(writes.remove, { board: '7', id: 'a' })
    await world.pass(10)
    world.save('board:7', 'a', 'theirs')
    await world.pass(10)
    expect(titles()).toBe('')
    expect(conflicts).toMatchObject([{ theirs: { title: 'theirs' }, base: { title: 'A' } }])
    await settle()
  })

  test('ask shows theirs until mine is applied again', async () => {
    const frames = await begin('ask')
    writes.api.fails = 'refused'
    mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    world.save('board:7', 'a', 'theirs')
    await world.pass(10)
    expect(titles()).toBe('theirs')
    expect(seen).toBe('theirs')
    await world.pass(2_000)
    writes.api.fails = undefined
    const [conflict] = conflicts
    const applied = conflict?.reapply()
    await settle()
    await expect(applied).resolves.toMatchObject({ title: 'mine' })
    expect(frames).toEqual(['A', 'mine', 'theirs', 'mine'])
    expect(new Set(writes.sent).size).toBe(2)
  })

  test('fields are merged', async () => {
    await begin('merge')
    mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
    await world.pass(20)
    world.save('board:7', 'a', 'A')
    await world.pass(20)
    expect(titles()).toBe('mine')
    world.save('board:7', 'a', 'theirs')
    await world.pass(20)
    expect(world.data('cards', '7')).toEqual([{ id: 'a', title: 'theirs', version: 3 }])
    await settle()
  })

  test('while a mutation waits for its turn, what is read tells too', async () => {
    world.save('board:7', 'b', 'B')
    await begin()
    writes.api.sendMs = 10_000
    mutate({ ...writes.title, scope: { id: 's' } }, { board: '7', id: 'b', title: 'first' })
    mutate({ ...writes.title, scope: { id: 's' } }, { board: '7', id: 'a', title: 'mine' })
    await world.pass(10)
    world.down()
    world.save('board:7', 'a', 'theirs')
    world.save('board:7', 'b', 'theirs')
    world.trim()
    world.up()
    await world.pass(2_000)
    expect(conflicts).toMatchObject([{ mine: { title: 'mine' }, theirs: { title: 'theirs' }, base: { title: 'A' } }])
    expect(conflicts[0]?.event).toBeUndefined()
    expect(titles()).toBe('mine first')
    await settle()
  })

  test('a mutation may have its own way with them', async () => {
    await begin('ask')
    mutate({ ...writes.title }, { board: '7', id: 'a', title: 'mine' })
    const mine = hubMutationOptions({
      mutationFn: (title: string) =>
        new Promise<string>((resolve) => void world.clock.after(500, () => resolve(title))),
      optimistic: (title) => ({ type: 'card.titled', topic: 'board:7', data: { id: 'a', title, version: 0 } }),
      resolve: lastWriteWins,
    })
    mutate(mine, 'on top')
    await world.pass(10)
    world.save('board:7', 'a', 'theirs')
    await world.pass(10)
    expect(titles()).toBe('on top')
    expect(conflicts).toHaveLength(2)
    await world.pass(20_000)
  })

  describe('may be decided by the person', () => {
    const edit = { board: '7', id: 'a', title: 'mine' }
    const theirs = () => conflicts[0]?.theirs as { title: string }
    /** I do something, and they do something before it arrives. */
    const collide = async (options: object, variables: unknown, act: () => unknown, fails?: 'refused') => {
      await begin()
      writes.api.fails = fails
      mutate(options, variables)
      await world.pass(10)
      writes.api.fails = undefined
      act()
      await world.pass(10)
    }
    test('the same field: mine comes last, and is undone', async () => {
      await collide(writes.title, edit, () => world.save('board:7', 'a', 'theirs'))
      await settle()
      expect(titles()).toBe('mine')
      mutate(writes.title, { ...edit, title: theirs().title })
      await settle()
      expect(titles()).toBe('theirs')
      expect(conflicts).toHaveLength(1)
    })

    test('the same field: mine is refused, and applied again', async () => {
      await collide(writes.title, edit, () => world.save('board:7', 'a', 'theirs'), 'refused')
      await world.pass(2_000)
      expect(titles()).toBe('theirs')
      void conflicts[0]?.reapply()
      await settle()
      expect(titles()).toBe('mine')
      expect(new Set(writes.sent).size).toBe(2)
    })

    test('mine is applied again while it is still on its way', async () => {
      await collide(writes.title, edit, () => world.save('board:7', 'a', 'theirs'))
      void conflicts[0]?.reapply()
      await settle()
      expect(titles()).toBe('mine')
      expect(new Set(writes.sent).size).toBe(2)
      expect(conflicts).toHaveLength(1)
    })

    test('other fields: both stay, and there is nothing to decide', async () => {
      await collide(writes.colour, { board: '7', id: 'a', colour: 'red' }, () => world.save('board:7', 'a', 'theirs'))
      expect(world.data('cards', '7')).toMatchObject([{ title: 'theirs', colour: 'red' }])
      await settle()
      expect(world.data('cards', '7')).toMatchObject([{ title: 'theirs', colour: 'red' }])
      expect(conflicts).toEqual([])
    })

    test('they delete what I edit: it is made again, of the base and mine', async () => {
      await collide(writes.title, edit, () => world.delete('board:7', 'a'))
      await world.pass(2_000)
      const { base, mine } = conflicts[0] as { base: object; mine: object }
      mutate(writes.create, { board: '7', ...base, ...mine })
      await settle()
      expect(titles()).toBe('mine')
      expect(conflicts).toHaveLength(1)
    })

    test('they delete what I write as a whole: mine is applied again, where the server makes it anew', async () => {
      const put = hubMutationOptions({
        mutationFn: async (card: typeof edit, { id }) => world.save('board:7', card.id, card.title, id),
        optimistic: ({ id, title }) => ({ type: 'card.saved', topic: 'board:7', data: { id, title, version: 0 } }),
      })
      const scope = { id: 's' }
      await begin()
      mutate({ ...writes.create, scope }, { board: '7', title: 'B' })
      mutate({ ...put, scope }, edit)
      await world.pass(10)
      world.delete('board:7', 'a')
      await world.pass(10)
      expect(titles()).toBe('B')
      void conflicts[0]?.reapply()
      await world.pass(10)
      expect(titles()).toBe('B mine')
      await settle()
      expect(titles()).toBe('B mine')
    })

    test('they edit what I delete: it is put back as they made it', async () => {
      await collide(writes.remove, edit, () => world.save('board:7', 'a', 'theirs'))
      await settle()
      expect(titles()).toBe('')
      mutate(writes.create, { board: '7', ...theirs() })
      await settle()
      expect(titles()).toBe('theirs')
    })

    test('they edit what I delete, and so it is refused: it is deleted all the same', async () => {
      await collide(writes.remove, edit, () => world.save('board:7', 'a', 'theirs'), 'refused')
      await world.pass(2_000)
      expect(titles()).toBe('theirs')
      void conflicts[0]?.reapply()
      await settle()
      expect(titles()).toBe('')
    })

    test('both make one of the same name: theirs is put back, or mine applied again', async () => {
      const card = { board: '7', id: 'x', title: 'mine' }
      await collide(writes.save, card, () => world.save('board:7', 'x', 'theirs'))
      expect(conflicts).toMatchObject([{ mine: { title: 'mine' }, theirs: { title: 'theirs' }, fields: ['title'] }])
      expect(conflicts[0]?.base).toBeUndefined()
      await settle()
      expect(titles()).toBe('A mine')
      mutate(writes.save, { ...card, title: theirs().title })
      await settle()
      expect(titles()).toBe('A theirs')
      void conflicts[0]?.reapply()
      await settle()
      expect(titles()).toBe('A mine')
    })
  })
})

describe('after all tries have failed, the same variables are the same request', () => {
  let card: { board: string; title: string }
  beforeEach(() => {
    card = { board: '7', title: 'B' }
  })
  const twice = async (first: unknown, second: unknown, fails: 'refused' | 'lost') => {
    const frames = await show()
    writes.api.fails = fails
    mutate(writes.create, first)
    await world.pass(1_000)
    writes.api.fails = undefined
    mutate(writes.create, second)
    await settle()
    return frames
  }

  test('what was done is not done twice, nor shown twice', async () => {
    const frames = await twice(card, card, 'lost')
    expect(writes.sent).toHaveLength(2)
    expect(new Set(writes.sent).size).toBe(1)
    expect(frames).toEqual(['A', 'A B'])
    expect(world.fetches).toHaveLength(1)
  })

  test('what was not is done', async () => {
    const frames = await twice(card, card, 'refused')
    expect(new Set(writes.sent).size).toBe(1)
    expect(frames).toEqual(['A', 'A B', 'A', 'A B'])
  })

  test('others that are equal are another request', async () => {
    await twice(card, { ...card }, 'lost')
    expect(new Set(writes.sent).size).toBe(2)
    expect(titles()).toBe('A B B')
  })

  test('from the first failure on, and until it has succeeded', async () => {
    const frames = await show()
    mutate(writes.create, card)
    mutate(writes.create, card)
    await settle()
    expect(titles()).toBe('A B B')
    writes.api.fails = 'lost'
    mutate(writes.create, card)
    await world.pass(1_000)
    writes.api.fails = undefined
    // Somebody presses twice.
    mutate(writes.create, card)
    mutate(writes.create, card)
    await settle()
    expect(titles()).toBe('A B B B')
    mutate(writes.create, card)
    await settle()
    expect(frames).toEqual(['A', 'A B B', 'A B B B', 'A B B B B'])
    expect(new Set(writes.sent).size).toBe(4)
  })

  test.each(['by their keys', 'by being made once'])(
    'with another mutation, told apart %s, they are another request',
    async (how) => {
      const sent: Record<string, string[]> = { rename: [], archive: [] }
      const make = (name: string) =>
        hubMutationOptions({
          ...(how === 'by their keys' && { mutationKey: [name] }),
          mutationFn: async (_: object, { id }) => {
            sent[name]?.push(id)
            throw new Error('no')
          },
        })
      const once = { rename: make('rename'), archive: make('archive') }
      for (const name of ['rename', 'archive', 'rename', 'archive'] as const) {
        mutate(how === 'by their keys' ? make(name) : once[name], card)
        await world.pass(10)
      }
      expect(sent.rename).toEqual([sent.rename?.[0], sent.rename?.[0]])
      expect(sent.archive).toEqual([sent.archive?.[0], sent.archive?.[0]])
      expect(sent.archive).not.toEqual(sent.rename)
    },
  )

  test('where nothing names the variables, each is a request of its own', async () => {
    const ids: string[] = []
    const fail = hubMutationOptions({
      mutationFn: async (_: string, { id }) => {
        ids.push(id)
        throw new Error('no')
      },
    })
    for (let n = 0; n < 2; n++) mutate(fail, 'done')
    await world.pass(10)
    mutate(fail, 'done')
    await world.pass(10)
    expect(new Set(ids).size).toBe(3)
  })

  test('its event is mine, though it comes after the failure', async () => {
    await show()
    writes.api.fails = 'lost'
    world.down()
    mutate(writes.title, { board: '7', id: 'a', title: 'one' })
    await world.pass(150)
    writes.api = { ...writes.api, fails: undefined, sendMs: 10_000 }
    mutate(writes.title, { board: '7', id: 'a', title: 'two' })
    world.up()
    await world.pass(5_000)
    expect(titles()).toBe('two')
    await settle()
    expect(conflicts).toEqual([])
  })

  test('what has failed is forgotten with its mutation', async () => {
    await show()
    writes.api.fails = 'lost'
    world.down()
    mutate(writes.title, { board: '7', id: 'a', title: 'one' })
    await world.pass(150)
    world.queryClient.getMutationCache().clear()
    writes.api = { ...writes.api, fails: undefined, sendMs: 10_000 }
    mutate(writes.title, { board: '7', id: 'a', title: 'two' })
    world.up()
    await world.pass(5_000)
    expect(conflicts).toHaveLength(1)
    await settle()
  })
})

test('without a connection it is a plain mutation', async () => {
  stop()
  const observer = new QueryObserver(world.queryClient, world.cardsQuery('7'))
  const unmount = observer.subscribe(() => {})
  await world.pass(100)
  const answer = new MutationObserver(world.queryClient, writes.create).mutate({ board: '7', title: 'B' })
  await world.pass(200)
  await expect(answer).resolves.toMatchObject({ title: 'B' })
  expect(titles()).toBe('A')
  unmount()
})

test('other caches and other connections have nothing to do with it', async () => {
  await show()
  const other = new QueryClient()
  writes.api.sendMs = 10_000
  new MutationObserver(other, writes.create).mutate({ board: '7', title: 'B' }).catch(() => {})
  await world.pass(100)
  expect(titles()).toBe('A')
  mutate(writes.create, { board: '7', title: 'C' })
  await world.pass(10)
  expect(titles()).toBe('A C')
  // Another connection takes it over; without any, nothing of it is left.
  stop()
  expect(titles()).toBe('A')
  stop = connect(world)
  expect(titles()).toBe('A C')
  await world.pass(20_000)
  expect(titles()).toBe('A B C')
})

test('a mutation that is removed while it is pending takes its change with it', async () => {
  await show()
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(10)
  const cache = world.queryClient.getMutationCache()
  const [mutation] = cache.getAll()
  cache.clear()
  expect(titles()).toBe('A')
  // TanStack Query tells of it again, and again.
  if (mutation) cache.remove(mutation)
  expect(titles()).toBe('A')
  await settle()
  expect(titles()).toBe('A B')
})

test('what the application writes itself while a change is pending costs a fetch, and no residue', async () => {
  await show()
  writes.api.fails = 'refused'
  mutate(writes.create, { board: '7', title: 'B' })
  await world.pass(10)
  world.queryClient.setQueryData(['cards', '7'], (old: unknown[]) => [...old, { id: 'x', title: 'X', version: 1 }])
  await settle()
  expect(titles()).toBe('A')
  expect(world.fetches.length).toBeLessThanOrEqual(3)
})

test('an optimistic reducer that throws is reported, and the others go on', async () => {
  world.mount({ ...world.cardsQuery('7'), queryKey: ['broken'] })
  await world.pass(1_000)
  const broken = hubMutationOptions({
    mutationFn: async () => {},
    optimistic: () => ({ type: 'card.saved', topic: 'board:7', data: null as never }),
  })
  mutate(broken, undefined)
  await world.pass(10)
  expect(world.reports).toMatchObject([{ during: 'reduce', queryKey: ['broken'] }])
  expect(titles(['broken'])).toBe('A')
  await world.pass(20_000)
})

test('what the application makes of the answer does not take the change back', async () => {
  const frames = await show()
  world.down()
  const onSuccess = () => {
    throw new Error('bug')
  }
  mutate({ ...writes.create, onSuccess }, { board: '7', title: 'B' })
  await world.pass(1_000)
  expect(world.queryClient.getMutationCache().getAll()[0]?.state.status).toBe('error')
  world.up()
  await settle()
  expect(frames).toEqual(['A', 'A B'])
})

test('a `response` that throws is reported, and what the server has done is not taken back', async () => {
  const frames = await show()
  world.down()
  const title = hubMutationOptions({
    mutationKey: ['title'],
    mutationFn: async (title: string, { id }) => void world.save('board:7', 'a', title, id),
    optimistic: (title) => ({ type: 'card.titled', topic: 'board:7', data: { id: 'a', title, version: 1 } }),
    response() {
      throw new Error('The answer has no body')
    },
  })
  mutate(title, 'mine')
  await world.pass(100)
  expect(world.queryClient.getMutationCache().getAll()[0]?.state.status).toBe('success')
  expect(world.reports).toMatchObject([
    { during: 'response', queryKey: ['title'], error: new Error('The answer has no body') },
  ])
  world.up()
  await settle()
  expect(frames).toEqual(['A', 'mine'])
})

test('a mutation of the application’s own may keep what looks alike', async () => {
  const frames = await show()
  for (const optimistic of [[null], ['x'], {}]) {
    const own = new MutationObserver(world.queryClient, { mutationFn: async () => 1, onMutate: () => ({ optimistic }) })
    await expect(own.mutate()).resolves.toBe(1)
  }
  world.save('board:7', 'b', 'B')
  await settle()
  expect(frames).toEqual(['A', 'A B'])
})

test('a mutation that is given another function is confirmed by a fetch', async () => {
  await show()
  mutate({ ...writes.title, mutationFn: async () => {} }, { board: '7', id: 'a', title: 'mine' })
  await world.pass(1_000)
  expect(titles()).toBe('mine')
  await settle()
  expect(world.fetches).toHaveLength(2)
})

test('what changes nothing that is shown is not written', async () => {
  await show()
  writes.api.sendMs = 1_000
  mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
  await world.pass(10)
  const { dataUpdateCount } = world.queryClient.getQueryState(['cards', '7']) ?? {}
  world.publish('board:7', 'card.titled', { id: 'nobody', title: 'x', version: 1 })
  mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
  await world.pass(10)
  expect(world.queryClient.getQueryState(['cards', '7'])?.dataUpdateCount).toBe(dataUpdateCount)
  await settle()
})

test('a query that cannot be read is not read for what nobody sees', async () => {
  world.rest.fails = true
  const { queryFn, meta: _, ...query } = world.cardsQuery('7')
  const on = { 'card.titled': () => [] }
  world.mount(liveQueryOptions({ ...query, queryFn, topic: 'board:7', on }))
  await world.pass(1_000)
  mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
  await world.pass(60_000)
  expect(world.fetches).toHaveLength(1)
})

test('a connection that ends leaves no timer, and follows nothing any more', async () => {
  await show()
  writes.api.tags = false
  mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
  await world.pass(200)
  world.client.close()
  stop()
  // What the client still had to do.
  await world.pass(2_000)
  expect(world.clock.pending()).toBe(0)
  mutate(writes.title, { board: '7', id: 'a', title: 'mine' })
  await world.pass(200)
  expect(world.clock.pending()).toBe(0)
})

test('a mutation without live queries needs no more than its function', async () => {
  const plain = hubMutationOptions({ mutationFn: async (n: number) => n + 1 })
  await expect(new MutationObserver(world.queryClient, plain).mutate(1)).resolves.toBe(2)
})
