// The token bucket: how many emits it lets through, and when.
import { describe, expect, test } from 'vitest'
import { numbers, testClock } from '../fixtures/world.ts'
import { createRateLimit } from './bucket.ts'

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
