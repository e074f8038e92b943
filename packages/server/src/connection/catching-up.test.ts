// Catching up with a log that answers more slowly than its tail runs, as one behind a network may: a connection becomes live all the same.
import { describe, expect, onTestFinished, test } from 'vitest'
import { authorize, contract, numbers } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import type { EventLog } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'
import { frameOf } from '../wire/frames.ts'
import { Ahead, MOST_AHEAD } from './ahead.ts'

const moved = (n: number) => ({ type: 'card.moved' as const, topic: 'board:7' as const, data: { n } })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A log whose reads each take some turns of the event loop, after which they tell of the moment in the middle. */
function slowLog(turns: number): EventLog {
  const log = memoryLog({ maxEvents: 100_000 })
  return {
    ...log,
    async read(after, options) {
      for (let waited = 0; waited < turns; waited++) await turn()
      const page = await log.read(after, options)
      for (let waited = 0; waited < turns; waited++) await turn()
      return page
    },
  }
}

/** A reader that takes whatever comes, of a hub that keeps nothing at hand. */
async function reading(log: EventLog, { missed = 0, bufferBytes = 262_144 } = {}) {
  const hub = createHub({ contract, authorize, log, limits: { bufferBytes, recentBytes: 1 } })
  onTestFinished(() => hub.close())
  const after = await hub.cursor()
  if (missed > 0) await hub.publish(numbers(missed).map(moved))
  const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=board:7&after=${after}`))
  let text = ''
  const decoder = new TextDecoder()
  const pump = async () => {
    for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) text += decoder.decode(bytes)
  }
  void pump()
  const seen = () => [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n))
  return { hub, seen, gaps: () => text.includes('hub.gap') }
}

describe('under traffic that never pauses', () => {
  test.each([
    [0, 1],
    [0, 20],
    [5_000, 5],
  ])('a reader %i behind, of a log whose answer takes 2 × %i turns, becomes live', async (missed, turns) => {
    const { hub, seen, gaps } = await reading(slowLog(turns), { missed })
    let n = missed
    let wentLive: number | undefined
    for (let turned = 1; turned <= 1_000; turned++) {
      await hub.publish([moved(++n), moved(++n)])
      await turn()
      if (hub.stats().phases.live) wentLive ??= turned
    }
    expect(wentLive).toBeLessThan(800)
    expect(hub.stats().phases).toEqual({ live: 1 })
    for (let turned = 0; turned < 10; turned++) await turn()
    expect(seen()).toEqual(numbers(n))
    expect([gaps(), hub.stats().fellBehind, hub.stats().delivered]).toEqual([false, 0, n])
  })

  test('what comes during one answer is kept within the bound, and read from the log when it is more', async () => {
    const bufferBytes = 10_000
    const { hub, seen, gaps } = await reading(slowLog(200), { bufferBytes })
    let most = 0
    for (const n of numbers(1_000)) {
      await hub.publish(moved(n))
      if (n % 5 === 0) await turn()
      most = Math.max(most, hub.stats().bufferedBytes)
    }
    expect(most).toBeGreaterThan(bufferBytes / 2)
    expect(most).toBeLessThanOrEqual(2 * bufferBytes)
    expect(hub.stats().phases.live).toBeUndefined()
    for (let turned = 0; !hub.stats().phases.live && turned < 20_000; turned++) await turn()
    await hub.publish(moved(1_001))
    await turn()
    await turn()
    expect(seen()).toEqual(numbers(1_001))
    expect([gaps(), hub.stats().bufferedBytes]).toEqual([false, 0])
  })

  test('what the tail leaves out during an answer is read from the log', async () => {
    const log = slowLog(10)
    let deaf = false
    const { hub, seen, gaps } = await reading({
      ...log,
      tail: (listener) =>
        log
          .tail({ reset: listener.reset, events: (events) => void (deaf || listener.events(events)) })
          .then((joined) => {
            tell = () => void log.head().then((to) => listener.reset({ reason: 'trimmed', to }))
            return joined
          }),
    })
    let tell = () => {}
    for (const n of numbers(60)) {
      deaf = n > 13 && n < 18
      await hub.publish(moved(n))
      if (n === 17) tell()
      await turn()
    }
    for (let turned = 0; turned < 100; turned++) await turn()
    expect(hub.stats().phases).toEqual({ live: 1 })
    expect([seen(), gaps()]).toEqual([numbers(60), false])
  })
})

describe('what came during a read', () => {
  const frame = frameOf('x'.repeat(10))
  const from = { epoch: 'e', position: 5 }

  test('is known after a place that is not before its beginning, of the same epoch', () => {
    const ahead = new Ahead(from, () => 100)
    for (const position of [6, 8, 9]) ahead.keep(frame, position)
    expect(ahead.after('e', 4)).toBeUndefined()
    expect(ahead.after('f', 5)).toBeUndefined()
    expect(ahead.after('e', 5)?.map(({ position }) => position)).toEqual([6, 8, 9])
    expect(ahead.after('e', 8)?.map(({ position }) => position)).toEqual([9])
    expect(ahead.after('e', 12)).toEqual([])
  })

  test('is forgotten as a whole when it is too much, and not begun in its middle', () => {
    const large = new Ahead(from, () => 100)
    for (const n of numbers(10)) large.keep(frame, 5 + n)
    expect(large.after('e', 5)?.length).toBe(10)
    for (const n of numbers(5)) large.keep(frame, 15 + n)
    expect([large.after('e', 5), large.after('e', 20), large.bytes]).toEqual([undefined, undefined, 0])
    const many = new Ahead(from, () => 1_000_000)
    for (const n of numbers(MOST_AHEAD)) many.keep(frame, 5 + n)
    expect(many.after('e', 5)?.length).toBe(MOST_AHEAD)
    many.keep(frame, 2_000)
    expect([many.after('e', 5), many.bytes]).toEqual([undefined, 0])
  })
})
