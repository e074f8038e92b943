// One run from a plan to its verdict.
import { judge, type Verdict } from './checks/index.ts'
import { gatherFacts } from './facts.ts'
import { type Entry, traceHash } from './history.ts'
import type { Plan } from './plan.ts'
import { quiet } from './purity.ts'
import { live } from './world.ts'

/** What a run came to. */
export interface Outcome {
  readonly plan: Plan
  readonly entries: readonly Entry[]
  readonly hash: string
  readonly verdict: Verdict
  /** The virtual time that passed, in milliseconds. */
  readonly virtualMs: number
}

const unhandled: string[] = []
process.on(
  'unhandledRejection',
  (error) => void unhandled.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
)

/** Runs a plan. */
export async function runPlan(plan: Plan): Promise<Outcome> {
  const history = await live(plan)
  await quiet()
  for (const error of unhandled.splice(0))
    history.record({ what: 'broken', why: `a rejection that nobody handled: ${error}` })
  const { entries } = history
  const verdict = judge(gatherFacts(plan.config, entries))
  return { plan, entries, hash: traceHash(entries), verdict, virtualMs: entries.at(-1)?.at ?? 0 }
}
