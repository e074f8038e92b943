// Builds and packs what would be published, and reads it as npm, Node and TypeScript will: a mistake in `exports` breaks users, never us.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as attw from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { makeApplication } from './lib/application.ts'
import type { Package } from './lib/repo.ts'
import { capture } from './lib/run.ts'

/** The parts of a published manifest that publishing rewrites. */
interface Manifest {
  readonly exports: Record<string, string | { types: string; default: string }>
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

/** Ours are modules for Node 22, so what CommonJS and older resolution would see is no fault. */
const notForUs: readonly attw.ResolutionKind[] = ['node10', 'node16-cjs']

async function problemsOf(one: Package, tarball: Uint8Array, application: string): Promise<string[]> {
  const installed = join(application, 'node_modules', one.name)
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
  const linted = await publint({ pkgDir: installed, pack: false, strict: true })
  const types = await attw.checkPackage(attw.createPackageFromTarballData(tarball))
  return [
    ...problemsOfManifest(manifest),
    ...linted.messages.map((message) => formatMessage(message, linted.pkg) ?? message.code),
    ...(types.types ? types.problems.filter(concernsUs).map((problem) => JSON.stringify(problem)) : ['has no types']),
    ...(await problemsOfImports(one, application)),
  ].map((problem) => `${one.name}: ${problem}`)
}

/** Imports every entry point in an application that has only what the manifests ask for. */
async function problemsOfImports({ entries }: Package, application: string): Promise<string[]> {
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

const application = await makeApplication()
try {
  for (const { one, tarball } of application.installed) {
    const problems = await problemsOf(one, tarball, application.path)
    for (const problem of problems) console.error(problem)
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  application.remove()
}
