// Proves the arithmetic of whether something grows against values that others have computed.
import { expect, test } from 'vitest'
import { type Point, slopeOf, studentT, trendOf } from './trend.ts'

test('the slope is that of the line through the points', () => {
  expect(
    slopeOf([
      [1_000, 50],
      [2_000, 70],
      [3_000, 90],
    ]),
  ).toBeCloseTo(0.02)
})

test.each([
  { freedom: 2, t: 4.303 },
  { freedom: 3, t: 3.182 },
  { freedom: 5, t: 2.571 },
  { freedom: 10, t: 2.228 },
  { freedom: 30, t: 2.042 },
  { freedom: 120, t: 1.98 },
  { freedom: 1e9, t: 1.96 },
])("Student's t for $freedom degrees of freedom is that of the tables", ({ freedom, t }) => {
  expect(Math.abs(studentT(freedom) / t - 1)).toBeLessThan(0.01)
})

// By another program: least squares, and the 97.5 % quantile of t with 8 degrees of freedom.
const scattered: readonly Point[] = [
  [0, 5.1],
  [1, 4.2],
  [2, 5.9],
  [3, 4.6],
  [4, 6.4],
  [5, 5],
  [6, 6.6],
  [7, 5.5],
  [8, 7.2],
  [9, 5.9],
]

test('how sure a slope is, is what least squares and Student say of points that do not resemble their neighbours', () => {
  const { slope, most, correlation, noise } = trendOf(scattered)
  expect(correlation).toBe(0)
  expect(slope).toBeCloseTo(0.18666667, 6)
  expect(noise).toBeCloseTo(0.79603183, 6)
  expect(Math.abs(most / 0.388765 - 1)).toBeLessThan(0.001)
})

test('points that resemble their neighbours say less than as many that do not', () => {
  const points = (period: number) =>
    Array.from({ length: 120 }, (_, x): Point => [x, Math.sign(Math.sin(((x + 0.5) * 2 * Math.PI) / period))])
  const [nervous, slow] = [trendOf(points(2)), trendOf(points(24))]
  expect(slow.correlation).toBeGreaterThan(0.7)
  expect(slow.most - slow.slope).toBeGreaterThan(2 * (nervous.most - nervous.slope))
})

test('of two points nothing is said', () => {
  expect(trendOf(scattered.slice(0, 2)).most).toBe(Number.POSITIVE_INFINITY)
})
