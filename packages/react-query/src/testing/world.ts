// A small server of cards in virtual time, read through the real client: REST that reads and answers when a test says, and a log that streams, drops and refuses.
import { createHubClient, type Frame, type HubClient, HubError, type Source } from '@sse-hub/core'
import { defineContract } from '@sse-hub/core/contract'
import {
  type InfiniteData,
  InfiniteQueryObserver,
  QueryClient,
  type QueryObserver,
  QueryObserver as RealObserver,
} from '@tanstack/query-core'
import { z } from 'zod'
import { type VirtualClock, virtualClock } from '../../../core/src/testing/virtual-clock.ts'
import type { ConnectOptions } from '../connect.ts'
import { withCursor } from '../cursor.ts'
import type { QueryReport } from '../entry.ts'
import { createHubQuery } from '../hub-query.ts'
import { invalidate, patch, remove, upsert } from '../reducers.ts'

export interface Card {
  id: string
  title: string
  version: number
  colour?: string | undefined
}

export const contract = defineContract({
  topics: ['board', 'news'],
  events: {
    'card.saved': { topic: 'board', data: z.object({ id: z.string(), title: z.string(), version: z.number() }) },
    'card.titled': { topic: 'board', data: z.object({ id: z.string(), title: z.string(), version: z.number() }) },
    'card.coloured': { topic: 'board', data: z.object({ id: z.string(), colour: z.string(), version: z.number() }) },
    'card.deleted': { topic: 'board', data: z.object({ id: z.string() }) },
    'board.changed': { topic: 'board', data: z.object({}) },
    'news.said': { topic: 'news', data: z.object({ id: z.string(), title: z.string(), version: z.number() }) },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.string() }) },
    'theme.picked': { data: z.object({ theme: z.string() }), emit: true },
  },
})
export type C = typeof contract

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
export const { liveQueryOptions, liveInfiniteQueryOptions, hubMutationOptions, connectQueries } = createHubQuery<C>()

