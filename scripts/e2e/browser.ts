// Real browsers behind one small face: Chromium by Playwright, Firefox by Puppeteer, each without a profile and without traffic of its own.
import { chromium } from 'playwright-core'
import puppeteer from 'puppeteer-core'
import type { TestContext } from 'vitest'
import { type BrowserName, browserRemedy, findBrowser } from '../lib/browsers.ts'
import { ci } from '../lib/repo.ts'

/** One open page. */
export interface Tab {
  /** Evaluates an expression in the page and waits for its promise. Let what comes back be simple: text, numbers, lists of them. */
  evaluate<T>(expression: string): Promise<T>
}

/** A running browser. */
export interface Browser {
  /** Opens a page in a tab of its own. */
  open(url: string): Promise<Tab>
  /** Ends the browser and all its tabs. */
  close(): Promise<void>
}

/**
 * Starts a browser for a test. Where there is none the test is skipped and says why; in CI that is a failure.
 * @throws Error in CI, where every browser is required
 */
export async function launch(name: BrowserName, context: TestContext): Promise<Browser> {
  const executablePath = findBrowser(name)
  if (executablePath === undefined) {
    const reason = `${name} is missing. ${browserRemedy}`
    if (ci) throw new Error(reason)
    context.skip(reason)
    throw new Error(reason)
  }
  return name === 'chromium' ? launchChromium(executablePath) : launchFirefox(executablePath)
}

async function launchChromium(executablePath: string): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  })
  // One for all pages, so that they are tabs of each other.
  const context = await browser.newContext()
  return {
    async open(url) {
      const page = await context.newPage()
      await page.goto(url)
      return { evaluate: (expression) => page.evaluate(expression) }
    },
    close: () => browser.close(),
  }
}

async function launchFirefox(executablePath: string): Promise<Browser> {
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true })
  return {
    async open(url) {
      const page = await browser.newPage()
      await page.goto(url)
      return { evaluate: async <T>(expression: string) => (await page.evaluate(expression)) as T }
    },
    close: () => browser.close(),
  }
}
