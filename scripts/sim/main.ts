// `pnpm sim`: lives through many simulated worlds, each from its seed, and says which of them broke a promise and how to live it again.
import { parseArgs } from 'node:util'
import { emptyTally, tallyLine } from '../lib/tally.ts'
import type { Action } from './actions/action.ts'
import { actions } from './actions/index.ts'
import { querying } from './actions/querying.ts'
import { bugs } from './bugs.ts'
import { checks, ofQueries } from './checks/index.ts'
import { coverageTable } from './coverage.ts'
import type { Kind } from './plan.ts'
import { defaultJobs, work } from './pool.ts'
import { addCounts, type Summary } from './summary.ts'
import type { Order } from './worker.ts'

/** Fresh seeds are beyond those that anybody chooses. */
const FRESH = 1_000_000_000

const HELP = `pnpm sim [options]
  --seeds N      how many seeds (default 200)
  --from N       the first seed (default 1)
  --seed N       lives one seed again, twice, and prints what broke
  --trace        with --seed: prints everything that happened
  --shrink       with --seed: cuts the plan down to the steps that it needs to fail
  --steps 3,7,9  with --seed: only these steps of its plan, as --shrink prints them
  --check TEXT   with --shrink: the check that must fail (default: the first that does)
  --bugs         plants each deliberate bug in turn, and must find it within --seeds (default 500); with --bug: only that one
  --bug NAME     plants one bug: ${bugs.map(({ name }) => `"${name}"`).join(', ')}
  --tabs         every world has a browser with several tabs that share one stream; by default, every third has
  --queries      in every world pages have live queries; by default, in none
  --fresh N      besides, so many seeds that nobody has chosen; it says which
  --quick        as --seeds 40
  --share small  what one part of a whole test run affords: as --seeds 100 --fresh 150
  --coverage     prints what was done to pages in which state how often, and how much each check looked at; fails where something never met
  --jobs N       processes (default: one per core)`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    steps: { type: 'string' },
    check: { type: 'string', default: '' },
    bugs: { type: 'boolean', default: false },
    bug: { type: 'string' },
    tabs: { type: 'boolean', default: false },
    queries: { type: 'boolean', default: false },
    fresh: { type: 'string' },
    quick: { type: 'boolean', default: false },
    share: { type: 'string' },
    coverage: { type: 'boolean', default: false },
    jobs: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

function whole(text: string, option: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`--${option} takes a whole number, not ${JSON.stringify(text)}.`)
  process.exit(2)
}

const from = whole(values.from, 'from')
const jobs = values.jobs === undefined ? defaultJobs() : Math.max(1, whole(values.jobs, 'jobs'))
const isShare = values.share === 'small'
const few = values.quick ? 40 : isShare ? 100 : undefined
const fresh = values.fresh === undefined ? (isShare ? 150 : 0) : whole(values.fresh, 'fresh')
const seeds = values.seeds === undefined ? (few ?? (values.bugs ? 500 : 200)) : whole(values.seeds, 'seeds')
/** What the worlds have in which a bug is looked for. */
const kindFor = (bug: string | undefined): Kind => {
  const { tabs, queries } = bugs.find(({ name }) => name === bug) ?? {}
  return {
    ...(values.tabs || tabs ? { tabs: true } : {}),
    ...(values.queries || queries ? { queries: true } : {}),
  }
}
const kind = kindFor(values.bug)
const planted = values.bug === undefined ? {} : { bug: values.bug }

if (values.help) console.log(HELP)
else if (values.bug !== undefined && !bugs.some(({ name }) => name === values.bug)) {
  console.error(`There is no bug "${values.bug}". There are: ${bugs.map(({ name }) => `"${name}"`).join(', ')}.`)
  process.exitCode = 2
} else if (values.seed !== undefined) await replay(whole(values.seed, 'seed'))
else if (values.bugs) await findBugs()
else await many()

function printFindings({ seed, findings }: Summary): void {
  for (const { at, check, line, what } of findings)
    console.log(`✗ seed ${seed} · ${(at / 1000).toFixed(3)} s · ${check} (DESIGN §3.${line}): ${what}`)
}

/** Deals the seeds out, a few at a time. */
function deal(first: number, count: number, twice: boolean, size = 10, more: Kind = kind): () => Order | undefined {
  let next = first
  return () => {
    if (next >= first + count) return undefined
    const order: Order = { kind: 'run', from: next, count: Math.min(size, first + count - next), twice, ...more }
    next += size
    return order
  }
}

function finish(passed: number, failed: number): void {
  console.log(tallyLine({ ...emptyTally, passed, failed }))
  process.exitCode = failed > 0 ? 1 : 0
}

async function replay(seed: number): Promise<void> {
  const { trace, shrink, check } = values
  const steps = values.steps === undefined ? {} : { steps: values.steps.split(',').map((text) => whole(text, 'steps')) }
  const orders: Order[] = [{ kind: 'replay', seed, trace, shrink, check, ...kind, ...steps }]
  let failed = 0
  await work({
    ...planted,
    jobs: 1,
    next: () => orders.pop(),
    heard(summary) {
      printFindings(summary)
      failed = summary.findings.length > 0 ? 1 : 0
      console.log(
        `seed ${seed}: ${summary.entries} lines of trace, ${(summary.virtualMs / 1000).toFixed(0)} s of virtual time in ${summary.tookMs.toFixed(0)} ms, trace ${summary.hash}`,
      )
      return true
    },
  })
  finish(1 - failed, failed)
}

