// What a client does in a real browser where the network lets no stream through: a real nginx that buffers, and a network that swallows everything.
import { afterEach, beforeAll, expect, type TestContext, test } from 'vitest'
import { launch, type Tab } from './browser.ts'
import { bundle } from './bundle.ts'
import type { FallbackPage } from './fallback-page.ts'
import { type Manner, startNginx } from './nginx.ts'
import { createRig, type RigOptions } from './rig.ts'
import { until } from './until.ts'

// What is promised: a buffering proxy is bridged within this time.
const BRIDGED_MS = 10_000
// Probes come later and later, and a stream is watched for a while before it is believed.
const BACK_MS = 50_000

let script: string
beforeAll(async () => {
  script = await bundle('scripts/e2e/fallback-page.ts')
})
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const phases = (tab: Tab) => tab.evaluate<FallbackPage['phases']>('hub.phases')

/** Waits until the page says that it is live that way. */
async function untilLive(tab: Tab, via: string, withinMs: number, meanwhile = async () => {}) {
  let last: readonly string[] = []
  const isSo = async () => {
    await meanwhile()
    last = await phases(tab)
    return last.at(-1) === `live ${via}`
  }
  await until(`the page is live by ${via}`, isSo, { withinMs, seen: () => last })
}

const numbers = (to: number) => Array.from({ length: to }, (_, index) => index + 1)

async function rigOf(options: RigOptions = {}) {
  // With the heartbeat that a hub has by default.
  const rig = await createRig({ script, heartbeatMs: 2_000, ...options })
  closers.push(rig.close)
  return rig
}

async function scene(manner: Manner, context: TestContext) {
  const rig = await rigOf()
  const nginx = await startNginx(rig.proxy.port, manner, context)
  closers.push(nginx.close)
  const browser = await launch('chromium', context)
  closers.push(browser.close)
  const tab = await browser.open(`${nginx.origin}/`)
  /** Waits until the page has heard so many in all, once each and in order. */
  const expectWhole = async (count: number) => {
    await until(`the page has heard ${count}`, () => tab.evaluate<boolean>(`hub.heard.at(-1) === ${count}`))
    expect(await tab.evaluate<number[]>('hub.heard')).toEqual(numbers(count))
    expect(await tab.evaluate<string[]>('hub.gaps')).toEqual(['added'])
  }
  return { rig, nginx, tab, expectWhole }
}

test('an nginx that buffers is bridged by pages within ten seconds, and left again when it lets streams through', async (context) => {
  const { rig, nginx, tab, expectWhole } = await scene('buffers', context)
  await untilLive(tab, 'poll', BRIDGED_MS)
  const degraded = await tab.evaluate<{ code: string; message: string }>('hub.client.status.get().degraded')
  expect(degraded).toMatchObject({ code: 'timeout', message: expect.stringMatching(/held back/) })
  await rig.publish(20)
  await expectWhole(20)
  await nginx.turn('lets through')
  let published = 20
  // All the while something happens.
  await untilLive(tab, 'sse', BACK_MS, async () => {
    await rig.publish(1)
    published++
  })
  await rig.publish(20)
  await expectWhole(published + 20)
  expect(await phases(tab)).not.toContain('down timeout')
})

test('the same where it begins to buffer later: the stream that is cut is not the last word', async (context) => {
  const { rig, nginx, tab, expectWhole } = await scene('lets through', context)
  await untilLive(tab, 'sse', BRIDGED_MS)
  await rig.publish(5)
  await expectWhole(5)
  await nginx.turn('buffers')
  await untilLive(tab, 'poll', BRIDGED_MS)
  await rig.publish(5)
  await expectWhole(10)
})

test('a network that swallows everything is noticed in a page that is seen, and the application told, within 2.5 heartbeats', async (context) => {
  const rig = await rigOf()
  const browser = await launch('chromium', context)
  closers.push(browser.close)
  const tab = await browser.open(`${rig.origin}/`)
  await untilLive(tab, 'sse', BRIDGED_MS)
  await rig.publish(5)
  await until('the page has heard them', () => tab.evaluate<boolean>('hub.heard.length === 5'))
  rig.proxy.swallow(true)
  // 2.5 heartbeats of two seconds after the last byte; and a second for this machine, on which others work, too.
  await until('the application is told', async () => (await phases(tab)).includes('down timeout'), { withinMs: 6_000 })
  // What was published meanwhile comes when the network is back.
  await rig.publish(5)
  rig.proxy.swallow(false)
  await until('the page has heard all', () => tab.evaluate<boolean>('hub.heard.at(-1) === 10'))
  expect(await tab.evaluate<number[]>('hub.heard')).toEqual(numbers(10))
})
