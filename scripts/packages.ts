// Builds and packs what would be published, and reads it as npm, Node and TypeScript will: a mistake in `exports` breaks users, never us.
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as attw from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { type Package, packages } from './lib/repo.ts'
import { capture } from './lib/run.ts'

/** The parts of a published manifest that publishing rewrites. */
interface Manifest {
  readonly exports: Record<string, string | { types: string; default: string }>
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

/** Ours are modules for Node 22, so what CommonJS and older resolution would see is no fault. */
const notForUs: readonly attw.ResolutionKind[] = ['node10', 'node16-cjs']

async function must(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { code, output } = await capture(command, args, { cwd })
  if (code !== 0) throw new Error(`\`${command} ${args.join(' ')}\` failed in ${cwd}:\n${output}`)
}

async function problemsOf({ path, name }: Package, scratch: string): Promise<string[]> {
  await must('pnpm', ['run', 'build'], path)
  const destination = mkdtempSync(join(scratch, 'pack-'))
  await must('pnpm', ['pack', '--pack-destination', destination], path)
  const tarball = globSync('*.tgz', { cwd: destination })[0]
  if (!tarball) throw new Error(`pnpm pack left no tarball of ${name}.`)
  const bytes = readFileSync(join(destination, tarball))

  await must('tar', ['-xzf', tarball], destination)
  const manifest = JSON.parse(readFileSync(join(destination, 'package/package.json'), 'utf8')) as Manifest
  const linted = await publint({ pkgDir: join(destination, 'package'), pack: false, strict: true })
  const types = await attw.checkPackage(attw.createPackageFromTarballData(new Uint8Array(bytes)))
  return [
    ...problemsOfManifest(manifest),
    ...linted.messages.map((message) => formatMessage(message, linted.pkg) ?? message.code),
    ...(types.types
      ? types.problems.filter(concernsUs).map((problem) => JSON.stringify(problem))
      : ['The package has no types.']),
  ].map((problem) => `${name}: ${problem}`)
}

const concernsUs = (problem: attw.Problem): boolean =>
  !('resolutionKind' in problem && notForUs.includes(problem.resolutionKind)) && problem.kind !== 'CJSResolvesToESM'

/** What the workspace writes for itself must not reach a user. */
function problemsOfManifest({ exports, dependencies, peerDependencies }: Manifest): string[] {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
  const ranges = Object.entries({ ...dependencies, ...peerDependencies })
  return [
    ...targets
      .filter((target) => target.includes('/src/'))
      .map((target) => `exports point at the source ${target}; see publishConfig.`),
    ...ranges
      .filter(([, range]) => /^(workspace|catalog):/.test(range))
      .map(([name, range]) => `${name} is still '${range}'.`),
  ]
}

const scratch = mkdtempSync(join(tmpdir(), 'sse-hub-packages-'))
try {
  for (const one of packages) {
    const problems = await problemsOf(one, scratch)
    for (const problem of problems) console.error(problem)
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