async function many(): Promise<void> {
  const started = performance.now()
  const hashes = new Map<number, string>()
  const met: Record<string, number> = {}
  const states: Record<string, number> = {}
  const looked: Record<string, number> = {}
  const failures: Summary[] = []
  let virtualMs = 0
  const freshFrom = FRESH + Math.floor(Math.random() * FRESH)
  if (fresh > 0) console.log(`${fresh} fresh seeds, again by: pnpm sim --from ${freshFrom} --seeds ${fresh}`)
  const chosen = deal(from, seeds, true)
  const unchosen = deal(freshFrom, fresh, true)
  await work({
    ...planted,
    jobs,
    next: () => chosen() ?? unchosen(),
    heard(summary) {
      // What nobody has chosen would make another hash each time.
      if (summary.seed < from + seeds) hashes.set(summary.seed, summary.hash)
      addCounts(met, summary.met)
      addCounts(states, summary.states)
      addCounts(looked, summary.looked)
      virtualMs += summary.virtualMs
      if (summary.findings.length === 0) return true
      failures.push(summary)
      if (failures.length <= 10) {
        printFindings(summary)
        console.log(
          `  again: pnpm sim --seed ${summary.seed}${values.tabs ? ' --tabs' : ''}${values.queries ? ' --queries' : ''}${values.bug === undefined ? '' : ` --bug '${values.bug}'`} --trace`,
        )
      }
      return true
    },
  })
  const seconds = (performance.now() - started) / 1000
  const all = [...hashes].sort(([a], [b]) => a - b).map(([, hash]) => hash)
  const { createHash } = await import('node:crypto')
  const together = createHash('sha256').update(all.join()).digest('hex').slice(0, 12)
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(' · ')
  if (failures.length > 0) {
    const numbers = failures.map(({ seed }) => seed).sort((a, b) => a - b)
    console.log(`failing seeds: ${numbers.join(' ')}`)
  }
  console.log(
    `${seeds} seeds from ${from}${fresh > 0 ? ` and ${fresh} fresh ones` : ''} in ${seconds.toFixed(1)} s (${((seeds + fresh) / seconds).toFixed(1)} seeds/s, ${(virtualMs / 3_600_000).toFixed(1)} h of virtual time), all traces ${together}`,
  )
  console.log(`met: ${list(met)}`)
  // Without live queries nobody touches any, and there is nothing to check of them.
  const done = actions.filter((action) => values.queries || !(querying as readonly Action[]).includes(action))
  const isExpected = (name: string) => values.queries || !ofQueries.some((check) => check.name === name)
  const idle = Object.entries(looked).filter(([name, count]) => count === 0 && isExpected(name))
  if (idle.length > 0 && seeds >= 100)
    console.log(`These checks had nothing to look at: ${idle.map(([name]) => name).join(', ')}`)
  let failed = failures.length
  if (values.coverage) {
    const { table, never } = coverageTable(states, done)
    console.log(table)
    console.log('Claims that each check has looked at, and could have found wrong:')
    for (const [name, count] of Object.entries(looked)) console.log(`${String(count).padStart(10)}  ${name}`)
    // Only whoever looks long enough may expect to see everything.
    failed += never.length + idle.length
  }
  finish(seeds + fresh - failures.length, failed)
}

/** The first seed from `first` on that fails with the bug, and does not fail without it; undefined if there is none. */
async function firstFound(bug: string, first: number, count: number): Promise<Summary | undefined> {
  let found: Summary | undefined
  const more = kindFor(bug)
  const { by } = bugs.find(({ name }) => name === bug) ?? {}
  await work({
    bug,
    jobs,
    next: deal(first, count, false, 1, more),
    heard(summary) {
      if (by === undefined ? summary.findings.length > 0 : summary.fired.includes(by)) found = summary
      return found === undefined
    },
  })
  if (!found) return undefined
  let innocent = true
  await work({
    jobs: 1,
    next: deal(found.seed, 1, false, 1, more),
    heard(summary) {
      innocent = summary.findings.length === 0
      return true
    },
  })
  const tried = found.seed - first + 1
  return innocent ? found : firstFound(bug, found.seed + 1, count - tried)
}

async function findBugs(): Promise<void> {
  let missed = 0
  const fired = new Set<string>()
  const chosen = bugs.filter(({ name }) => values.bug === undefined || name === values.bug)
  for (const { name, breaks } of chosen) {
    const found = await firstFound(name, from, seeds)
    if (found) {
      for (const check of found.fired) fired.add(check)
      console.log(
        `found     ${name} (${breaks}): seed ${found.seed}, by "${bugs.find((bug) => bug.name === name)?.by ?? found.findings[0]?.check}"`,
      )
    } else {
      missed++
      console.log(`NOT FOUND ${name} (${breaks}) in ${seeds} seeds`)
    }
  }
  const idle = checks.map(({ name }) => name).filter((name) => !fired.has(name))
  if (values.bug === undefined)
    console.log(
      idle.length === 0
        ? `Each of the ${checks.length} checks has fired for one of the bugs.`
        : `For none of the bugs these checks have fired: ${idle.join(' · ')}`,
    )
  finish(chosen.length - missed, missed)
}
