// Finds the highest rate that still holds: by steps until it lies between two rates, then by bisection.

/** How to look for it. */
export interface Search {
  /** Where to begin. */
  readonly start: number
  /** How far to go at once until the limit lies between two rates. */
  readonly factor: number
  /** How close those two have to be in the end, as a ratio. */
  readonly precision: number
  /** A rate that nobody is asked to go beyond, or below. */
  readonly most: number
  readonly least: number
}

/**
 * The highest rate of which `holds` says yes; 0 where not even the least holds. Something else may disturb a rate, and one that gathers more may cost less: so what does not hold
 * is tried once more, and a step beyond it too.
 */
export async function findLimit(
  holds: (rate: number) => Promise<boolean>,
  { start, factor, precision, most, least }: Search,
): Promise<number> {
  const twice = async (rate: number) => (await holds(rate)) || (await holds(rate))
  let good = 0
  let bad = Number.POSITIVE_INFINITY
  for (let rate = start, misses = 0; misses < 2 && rate <= most; rate *= factor) {
    if (await twice(rate)) {
      good = rate
      bad = Number.POSITIVE_INFINITY
      misses = 0
    } else {
      bad = Math.min(bad, rate)
      misses++
    }
  }
  for (let rate = start / factor; good === 0 && rate >= least; rate /= factor) {
    if (await twice(rate)) good = rate
    else bad = rate
  }
  while (good > 0 && bad / good > precision && bad < Number.POSITIVE_INFINITY) {
    const middle = Math.sqrt(good * bad)
    if (await twice(middle)) good = middle
    else bad = middle
  }
  return good
}
