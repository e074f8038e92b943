// Shows that what was read elsewhere and brought along with its cursor is not read again: by a server's render, by a persister.
import { dehydrate, hydrate, QueryClient } from '@tanstack/query-core'
import {
  type PersistedClient,
  type PersistQueryClientOptions,
  persistQueryClientRestore,
  persistQueryClientSave,
} from '@tanstack/query-persist-client-core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepCursors } from './hydration.ts'
import { connect, createWorld, type World } from './testing/world.ts'

let world: World
let stop: () => void
beforeEach(() => {
  world = createWorld()
  world.save('board:7', 'a', 'A')
})
afterEach(() => {
  stop()
  world.queryClient.clear()
  world.client.close()
})

const makeClient = (options: object = keepCursors) =>
  new QueryClient({ defaultOptions: { ...options, queries: { retry: false } } })
const query = () => ({ ...world.cardsQuery('7'), staleTime: 60_000 })

/** What a server has read, as it is sent with its page. */
async function read(options?: object): Promise<QueryClient> {
  const server = makeClient(options)
  void server.prefetchQuery(query())
  await world.pass(50)
  return server
}
/** The page: it shows what it was sent, and connects. */
function begin(options?: object): void {
  Object.assign(world, { queryClient: makeClient(options) })
}
function show(): void {
  world.mount(query())
  stop = connect(world)
}

test.each([
  ['and is not read again, though much has happened since', keepCursors, 1],
  ['without its cursor it is', {}, 2],
])('what a server has read is shown, %s', async (_, options, reads) => {
  const sent = JSON.stringify(dehydrate(await read(options)))
  world.save('board:7', 'a', 'AA')
  world.save('board:7', 'b', 'B')
  begin(options)
  hydrate(world.queryClient, JSON.parse(sent))
  show()
  expect(world.data('cards', '7')).toEqual([{ id: 'a', title: 'A', version: 1 }])
  await world.pass(1_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(reads)
  expect(world.streams).toEqual([reads === 1 ? 'board:7 after e1:1' : 'board:7'])
  world.save('board:7', 'a', 'AAA')
  await world.pass(100)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
})

test('what the log does not hold any more is read again, once', async () => {
  const sent = JSON.stringify(dehydrate(await read()))
  world.save('board:7', 'a', 'AA')
  world.trim()
  begin()
  hydrate(world.queryClient, JSON.parse(sent))
  show()
  await world.pass(5_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(2)
})

test('so it is with what a persister kept', async () => {
  let kept: string | undefined
  const persister: PersistQueryClientOptions['persister'] = {
    persistClient: (client: PersistedClient) => {
      kept = JSON.stringify(client)
    },
    restoreClient: () => kept && JSON.parse(kept),
    removeClient: () => {},
  }
  const of = (queryClient: QueryClient) => ({ queryClient, persister }) as unknown as PersistQueryClientOptions
  await persistQueryClientSave(of(await read()))
  world.save('board:7', 'a', 'AA')
  begin()
  await persistQueryClientRestore(of(world.queryClient))
  show()
  await world.pass(1_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(1)
  expect(world.streams).toEqual(['board:7 after e1:1'])
  // What events have made of it is of no cursor: kept again, it is read again.
  await persistQueryClientSave(of(world.queryClient))
  stop()
  world.queryClient.clear()
  begin()
  await persistQueryClientRestore(of(world.queryClient))
  world.save('board:7', 'a', 'AAA')
  show()
  await world.pass(5_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(2)
})

test.each([null, 'text', 7, [], { data: 1 }])('what has no cursor passes as it is: %j', (data) => {
  const { serializeData } = keepCursors.dehydrate
  const { deserializeData } = keepCursors.hydrate
  expect(serializeData(data)).toBe(data)
  expect(deserializeData(data as never)).toBe(data)
  stop = () => {}
})

test('data that is given with its cursor is followed from there', async () => {
  const { withCursor } = await import('./cursor.ts')
  const initialData = withCursor(structuredClone(world.state('board:7')), 'e1:1')
  world.save('board:7', 'a', 'AA')
  world.mount({ ...query(), initialData })
  stop = connect(world)
  await world.pass(1_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toEqual([])
})

test.each([
  ['connected before', true],
  ['connected while it is under way', false],
])('a first read that takes long does not keep what was restored from following its topics, %s', async (_, isFirst) => {
  const sent = JSON.stringify(dehydrate(await read()))
  world.save('board:7', 'b', 'before the page')
  begin()
  hydrate(world.queryClient, JSON.parse(sent))
  Object.assign(world.rest, { answerMs: 60_000 })
  if (isFirst) stop = connect(world)
  world.mount(world.cardsQuery('7'))
  await world.pass(0)
  if (!isFirst) stop = connect(world)
  await world.pass(1_000)
  world.save('board:7', 'a', 'AA')
  await world.pass(100)
  expect(world.streams).toEqual(['board:7 after e1:1'])
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  await world.pass(70_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
  expect(world.fetches).toHaveLength(2)
  expect(world.streams).toHaveLength(1)
})

test('nor, where it has no cursor, from hearing what happens; what it lacks is read as soon as that read hangs', async () => {
  begin()
  world.queryClient.setQueryData(['cards', '7'], [...world.state('board:7')], { updatedAt: 1 })
  world.save('board:7', 'b', 'before the page')
  Object.assign(world.rest, { answerMs: 600_000 })
  stop = connect(world)
  world.mount(world.cardsQuery('7'))
  await world.pass(1_000)
  world.save('board:7', 'c', 'C')
  await world.pass(100)
  expect((world.data('cards', '7') as { id: string }[]).map(({ id }) => id)).toEqual(['a', 'c'])
  Object.assign(world.rest, { answerMs: 5 })
  await world.pass(12_000)
  expect(world.data('cards', '7')).toEqual(world.state('board:7'))
})
