// Browsers whose pages are tabs of each other, and the ways in which a tab can end.
import { readdirSync, readFileSync } from 'node:fs'
import { type BrowserContext, chromium } from 'playwright-core'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { onTestFinished, type TestContext } from 'vitest'
import { type BrowserName, browserRemedy, findBrowser } from '../lib/browsers.ts'
import { ci } from '../lib/repo.ts'

const flags = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/** Starts a browser with one profile, for the time of a test. Where there is none the test is skipped and says why; in CI that is a failure. */
export async function launchTabs(name: BrowserName, context: TestContext): Promise<Browser> {
  const executablePath = foundOr(name, context)
  // A process for each tab, so that one can be killed.
  const extraPrefsFirefox = { 'dom.ipc.processCount': 20, 'dom.ipc.processPrelaunch.enabled': false }
  const browser =
    name === 'chromium'
      ? await puppeteer.launch({ browser: 'chrome', executablePath, headless: true, args: flags })
      : await puppeteer.launch({ browser: 'firefox', executablePath, headless: true, extraPrefsFirefox })
  onTestFinished(() => browser.close())
  return browser
}

/** Starts a Chromium that keeps pages in its back/forward cache, which only Playwright lets it; its pages are tabs of each other. */
export async function cachingTabs(context: TestContext): Promise<BrowserContext> {
  const browser = await chromium.launch({
    executablePath: foundOr('chromium', context),
    args: flags,
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
  onTestFinished(() => browser.close())
  return browser.newContext()
}

function foundOr(name: BrowserName, context: TestContext): string {
  const executablePath = findBrowser(name)
  if (executablePath !== undefined) return executablePath
  const reason = `${name} is missing. ${browserRemedy}`
  if (!ci) context.skip(reason)
  throw new Error(reason)
}

/** Evaluates an expression in a page. */
export const read = <T>(page: Page, expression: string) => page.evaluate(expression) as Promise<T>

/** The processes that hold pages of a Firefox that was started here. */
export function contentsOf(browser: Browser): readonly number[] {
  const parents = new Map<number, number>()
  const contents: number[] = []
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = statOf(name)
    if (!stat) continue
    parents.set(Number(name), stat.parent)
    if (stat.command === 'Web Content' || stat.command === 'Isolated Web Co') contents.push(Number(name))
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === browser.process()?.pid || isOurs(parents.get(pid)))
  return contents.filter(isOurs)
}

function statOf(pid: string) {
  try {
    const [, command, parent] = /^\d+ \((.*)\) . (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return { command, parent: Number(parent) }
  } catch {
    // It has just ended.
    return undefined
  }
}

/** The ways in which a tab can end; `pid` is its process, in Firefox. */
export const ends: Readonly<Record<string, (tab: Page, pid: number | undefined) => Promise<unknown>>> = {
  'is closed': (tab) => tab.close(),
  'is reloaded': (tab) => tab.reload(),
  crashes: async (tab) => {
    const session = await tab.createCDPSession()
    // Its answer never comes: there is nobody left to give it.
    void session.send('Page.crash').catch(() => {})
  },
  'is frozen': async (tab) => {
    const session = await tab.createCDPSession()
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  },
  'is killed': async (_tab, pid) => {
    if (pid === undefined) throw new Error('The process of the tab was not found')
    process.kill(pid, 'SIGKILL')
  },
}
