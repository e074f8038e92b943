// Installs Debian packages, for the tests that need a program of the system: as root, on a machine that has apt-get, and nowhere else.
import { existsSync } from 'node:fs'
import { run } from './run.ts'

/** Installs packages. Answers what stands in the way, or nothing. */
export async function install(...packages: readonly string[]): Promise<string | undefined> {
  if (!existsSync('/usr/bin/apt-get')) return 'there is no apt-get here'
  if (process.getuid?.() !== 0) return 'only root may run apt-get'
  // Another apt-get may be at work: wait for its lock rather than fail.
  const apt = (...args: string[]) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=600', '-o', 'APT::Get::Assume-Yes=true', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
  if ((await apt('update', '-q')) !== 0) return '`apt-get update` failed'
  if ((await apt('install', '-q', '--no-install-recommends', ...packages)) !== 0) return '`apt-get install` failed'
  return undefined
}
