// The leader's cell of `pnpm bench client`, in a process of its own: tabs of a real Chromium share one stream, and how busy it keeps the main thread of the one that leads.
import { memoryLog } from '@sse-hub/server'
import puppeteer, { type CDPSession, type Page } from 'puppeteer-core'
import { bundle } from '../e2e/bundle.ts'
import { createRig, type Rig } from '../e2e/rig.ts'
import { until } from '../e2e/until.ts'
import { findBrowser } from '../lib/browsers.ts'
import type { Heard } from './leader-page.ts'

/** What to measure. */
export interface LeaderCell {
  /** Tabs beside the one that leads. */
  readonly followers: number
  readonly eventsPerSecond: number
  readonly seconds: number
}

/** What it came to. */
export interface LeaderResult {
  /** The part of the time in which the main thread of the leader had a task; on a machine with too few cores also while it waited for one. */
  readonly busy: number
  /** The part of the time that it computed. */
  readonly computing: number
  /** Events that the leader heard in a second, and the followers, on average. */
  readonly leaderPerSecond: number
  readonly followersPerSecond: number
  /** Events that were published in a second. */
  readonly publishedPerSecond: number
  /** Gaps that followers were told, and events that they missed or heard twice: none, or the figures are worth nothing. */
  readonly gaps: number
  readonly jumps: number
}

const WARM_UP_MS = 3_000
// What one event's block comes to about 200 bytes with.
const TEXT = 'the release waits for a review of the importer'

/** Measures one cell. Answers null where there is no Chromium. */
export async function measureLeader({ followers, eventsPerSecond, seconds }: LeaderCell): Promise<LeaderResult | null> {
  const executablePath = findBrowser('chromium')
  if (executablePath === undefined) return null
  const script = await bundle('scripts/bench/leader-page.ts')
  const rig = await createRig({ script, heartbeatMs: 2_000, log: memoryLog({ maxEvents: 300_000 }) })
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
  // A page that does not answer for so long has failed: the cell must end.
  const protocolTimeout = 30_000
  const browser = await puppeteer.launch({ browser: 'chrome', executablePath, headless: true, args, protocolTimeout })
  try {
    const open = async () => {
      const page = await browser.newPage()
      await page.goto(`${rig.direct}/`)
      await until('the tab is live', async () => (await heardOf(page))?.via)
      return page
    }
    const leader = await open()
    const others: Page[] = []
    while (others.length < followers) others.push(await open())
    const usage = await usageOf(leader)
    const traffic = publish(rig, eventsPerSecond)
    await pause(WARM_UP_MS)
    const look = async () => ({
      published: traffic.count(),
      heard: await Promise.all([leader, ...others].map(heardOf)),
      ...(await usage()),
      at: performance.now(),
    })
    const before = await look()
    await pause(seconds * 1_000)
    const after = await look()
    const published = traffic.stop()
    await until('every tab has heard all', async () => {
      const heard = await Promise.all([leader, ...others].map(heardOf))
      return heard.every(({ last }) => last === published)
    })
    const heard = await Promise.all(others.map(heardOf))
    const tookMs = after.at - before.at
    const rates = after.heard.map(({ events }, at) => ((events - (before.heard[at]?.events ?? 0)) / tookMs) * 1_000)
    const [leaderPerSecond = Number.NaN, ...rest] = rates
    if ((await heardOf(leader)).via !== 'sse') throw new Error('The first tab does not lead any more.')
    return {
      busy: (after.busyMs - before.busyMs) / tookMs,
      computing: (after.computedMs - before.computedMs) / tookMs,
      leaderPerSecond,
      followersPerSecond: rest.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rest.length),
      publishedPerSecond: ((after.published - before.published) / tookMs) * 1_000,
      gaps: heard.reduce((sum, { gaps }) => sum + gaps, -others.length),
      jumps: heard.reduce((sum, { jumps }) => sum + jumps, 0),
    }
  } finally {
    await browser.close()
    await rig.close()
  }
}

const heardOf = (page: Page) => page.evaluate('globalThis.heard') as Promise<Heard>
const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

/** How long the main thread of a page has had a task, and has had a processor, in milliseconds. */
async function usageOf(page: Page) {
  const session: CDPSession = await page.createCDPSession()
  await session.send('Performance.enable')
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    const msOf = (wanted: string) => (metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN) * 1_000
    return { busyMs: msOf('TaskDuration'), computedMs: msOf('ThreadTime') }
  }
}

/** Publishes so many events a second, a few at each tick of a timer of 1 ms: the finest that the hub can be given without keeping its thread busy. */
function publish({ hub }: Rig, perSecond: number) {
  const begun = performance.now()
  let count = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - begun) / 1_000) * perSecond
    while (count < due) void hub.publish({ type: 'card.moved', topic: 'board:7', data: { n: ++count, text: TEXT } })
  }, 1)
  return {
    count: () => count,
    stop() {
      clearInterval(timer)
      return count
    },
  }
}

if (import.meta.main) console.log(JSON.stringify(await measureLeader(JSON.parse(process.argv[2] ?? ''))))
