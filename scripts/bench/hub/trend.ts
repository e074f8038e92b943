// Whether something grows: how steep a line through measured points is, and how steep it may be in truth.

/** A point: when, and how much. */
export type Point = readonly [x: number, y: number]

/** A line through points. */
export interface Trend {
  /** How steep the line is that fits best, by least squares. */
  readonly slope: number
  /** The upper end of the 95 % confidence interval of that, two-sided, by Student's t. Infinity where the points say nothing. */
  readonly most: number
  /** How much a point says of the next: the correlation of neighbours' distances from the line. */
  readonly correlation: number
  /** How far the points are from the line, as a standard deviation. */
  readonly noise: number
}

/** How steep the straight line is that fits the points best. */
export function slopeOf(points: readonly Point[]): number {
  const [x, y] = [meanOf(points, 0), meanOf(points, 1)]
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0)
  return over / spreadAround(points, x)
}

/**
 * The line, and how sure it is. Points of one process are no independent ones: what one is too high by, the next is too. So they count as the fewer the more they resemble
 * their neighbours, n (1 - r) / (1 + r) for a correlation of r, and what only swings to and fro does not pass for something that is known to stand still.
 */
export function trendOf(points: readonly Point[]): Trend {
  const slope = slopeOf(points)
  const [x, y] = [meanOf(points, 0), meanOf(points, 1)]
  const off = points.map((point) => point[1] - y - slope * (point[0] - x))
  const squares = off.reduce((sum, one) => sum + one * one, 0)
  const neighbours = off.slice(1).reduce((sum, one, at) => sum + one * (off[at] ?? 0), 0)
  const correlation = squares > 0 ? Math.max(0, neighbours / squares) : 0
  const freedom = (points.length * (1 - correlation)) / (1 + correlation) - 2
  const error = Math.sqrt(squares / freedom / spreadAround(points, x))
  const most = freedom >= 1 ? slope + studentT(freedom) * error : Number.POSITIVE_INFINITY
  return { slope, most, correlation, noise: Math.sqrt(squares / (points.length - 2)) }
}

/** What 97.5 % of Student's t distribution with so many degrees of freedom lie below, by its expansion around the normal distribution's: within 1 % from two on. */
export function studentT(freedom: number): number {
  const z = 1.959_963_985
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1_482 * z ** 5 - 1_920 * z ** 3 - 945 * z) / 92_160,
  ]
  return terms.reduce((sum, term, power) => sum + term / freedom ** power, 0)
}

const meanOf = (points: readonly Point[], at: 0 | 1) =>
  points.reduce((sum, point) => sum + point[at], 0) / points.length

const spreadAround = (points: readonly Point[], x: number) =>
  points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
