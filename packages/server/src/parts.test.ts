// The small pure parts: shared frames, the token bucket, waits that are bounded.
import { describe, expect, test } from 'vitest'
import { createRateLimit } from './bucket.ts'
import { numbers, testClock } from './fixtures/world.ts'
import { createBeats, createJoiner, frameOf, joinFrames } from './frames.ts'
import { within } from './within.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe('frames', () => {
  test.each(['', 'a', 'é€😀', 'x'.repeat(70_000)])(
    'the chunk of %j is its size in hexadecimal, its bytes, and line ends',
    (given) => {
      const frame = frameOf(given)
      expect(text(frame.bytes)).toBe(given)
      expect(text(frame.chunk())).toBe(`${Buffer.byteLength(given).toString(16)}\r\n${given}\r\n`)
      expect(frame.chunk()).toBe(frame.chunk())
    },
  )

  test('joined are one frame; one alone is itself', () => {
    const [a, b] = [frameOf('a\n\n'), frameOf('é\n\n')]
    expect(text(joinFrames([a, b]).chunk())).toBe('7\r\na\n\né\n\n\r\n')
    expect(joinFrames([a])).toBe(a)
    expect(joinFrames([]).bytes.length).toBe(0)
  })

  test('connections in step share one concatenation', () => {
    const [a, b, c] = [frameOf('a'), frameOf('b'), frameOf('c')]
    const join = createJoiner()
    expect(join([a, b])).toBe(join([a, b]))
    expect(join([a, b])).not.toBe(join([a, c]))
    expect(text(join([b, a]).bytes)).toBe('ba')
    expect(text(join([a, b, c]).bytes)).toBe('abc')
  })

  test('idle connections in step share one beat', () => {
    const beat = createBeats()
    expect(beat('e', 1)).toBe(beat('e', 1))
    expect(text(beat('e', 2).bytes)).toBe('event: hub.beat\nid: e:2\ndata:\n\n')
    expect(text(beat('f', 2).bytes)).toBe('event: hub.beat\nid: f:2\ndata:\n\n')
  })
})

describe('the rate limit', () => {
  test('lets a burst of ten seconds through, then so many a second', async () => {
    const clock = testClock()
    const limit = createRateLimit(clock, 10)
    expect(limit('u', 60)).toBe(0)
    expect(limit('u', 60)).toBe(2_000)
    expect(limit('v', 100)).toBe(0)
    await clock.advance(1_999)
    expect(limit('u', 60)).toBe(1)
    await clock.advance(1)
    expect(limit('u', 60)).toBe(0)
    expect(limit('u', 1)).toBe(100)
    await clock.advance(1_000_000)
    expect(limit('u', 101)).toBe(0)
    expect(limit('u', 1)).toBe(100)
  })

  test('a clock that goes back takes nothing away', async () => {
    let now = 1_000
    const limit = createRateLimit({ ...testClock(), now: () => now }, 10)
    expect(limit('u', 100)).toBe(0)
    now = 0
    expect(limit('u', 1)).toBe(100)
    now = 100
    expect(limit('u', 1)).toBe(0)
  })

  test('remembers a bounded number of users, the latest', () => {
    const limit = createRateLimit(testClock(), 1)
    expect(limit('first', 10)).toBe(0)
    expect(limit('second', 10)).toBe(0)
    for (const n of numbers(9_998)) limit(`other-${n}`, 1)
    expect(limit('first', 1)).toBe(1_000)
    limit('one-more', 1)
    expect(limit('first', 1)).toBe(1_000)
    expect(limit('second', 1)).toBe(0)
  })
})

describe('a bounded wait', () => {
  test('settles as the promise does, and leaves no timer', async () => {
    const clock = testClock()
    expect(await within(clock, 10, 'it', Promise.resolve(1))).toBe(1)
    await expect(within(clock, 10, 'it', Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(clock.pending()).toBe(0)
  })

  test('rejects in the end', async () => {
    const clock = testClock()
    const waiting = expect(within(clock, 10, 'The log', new Promise(() => {}))).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
      message: 'The log did not answer within 10 ms',
    })
    await clock.advance(10)
    await waiting
  })
})
