// Shows that the count is honest: what breaks outside of any test is a failure too, and what was skipped says why.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './lib/repo.ts'
import { capture } from './lib/run.ts'
import { emptyTally, parseTally, sum, type Tally, tallyLine } from './lib/tally.ts'

let directory = ''
beforeAll(() => {
  // Inside the repository, so that the tests below find Vitest.
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  directory = mkdtempSync(join(root, 'node_modules/.cache/tally-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function count(name: string, body: string): Promise<Tally> {
  const [folder, file] = [join(directory, name), join(directory, `${name}.json`)]
  mkdirSync(folder)
  writeFileSync(join(folder, 'a.test.ts'), `import { beforeAll, describe, expect, test } from 'vitest'\n${body}`)
  writeFileSync(
    join(folder, 'vitest.config.ts'),
    "export default { test: { name: 'x', include: ['*.test.ts'], exclude: [] } }",
  )
  const reporter = join(root, 'scripts/lib/tally.ts')
  await capture('vitest', ['run', '--root', folder, '--reporter', reporter], { env: { TALLY_FILE: file } })
  return JSON.parse(readFileSync(file, 'utf8')) as Tally
}

const runs: [name: string, body: string, expected: Tally][] = [
  [
    'plain',
    "test('a', () => {})\ntest('b', () => expect(1).toBe(2))",
    {
      ...emptyTally,
      passed: 1,
      failed: 1,
      failures: ['x › a.test.ts › b: expected 1 to be 2 // Object.is equality'],
    },
  ],
  [
    'skipped',
    "test('a', (context) => context.skip('needs Firefox'))\ntest.todo('b')\ndescribe('c', () => { test.skip('d', () => {}) })",
    {
      ...emptyTally,
      skipped: 3,
      reasons: ['x › a: needs Firefox', 'x › b: still to be written', 'x › c > d: no reason given'],
    },
  ],
  ['broken-file', "throw new Error('no')", { ...emptyTally, failed: 1, failures: ['x › a.test.ts: no'] }],
  [
    'broken-hook',
    "describe('s', () => { beforeAll(() => { throw new Error('no') })\ntest('a', () => {}) })",
    {
      ...emptyTally,
      failed: 1,
      skipped: 1,
      reasons: ['x › s > a: no reason given'],
      failures: ['x › a.test.ts › s: no'],
    },
  ],
  [
    'floating',
    "test('a', () => { void Promise.reject(new Error('no')) })",
    { ...emptyTally, passed: 1, failed: 1, failures: ['no test: no'] },
  ],
]

test.each(runs)('counts a run that is %s', async (name, body, expected) => {
  expect(await count(name, body)).toEqual(expected)
})

test('reads the last line of counts of a program, and only a line of its own, and what it says of failures', () => {
  expect(
    parseTally('1 passed, 0 failed, 0 skipped\nmore\n✗ seed 3\n  ✗ detail\n5 passed, 1 failed, 2 skipped\n'),
  ).toEqual({ passed: 5, failed: 1, skipped: 2, reasons: [], failures: ['seed 3'] })
  expect(parseTally('about 5 passed, 1 failed, 2 skipped')).toBeUndefined()
})

test('adds up', () => {
  const one = { passed: 1, failed: 2, skipped: 3, reasons: ['a'], failures: ['b'] }
  expect(tallyLine(sum([one, one]))).toBe('2 passed, 4 failed, 6 skipped')
  expect(sum([one, one])).toMatchObject({ reasons: ['a', 'a'], failures: ['b', 'b'] })
})
