// Ten tabs of a real browser share one stream, and whatever becomes of the tab that has it, none of the others loses or doubles anything.

import type { Page as CachedPage } from 'playwright-core'
import type { Page } from 'puppeteer-core'
import { afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import type { BrowserName } from '../lib/browsers.ts'
import { bundle } from './bundle.ts'
import { createRig, type Rig } from './rig.ts'
import { cachingTabs, contentsOf, ends, launchTabs, read } from './tabs-browser.ts'
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

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

async function scene(name: BrowserName, context: TestContext) {
  const rig: Rig = await createRig({ script, heartbeatMs: 1_000 })
  closers.push(rig.close)
  const browser = await launchTabs(name, context)
  const open = async () => {
    const page = await browser.newPage()
    await page.goto(`${rig.origin}/`)
    await until('the tab is live', () =>
      read<boolean>(page, `globalThis.hub?.client.status.topic('board:7') === 'live'`),
    )
    return page
  }
  const before = contentsOf(browser)
  const leader = await open()
  const pid = contentsOf(browser).find((one) => !before.includes(one))
  const others: Page[] = []
  while (others.length < TABS - 1) others.push(await open())
  return { rig, leader, pid, others }
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

const cases = [
  ...['is closed', 'is reloaded', 'crashes', 'is frozen'].map((how) => ['chromium', how] as const),
  // Firefox has no DevTools protocol to crash or freeze a page by.
  ...['is closed', 'is reloaded', 'is killed'].map((how) => ['firefox', how] as const),
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
    const { rig, leader, pid, others } = await scene(name, context)
    const running = traffic(rig)
    await until('all hear', async () => {
      for (const page of others) if ((await read<number>(page, 'hub.heard.length')) < 20) return false
      return true
    })
    const since = Date.now()
    await ends[how]?.(leader, pid)
    const then = running.count()
    await until('traffic goes on', () => running.count() > then + 200)
    running.stop()
    await expectWhole(others, running.count())
    const silence = await medianSilence(others, since)
    console.log(`${name}, ${how}: the others heard nothing for ${silence} ms (median of their longest)`)
    expect(rig.streams.length).toBe(2)
  })
})

test.for(['leads', 'follows'] as const)(
  'chromium: a tab that %s goes into the back/forward cache, comes back and is whole',
  async (part, context) => {
    const rig = await createRig({ script, heartbeatMs: 1_000 })
    closers.push(rig.close)
    const tabs = await cachingTabs(context)
    const isLive = (page: CachedPage) =>
      until('the tab is live', () =>
        page.evaluate<boolean>(`globalThis.hub?.client.status.topic('board:7') === 'live'`),
      )
    const via = (page: CachedPage) => page.evaluate<string>('hub.client.status.get().via')
    const pages: CachedPage[] = []
    for (let n = 0; n < 2; n++) {
      const page = await tabs.newPage()
      pages.push(page)
      await page.goto(`${rig.origin}/`)
      await isLive(page)
    }
    const [leader, follower] = pages as [CachedPage, CachedPage]
    expect([await via(leader), await via(follower)]).toEqual(['sse', 'tab'])
    await rig.publish(3)
    const [leaves, stays] = part === 'leads' ? [leader, follower] : [follower, leader]
    await leaves.evaluate('void addEventListener("pageshow", ({ persisted }) => { globalThis.persisted = persisted })')
    await leaves.goto(`${rig.origin}/elsewhere`)
    await isLive(leaves)
    await rig.publish(3)
    await until('the other one to hear', () => stays.evaluate<boolean>('hub.heard.length === 6'))
    await leaves.goBack({ waitUntil: 'commit' })
    // A page that was not restored says why; one that was says so by its event.
    const reasons = '(performance.getEntriesByType("navigation")[0].notRestoredReasons)'
    const isBack = await until('the page', () =>
      leaves.evaluate<string | null>(`globalThis.persisted ? 'restored' : ${reasons} && JSON.stringify(${reasons})`),
    )
    expect(isBack).toBe('restored')
    await rig.publish(3)
    for (const page of pages) {
      await until('all is heard', () => page.evaluate<boolean>('hub.heard.at(-1) === 9'))
      expect(await page.evaluate('hub.heard')).toEqual(numbers(1, 9))
      expect(await page.evaluate('hub.gaps')).toEqual(['added'])
    }
    expect([await via(leader), await via(follower)].sort()).toEqual(['sse', 'tab'])
  },
)
