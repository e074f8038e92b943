// What leaves when: at the end of a turn, or, with `gatherMs`, so long after what left before; and to how many in one turn.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { authorize, contract, numbers, testClock, until } from '../fixtures/world.ts'
import { sharedGzip } from '../gzip.ts'
import { createHub } from '../hub.ts'
import type { HubOptions, Limits } from '../options.ts'
import { type Frame, frameOf } from '../wire/frames.ts'
import { createOutgoing } from './outgoing.ts'
import { Queue } from './queue.ts'
import { createRoster, type Member } from './roster.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const turns = async () => {
  for (let n = 0; n < 3; n++) await turn()
}

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

/** What readers share, without a hub: each counts how often it is written to, and how much; one that is slow takes one write and no more. */
function shareOf({ gatherMs = 0, ...limits }: { gatherMs?: number; bufferBytes: number; memoryBytes: number }) {
  const clock = testClock()
  const roster = createRoster({ connections: 1_000, connectionsPerUser: 1_000 })
  const flushes: number[] = []
  const flushed = (connections: number) => void flushes.push(connections)
  const outgoing = createOutgoing({ clock, limits: limits as Limits, roster, gatherMs, flushed })
  const enter = async (isSlow = false) => {
    const queue = new Queue(outgoing, { failed() {}, displaced() {} })
    const reader = { writes: 0, bytes: 0, frames: [] as Frame[], wrote() {} }
    const flush = () => {
      const may = queue.holds && queue.isBlocked
      if (may) queue.drop()
      return may
    }
    const member: Member = { user: null, phase: 'live', buffered: 0, end() {}, flush }
    roster.enter(member)
    const write = (frame: Frame) => {
      reader.bytes += frame.length
      reader.frames.push(frame)
      reader.wrote()
      return ++reader.writes > 0 && !isSlow
    }
    queue.attach({ write, pending: 0, end() {}, destroy() {} })
    queue.push(frameOf('x'))
    await clock.advance(gatherMs)
    await turns()
    reader.writes = reader.bytes = reader.frames.length = 0
    return { queue, reader, leave: () => roster.leave(member) }
  }
  return { clock, flushes, enter, bufferBytes: outgoing.bufferBytes, hurry: outgoing.hurry }
}

describe('where there are many', () => {
  /** Three hundred who are told a byte, after the first turn of which another is said. */
  async function crowd(gatherMs = 0) {
    const { enter, ...share } = shareOf({ gatherMs, bufferBytes: 20_000, memoryBytes: 300_000 })
    const readers: Awaited<ReturnType<typeof enter>>[] = []
    while (readers.length < 300) readers.push(await enter())
    // What each was told when it came is long ago.
    await share.clock.advance(gatherMs)
    const say = (bytes = 1) => readers.forEach(({ queue }) => void queue.push(frameOf('x'.repeat(bytes))))
    /** How many have been written to so often, and have so many bytes. */
    const heard = () => {
      const counts: Record<string, number> = {}
      for (const { reader } of readers) {
        const what = `${reader.writes}: ${reader.bytes}`
        counts[what] = (counts[what] ?? 0) + 1
      }
      return counts
    }
    say()
    await turn()
    const first = heard()
    say()
    return { ...share, say, heard, first }
  }

  test('some are written to in each turn, and the others take along what has come meanwhile', async () => {
    const { first, heard } = await crowd()
    expect(first).toEqual({ '1: 1': 128, '0: 0': 172 })
    await turn()
    expect(heard()).toEqual({ '1: 1': 128, '1: 2': 128, '0: 0': 44 })
    await turn()
    expect(heard()).toEqual({ '1: 1': 128, '1: 2': 172 })
    await turns()
    expect(heard()).toEqual({ '2: 2': 128, '1: 2': 172 })
  })

  test('who has been written to waits for gatherMs to be over, unless somebody is in a hurry', async () => {
    const { clock, heard } = await crowd(25)
    await turns()
    await clock.advance(24)
    await turns()
    expect(heard()).toEqual({ '1: 1': 128, '1: 2': 172 })
    await clock.advance(1)
    await turns()
    expect(heard()).toEqual({ '2: 2': 128, '1: 2': 172 })
    const other = await crowd(25)
    other.hurry()
    await turns()
    await turns()
    expect(other.heard()).toEqual({ '2: 2': 128, '1: 2': 172 })
    // It has been done.
    other.say()
    await turns()
    expect(other.heard()).toEqual({ '2: 2': 128, '1: 2': 172 })
    await other.clock.advance(25)
    await turns()
    expect(other.heard()).toEqual({ '3: 3': 128, '2: 3': 172 })
  })

  test('no time is waited for while there are some to write to', async () => {
    const { clock } = await crowd(25)
    expect(clock.pending()).toBe(0)
  })

  test('who was in a hurry with nothing to write was so for nothing', async () => {
    const { clock, hurry, enter } = shareOf({ gatherMs: 25, bufferBytes: 20_000, memoryBytes: 9_000 })
    const { queue, reader } = await enter()
    queue.push(frameOf('x'))
    await vi.waitUntil(() => reader.writes === 1)
    hurry()
    queue.push(frameOf('x'))
    await turns()
    expect([reader.writes, clock.pending()]).toEqual([1, 1])
  })

  test('who is in step shares what is joined, also where it leaves sooner, and until it has left', async () => {
    const { enter } = shareOf({ bufferBytes: 20_000, memoryBytes: 9_000 })
    const readers = [await enter(), await enter(), await enter()]
    const frames = [frameOf('a'), frameOf('b')]
    const say = () => {
      for (const { queue } of readers) for (const frame of frames) queue.push(frame)
    }
    say()
    for (const { queue } of readers.slice(1)) queue.flush()
    await turns()
    say()
    await turns()
    const [first, ...others] = readers.map(({ reader }) => reader.frames)
    for (const other of others) expect(other.map((frame, index) => frame === first?.[index])).toEqual([true, true])
    expect(first?.[0]).not.toBe(first?.[1])
  })

  test('all are written to in one turn where that is compressed, once for all of them', async () => {
    const { deflate, crc32 } = sharedGzip()
    let deflated = 0
    const { hub } = hubOf({
      limits: { connectionsPerUser: 200 },
      compression: {
        crc32,
        deflate(bytes) {
          deflated++
          return deflate(bytes)
        },
      },
    })
    const request = () =>
      new Request('http://hub/api/sse/events?topics=news', { headers: { 'accept-encoding': 'gzip' } })
    for (let n = 0; n < 200; n++) {
      const { body } = await hub.fetch(request())
      void body?.pipeTo(new WritableStream())
    }
    await until(() => expect(hub.stats().phases).toEqual({ live: 200 }))
    await turns()
    const before = deflated
    const say = (text: string) => hub.publish({ type: 'news.said', topic: 'news', data: { text: text.repeat(200) } })
    await say('a')
    await turn()
    await say('b')
    await turns()
    expect(deflated - before).toBe(2)
  })

  test('nobody waits for others where memory is short', async () => {
    const { say, heard, flushes } = await crowd()
    say(1_000)
    await turn()
    expect(heard()).toEqual({ '2: 1002': 128, '1: 1002': 172 })
    expect(flushes).toEqual([])
  })
})

