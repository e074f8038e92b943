// Ten tabs of one person on the real board: one stream at the server, and whatever becomes of the tab that has it, all show the same.
import { join } from 'node:path'
import type { Page } from 'puppeteer-core'
import { beforeAll, expect, onTestFinished, type TestContext, test } from 'vitest'
import { ends, launchTabs } from '../../../scripts/e2e/tabs-browser.ts'
import { until } from '../../../scripts/e2e/until.ts'
import type { Card } from '../contract.ts'
import { createApp } from '../server/app.ts'
import { buildPage, scratch } from './stage.ts'
import { startWriter } from './writer.ts'

const TABS = 10

beforeAll(buildPage)

async function scene(context: TestContext) {
  const folder = scratch()
  const app = await createApp({ port: 0, path: join(folder.path, 'board.db') })
  onTestFinished(async () => {
    await app.close({ overMs: 0 })
    folder.remove()
  })
  const browser = await launchTabs('chromium', context)
  const tabs: Page[] = []
  while (tabs.length < TABS) {
    const tab = await browser.newPage()
    await tab.goto(`${app.url}/?user=ada`)
    await tab.waitForFunction(`document.querySelector('[aria-label="Connection"] strong')?.textContent === 'Live'`)
    tabs.push(tab)
  }
  return { app, tabs }
}

/** The cards that a tab shows, each with its version. */
const shown = (tab: Page) =>
  tab.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('[data-card]')]
      .map(({ dataset }) => `${dataset.card} v${dataset.version}`)
      .sort(),
  )

async function expectSame(tabs: readonly Page[], url: string): Promise<void> {
  const cards = (await (await fetch(`${url}/api/cards`)).json()) as Card[]
  const wanted = cards.map(({ id, version }) => `${id} v${version}`).sort()
  for (const tab of tabs) {
    await until('a tab shows what the server has', async () => String(await shown(tab)) === String(wanted))
  }
}

test.for(['stays', 'is closed', 'is reloaded', 'crashes', 'is frozen'])(
  'ten tabs, of which the one with the stream %s, show the same',
  async (how, context) => {
    const { app, tabs } = await scene(context)
    expect(app.hub.stats().connections).toBe(1)
    const [leader, ...others] = tabs as [Page, ...Page[]]
    const writer = startWriter(app.url, 'pull-the-plug')
    onTestFinished(async () => void (await writer.stop()))
    await writer.accepted(100)
    await ends[how]?.(leader, undefined)
    await writer.accepted(writer.count() + 150)
    const { rejected } = await writer.stop()
    expect(rejected).toEqual([])
    await expectSame(others, app.url)
    await until('there is one stream', () => app.hub.stats().connections === 1)
    // Nobody was told that anything is missing, so nobody has read the board again.
    for (const tab of others) {
      const asked = await tab.evaluate(() =>
        performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname),
      )
      expect(asked.filter((path) => path === '/api/cards')).toHaveLength(1)
    }
  },
)
