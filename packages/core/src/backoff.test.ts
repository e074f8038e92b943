// Proves how long a client waits, as tables.
import { expect, test } from 'vitest'
import { backoffMs, retryAfterMs } from './backoff.ts'

test.each([
  // attempt, random, base, floor → ms
  [0, 0, undefined, undefined, 0],
  [0, 0.5, undefined, undefined, 500],
  [1, 0.5, undefined, undefined, 1_000],
  [4, 0.999, undefined, undefined, 15_984],
  [5, 0.5, undefined, undefined, 15_000],
  [2_000, 0.5, undefined, undefined, 15_000],
  [0, 0.5, 3_000, undefined, 1_500],
  [1, 0.5, 3_000, undefined, 3_000],
  [0, 0.5, 0, undefined, 50],
  [0, 0.5, 60_000, undefined, 30_000],
  [3, 0.5, 60_000, undefined, 30_000],
  [0, 0, undefined, 7_000, 7_000],
  [1, 0.5, undefined, 7_000, 8_000],
] as const)('attempt %i, random %d, base %s, floor %s: %i ms', (attempt, random, baseMs, floorMs, ms) => {
  expect(backoffMs(attempt, random, floorMs, baseMs)).toBeCloseTo(ms, 6)
})

const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT'

test.each([
  ['', DATE, 0],
  ['0', '', 0],
  ['120', '', 120_000],
  ['Thu, 01 Jan 2026 00:02:00 GMT', DATE, 120_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', DATE, 0],
  ['Thu, 01 Jan 2026 00:02:00 GMT', '', 0],
  ['soon', DATE, 0],
  ['-5', '', 0],
])('Retry-After %s at %s: %s ms', (retryAfter, date, ms) => {
  expect(retryAfterMs(retryAfter, date)).toBe(ms)
})
