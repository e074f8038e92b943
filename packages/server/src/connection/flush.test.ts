// What waits for slow readers is bounded for the whole hub: each has its share, and what can be read again may be dropped at any time, without any loss.
import { defineContract } from '@sse-hub/core/contract'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { authorize, contract, numbers } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import { memoryLog } from '../logs/memory.ts'
import type { HubOptions } from '../options.ts'
import { frameOf, joinFrames } from '../wire/frames.ts'
import { Queue } from './queue.ts'

const pad = 'x'.repeat(200)
const said = (n: number) => ({ type: 'news.said' as const, topic: 'news' as const, data: { text: `${n} ${pad}` } })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const turns = async (count: number) => {
  for (let n = 0; n < count; n++) await turn()
}

/** A hub, and readers that take a chunk when they are told to. */
function hubOf(options: Partial<HubOptions<typeof contract>> = {}) {
  const hub = createHub({ contract, authorize, log: memoryLog({ maxEvents: 100_000 }), ...options })
  onTestFinished(() => hub.close())
  const open = async (query = '') => {
    const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=news${query}`))
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    /** Takes one chunk, or hears that there is none for now. */
    const take = async () => {
      const { value } = await reader.read()
      text += decoder.decode(value)
    }
    await take()
    return {
      take,
      /** Takes until it has heard of the last. */
      async all(last: number) {
        while (seen().at(-1) !== last) await take()
      },
      get text() {
        return text
      },
      seen: () => seen(),
    }
    function seen() {
      return [...text.matchAll(/"text":"(\d+) /g)].map(([, n]) => Number(n))
    }
  }
  return { hub, open }
}

describe('hub.flush()', () => {
  test('drops what waits for who does not read, who then gets everything once and in order', async () => {
    const { hub, open } = hubOf()
    const reader = await open()
    for (const n of numbers(50)) await hub.publish(said(n))
    await turn()
    expect(hub.stats()).toMatchObject({ phases: { live: 1 }, flushed: 0 })
    const before = hub.stats().bufferedBytes
    expect(before).toBeGreaterThan(50 * pad.length)
    expect(hub.flush()).toBe(1)
    expect(hub.stats()).toMatchObject({ phases: { reading: 1 }, flushed: 1 })
    expect(hub.stats().bufferedBytes).toBeLessThan(before / 10)
    expect(hub.flush()).toBe(0)
    await hub.publish(said(51))
    await reader.all(51)
    expect(reader.seen()).toEqual(numbers(51))
    expect(reader.text).not.toContain('hub.gap')
    await turns(3)
    expect(hub.stats().phases).toEqual({ live: 1 })
  })

  test.each([1, 2, 3, 4, 5, 6])(
    'at any moment, to readers that take their time: nothing is lost or doubled (%i)',
    async (seed) => {
      // A hub that keeps little at hand, so that the log is read as well.
      const { hub, open } = hubOf({ limits: { bufferBytes: 4_000, recentBytes: 10_000 } })
      let state = seed * 7_919
      const chance = (one: number) => {
        state = (state * 48_271) % 2_147_483_647
        return state % one === 0
      }
      const readers = [await open(), await open(), await open()]
      const taking = new Map<object, Promise<void>>()
      let flushed = 0
      for (const n of numbers(1_500)) {
        await hub.publish(said(n))
        for (const reader of readers) {
          if (taking.has(reader) || !chance(3)) continue
          taking.set(
            reader,
            reader.take().finally(() => taking.delete(reader)),
          )
        }
        if (chance(4)) flushed += hub.flush()
        if (chance(2)) await turn()
      }
      await Promise.all(taking.values())
      expect(flushed).toBeGreaterThan(20)
      for (const reader of readers) {
        await reader.all(1_500)
        expect(reader.seen()).toEqual(numbers(1_500))
        expect(reader.text).not.toContain('hub.gap')
      }
    },
  )

  test('keeps what only this stream knows, which is where it starts, and what it lacks', () => {
    const frame = frameOf('x'.repeat(10))
    const written: number[] = []
    const held = vi.fn()
    const queue = new Queue(
      { bufferBytes: () => 1_000, flushSoon() {}, join: joinFrames, held },
      { failed() {}, displaced() {} },
    )
    const waits = () => held.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0)
    queue.push(frame, true)
    expect(queue.holds).toBe(false)
    queue.push(frame)
    queue.push(frame, true)
    queue.push(frame)
    queue.pass({ frame })
    expect([queue.holds, waits()]).toEqual([true, 50])
    queue.drop()
    expect([queue.holds, waits()]).toEqual([false, 40])
    queue.attach({
      write: ({ bytes }) => written.push(bytes.length) > 0,
      end() {},
      destroy() {},
      pending: 0,
    })
    expect([written, waits()]).toEqual([[40], 0])
    queue.push(frame)
    expect(queue.holds).toBe(true)
  })

  test('while a validator takes its time, of which the next answer is not mixed up with the one before', async () => {
    let isSlow = false
    const slowly = z.object({ text: z.string() }).refine(async () => {
      if (isSlow) await turns(3)
      return true
    })
    const slow = defineContract({ topics: ['news'], events: { 'news.said': { topic: 'news', data: slowly } } })
    const log = memoryLog({ maxEvents: 100_000 })
    const authorize = () => ({ read: ['news'] })
    const writer = createHub({ contract: slow, authorize, log })
    // Another node: it has to look at each event itself.
    const hub = createHub({ contract: slow, authorize, log, limits: { recentBytes: 1, bufferBytes: 2_000 } })
    for (const each of [writer, hub]) onTestFinished(() => each.close())
    const after = await hub.cursor()
    await writer.publish(numbers(40).map(said))
    isSlow = true
    const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=news&after=${after}`))
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    let text = ''
    const seen = () => [...text.matchAll(/"text":"(\d+) /g)].map(([, n]) => Number(n))
    let flushed = 0
    while (seen().at(-1) !== 40) {
      const read = reader.read()
      for (let n = 0; n < 7; n++) {
        await turn()
        flushed += hub.flush()
      }
      text += new TextDecoder().decode((await read).value)
    }
    expect(flushed).toBeGreaterThan(3)
    expect(seen()).toEqual(numbers(40))
  })
})