describe('where more waits than memoryBytes', () => {
  const frame = (bytes: number) => frameOf('x'.repeat(bytes))

  test('one large event does not wait for more', async () => {
    const { clock, flushes, enter } = shareOf({ gatherMs: 500, bufferBytes: 20_000, memoryBytes: 9_000 })
    const { queue, reader } = await enter()
    queue.push(frame(10))
    await turns()
    queue.push(frame(10_000))
    expect([reader.writes, clock.pending()]).toEqual([1, 1])
    await turns()
    expect([reader.writes, clock.pending(), flushes]).toEqual([2, 0, []])
  })

  test('what is queued for others by a write is not forgotten', async () => {
    const { clock, enter } = shareOf({ gatherMs: 25, bufferBytes: 20_000, memoryBytes: 9_000 })
    const one = await enter()
    const other = await enter()
    one.queue.push(frame(1))
    await turns()
    one.reader.wrote = () => void other.queue.push(frame(2))
    one.queue.push(frame(10_000))
    await turns()
    one.reader.wrote = () => {}
    expect(clock.pending()).toBe(1)
    await clock.advance(25)
    await turns()
    expect(other.reader.bytes).toBe(2)
  })

  test('nobody is sent back for what leaves in the same turn, but for what waits any longer', async () => {
    const { flushes, enter } = shareOf({ bufferBytes: 20_000, memoryBytes: 9_000 })
    const slow = await enter(true)
    const live = await enter()
    slow.queue.push(frame(5_000))
    live.queue.push(frame(6_000))
    await turns()
    expect([live.reader.writes, slow.queue.buffered, flushes]).toEqual([1, 5_000, []])
    slow.queue.push(frame(6_000))
    await turns()
    expect([slow.queue.buffered, flushes]).toEqual([0, [1]])
  })

  test('what cannot be dropped does not have everybody hurry', async () => {
    const { clock, flushes, enter } = shareOf({ gatherMs: 25, bufferBytes: 20_000, memoryBytes: 9_000 })
    const slow = await enter(true)
    slow.queue.pass({ frame: frame(10_000) })
    await turns()
    const live = await enter()
    for (let ms = 0; ms < 100; ms++) {
      live.queue.push(frame(10))
      await clock.advance(1)
      await turns()
    }
    expect(live.reader.writes).toBeLessThanOrEqual(5)
    expect(flushes).toEqual([0])
    // What can be is, when it is enough to be worth it.
    slow.queue.push(frame(2_000))
    await turns()
    expect([slow.queue.buffered, flushes]).toEqual([10_000, [0, 1]])
    // And when that is gone, all is as it was.
    slow.queue.close(false)
    const another = await enter(true)
    another.queue.push(frame(9_500))
    await turns()
    expect([another.queue.buffered, flushes]).toEqual([0, [0, 1, 1]])
  })
})

test('a reader may have as much waiting as its share of the memory, which follows their number', async () => {
  const { enter, bufferBytes } = shareOf({ bufferBytes: 50_000, memoryBytes: 120_000 })
  const readers: { leave(): void }[] = []
  const shares: number[] = []
  for (let n = 0; n < 30; n++) {
    readers.push(await enter())
    shares.push(bufferBytes())
  }
  expect([1, 2, 4, 5, 9, 10, 30].map((count) => shares[count - 1])).toEqual([
    40_000,
    20_000,
    10_000,
    8_000,
    120_000 / 27,
    4_096,
    4_096,
  ])
  for (const { leave } of readers.splice(1)) leave()
  expect(bufferBytes()).toBe(40_000)
})
