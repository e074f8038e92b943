// Cuts a failing plan down to steps without any of which it would not fail in the same way.
import type { Plan } from './plan.ts'
import { runPlan } from './run.ts'

/** The smallest plan found that still fails the same check. `tries` bounds the work. */
export async function shrink(plan: Plan, check: string, tries = 600): Promise<Plan> {
  let best = plan
  let left = tries
  const fails = async (steps: Plan['steps']) => {
    left--
    const { verdict } = await runPlan({ ...best, steps })
    return verdict.findings.some((finding) => finding.check === check)
  }
  // Halves, then quarters, … then single steps; again from the start of each size after a success.
  for (
    let size = Math.ceil(best.steps.length / 2);
    size >= 1 && left > 0;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    let again = true
    while (again && left > 0) {
      again = false
      for (let start = best.steps.length - size; start > -size && left > 0; start -= size) {
        const from = Math.max(0, start)
        const steps = [...best.steps.slice(0, from), ...best.steps.slice(from + size)]
        if (steps.length < best.steps.length && (await fails(steps))) {
          best = { ...best, steps }
          again = true
        }
      }
    }
  }
  return best
}
