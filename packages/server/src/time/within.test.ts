// A wait that is bounded ends one way or the other, and leaves no timer behind.
import { describe, expect, test } from 'vitest'
import { testClock } from '../fixtures/world.ts'
import { within } from './within.ts'

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
