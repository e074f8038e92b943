// What leaves when: at the end of a turn, or, with `gatherMs`, so long after what left before.
import { describe, expect, onTestFinished, test } from 'vitest'
import { authorize, contract, numbers, testClock, until } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import type { HubOptions, Limits } from '../options.ts'
import { createOutgoing } from './outgoing.ts'
import { createRoster, type Member } from './roster.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A hub on a clock of its own, which ends with the test. */
function hubOf(options: Partial<HubOptions<typeof contract>>) {
  const clock = testClock()
  const hub = createHub({ contract, authorize, clock, heartbeatMs: 1_000_000, ...options })
  onTestFinished(async () => {
    const closed = hub.close()
    await clock.advance(10_000)
    await closed
  })
  return { clock, hub }
}

/** A hub, and a reader of it. */
async function readerOf(gatherMs?: number) {
  const { clock, hub } = hubOf(gatherMs === undefined ? {} : { gatherMs })
  return { clock, ...(await follow(clock, hub)) }
}

/** A reader that notes what comes chunk by chunk: the numbers of the events in each. */
async function follow(clock: ReturnType<typeof testClock>, hub: ReturnType<typeof hubOf>['hub']) {
  const { body } = await hub.fetch(new Request('http://hub/api/sse/events?topics=news'))
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  const chunks: number[][] = []
  let isOpen = false
  const read = async (): Promise<void> => {
    const { done, value } = await reader.read()
    if (done) return
    const text = decoder.decode(value)
    if (text.includes('hub.sync')) isOpen = true
    const numbers = [...text.matchAll(/"text":"(\d+)"/g)].map(([, n]) => Number(n))
    if (numbers.length > 0) chunks.push(numbers)
    return read()
  }
  void read()
  await until(() => expect([isOpen, Object.keys(hub.stats().phases)]).toEqual([true, ['live']]))
  // What it has been sent so far is long ago.
  await clock.advance(1_000)
  const say = async (...numbers: number[]) => {
    for (const n of numbers) void hub.publish({ type: 'news.said', topic: 'news', data: { text: String(n) } })
    for (let n = 0; n < 5; n++) await turn()
  }
  return { chunks, say }
}

describe('what comes in one turn of the event loop', () => {
  test('leaves at its end, as one write', async () => {
    const { chunks, say } = await readerOf()
    await say(1, 2)
    await say(3)
    await say(4)
    expect(chunks).toEqual([[1, 2], [3], [4]])
  })
})

describe('with gatherMs', () => {
  test('what comes after a while leaves at once, and what comes soon after that waits, together, for the time to be over', async () => {
    const { clock, chunks, say } = await readerOf(25)
    await say(1)
    expect(chunks).toEqual([[1]])
    await clock.advance(10)
    await say(2)
    await clock.advance(10)
    await say(3)
    await clock.advance(4)
    await say(4)
    expect(chunks).toEqual([[1]])
    await clock.advance(1)
    await say(5)
    expect(chunks).toEqual([[1], [2, 3, 4]])
    await clock.advance(25)
    await turn()
    expect(chunks).toEqual([[1], [2, 3, 4], [5]])
    await clock.advance(25)
    await say(6)
    expect(chunks.at(-1)).toEqual([6])
  })

  test('who catches up does not wait', async () => {
    const { hub } = hubOf({ gatherMs: 500, limits: { bufferBytes: 4_096, recentBytes: 1 } })
    const after = await hub.cursor()
    for (const n of numbers(1_000)) await hub.publish({ type: 'news.said', topic: 'news', data: { text: String(n) } })
    const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=news&after=${after}`))
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    while (!text.includes('"text":"1000"')) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value)
    }
    expect([...text.matchAll(/"text":"(\d+)"/g)].map(([, n]) => Number(n))).toEqual(numbers(1_000))
  })

  test('what waits does not wait for more where memory is short', async () => {
    const memoryBytes = 9_000
    const { clock, hub } = hubOf({ gatherMs: 500, limits: { memoryBytes } })
    const readers = [await follow(clock, hub), await follow(clock, hub), await follow(clock, hub)] as const
    const [{ chunks, say }] = readers
    await say(1)
    let last = 1
    let most = 0
    while (chunks.length === 1 && last < 100) {
      await say(++last)
      most = Math.max(most, hub.stats().bufferedBytes)
    }
    for (const reader of readers) expect(reader.chunks).toEqual([[1], numbers(last).slice(1)])
    expect(most).toBeGreaterThan(memoryBytes / 2)
    expect(most).toBeLessThanOrEqual(memoryBytes)
    expect(hub.stats()).toMatchObject({ phases: { live: 3 }, flushed: 0 })
  })

  test('a clock that was set back keeps nobody waiting for longer', async () => {
    const { clock, chunks, say } = await readerOf(25)
    let backMs = 0
    const { now } = clock
    clock.now = () => now() - backMs
    await say(1)
    backMs = 60_000
    await say(2)
    await clock.advance(25)
    await turn()
    expect(chunks).toEqual([[1], [2]])
  })
})

test('a reader may have as much waiting as its share of the memory, which follows their number', () => {
  const roster = createRoster({ connections: 1_000, connectionsPerUser: 1_000 })
  const limits = { bufferBytes: 20_000, memoryBytes: 120_000 } as Limits
  const { bufferBytes } = createOutgoing({ clock: testClock(), limits, roster, gatherMs: 0, flushed: () => {} })
  const members = numbers(100).map((n): Member => ({ user: `u${n}`, phase: 'live', buffered: 0, end: () => {} }))
  const shares: number[] = []
  for (const member of members) {
    roster.enter(member)
    shares.push(bufferBytes())
  }
  expect([1, 2, 4, 5, 9, 10, 100].map((count) => shares[count - 1])).toEqual([
    20_000,
    20_000,
    10_000,
    8_000,
    120_000 / 27,
    4_096,
    4_096,
  ])
  for (const member of members.slice(4)) roster.leave(member)
  expect(bufferBytes()).toBe(10_000)
})
