// Shows what is noted of a real client and a real cache: events, gaps, joins, polls, mutations; and that nothing is while nobody looks.
import { type Frame, HubError, type Source } from '@sse-hub/core'
import { MutationObserver, QueryClient, QueryObserver } from '@tanstack/query-core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { tell } from '../activity.ts'
import { connectQueries } from '../connect.ts'
import { withCursor } from '../cursor.ts'
import { upsert } from '../reducers.ts'
import type { Card } from '../testing/world.ts'
import { liveQueryOptions } from '../testing/world.ts'
import { createInspectedClient } from './inspect.ts'
import { createRecorder, type Recorder } from './recorder.ts'

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }

function createScene() {
  let take: ((frames: readonly Frame[]) => void) | undefined
  let end: ((error: Error) => void) | undefined
  const answers: ((cards: Card[]) => void)[] = []
  const source: Source = {
    via: 'sse',
    async open(question) {
      // No source answers before it was asked.
      await undefined
      take = question.take
      const { topics, after } = question
      const gaps = after?.startsWith('old') ? [{ topics, from: after, to: 'e:9', reason: 'epoch' as const }] : []
      take([{ kind: 'sync', cursor: 'e:9', topics, gaps, user: 'ada', heartbeatMs: 20_000 }])
      return new Promise((_, reject) => {
        end = reject
      })
    },
  }
  const client = createInspectedClient({ url: '/api/sse', source, share: false, debounceMs: 0 })
  const queryClient = new QueryClient()
  const query = liveQueryOptions({
    queryKey: ['cards', '7'],
    queryFn: () => new Promise<Card[]>((resolve) => answers.push((cards) => resolve(withCursor(cards, 'e:9')))),
    topic: 'board:7',
    on: { 'card.saved': upsert(card) },
    fallback: { refetchInterval: 2_000 },
  })
  return {
    client,
    queryClient,
    recorder: createRecorder(client, queryClient),
    hear: (...frames: Frame[]) => take?.(frames),
    fail: (error: Error) => end?.(error),
    answer: (cards: Card[]) => answers.shift()?.(cards),
    mount: () => new QueryObserver(queryClient, query as never).subscribe(() => {}),
    // By chance, the second poll may come within a second of the first.
    connect: () => connectQueries({ client: client as never, queryClient, spreadMs: 0, random: { next: () => 0.5 } }),
  }
}
const event = (n: number, at = Date.now()): Frame => ({
  kind: 'event',
  event: {
    type: 'card.saved',
    topic: 'board:7',
    data: { id: 'a', title: `${n}`, version: n },
    at,
    id: `i${n}`,
    cursor: `e:${n}`,
  },
})

let scene: ReturnType<typeof createScene>
let stops: (() => void)[]
let recorder: Recorder
beforeEach(() => {
  vi.useFakeTimers()
  scene = createScene()
  recorder = scene.recorder
  stops = []
})
afterEach(() => {
  for (const stop of stops) stop()
  scene.client.close()
  vi.useRealTimers()
})
async function begin() {
  stops.push(recorder.start(), scene.connect(), scene.mount())
  // Time is virtual here, and the file that the first poll needs is not.
  await import('../fallback.ts')
  await vi.advanceTimersByTimeAsync(100)
  // Its topic is held from its cursor on.
  scene.answer([])
  await vi.advanceTimersByTimeAsync(200)
}

test('notes events with the time that they took, and what comes twice', async () => {
  await begin()
  scene.hear(event(10, Date.now() - 30), event(11, Date.now() - 20), event(11))
  await vi.advanceTimersByTimeAsync(200)
  const { arrivals, count, cursor, topics, heartbeatMs } = recorder.get()
  expect(arrivals.map(({ tookMs, isRepeat }) => [tookMs, isRepeat])).toEqual([
    [30, false],
    [20, false],
    [0, true],
  ])
  expect({ count, cursor, topics, heartbeatMs }).toEqual({
    count: 3,
    cursor: 'e:11',
    topics: [{ topic: 'board:7', state: 'live' }],
    heartbeatMs: 20_000,
  })
  recorder.clear()
  expect(recorder.get().arrivals).toEqual([])
})

test('keeps the newest 500', async () => {
  await begin()
  scene.hear(...Array.from({ length: 510 }, (_, i) => event(10 + i)))
  await vi.advanceTimersByTimeAsync(200)
  const { arrivals, count } = recorder.get()
  expect([arrivals.length, arrivals[0]?.n, count]).toEqual([500, 11, 510])
})

test('notes what an answer was joined with', async () => {
  await begin()
  void scene.queryClient.refetchQueries()
  await vi.advanceTimersByTimeAsync(10)
  scene.hear(event(10), event(11))
  scene.answer([{ id: 'a', title: '9', version: 9 }])
  await vi.advanceTimersByTimeAsync(200)
  const { joins, queries } = recorder.get()
  expect(joins).toMatchObject([{ events: 0 }, { key: 'cards,7', events: 2, cursor: 'e:9' }])
  expect(queries).toMatchObject([{ key: 'cards,7', state: 'live', fetches: 2 }])
})

