// Finds the highest rate that still holds, by bisection.

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
 * The highest rate of which `holds` says yes. One that does not hold is tried once more: something else may have disturbed it. 0 where not even the least holds.
 */
export async function findLimit(
  holds: (rate: number) => Promise<boolean>,
  { start, factor, precision, most, least }: Search,
): Promise<number> {
  const twice = async (rate: number) => (await holds(rate)) || (await holds(rate))
  let good = 0
  let bad = Number.POSITIVE_INFINITY
  for (
    let rate = start;
    good === 0 || bad === Number.POSITIVE_INFINITY;
    rate = good > 0 ? good * factor : bad / factor
  ) {
    if (rate > most && good > 0) return good
    if (rate < least) return 0
    if (await twice(rate)) good = rate
    else bad = rate
  }
  while (bad / good > precision) {
    const middle = Math.sqrt(good * bad)
    if (await twice(middle)) good = middle
    else bad = middle
  }
  return good
}
