// @vitest-environment node
// Shows optimistic updates over the real hub on a real server, by seeds: two people change the same cards, requests fail, answers are lost, connections are cut.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createHubClient } from '@sse-hub/core'
import { createHub } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { MutationObserver, notifyManager, QueryClient, QueryObserver } from '@tanstack/query-core'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { hubJson } from './cursor.ts'
import { patch, remove, upsert } from './reducers.ts'
import { type C, type Card, connectQueries, contract, hubMutationOptions, liveQueryOptions } from './testing/world.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
// As frameworks render: after all that happens at one moment.
beforeAll(() => notifyManager.setScheduler(queueMicrotask))
afterAll(() => notifyManager.setScheduler((flush) => void setTimeout(flush, 0)))

/** The same numbers in [0, 1) for the same seed. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}

type Edit = { readonly id?: string; readonly title?: string }

/** A server of cards: the hub and REST on one port. */
async function serve(random: () => number) {
  const hub = createHub<C>({
    contract,
    authorize: () => ({ user: 'u1', read: ['board:7'] }),
    heartbeatMs: 200,
    retryMs: 20,
  })
  const handler = toNodeHandler(hub)
  const topic = 'board:7' as const
  let cards: Card[] = [{ id: 'a', title: 'A', version: 1 }]
  let made = 0
  const world = { isPeaceful: false }
  const pause = () => sleep(Math.floor(random() * 25))

  /** Changes a card, or makes or deletes one, and says so under the id that came with the request. */
  async function write({ id, title }: Edit, key: string): Promise<Card | undefined> {
    const old = cards.find((card) => card.id === id)
    if (id !== undefined && title === undefined) {
      cards = cards.filter((card) => card !== old)
      await hub.publish({ type: 'card.deleted', topic, data: { id }, id: key })
      return old
    }
    if (id !== undefined && !old) throw new Error('There is no such card')
    const next = { id: id ?? `n${made++}`, title: title ?? '', version: (old?.version ?? 0) + 1 }
    cards = old ? cards.map((card) => (card === old ? next : card)) : [...cards, next]
    await hub.publish({ type: old ? 'card.titled' : 'card.saved', topic, data: next, id: key })
    return next
  }
  async function answer(request: IncomingMessage): Promise<{ status: number; body?: unknown; cursor?: string }> {
    await pause()
    if (request.method === 'GET') {
      const cursor = await hub.cursor()
      const body = structuredClone(cards)
      await pause()
      return { status: 200, body, cursor }
    }
    const edit = (await json(request)) as Edit
    if (!world.isPeaceful && random() < 0.2) return { status: 503 }
    try {
      const body = await write(edit, String(request.headers['idempotency-key']))
      await pause()
      return !world.isPeaceful && random() < 0.1 ? { status: 0 } : { status: 200, body: body ?? {} }
    } catch {
      return { status: 409 }
    }
  }
  const server: Server = createServer((request, response) => {
    if (!request.url?.startsWith('/api/cards')) return void handler(request, response)
    const reply = async () => {
      const { status, body, cursor } = await answer(request)
      if (status === 0) response.destroy()
      else response.writeHead(status, cursor ? { 'hub-cursor': cursor } : {}).end(JSON.stringify(body ?? {}))
    }
    // Cut before it was read.
    reply().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  ends.push(async () => {
    server.closeAllConnections()
    server.close()
    await hub.close()
  })
  return {
    world,
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    cards: () => cards,
    cut: () => server.closeAllConnections(),
  }
}

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }

/** The page of one person. */
function browse(url: string, random: () => number, name: string) {
  const client = createHubClient<C>({
    url: `${url}/api/sse`,
    debounceMs: 5,
    lingerMs: 20,
    random: { next: () => random() / 20, id: () => `p-${name}-12345678` },
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
  const twice: string[] = []
  const data = () => (queryClient.getQueryData(['cards']) as Card[] | undefined) ?? []
  queryClient.getQueryCache().subscribe(
    notifyManager.batchCalls(() => {
      const titles = data().map(({ title }) => title)
      if (new Set(titles).size < titles.length) twice.push(titles.join(' '))
    }),
  )
  new QueryObserver(
    queryClient,
    liveQueryOptions({
      queryKey: ['cards'],
      queryFn: () => hubJson<Card[]>(fetch(`${url}/api/cards`)),
      topic: 'board:7',
      on: { 'card.saved': upsert(card), 'card.titled': patch(card), 'card.deleted': remove(card) },
    }),
  ).subscribe(() => {})
  const save = hubMutationOptions({
    mutationFn: (edit: Edit, { id }) =>
      hubJson<Card>(
        fetch(`${url}/api/cards`, { method: 'POST', headers: { 'idempotency-key': id }, body: JSON.stringify(edit) }),
      ),
    optimistic({ id, title }, run) {
      if (title === undefined) return { type: 'card.deleted', topic: 'board:7', data: { id: id ?? '' } }
      const type = id === undefined ? 'card.saved' : 'card.titled'
      return { type, topic: 'board:7', data: { id: id ?? run.id, title, version: 0 } }
    },
    response(data, { id, title }) {
      if (title === undefined) return { type: 'card.deleted', topic: 'board:7', data: { id: id ?? '' } }
      return { type: id === undefined ? 'card.saved' : 'card.titled', topic: 'board:7', data }
    },
  })
  ends.push(() => {
    stop()
    queryClient.clear()
    client.close()
  })
  return {
    client,
    queryClient,
    reports,
    twice,
    data,
    save: (edit: Edit) => void new MutationObserver(queryClient, save).mutate(edit).catch(() => {}),
  }
}

test.each([1, 2, 3, 4])(
  'both screens and the server agree when all is done (seed %i)',
  async (seed) => {
    const random = numbers(seed)
    const server = await serve(random)
    const pages = [browse(server.url, random, 'ada'), browse(server.url, random, 'ben')]
    for (const page of pages) await vi.waitFor(() => expect(page.data()).toHaveLength(1))
    for (let step = 0; step < 120; step++) {
      const page = pages[Math.floor(random() * 2)]
      const named = page?.data().filter(({ id }) => /^(a|n\d+)$/.test(id)) ?? []
      const some = named[Math.floor(random() * named.length)]
      const dice = random()
      if (dice < 0.3 || !some) page?.save({ title: `made ${step}` })
      else if (dice < 0.7) page?.save({ id: some.id, title: `changed ${step}` })
      else if (dice < 0.85) page?.save({ id: some.id })
      else if (dice < 0.88) server.cut()
      else void page?.queryClient.refetchQueries()
      await sleep(Math.floor(random() * 12))
    }
    server.world.isPeaceful = true
    await vi.waitFor(
      () => {
        for (const { data, queryClient, client } of pages) {
          expect(data().toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
            server.cards().toSorted((a, b) => (a.id < b.id ? -1 : 1)),
          )
          expect(queryClient.isMutating() + queryClient.isFetching()).toBe(0)
          expect(client.status.get().phase).toBe('live')
        }
      },
      { timeout: 20_000, interval: 20 },
    )
    for (const { twice, reports } of pages) expect({ twice, reports }).toEqual({ twice: [], reports: [] })
  },
  30_000,
)
