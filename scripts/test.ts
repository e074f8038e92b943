// Runs every test there is, one kind after the other, and ends with a single count, so that one command says whether the project works.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { browserRemedy, findBrowser } from './lib/browsers.ts'
import { ci } from './lib/repo.ts'
import { capture, run } from './lib/run.ts'
import { emptyTally, parseTally, sum, type Tally, tallyLine } from './lib/tally.ts'
import { setupBrowsers } from './setup-browsers.ts'
import { setupNginx } from './setup-nginx.ts'

const filters = process.argv.slice(2)
const scratch = mkdtempSync(join(tmpdir(), 'sse-hub-test-'))
const e2e = 'scripts/e2e/vitest.config.ts'

/** One Vitest run, counted by our own reporter. */
async function vitest(config: string, ...args: string[]): Promise<Tally> {
  const file = join(scratch, 'tally.json')
  rmSync(file, { force: true })
  const code = await run(
    'vitest',
    ['run', '--config', config, '--reporter=default', '--reporter=./scripts/lib/tally.ts', ...args],
    { env: { TALLY_FILE: file } },
  )
  return honest(readTally(file), code, `vitest --config ${config}`)
}

function readTally(file: string): Tally | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Tally
  } catch {
    return undefined
  }
}

/** A program of our own that ends with the same line of counts; without one, the program itself is the test. */
async function program(script: string, ...args: string[]): Promise<Tally> {
  const { code, output } = await capture('node', [script, ...args], { echo: true })
  return honest(parseTally(output) ?? { ...emptyTally, passed: code === 0 ? 1 : 0 }, code, `node ${script}`)
}

/** No count may hide a run that ended badly. */
function honest(tally: Tally | undefined, code: number, what: string): Tally {
  if (tally && (code === 0 || tally.failed > 0)) return tally
  const failure = `${what} ended with exit code ${code}${tally ? ', although no test failed' : ' and left no count'}.`
  return sum([tally ?? emptyTally, { ...emptyTally, failed: 1, failures: [failure] }])
}

/** The tests in real browsers; without any browser they are counted, not run. */
async function browsers(): Promise<Tally> {
  if (ci) {
    for (const setup of [setupBrowsers, setupNginx]) {
      const problem = await setup()
      if (problem) console.error(problem)
    }
  }
  if (findBrowser('chromium') || findBrowser('firefox')) return vitest(e2e)
  const file = join(scratch, 'list.json')
  const { code, output } = await capture('vitest', ['list', '--config', e2e, `--json=${file}`])
  if (code !== 0) return honest(undefined, code, `vitest list --config ${e2e}\n${output}`)
  const count = (JSON.parse(readFileSync(file, 'utf8')) as unknown[]).length
  return { ...emptyTally, skipped: count, reasons: [`${count} end-to-end tests: no browser. ${browserRemedy}`] }
}

const everything: [title: string, run: () => Promise<Tally>][] = [
  ['Packages', () => vitest('vitest.workspace.ts')],
  ['Live queries, with the lowest versions of their peers', () => vitest('scripts/lowest/vitest.config.ts')],
  ['Scripts', () => vitest('scripts/vitest.config.ts')],
  ['Fuzz, a small share', () => program('scripts/fuzz/main.ts', '--share', 'small')],
  ['Simulation, a small share', () => program('scripts/sim/main.ts', '--share', 'small')],
  ['Simulation of live queries, forty worlds', () => program('scripts/sim/main.ts', '--queries', '--seeds', '40')],
  ['End to end', browsers],
]
const filtered = (config: string) => vitest(config, '--passWithNoTests', ...filters)
const chosen: typeof everything = [
  ['Packages', () => filtered('vitest.workspace.ts')],
  // The scripts are no project of the workspace, so `--project` leaves them out.
  ...(filters.includes('--project')
    ? []
    : ([['Scripts', () => filtered('scripts/vitest.config.ts')]] satisfies typeof everything)),
]

const tallies: Tally[] = []
for (const [title, run] of filters.length > 0 ? chosen : everything) {
  console.log(`\n── ${title} ──`)
  tallies.push(await run())
}
rmSync(scratch, { recursive: true, force: true })

const total = sum(tallies)
if (total.skipped > 0) {
  console.log(`\nSkipped${ci ? ', which CI does not allow' : ''}:`)
  for (const reason of total.reasons) console.log(`  ${reason}`)
}
// What failed stands far above, among thousands of lines.
if (total.failed > 0) console.log('\nFailed:')
for (const failure of total.failures) console.log(`  ${failure}`)
console.log(`\n${tallyLine(total)}`)
process.exitCode = total.failed > 0 || (ci && total.skipped > 0) ? 1 : 0
