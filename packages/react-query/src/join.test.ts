// @vitest-environment node
// Shows that the cache equals the server's state, over the real hub on a real server that cuts, stalls and forgets: once with the whole binding, by seeds.
import { createServer, type RequestListener, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createHubClient } from '@sse-hub/core'
import { createHub, type Hub } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { afterEach, expect, test, vi } from 'vitest'
import { hubJson } from './cursor.ts'
import { patch, remove, upsert } from './reducers.ts'
import { type C, type Card, connectQueries, contract, liveQueryOptions } from './testing/world.ts'

// The client waits before it comes again, up to a second by chance, and machines are busy.
const within = { timeout: 10_000 }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** The same numbers in [0, 1) for the same seed. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}

/** A server of cards: the hub and REST on one port. REST takes its time between cursor, state and answer. */
async function serve(random: () => number, withCursors: boolean) {
  const fresh = (): Hub<C> =>
    createHub<C>({
      contract,
      authorize: () => ({ user: 'u1', read: ['board:7', 'board:8'] }),
      heartbeatMs: 200,
      retryMs: 20,
    })
  let hub = fresh()
  let handler = toNodeHandler(hub)
  const boards = new Map<string, Card[]>([
    ['7', []],
    ['8', []],
  ])
  const reads: string[] = []
  const pause = () => sleep(Math.floor(random() * 15))
  const answer: RequestListener = (request, response) => {
    const board = /^\/api\/cards\/(\d)$/.exec(request.url ?? '')?.[1]
    if (!board) return handler(request, response)
    const read = async () => {
      reads.push(board)
      await pause()
      const cursor = await hub.cursor()
      const body = JSON.stringify(boards.get(board))
      await pause()
      response.writeHead(200, withCursors ? { 'hub-cursor': cursor } : {}).end(body)
    }
    void read()
  }
  const server: Server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  ends.push(async () => {
    server.closeAllConnections()
    server.close()
    await hub.close()
  })
  return {
    url,
    boards,
    reads,
    /** Every connection breaks, in the middle of whatever it says. */
    cut: () => server.closeAllConnections(),
    /** The hub starts anew and remembers nothing. */
    async forget() {
      const old = hub
      hub = fresh()
      handler = toNodeHandler(hub)
      server.closeAllConnections()
      await old.close()
    },
    async change() {
      const board = random() < 0.5 ? '7' : '8'
      const cards = boards.get(board) ?? []
      const id = `c${Math.floor(random() * 8)}`
      const old = cards.find((card) => card.id === id)
      const topic = `board:${board}` as const
      if (old && random() < 0.3) {
        boards.set(
          board,
          cards.filter((card) => card !== old),
        )
        await hub.publish({ type: 'card.deleted', topic, data: { id } })
        return
      }
      // A card that is made again goes on from where its number stood: versions never fall.
      const next = { id, title: String(random()), version: Date.now() * 1_000 + reads.length + versions++ }
      boards.set(board, old ? cards.map((card) => (card === old ? next : card)) : [...cards, next])
      await hub.publish({ type: old ? 'card.titled' : 'card.saved', topic, data: next })
    },
  }
}
let versions = 0

function browse(url: string, random: () => number) {
  const client = createHubClient<C>({
    url: `${url}/api/sse`,
    debounceMs: 5,
    lingerMs: 20,
    random: { next: () => random() / 20, id: () => 'p-12345678' },
  })
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: 50, retryDelay: 10 } } })
  const reports: unknown[] = []
  const stop = connectQueries({
    client,
    queryClient,
    lingerMs: 20,
    spreadMs: 0,
    onReport: (report) => reports.push(report),
  })
  const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
  const mount = (name: string, board: '7' | '8') =>
    new QueryObserver(
      queryClient,
      liveQueryOptions({
        queryKey: [name, board],
        queryFn: () => hubJson<Card[]>(fetch(`${url}/api/cards/${board}`)),
        topic: `board:${board}`,
        on: { 'card.saved': upsert(card), 'card.titled': patch(card), 'card.deleted': remove(card) },
      }),
    ).subscribe(() => {})
  ends.push(() => {
    stop()
    queryClient.clear()
    client.close()
  })
  const byId = (cards: readonly Card[] = []) => cards.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return {
    client,
    queryClient,
    reports,
    mount,
    data: (name: string, board: string) => byId(queryClient.getQueryData([name, board])),
    byId,
  }
}

test.each([
  [1, true],
  [2, true],
  [3, false],
  [4, false],
  [5, true],
])(
  'what is mounted equals the server’s state when the faults stop (seed %i, cursors %s)',
  async (seed, withCursors) => {
    const random = numbers(seed)
    const server = await serve(random, withCursors)
    const page = browse(server.url, random)
    const stops: (() => void)[] = [page.mount('always', '7')]
    for (let step = 0; step < 150; step++) {
      const dice = random()
      if (dice < 0.7) await server.change()
      else if (dice < 0.76) stops.push(page.mount(`n${step % 4}`, random() < 0.5 ? '7' : '8'))
      else if (dice < 0.82) stops.splice(1, 1)[0]?.()
      else if (dice < 0.86) void page.queryClient.refetchQueries()
      else if (dice < 0.9) server.cut()
      else if (dice < 0.91) await server.forget()
      else await sleep(Math.floor(random() * 20))
    }
    const mounted = page.queryClient.getQueryCache().findAll({ type: 'active' })
    expect(mounted.length).toBeGreaterThan(0)
    await vi.waitFor(
      () => {
        for (const { queryKey } of mounted) {
          const [name, board] = queryKey as [string, string]
          expect(page.data(name, board)).toEqual(page.byId(server.boards.get(board)))
        }
        expect(page.client.status.get().phase).toBe('live')
        expect(page.queryClient.isFetching()).toBe(0)
      },
      { timeout: 20_000, interval: 20 },
    )
    expect(page.reports).toEqual([])
  },
  30_000,
)

test('reconnects without a gap cost no fetch, whatever is cut', async () => {
  const random = numbers(7)
  const server = await serve(random, true)
  const page = browse(server.url, random)
  page.mount('a', '7')
  page.mount('b', '8')
  await vi.waitFor(() => expect(page.client.status.topic('board:8')).toBe('live'), within)
  const { length } = server.reads
  for (let i = 0; i < 60; i++) {
    await server.change()
    if (i % 10 === 0) server.cut()
    await sleep(2)
  }
  await vi.waitFor(() => {
    expect(page.data('a', '7')).toEqual(page.byId(server.boards.get('7')))
    expect(page.data('b', '8')).toEqual(page.byId(server.boards.get('8')))
  }, within)
  expect(server.reads).toHaveLength(length)
})

test('a hub that forgot its log costs one fetch for each query', async () => {
  const random = numbers(8)
  const server = await serve(random, true)
  const page = browse(server.url, random)
  page.mount('a', '7')
  page.mount('b', '8')
  await vi.waitFor(() => expect(page.client.status.topic('board:8')).toBe('live'), within)
  await server.change()
  const before = server.reads.length
  await server.forget()
  await server.change()
  await vi.waitFor(() => {
    expect(page.client.status.get().phase).toBe('live')
    expect(server.reads.length).toBe(before + 2)
    expect(page.data('a', '7')).toEqual(page.byId(server.boards.get('7')))
    expect(page.data('b', '8')).toEqual(page.byId(server.boards.get('8')))
    expect(page.queryClient.isFetching()).toBe(0)
  }, within)
  await server.change()
  await vi.waitFor(() => expect(page.data('b', '8')).toEqual(page.byId(server.boards.get('8'))), within)
  expect(server.reads.length).toBe(before + 2)
})