describe('limits.memoryBytes', () => {
  test('gives each connection a third of its share, where these are many', async () => {
    const { hub, open } = hubOf({ limits: { memoryBytes: 300_000 } })
    const readers = await Promise.all(numbers(10).map(() => open()))
    for (const n of numbers(300)) {
      await hub.publish(said(n))
      await turn()
    }
    expect(hub.stats()).toMatchObject({ phases: { reading: 10 }, flushed: 0 })
    expect(hub.stats().bufferedBytes).toBeLessThanOrEqual(200_000)
    for (const reader of readers) {
      await reader.all(300)
      expect(reader.seen()).toEqual(numbers(300))
    }
  })

  test('when events are too large for that, has what waits dropped by itself', async () => {
    const memoryBytes = 100_000
    const { hub, open } = hubOf({ limits: { memoryBytes } })
    const readers = await Promise.all(numbers(10).map(() => open()))
    const large = (n: number) => ({ ...said(n), data: { text: `${n} ${'y'.repeat(30_000)}` } })
    for (const n of numbers(10)) {
      await hub.publish(large(n))
      await turns(2)
    }
    expect(hub.stats().flushed).toBeGreaterThanOrEqual(10)
    // What the streams themselves have taken cannot be taken back: one event each.
    expect(hub.stats().bufferedBytes).toBeLessThan(memoryBytes + 10 * 31_000)
    for (const reader of readers) {
      await reader.all(10)
      expect(reader.seen()).toEqual(numbers(10))
    }
  })
})

test('many who come back to one place cost no read of the log, and one encoding of each event', async () => {
  const log = memoryLog({ maxEvents: 100_000 })
  let reads = 0
  const { hub, open } = hubOf({
    log: {
      ...log,
      read(...asked) {
        reads++
        return log.read(...asked)
      },
    },
  })
  await open()
  const after = await hub.cursor()
  await hub.publish(numbers(1_000).map(said))
  const readers = await Promise.all(numbers(50).map(() => open(`&after=${after}`)))
  for (const reader of readers) {
    await reader.all(1_000)
    expect(reader.seen()).toEqual(numbers(1_000))
  }
  expect(reads).toBe(0)
  await turns(3)
  expect(hub.stats().phases).toEqual({ live: 50, reading: 1 })
})
