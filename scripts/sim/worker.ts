// A process that runs seeds for main.ts: it plants the bug if there is one, takes the real world away, and then loads the code under simulation.
import { bugs } from './bugs.ts'
import { traceLine } from './history.ts'
import { loadWith } from './mutate.ts'
import { makePlan } from './plan.ts'
import { forbidTheRealWorld } from './purity.ts'
import type { Outcome } from './run.ts'
import { type Summary, summarize } from './summary.ts'

/** What main.ts asks for. */
export type Order =
  | { readonly kind: 'run'; readonly from: number; readonly count: number; readonly twice: boolean }
  | {
      readonly kind: 'replay'
      readonly seed: number
      readonly trace: boolean
      readonly shrink: boolean
      readonly check: string
    }

/** What comes back, seed by seed; `done` ends an order. */
export type Reply =
  | { readonly kind: 'seed'; readonly summary: Summary }
  | { readonly kind: 'broken'; readonly error: string }
  | { readonly kind: 'done' }

const bugName = process.argv[2]
const bug = bugs.find(({ name }) => name === bugName)
if (bug) loadWith(bug)
const realNow = performance.now.bind(performance)
forbidTheRealWorld()
const { runPlan } = await import('./run.ts')
const { shrink } = await import('./shrink.ts')

const tell = (reply: Reply) => void process.send?.(reply)

async function run(seed: number, twice: boolean): Promise<{ outcome: Outcome; summary: Summary }> {
  const plan = makePlan(seed)
  const from = realNow()
  const outcome = await runPlan(plan)
  const tookMs = realNow() - from
  const again = twice ? await runPlan(plan) : outcome
  return { outcome, summary: summarize(outcome, tookMs, again.hash) }
}

process.on('message', (order: Order) => {
  void (async () => {
    if (order.kind === 'run') {
      for (let seed = order.from; seed < order.from + order.count; seed++) {
        tell({ kind: 'seed', summary: (await run(seed, order.twice && seed % 20 === 0)).summary })
      }
    } else {
      const { outcome, summary } = await run(order.seed, true)
      const first = outcome.verdict.findings.find(({ check }) => check.includes(order.check))
      const shrunk = order.shrink && first ? await runPlan(await shrink(outcome.plan, first.check)) : outcome
      if (order.trace) console.log(shrunk.entries.map(traceLine).join('\n'))
      if (shrunk !== outcome) {
        console.log(
          `Shrunk to ${shrunk.plan.steps.length} of ${outcome.plan.steps.length} steps that still fail "${first?.check}":`,
        )
        console.log(JSON.stringify(shrunk.plan.config))
        for (const step of shrunk.plan.steps) console.log(`  ${step.at} ${step.action} ${JSON.stringify(step.params)}`)
        for (const { at, check, what } of shrunk.verdict.findings.slice(0, 10))
          console.log(`  → ${at.toFixed(0)} ms · ${check}: ${what}`)
      }
      tell({ kind: 'seed', summary })
    }
    tell({ kind: 'done' })
  })().catch((error: Error) => tell({ kind: 'broken', error: error.stack ?? String(error) }))
})