test('notes a gap once, with the queries that are read again for it', async () => {
  await begin()
  scene.hear({ kind: 'gap', topics: ['board:7'], from: 'e:9', to: 'e:12', reason: 'trimmed' })
  await vi.advanceTimersByTimeAsync(200)
  const { gaps, queries } = recorder.get()
  expect(gaps).toMatchObject([
    { topics: ['board:7'], reason: 'trimmed', to: 'e:12', queries: ['cards,7'], isMade: false },
  ])
  expect(queries).toMatchObject([{ state: 'reading', fetches: 2 }])
})

test('counts polls while the hub is away, and those it spares while it is there', async () => {
  await begin()
  await vi.advanceTimersByTimeAsync(6_500)
  expect(recorder.get().queries).toMatchObject([{ polls: 0, avoided: 3 }])
  expect(recorder.get().lostAt).toBeUndefined()
  const lostAt = Date.now()
  scene.fail(new HubError('stopped', 'Go away.'))
  await vi.advanceTimersByTimeAsync(200)
  const [{ avoided = 0 } = {}] = recorder.get().queries
  // The first poll comes soon after a loss, the next one an interval later.
  await vi.advanceTimersByTimeAsync(1_300)
  expect(recorder.get()).toMatchObject({ status: { phase: 'stopped' }, lostAt, queries: [{ polls: 1, avoided }] })
  expect(recorder.get().steps.at(-1)).toMatchObject({ to: { phase: 'stopped' }, at: lostAt })
})

/** Answers whatever is read, until the query is in this state. */
async function answered(state: string): Promise<void> {
  const isSo = () => recorder.get().queries[0]?.state === state
  for (let tries = 0; tries < 50 && !isSo(); tries++) {
    scene.answer([])
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(recorder.get().queries).toMatchObject([{ state }])
}

test('says that a query polls once it was answered after the loss, and until then that it will', async () => {
  await begin()
  scene.fail(new HubError('stopped', 'Go away.'))
  await vi.advanceTimersByTimeAsync(200)
  expect(recorder.get().queries).toMatchObject([{ state: 'due' }])
  await vi.advanceTimersByTimeAsync(1_300)
  expect(recorder.get().queries).toMatchObject([{ state: 'reading', polls: 1 }])
  await answered('polling')
  scene.client.start()
  await vi.advanceTimersByTimeAsync(2_000)
  await answered('live')
  scene.fail(new HubError('stopped', 'Go away.'))
  await vi.advanceTimersByTimeAsync(200)
  expect(recorder.get().queries).toMatchObject([{ state: 'due' }])
})

test('shows mutations until they are over, and those that have failed', async () => {
  await begin()
  let fail = (_: Error) => {}
  const mutation = new MutationObserver(scene.queryClient, {
    mutationKey: ['move'],
    mutationFn: () => new Promise((_, reject) => (fail = reject)),
    // As optimistic updates keep it.
    onMutate: () => ({ id: 'm1', optimistic: [{ type: 'card.moved' }] }),
  })
  mutation.mutate(undefined).catch(() => {})
  await vi.advanceTimersByTimeAsync(200)
  expect(recorder.get().mutations).toMatchObject([{ name: 'move', state: 'sent', optimistic: ['card.moved'] }])
  fail(new Error('refused'))
  await vi.advanceTimersByTimeAsync(200)
  expect(recorder.get().mutations).toMatchObject([{ state: 'failed', error: 'Error: refused' }])
})

test('notes conflicts that are told', async () => {
  await begin()
  const { queryClient } = scene
  const conflict = { mine: 1, theirs: 2, base: 0, fields: [], queryKey: ['cards', '7'], event: undefined }
  tell({ kind: 'conflict', queryClient, conflict })
  tell({ kind: 'conflict', queryClient: new QueryClient(), conflict })
  await vi.advanceTimersByTimeAsync(200)
  expect(recorder.get().conflicts).toMatchObject([{ key: 'cards,7', sides: { mine: 1, theirs: 2, base: 0 } }])
})

test('tells at most ten times a second', async () => {
  await begin()
  let told = 0
  stops.push(recorder.subscribe(() => told++))
  for (let n = 10; n < 60; n++) {
    scene.hear(event(n))
    await vi.advanceTimersByTimeAsync(10)
  }
  expect(told).toBeGreaterThan(1)
  expect(told).toBeLessThanOrEqual(6)
})

test('notes nothing, and holds nothing, while nobody looks', async () => {
  stops.push(scene.connect(), scene.mount())
  await vi.advanceTimersByTimeAsync(100)
  scene.answer([])
  await vi.advanceTimersByTimeAsync(2_000)
  const before = vi.getTimerCount()
  scene.hear(event(10))
  expect(recorder.get().count).toBe(0)
  const stop = recorder.start()
  scene.hear(event(11))
  expect(vi.getTimerCount()).toBeGreaterThan(before)
  stop()
  scene.hear(event(12))
  await vi.advanceTimersByTimeAsync(500)
  expect(vi.getTimerCount()).toBe(before)
  expect(recorder.get().count).toBe(0)
  // It goes on where it was when somebody looks again.
  stops.push(recorder.start())
  await vi.advanceTimersByTimeAsync(200)
  expect(recorder.get().count).toBe(1)
})