/** A server, its network, one client and one cache. */
export interface World {
  readonly clock: VirtualClock
  readonly client: HubClient<C>
  readonly queryClient: QueryClient
  readonly reports: QueryReport[]
  /** What REST was asked for, by key; and how often in all. */
  readonly fetches: string[]
  /** How many streams were opened, and with which query. */
  readonly streams: string[]
  /** REST: the state is read after `readMs`, and the answer arrives `answerMs` later. A cache or a replica is `behind` by so many changes. */
  rest: { readMs: number; answerMs: number; cursors: boolean; fails: boolean; behind?: number; cursor?: string }
  /** The server's cards of a topic. */
  state(topic: string): Card[]
  /** They as they were so many changes ago. */
  past(topic: string, changes: number): Card[]
  /** Commits a card and its event, which may be given its id. */
  save(topic: string, id: string, title: string, eventId?: string): Card
  /** Changes nothing of a card but its colour. */
  colour(topic: string, id: string, colour: string, eventId?: string): Card
  delete(topic: string, id: string, eventId?: string): void
  /** Publishes any event, for which the state does not change. */
  publish(topic: string, type: string, data: unknown, id?: string): void
  /** Every stream ends, and none begins until `up`. */
  down(): void
  up(): void
  /** The log forgets all that it holds, or becomes another one. */
  trim(): void
  wipe(): void
  /** Commits a card whose event cannot be delivered, which is announced as a gap. */
  lose(topic: string, id: string, title: string): void
  refuse(topic: string): void
  /** Asks REST for the cards of a topic, or some of them, as a query function does. */
  cards(topic: string, of?: (card: Card) => boolean): Promise<Card[]>
  cardsQuery(board: string): ReturnType<typeof cardsQueryOf>
  /** Mounts an infinite query of the cards c0, c1 and c2, one on each page. */
  mountPages(board: string): (() => void) & { readonly observer: InfiniteQueryObserver }
  /** Mounts a query; the answer unmounts it. */
  mount(options: Options): Mounted
  /** Moves virtual time. */
  pass(ms: number): Promise<void>
  /** The data of a key in the cache. */
  data(...key: unknown[]): unknown
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the data
type Options = ConstructorParameters<typeof QueryObserver<any, any, any, any, any>>[1]
interface Mounted {
  (): void
  readonly observer: QueryObserver
}

const cardsQueryOf = (world: World, board: string) =>
  liveQueryOptions({
    queryKey: ['cards', board],
    queryFn: () => world.cards(`board:${board}`),
    topic: `board:${board}`,
    on: {
      'card.saved': upsert(card),
      'card.titled': patch(card),
      'card.coloured': patch(card),
      'card.deleted': remove(card),
      'board.changed': invalidate(),
    },
    fallback: { refetchInterval: 10_000 },
  })

const pagesOf = (world: World, board: string) => {
  const each =
    <E extends { readonly data: { readonly id: string } }>(pageOf: (page: Card[], event: E) => Card[]) =>
    ({ pages, pageParams }: InfiniteData<Card[], number>, event: E) => ({
      pageParams,
      pages: pages.map((page, i) => (event.data.id === `c${pageParams[i]}` ? pageOf(page, event) : page)),
    })
  return liveInfiniteQueryOptions({
    queryKey: ['pages', board],
    queryFn: ({ pageParam }) => world.cards(`board:${board}`, ({ id }) => id === `c${pageParam}`),
    initialPageParam: 0,
    getNextPageParam: (_, all) => (all.length < 3 ? all.length : undefined),
    topic: `board:${board}`,
    on: { 'card.saved': each(upsert(card)), 'card.deleted': each(() => []) },
  })
}

export function createWorld(): World {
  const clock = virtualClock()
  const cards = new Map<string, Card[]>()
  // Versions go on when a card is deleted and made again.
  const versions = new Map<string, number>()
  const refused = new Set<string>()
  const open = new Set<(frame: Frame | 'end', topic?: string) => void>()
  let epoch = 'e1'
  let head = 0
  let trimmed = 0
  let isDown = false
  let log: { at: number; topic: string; frame: Frame }[] = []
  // What REST could have answered after each change.
  const past: { readonly cursor: string; readonly cards: ReadonlyMap<string, Card[]> }[] = []

  const cursor = () => `${epoch}:${head}`
  const wait = (ms: number) => (ms > 0 ? new Promise<void>((resolve) => clock.after(ms, resolve)) : Promise.resolve())

  const source: Source = {
    via: 'sse',
    async open({ topics, after, take }) {
      world.streams.push(`${topics.join(',')}${after ? ` after ${after}` : ''}`)
      await wait(20)
      if (isDown) throw new HubError('network', 'The server is down.', { retryable: true })
      const granted = topics
        .map((topic) => (topic === 'user' ? 'user:u1' : topic))
        .filter((topic) => !refused.has(topic))
      const [of, position] = after?.split(':') ?? []
      const known = of === epoch && Number(position) >= trimmed
      const from = known ? Number(position) : head
      const reason = of === epoch ? 'trimmed' : 'epoch'
      const gaps = after === undefined || known ? [] : [{ topics: granted, to: cursor(), reason } as const]
      let queue: (Frame | 'end')[] = log
        .filter(({ at, topic }) => at > from && granted.includes(topic))
        .map(({ frame }) => frame)
      let wake = () => {}
      const push = (frame: Frame | 'end', topic?: string) => {
        if (topic !== undefined && !granted.includes(topic)) return
        queue.push(frame)
        wake()
      }
      open.add(push)
      take([{ kind: 'sync', cursor: `${epoch}:${from}`, topics: granted, gaps, user: 'u1', heartbeatMs: 0 }])
      for (;;) {
        const frames = queue
        queue = []
        if (frames.includes('end')) return
        if (frames.length > 0) take(frames.filter((frame) => frame !== 'end'))
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }

  const append = (topic: string, frame: Frame) => {
    log.push({ at: head, topic, frame })
    past.push({ cursor: cursor(), cards: new Map(cards) })
    for (const push of open) push(frame, topic)
  }

  const publish: World['publish'] = (topic, type, data, id) => {
    head++
    append(topic, { kind: 'event', event: { type, topic, data, at: head, id: id ?? `i${head}`, cursor: cursor() } })
  }

  const commit = (topic: string, id: string, part: Partial<Card>) => {
    const list = world.state(topic)
    const version = (versions.get(`${topic} ${id}`) ?? 0) + 1
    versions.set(`${topic} ${id}`, version)
    const old = list.find((each) => each.id === id)
    const card = { title: '', ...old, ...part, id, version }
    cards.set(topic, old ? list.map((each) => (each === old ? card : each)) : [...list, card])
    return card
  }

  const world: World = {
    clock,
    client: createHubClient<C>({
      url: 'http://hub.test',
      source,
      clock,
      random: { next: () => 0.5, id: () => 'p-12345678' },
    }),
    queryClient: new QueryClient({ defaultOptions: { queries: { retry: false } } }),
    reports: [],
    fetches: [],
    streams: [],
    rest: { readMs: 5, answerMs: 5, cursors: true, fails: false },
    state: (topic) => cards.get(topic) ?? [],
    past: (topic, changes) => past.at(-1 - changes)?.cards.get(topic) ?? [],
    save(topic, id, title, eventId) {
      const card = commit(topic, id, { title })
      publish(topic, topic.startsWith('news') ? 'news.said' : 'card.saved', card, eventId)
      return card
    },
    colour(topic, id, colour, eventId) {
      const card = commit(topic, id, { colour })
      publish(topic, 'card.coloured', { id, colour, version: card.version }, eventId)
      return card
    },
    delete(topic, id, eventId) {
      cards.set(
        topic,
        world.state(topic).filter((each) => each.id !== id),
      )
      publish(topic, 'card.deleted', { id }, eventId)
    },
    publish,
    down() {
      isDown = true
      for (const push of open) push('end')
      open.clear()
    },
    up() {
      isDown = false
      world.client.start()
    },
    trim() {
      trimmed = head
      log = []
    },
    wipe() {
      epoch = `e${Number(epoch.slice(1)) + 1}`
      head = trimmed = 0
      log = []
    },
    lose(topic, id, title) {
      const from = cursor()
      commit(topic, id, { title })
      head++
      append(topic, { kind: 'gap', topics: [topic], from, to: cursor(), reason: 'schema' })
    },
    refuse: (topic) => void refused.add(topic),
    async cards(topic, of = () => true) {
      world.fetches.push(topic)
      const { readMs, answerMs, cursors } = world.rest
      await wait(readMs)
      const { behind = 0 } = world.rest
      const old = behind > 0 ? past.at(-1 - behind) : undefined
      const seen = structuredClone(old ? world.past(topic, behind) : world.state(topic)).filter(of)
      const at = world.rest.cursor ?? old?.cursor ?? cursor()
      await wait(answerMs)
      if (world.rest.fails) throw new Error('REST is down')
      return cursors ? withCursor(seen, at) : seen
    },
    mountPages(board) {
      const observer = new InfiniteQueryObserver(world.queryClient, pagesOf(world, board))
      return Object.assign(
        observer.subscribe(() => {}),
        { observer: observer as unknown as InfiniteQueryObserver },
      )
    },
    cardsQuery: (board) => cardsQueryOf(world, board),
    mount(options) {
      const observer = new RealObserver(world.queryClient, options)
      return Object.assign(
        observer.subscribe(() => {}),
        { observer: observer as QueryObserver },
      )
    },
    pass: (ms) => clock.advance(ms),
    data: (...key) => world.queryClient.getQueryData(key),
  }
  return world
}

/** Connects the world's cache, as an application does. */
export function connect(
  world: World,
  lingerMs?: number,
  more: Pick<ConnectOptions<C>, 'resolve' | 'onConflict' | 'spreadMs' | 'random'> = {},
): () => void {
  return connectQueries({
    client: world.client,
    queryClient: world.queryClient,
    clock: world.clock,
    random: { next: () => 0.5 },
    // There is one page: nothing is to be spread, unless a test says so.
    spreadMs: 0,
    onReport: (report) => world.reports.push(report),
    ...(lingerMs === undefined ? {} : { lingerMs }),
    ...more,
  })
}
