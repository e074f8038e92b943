// Makes the browsers of the end-to-end tests present on a fresh Debian machine; where they are, it does nothing.
import { existsSync } from 'node:fs'
import { type BrowserName, browserRemedy, findBrowser } from './lib/browsers.ts'
import { run } from './lib/run.ts'

const debianPackage: Readonly<Record<BrowserName, string>> = { chromium: 'chromium', firefox: 'firefox-esr' }

/** Without any font a browser lays text out with no height, and nothing can be clicked. */
const fonts = 'fonts-liberation'

/** Installs the browsers that are missing. Answers what stands in the way, or nothing. */
export async function setupBrowsers(): Promise<string | undefined> {
  const missing = (['chromium', 'firefox'] as const).filter((name) => !findBrowser(name))
  if (missing.length === 0) return undefined
  const cannot = (why: string): string =>
    `${missing.join(' and ')} missing, and cannot be installed: ${why}. ${browserRemedy}`
  if (!existsSync('/usr/bin/apt-get')) return cannot('there is no apt-get here')
  if (process.getuid?.() !== 0) return cannot('only root may run apt-get')

  // Another apt-get may be at work: wait for its lock rather than fail.
  const apt = (...args: string[]) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=600', '-o', 'APT::Get::Assume-Yes=true', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
  if ((await apt('update', '-q')) !== 0) return cannot('`apt-get update` failed')
  if (
    (await apt('install', '-q', '--no-install-recommends', fonts, ...missing.map((name) => debianPackage[name]))) !== 0
  ) {
    return cannot('`apt-get install` failed')
  }
  const absent = missing.filter((name) => !findBrowser(name))
  return absent.length === 0
    ? undefined
    : `${absent.join(' and ')} were installed but are not where we look. ${browserRemedy}`
}

if (import.meta.main) {
  const problem = await setupBrowsers()
  if (problem) console.error(problem)
  process.exitCode = problem ? 1 : 0
}
