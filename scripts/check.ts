// Runs every check that needs no running program, two at a time, and shows only what failed, so that one look says what to mend.
import { globSync } from 'node:fs'
import { root } from './lib/repo.ts'
import { capture } from './lib/run.ts'

/** One check, and how a person repeats it alone. */
interface Check {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const check = (name: string, command: string, ...args: string[]): Check => ({ name, command, args })

const typed = globSync('{packages,examples}/*/tsconfig.json', { cwd: root }).sort()

// The slow ones first: the short ones then fill the second core.
const checks: readonly Check[] = [
  check('packages as published', 'node', 'scripts/packages.ts'),
  check('reference', 'typedoc', '--options', 'docs/typedoc.json', '--emit', 'none'),
  check('snippets', 'node', 'scripts/snippets.ts'),
  ...[...typed, 'scripts/tsconfig.json', 'scripts/lowest/tsconfig.json'].map((config) =>
    check(`types of ${config.replace('/tsconfig.json', '')}`, 'tsc', '-p', config),
  ),
  check('public API', 'node', 'scripts/api.ts'),
  check('unused code', 'knip', '--config', 'scripts/knip.jsonc'),
  check('lint and format', 'biome', 'check', '--error-on-warnings', '.'),
  check('layering', 'node', 'scripts/layering.ts'),
  check('sizes', 'node', 'scripts/sizes.ts'),
]

const wanted = process.argv.slice(2)
const queue = checks.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
const failed: string[] = []

async function worker(): Promise<void> {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const started = performance.now()
    const { code, output } = await capture(next.command, next.args)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${code === 0 ? '✓' : '✗'} ${next.name} (${seconds} s)`)
    if (code === 0) continue
    failed.push(next.name)
    console.log(`\n  pnpm exec ${[next.command, ...next.args].join(' ')}\n\n${output.trimEnd().replace(/^/gm, '  ')}\n`)
  }
}

await Promise.all([worker(), worker()])
console.log(failed.length === 0 ? '\nAll checks hold.' : `\nFailed: ${failed.join(', ')}.`)
process.exitCode = failed.length === 0 ? 0 : 1
