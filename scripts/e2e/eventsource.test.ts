// HubEventSource beside the native class, in real browsers: it hears the same, and any number of sources in any number of tabs is one connection.
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { launch, type Tab } from './browser.ts'
import { bundle } from './bundle.ts'
import type { SourcesPage } from './eventsource-page.ts'
import { createRig } from './rig.ts'
import { until } from './until.ts'

// A browser has six connections for a host over HTTP/1.1, of all tabs together.
const SOURCES = 7

let script: string
beforeAll(async () => {
  script = await bundle('scripts/e2e/eventsource-page.ts')
})
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Calls a tab. */
const call = <F extends keyof SourcesPage>(tab: Tab, name: F, ...args: Parameters<SourcesPage[F]>) =>
  tab.evaluate<ReturnType<SourcesPage[F]>>(`page.${name}(...${JSON.stringify(args)})`)
const states = async (tab: Tab) => JSON.parse(await call(tab, 'states')) as number[]
const heard = async (tab: Tab) => JSON.parse(await call(tab, 'heard')) as string[][][]
const areOpen = async (tab: Tab, count: number) =>
  until(`${count} sources to be open`, async () => {
    const all = await states(tab)
    return all.length === count && all.every((state) => state === 1)
  })
/** Waits until each source of a tab has heard so many events, and answers them. */
const hear = async (tab: Tab, events: number) => {
  await until(`${events} events`, async () => (await heard(tab)).every((list) => list.length >= events))
  return heard(tab)
}

describe.each(['chromium', 'firefox'] as const)('%s', (name) => {
  test('hears what the native class hears, once and in order, also after the network was cut', async (context) => {
    const rig = await createRig({ script })
    closers.push(rig.close)
    const browser = await launch(name, context)
    closers.push(browser.close)
    const tab = await browser.open(rig.origin)
    await call(tab, 'open', 'native', 1)
    await call(tab, 'open', 'ours', 1)
    await areOpen(tab, 2)
    await rig.publish(10)
    await rig.publish(1, 'board:8')
    await hear(tab, 11)
    const streams = rig.streams.length
    rig.proxy.cut()
    await rig.publish(10)
    const [native, ours] = await hear(tab, 21)
    expect(ours).toEqual(native)
    expect(native?.map(([type, data]) => [type, JSON.parse(data ?? '').data.n])).toEqual(
      Array.from({ length: 21 }, (_, at) => ['card.moved', at + 1]),
    )
    expect(rig.streams.length).toBeGreaterThan(streams)
  })

  test(`two tabs with ${SOURCES} sources each are one connection, and pages still load`, async (context) => {
    const rig = await createRig({ script })
    closers.push(rig.close)
    const browser = await launch(name, context)
    closers.push(browser.close)
    const tabs: Tab[] = []
    while (tabs.length < 2) {
      const tab = await browser.open(rig.origin)
      await call(tab, 'open', 'ours', SOURCES)
      await areOpen(tab, SOURCES)
      tabs.push(tab)
    }
    expect(rig.streams.length).toBe(1)
    await rig.publish(20)
    const [first, ...others] = (await Promise.all(tabs.map((tab) => hear(tab, 20)))).flat()
    expect(first?.length).toBe(20)
    for (const other of others) expect(other).toEqual(first)
    // Native sources would have used up the connections by now, and this would hang.
    expect(await tabs[0]?.evaluate("fetch('/').then(({ status }) => status)")).toBe(200)
    expect(rig.streams.length).toBe(1)
  })
})
