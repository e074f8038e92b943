// What a run comes to in a few figures that fit through a message between processes.
import { meetings } from './coverage.ts'
import type { Outcome } from './run.ts'

/** The figures of one run, or the sum of many. */
export interface Summary {
  readonly seed: number
  readonly hash: string
  readonly tookMs: number
  readonly virtualMs: number
  readonly entries: number
  /** The first findings, as text, earliest first. */
  readonly findings: readonly {
    readonly check: string
    readonly line: string
    readonly at: number
    readonly what: string
  }[]
  /** Which checks have found something. */
  readonly fired: readonly string[]
  /** How often each action was done, and each fault struck. */
  readonly met: Readonly<Record<string, number>>
  /** How often which action was done to a page in which state. */
  readonly states: Readonly<Record<string, number>>
  /** How many claims each check looked at. */
  readonly looked: Readonly<Record<string, number>>
}

/** Sums a run up. `again` is the trace's hash of a second run of the same plan. */
export function summarize(
  { plan, entries, hash, verdict, virtualMs }: Outcome,
  tookMs: number,
  again: string,
): Summary {
  const met: Record<string, number> = {}
  for (const entry of entries) if (entry.what === 'did') met[entry.action] = (met[entry.action] ?? 0) + 1
  const wavering =
    again === hash
      ? []
      : [{ check: 'determinism', line: 'bar 9', at: 0, what: `the same seed gave the traces ${hash} and ${again}` }]
  return {
    seed: plan.seed,
    hash,
    tookMs,
    virtualMs,
    entries: entries.length,
    findings: [...wavering, ...verdict.findings.slice(0, 8)],
    fired: [...new Set(verdict.findings.map(({ check }) => check))],
    met,
    states: meetings(entries),
    looked: verdict.looked,
  }
}

/** Adds up counts by name. */
export function addCounts(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count
}
