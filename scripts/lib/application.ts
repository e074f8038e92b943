// Makes an application outside the workspace that has our packages as npm would install them: only there is seen what a user gets.
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Package, packages } from './repo.ts'
import { capture } from './run.ts'

/** An application in a folder of its own. */
export interface Application {
  readonly path: string
  /** Our packages in it, and what was packed of each. */
  readonly installed: readonly { readonly one: Package; readonly tarball: Uint8Array }[]
  /** Adds a package that the workspace member in `from` depends on. */
  link(dependency: string, from: string): void
  remove(): void
}

/** Builds and packs every package, and unpacks it into a new application together with what its manifest asks for. */
export async function makeApplication(): Promise<Application> {
  const path = mkdtempSync(join(tmpdir(), 'sse-hub-application-'))
  const link = (dependency: string, from: string): void => {
    const target = join(path, 'node_modules', dependency)
    mkdirSync(dirname(target), { recursive: true })
    if (!existsSync(target)) symlinkSync(realpathSync(join(from, 'node_modules', dependency)), target)
  }
  // All are unpacked before anything is linked: they depend on each other.
  const installed = []
  for (const one of packages) installed.push({ one, tarball: await install(one, path) })
  for (const { one } of installed) {
    const manifest = JSON.parse(readFileSync(join(path, 'node_modules', one.name, 'package.json'), 'utf8')) as Manifest
    const asked = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    for (const dependency of asked) link(dependency, one.path)
  }
  return { path, installed, link, remove: () => rmSync(path, { recursive: true, force: true }) }
}

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

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

async function must(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { code, output } = await capture(command, args, { cwd })
  if (code !== 0) throw new Error(`\`${command} ${args.join(' ')}\` failed in ${cwd}:\n${output}`)
}
