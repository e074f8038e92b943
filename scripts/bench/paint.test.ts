// The arithmetic of `pnpm bench paint`: each of its bars is missed by what misses it.
import { expect, test } from 'vitest'
import { judge, percentileOf } from './paint.ts'

test('percentiles', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n)
  expect([0.5, 0.95, 1].map((share) => percentileOf(hundred, share))).toEqual([50, 95, 100])
  expect(percentileOf([7], 0.95)).toBe(7)
})

test('each bar is missed by what misses it, and by nothing else', () => {
  const fine = { latencies: [...Array(95).fill(49), ...Array(5).fill(90)], open: 0, commits: [0, 1, 1], local: [1, 1] }
  const missed = (noted: Partial<typeof fine>) => judge({ ...fine, ...noted }).map(({ holds }) => holds)
  expect(missed({})).toEqual([true, true, true, true])
  expect(missed({ latencies: [...fine.latencies, 90] })).toEqual([false, true, true, true])
  expect(missed({ latencies: [] })).toEqual([false, true, true, true])
  expect(missed({ open: 1 })).toEqual([true, false, true, true])
  expect(missed({ commits: [0, 2] })).toEqual([true, true, false, true])
  expect(missed({ local: [1, 2] })).toEqual([true, true, true, false])
  expect(missed({ local: [] })).toEqual([true, true, true, false])
})
