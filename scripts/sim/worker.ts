// A process that runs seeds for main.ts: it plants the bug if there is one, takes the real world away, and then loads the code under simulation.
import { bugs } from './bugs.ts'
import { traceLine } from './history.ts'
import { loadWith } from './mutate.ts'
import { type Kind, keepSteps, makePlan } from './plan.ts'
import { forbidTheRealWorld } from './purity.ts'
import type { Outcome } from './run.ts'
import { type Summary, summarize } from './summary.ts'

/** What main.ts asks for. */
export type Order =
  | (Kind & {
      readonly kind: 'run'
      readonly from: number
      readonly count: number
      readonly twice: boolean
    })
  | (Kind & {
      readonly kind: 'replay'
      readonly seed: number
      readonly trace: boolean
      readonly shrink: boolean
      readonly check: string
      /** Only these steps of the plan; all of them by default. */
      readonly steps?: readonly number[]
    })

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

async function run(
  seed: number,
  twice: boolean,
  kind: Kind,
  steps?: readonly number[],
): Promise<{ outcome: Outcome; summary: Summary }> {
  const whole = makePlan(seed, kind)
  const plan = steps ? keepSteps(whole, steps) : whole
  const from = realNow()
  const outcome = await runPlan(plan)
  const tookMs = realNow() - from
  const again = twice ? await runPlan(plan) : outcome
  return { outcome, summary: summarize(outcome, tookMs, again.hash) }
}

/** Shrinks a plan that failed, and prints what is left and how to live it again. */
async function cutDown(
  { plan }: Outcome,
  given: readonly number[] | undefined,
  check: string,
  { tabs, queries }: Kind,
): Promise<Outcome> {
  const { places, minimal } = await shrink(plan, check)
  const shrunk = await runPlan(keepSteps(plan, places))
  const steps = given ? places.map((place) => given[place]) : places
  const planted = bug ? ` --bug '${bug.name}'` : ''
  console.log(`Shrunk to ${steps.length} of ${plan.steps.length} steps that still fail "${check}":`)
  console.log(JSON.stringify(plan.config))
  for (const { at, action, params } of shrunk.plan.steps) console.log(`  ${at} ${action} ${JSON.stringify(params)}`)
  for (const { at, check, what } of shrunk.verdict.findings.slice(0, 10))
    console.log(`  → ${at.toFixed(0)} ms · ${check}: ${what}`)
  console.log(minimal ? 'Each of these steps is needed.' : 'There may be fewer: the search was bounded.')
  console.log(
    `  again: pnpm sim --seed ${plan.seed} --steps ${steps.join()}${tabs ? ' --tabs' : ''}${queries ? ' --queries' : ''}${planted} --trace`,
  )
  return shrunk
}

process.on('message', (order: Order) => {
  void (async () => {
    if (order.kind === 'run') {
      for (let seed = order.from; seed < order.from + order.count; seed++) {
        tell({ kind: 'seed', summary: (await run(seed, order.twice && seed % 19 === 0, order)).summary })
      }
    } else {
      const { outcome, summary } = await run(order.seed, true, order, order.steps)
      const first = outcome.verdict.findings.find(({ check }) => check.includes(order.check))
      const told = order.shrink && first ? await cutDown(outcome, order.steps, first.check, order) : outcome
      if (order.trace) console.log(told.entries.map(traceLine).join('\n'))
      tell({ kind: 'seed', summary })
    }
    tell({ kind: 'done' })
  })().catch((error: Error) => tell({ kind: 'broken', error: error.stack ?? String(error) }))
})
