// Builds and packs what would be published, and reads it as npm, Node and TypeScript will: a mistake in `exports` breaks users, never us.
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
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

/** Builds and packs one package, and unpacks it where an application would have it. */
async function install({ path, name }: Package, application: string): Promise<Uint8Array> {
  await must('pnpm', ['run', 'build'], path)
  const destination = mkdtempSync(join(application, 'pack-'))
  await must('pnpm', ['pack', '--pack-destination', destination], path)
  const tarball = globSync('*.tgz', { cwd: destination })[0]
  if (!tarball) throw new Error(`pnpm pack left no tarball of ${name}.`)
  const installed = join(application, 'node_modules', name)
  mkdirSync(installed, { recursive: true })
  await must('tar', ['-xzf', join(destination, tarball), '--strip-components=1', '-C', installed], application)
  return new Uint8Array(readFileSync(join(destination, tarball)))
}

async function problemsOf(one: Package, tarball: Uint8Array, application: string): Promise<string[]> {
  const installed = join(application, 'node_modules', one.name)
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
  const linted = await publint({ pkgDir: installed, pack: false, strict: true })
  const types = await attw.checkPackage(attw.createPackageFromTarballData(tarball))
  return [
    ...problemsOfManifest(manifest),
    ...linted.messages.map((message) => formatMessage(message, linted.pkg) ?? message.code),
    ...(types.types ? types.problems.filter(concernsUs).map((problem) => JSON.stringify(problem)) : ['has no types']),
    ...(await problemsOfImports(one, manifest, application)),
  ].map((problem) => `${one.name}: ${problem}`)
}

/** Imports every entry point in an application that has only what the manifest asks for. */
async function problemsOfImports(
  { path, entries }: Package,
  manifest: Manifest,
  application: string,
): Promise<string[]> {
  for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    const target = join(application, 'node_modules', dependency)
    mkdirSync(dirname(target), { recursive: true })
    if (!existsSync(target)) symlinkSync(realpathSync(join(path, 'node_modules', dependency)), target)
  }
  const problems: string[] = []
  for (const { specifier } of entries) {
    const program = `await import('${specifier}')`
    const { code, output } = await capture('node', ['--input-type=module', '--eval', program], { cwd: application })
    if (code !== 0) problems.push(`${program} fails:\n${output}`)
  }
  return problems
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

const application = mkdtempSync(join(tmpdir(), 'sse-hub-packages-'))
try {
  // All are installed before the first is read: they import each other.
  const installed = []
  for (const one of packages) installed.push({ one, tarball: await install(one, application) })
  for (const { one, tarball } of installed) {
    const problems = await problemsOf(one, tarball, application)
    for (const problem of problems) console.error(problem)
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  rmSync(application, { recursive: true, force: true })
}
