// Ten tabs of a real browser share one stream, and whatever becomes of the tab that has it, none of the others loses or doubles anything.
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { type BrowserName, browserRemedy, findBrowser } from '../lib/browsers.ts'
import { ci } from '../lib/repo.ts'
import { bundle } from './bundle.ts'
import { createRig, type Rig } from './rig.ts'
import type { TabsPage } from './tabs-page.ts'
import { until } from './until.ts'

const TABS = 10

let script: string
beforeAll(async () => {
  script = await bundle('scripts/e2e/tabs-page.ts')
})
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** One profile, so that its pages are tabs of each other. */
async function launch(name: BrowserName, context: TestContext): Promise<Browser> {
  const executablePath = findBrowser(name)
  if (executablePath === undefined) {
    const reason = `${name} is missing. ${browserRemedy}`
    if (ci) throw new Error(reason)
    context.skip(reason)
    throw new Error(reason)
  }
  const args = [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ]
  const browser =
    name === 'chromium'
      ? await puppeteer.launch({ browser: 'chrome', executablePath, headless: true, args })
      : await puppeteer.launch({ browser: 'firefox', executablePath, headless: true })
  closers.push(() => browser.close())
  return browser
}

const read = <T>(page: Page, expression: string) => page.evaluate(expression) as Promise<T>
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

async function scene(name: BrowserName, context: TestContext) {
  const rig: Rig = await createRig({ script, heartbeatMs: 1_000 })
  closers.push(rig.close)
  const browser = await launch(name, context)
  const open = async () => {
    const page = await browser.newPage()
    await page.goto(`${rig.origin}/`)
    await until('the tab is live', () =>
      read<boolean>(page, `globalThis.hub?.client.status.topic('board:7') === 'live'`),
    )
    return page
  }
  const leader = await open()
  const others: Page[] = []
  while (others.length < TABS - 1) others.push(await open())
  return { rig, browser, open, leader, others }
}

/** A hundred events a second, until it is stopped. Answers how many there were. */
function traffic(rig: Rig) {
  let count = 0
  const timer = setInterval(() => {
    count++
    void rig.publish(1)
  }, 10)
  closers.push(async () => clearInterval(timer))
  return {
    count: () => count,
    stop: () => clearInterval(timer),
  }
}

/** Waits until each tab has heard the last event, and holds what it heard to be everything, once and in order. */
async function expectWhole(pages: readonly Page[], last: number) {
  for (const page of pages) {
    await until(`a tab has heard ${last}`, async () => (await read<number>(page, 'hub.heard.at(-1) ?? 0')) === last, {
      seen: () => undefined,
    })
    const heard = await read<TabsPage['heard']>(page, 'hub.heard')
    expect(heard).toEqual(numbers(heard[0] ?? 1, last))
    expect(await read<TabsPage['gaps']>(page, 'hub.gaps')).toEqual(['added'])
  }
}

/** The longest time in which a tab heard nothing after `since`; of all tabs the one in the middle. */
async function medianSilence(pages: readonly Page[], since: number): Promise<number> {
  const silences: number[] = []
  for (const page of pages) {
    const at = await read<TabsPage['at']>(page, 'hub.at')
    const steps = at.map((ms, index) => (ms < since ? 0 : ms - (at[index - 1] ?? ms)))
    silences.push(Math.max(...steps))
  }
  return silences.sort((a, b) => a - b)[Math.floor(silences.length / 2)] ?? Number.NaN
}

type End = (leader: Page) => Promise<unknown>
const ends: Readonly<Record<string, End>> = {
  'is closed': (leader) => leader.close(),
  'is reloaded': (leader) => leader.reload(),
  crashes: async (leader) => {
    const session = await leader.createCDPSession()
    // Its answer never comes: there is nobody left to give it.
    void session.send('Page.crash').catch(() => {})
  },
  'is frozen': async (leader) => {
    const session = await leader.createCDPSession()
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  },
}

const cases = [
  ...Object.keys(ends).map((how) => ['chromium', how] as const),
  // Firefox has no DevTools protocol to crash or freeze a page by.
  ...['is closed', 'is reloaded'].map((how) => ['firefox', how] as const),
]

describe.each(['chromium', 'firefox'] as const)('%s', (name) => {
  test('ten tabs are one stream, and all hear the same', async (context) => {
    const { rig, leader, others } = await scene(name, context)
    await rig.publish(50)
    await expectWhole([leader, ...others], 50)
    expect(rig.streams.length).toBe(1)
  })
})

describe('under traffic, the others lose and double nothing', () => {
  test.for(cases)('%s: when the tab that has the stream %s', async ([name, how], context) => {
    const { rig, leader, others } = await scene(name, context)
    const running = traffic(rig)
    await until('all hear', async () => {
      for (const page of others) if ((await read<number>(page, 'hub.heard.length')) < 20) return false
      return true
    })
    const since = Date.now()
    await (ends[how] as End)(leader)
    const then = running.count()
    await until('traffic goes on', () => running.count() > then + 200)
    running.stop()
    await expectWhole(others, running.count())
    console.log(
      `${name}, ${how}: the others heard nothing for ${await medianSilence(others, since)} ms (median of their longest)`,
    )
    expect(rig.streams.length).toBe(2)
  })
})
