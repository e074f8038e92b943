// Measures ways of doing the same beside each other: in turn, in one process, by processor time, which other work on the machine does not count into.

/** What one way took in its runs: microseconds of processor time, collecting garbage included. */
export interface Measured {
  readonly median: number
  readonly least: number
  readonly most: number
  /** Run by run. */
  readonly each: readonly number[]
}

/** How often, and after how much that does not count. */
export interface Rounds {
  readonly runs: number
  readonly warmUps: number
}

/** Prepares a round and runs each way on what was prepared, in turn: first `warmUps` times, then `runs` times that count. */
export async function measureInTurn<Name extends string, Work>(
  prepare: () => Work,
  ways: Readonly<Record<Name, (work: Work) => Promise<void>>>,
  { runs, warmUps }: Rounds,
): Promise<Record<Name, Measured>> {
  const names = Object.keys(ways) as Name[]
  const took = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = 0; round < warmUps + runs; round++) {
    const work = prepare()
    // The order turns, so that nobody always pays for what the one before left behind.
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      // No collection is forced between them: a full one makes V8 forget the shapes of parsed objects, and what it compiled for them, which a page never pays.
      // Of the whole process: that of one thread is counted in ticks of 4 ms on many a Linux.
      const before = process.cpuUsage()
      await ways[name](work)
      const { user, system } = process.cpuUsage(before)
      if (round >= warmUps) took[name].push(user + system)
    }
  }
  return Object.fromEntries(names.map((name) => [name, summed(took[name])])) as Record<Name, Measured>
}

/** The middle of several numbers; of an even count, the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

const summed = (values: readonly number[]): Measured => ({
  median: medianOf(values),
  least: Math.min(...values),
  most: Math.max(...values),
  each: values,
})

/** How much more one way takes than another: the middle of what each round says, since both have met the same machine there; what disturbs a round disturbs both. */
export const ratioOf = (one: Measured, other: Measured): number =>
  medianOf(one.each.map((took, round) => took / (other.each[round] ?? Number.NaN)))
