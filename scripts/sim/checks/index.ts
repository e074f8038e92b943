// All checks. To add one, write it beside the others and name it here.
import type { Facts } from '../facts.ts'
import type { Check, Finding } from './check.ts'
import { emits, publishes } from './emits.ts'
import { broughtCursors, hubGaps, screenGaps } from './gaps.ts'
import { authorization, expiry } from './grants.ts'
import { outlives } from './kept.ts'
import { killSwitch, leftovers, patience, pauses, reports, requestRate, slowReaders } from './manners.ts'
import { polls } from './polls.ts'
import { attendance } from './presence.ts'
import { buried, equal, reasons, settled, single } from './queries.ts'
import { convergence, misfits, neverSilently, once, present, prompt } from './screens.ts'
import { fromItsOwn, oneStream, peaceful, soon } from './sharing.ts'
import { comesBack, truthful } from './status.ts'
import { logPages, streams } from './stream.ts'

/** Those that have something to look at only where pages have live queries. */
export const ofQueries: readonly Check[] = [equal, settled, single, buried, reasons, polls]

/** Every check there is. */
export const checks: readonly Check[] = [
  once,
  neverSilently,
  misfits,
  hubGaps,
  screenGaps,
  broughtCursors,
  streams,
  logPages,
  publishes,
  emits,
  outlives,
  authorization,
  expiry,
  truthful,
  comesBack,
  killSwitch,
  requestRate,
  pauses,
  patience,
  slowReaders,
  leftovers,
  reports,
  present,
  prompt,
  convergence,
  attendance,
  oneStream,
  peaceful,
  fromItsOwn,
  soon,
  ...ofQueries,
]

/** What is wrong with a run, earliest first, and how much each check had to look at. */
export interface Verdict {
  readonly findings: readonly (Finding & { readonly check: string; readonly line: string })[]
  readonly looked: Readonly<Record<string, number>>
}

/** Runs all checks. */
export function judge(facts: Facts): Verdict {
  const findings: (Finding & { check: string; line: string })[] = []
  const looked: Record<string, number> = {}
  for (const { name, line, run } of checks) {
    const found = (finding: Finding) => void findings.push({ ...finding, check: name, line })
    try {
      looked[name] = run(facts, found)
    } catch (error) {
      found({
        at: facts.endedAt,
        what: `the check itself broke: ${error instanceof Error ? error.stack : String(error)}`,
      })
    }
  }
  return { findings: findings.sort((a, b) => a.at - b.at), looked }
}
