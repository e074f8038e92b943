// What a check is: a pure function over the facts of one run. The list of all of them is in ./index.ts.
import type { Facts } from '../facts.ts'

/** What a check found: when, and what is wrong with it. */
export interface Finding {
  readonly at: number
  readonly what: string
}

/** One check. */
export interface Check {
  /** Its name, as the report prints it. */
  readonly name: string
  /** The line of DESIGN §3 that it holds the run to. */
  readonly line: string
  /** Looks. `looked` says how many claims were checked, so that a check that never has anything to look at is seen. */
  run(facts: Facts, found: (finding: Finding) => void): number
}
