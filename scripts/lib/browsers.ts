// Finds the browsers that the end-to-end tests drive, so that scripts and tests agree on what is present.
import { existsSync } from 'node:fs'

/** A browser that we test in. */
export type BrowserName = 'chromium' | 'firefox'

const places: Readonly<Record<BrowserName, readonly string[]>> = {
  chromium: [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
  firefox: ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
}

/** Where a browser is: `CHROMIUM` or `FIREFOX` in the environment, else the first usual place that exists. */
export function findBrowser(name: BrowserName): string | undefined {
  const chosen = process.env[name.toUpperCase()]
  return [...(chosen ? [chosen] : []), ...places[name]].find((path) => existsSync(path))
}

/** What a person can do about a missing browser. */
export const browserRemedy =
  'Install Chromium and Firefox (as root on Debian: `pnpm setup-browsers`), or set CHROMIUM and FIREFOX.'
