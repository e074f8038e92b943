// Makes the browsers of the end-to-end tests present on a fresh Debian machine; where they are, it does nothing.
import { install } from './lib/apt.ts'
import { type BrowserName, browserRemedy, findBrowser } from './lib/browsers.ts'

const debianPackage: Readonly<Record<BrowserName, string>> = { chromium: 'chromium', firefox: 'firefox-esr' }

/** Without any font a browser lays text out with no height, and nothing can be clicked. */
const fonts = 'fonts-liberation'

/** Installs the browsers that are missing. Answers what stands in the way, or nothing. */
export async function setupBrowsers(): Promise<string | undefined> {
  const missing = (['chromium', 'firefox'] as const).filter((name) => !findBrowser(name))
  if (missing.length === 0) return undefined
  const why = await install(fonts, ...missing.map((name) => debianPackage[name]))
  if (why) return `${missing.join(' and ')} missing, and cannot be installed: ${why}. ${browserRemedy}`
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
