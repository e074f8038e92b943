// Cuts a failing plan down to steps without any of which it would not fail in the same way. The same plan always shrinks to the same steps.
import { keepSteps, type Plan } from './plan.ts'
import { runPlan } from './run.ts'

/** What a plan shrank to. */
export interface Shrunk {
  /** The places, in the whole plan, of the steps that are left. */
  readonly places: readonly number[]
  /** Whether each of them is needed; false where the work was bounded first. */
  readonly minimal: boolean
}

/** The fewest steps found with which the plan still fails the same check. `tries` bounds the work. */
export async function shrink(plan: Plan, check: string, tries = 1_500): Promise<Shrunk> {
  let best: readonly number[] = plan.steps.map((_, place) => place)
  let left = tries
  const fails = async (places: readonly number[]) => {
    left--
    const { verdict } = await runPlan(keepSteps(plan, places))
    return verdict.findings.some((finding) => finding.check === check)
  }
  // Halves, then quarters, … then single steps; again from the end of each size after a success.
  for (let size = Math.ceil(best.length / 2); size >= 1 && left > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let again = true
    while (again && left > 0) {
      again = false
      for (let start = best.length - size; start > -size && left > 0; start -= size) {
        const from = Math.max(0, start)
        const rest = [...best.slice(0, from), ...best.slice(from + size)]
        if (rest.length < best.length && (await fails(rest))) {
          best = rest
          again = true
        }
      }
    }
  }
  return { places: best, minimal: left > 0 }
}
