// Chance that can be had again: the same seed and number give the same input, so a failure is repeated without what came before it.

/** A source of numbers for one input. */
export interface Chance {
  /** A whole number in [0, below). */
  below(below: number): number
  /** One of the list. */
  of<T>(list: readonly [T, ...T[]]): T
  /** Starts again, at the input of this number. */
  at(index: number): void
}

/** Numbers that depend on the seed and the input's number alone (mulberry32). */
export function chance(seed: number): Chance {
  let state = 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    below: (below) => next() % below,
    of: (list) => list[next() % list.length] ?? list[0],
    at(index) {
      state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
      next()
    },
  }
}
