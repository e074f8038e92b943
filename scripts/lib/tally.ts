// Counts tests across several runs: Vitest's own JSON report leaves out why a test was skipped, so we write our own.
import { writeFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/** What one or more runs came to. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** One line per skipped test (or group of them): what, and why. */
  readonly reasons: readonly string[]
  /** One line per failure: what, and the first line of why. */
  readonly failures: readonly string[]
}

/** Nothing counted yet. */
export const emptyTally: Tally = { passed: 0, failed: 0, skipped: 0, reasons: [], failures: [] }

/** The sum of several runs. */
export const sum = (tallies: readonly Tally[]): Tally =>
  tallies.reduce(
    (all, one) => ({
      passed: all.passed + one.passed,
      failed: all.failed + one.failed,
      skipped: all.skipped + one.skipped,
      reasons: [...all.reasons, ...one.reasons],
      failures: [...all.failures, ...one.failures],
    }),
    emptyTally,
  )

/** The line that ends a run, for people and for machines. */
export const tallyLine = ({ passed, failed, skipped }: Tally): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

/** Reads the last such line out of what a program said, and what it says of each failure in lines that begin with ✗; nothing if there is no count. */
export function parseTally(output: string): Tally | undefined {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1)
  if (!last) return undefined
  const [passed = 0, failed = 0, skipped = 0] = last.slice(1).map(Number)
  const failures = [...output.matchAll(/^✗ (.*)$/gm)].map(([, what = '']) => what)
  return { passed, failed, skipped, reasons: [], failures }
}

/** A Vitest reporter that leaves its tally in the file that `TALLY_FILE` names. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env.TALLY_FILE
    if (file) writeFileSync(file, JSON.stringify(sum([...modules.map(countModule), countErrors('no test', unhandled)])))
  }
}

/** A file that broke before its tests could run, and an error that no test owns, are failures too. */
const countErrors = (where: string, errors: readonly { readonly message: string }[]): Tally => ({
  ...emptyTally,
  failed: errors.length,
  failures: errors.map(({ message }) => `${where}: ${message.split('\n')[0]}`),
})

function countModule(module: TestModule): Tally {
  const name = `${module.project.name} › ${module.relativeModuleId}`
  const tests = [...module.children.allTests()].map((test): Tally => {
    const result = test.result()
    if (result.state === 'passed') return { ...emptyTally, passed: 1 }
    if (result.state === 'failed')
      return { ...countErrors(`${name} › ${test.fullName}`, result.errors.slice(0, 1)), failed: 1 }
    const reason =
      ('note' in result && result.note) || (test.options.mode === 'todo' ? 'still to be written' : 'no reason given')
    return { ...emptyTally, skipped: 1, reasons: [`${module.project.name} › ${test.fullName}: ${reason}`] }
  })
  const suites = [...module.children.allSuites()].map((suite) =>
    countErrors(`${name} › ${suite.fullName}`, suite.errors()),
  )
  return sum([...tests, ...suites, countErrors(name, module.errors())])
}
