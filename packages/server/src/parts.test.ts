// The small pure parts: shared frames, the token bucket, rounds, waits that are bounded.
import { describe, expect, test } from 'vitest'
import { createRateLimit } from './bucket.ts'
import { numbers, testClock } from './fixtures/world.ts'
import { createBeats, createJoiner, frameOf, joinFrames } from './frames.ts'
import { createRounds } from './rounds.ts'
import { within } from './within.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe('frames', () => {
  test.each(['', 'a', 'é€😀', 'x'.repeat(70_000)])(
    'the chunk of %j is its size in hexadecimal, its bytes, and line ends',
    (given) => {
      const frame = frameOf(given)
      const chunk = `${Buffer.byteLength(given).toString(16)}\r\n${given}\r\n`
      expect(frame.length).toBe(Buffer.byteLength(given))
      expect(frame.chunk()).toBe(chunk)
      const shared = frame.chunk() as Uint8Array
      expect(text(shared)).toBe(chunk)
      expect(frame.chunk()).toBe(shared)
      expect(text(frame.bytes)).toBe(given)
      expect(frame.bytes).toBe(frame.bytes)
    },
  )

  test('joined are one frame; one alone is itself', () => {
    const [a, b] = [frameOf('a\n\n'), frameOf('é\n\n')]
    expect(text(joinFrames([a, b]).chunk() as Uint8Array)).toBe('7\r\na\n\né\n\n\r\n')
    expect(joinFrames([a])).toBe(a)
    expect(joinFrames([]).length).toBe(0)
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

describe('rounds', () => {
  const roundsOf = (everyMs: number, parts: number) => {
    const clock = testClock()
    const called: string[] = []
    const call = (name: string) => void called.push(`${name} ${clock.now()}`)
    const rounds = createRounds(clock, { everyMs, parts, call })
    return { clock, called, rounds, start: clock.now() }
  }

  test('call each back after the interval, or a part of it sooner, together with who came in the same part', async () => {
    const { clock, called, rounds, start } = roundsOf(160, 4)
    rounds.enter('a')
    await clock.advance(10)
    rounds.enter('b')
    await clock.advance(40)
    rounds.enter('c')
    expect(clock.pending()).toBe(1)
    await clock.advance(310)
    expect(called).toEqual(
      [
        ['a', 160],
        ['b', 160],
        ['c', 200],
        ['a', 320],
        ['b', 320],
        ['c', 360],
      ].map(([name, ms]) => `${name} ${start + Number(ms)}`),
    )
  })

  test('forget who leaves, also while others are called, and leave no timer behind', async () => {
    const clock = testClock()
    const called: string[] = []
    const rounds = createRounds<string>(clock, {
      everyMs: 100,
      parts: 2,
      call(name) {
        called.push(name)
        rounds.leave('b')
      },
    })
    for (const name of ['a', 'b', 'c']) rounds.enter(name)
    await clock.advance(100)
    expect(called).toEqual(['a', 'c'])
    rounds.leave('a')
    rounds.leave('a')
    expect(clock.pending()).toBe(1)
    rounds.leave('c')
    expect(clock.pending()).toBe(0)
    rounds.enter('d')
    await clock.advance(100)
    expect(called).toEqual(['a', 'c', 'd'])
  })

  test('of a short interval have parts that a timer can keep', async () => {
    const { clock, called, rounds, start } = roundsOf(25, 16)
    rounds.enter('a')
    await clock.advance(12)
    expect([clock.pending(), called]).toEqual([1, []])
    await clock.advance(13)
    expect(called).toEqual([`a ${start + 25}`])
  })

  test('part those who came together, so that they are called a few at a time', async () => {
    const { clock, called, rounds } = roundsOf(160, 4)
    for (const n of numbers(40)) rounds.enter(`m${n}`)
    await clock.advance(480)
    const times = called.map((line) => line.split(' ')[1])
    const some = [...new Set(times)].map((at) => times.filter((time) => time === at).length)
    expect(some).toEqual(Array(12).fill(10))
    expect(new Set(called.slice(0, 40)).size).toBe(40)
  })
})
