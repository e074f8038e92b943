// Fallback by tier, for real: Chromium, a hub in a process of its own that is killed or falls into a black hole, and an API in another whose log says when it was asked.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, type TestContext, test } from 'vitest'
import { root } from '../lib/repo.ts'
import { launch, type Tab } from './browser.ts'
import { bundle, emptyPage } from './bundle.ts'
import { createProxy } from './proxy.ts'
import type { TiersHub } from './tiers-hub.ts'
import type { TiersPage } from './tiers-page.ts'
import { until } from './until.ts'

// What is promised (issue 4, 4).
const STOPPED_MS = 1_000
const SILENT_MS = 5_000
const BACK_MS = 2_000

let script: string
beforeAll(async () => {
  script = await bundle('scripts/e2e/tiers-page.ts')
})
const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A free port, which the hub comes back to. */
async function freePort() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function start(context: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'sse-hub-tiers-'))
  closers.push(() => rmSync(directory, { recursive: true, force: true }))
  /** What the API was asked for, and when. */
  const asked: { readonly path: string; readonly at: number }[] = []
  let n = 1
  const api = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://api')
    if (pathname.startsWith('/api/')) {
      asked.push({ path: pathname, at: Date.now() })
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ n }))
    } else if (pathname === '/page.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.setHeader('content-type', 'text/html').end(emptyPage)
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    api.closeAllConnections()
    return new Promise((resolve) => api.close(resolve))
  })
  const origin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`

  const port = await freePort()
  const proxy = await createProxy(port)
  closers.push(proxy.close)
  let hub: ChildProcess | undefined
  const missed: number[] = []
  const startHub = async () => {
    const options: TiersHub = { port, path: join(directory, 'hub.db'), origin, missed: missed.splice(0) }
    const child = fork(join(root, 'scripts/e2e/tiers-hub.ts'), [JSON.stringify(options)])
    hub = child
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', (code) => reject(new Error(`The hub ended with ${code}.`)))
    })
  }
  const stopHub = async () => {
    const child = hub
    hub = undefined
    if (!child) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }
  closers.push(stopHub)
  await startHub()

  const browser = await launch('chromium', context)
  closers.push(browser.close)
  return {
    asked,
    proxy,
    startHub,
    stopHub,
    /** Opens a page, and waits until it is live and quiet: what it loads late is there. */
    async open() {
      const tab = await browser.open(`${origin}/?hub=http://127.0.0.1:${proxy.port}`)
      await until('the page is live', () => read<boolean>(tab, "page.client.status.get().phase === 'live'"))
      await until('its polls are avoided', () => read<boolean>(tab, 'page.connection.polls().avoided > 0'))
      return tab
    },
    /** Commits the next number. Its event is published at once, or once there is a hub. */
    commit() {
      n++
      if (hub) hub.send(n)
      else missed.push(n)
      return n
    },
    /** The polls of the critical query since then. */
    polls: (since: number) => asked.filter(({ path, at }) => path === '/api/cards' && at >= since),
    others: (since: number) => asked.filter(({ path, at }) => path !== '/api/cards' && at >= since),
  }
}
type Scene = Awaited<ReturnType<typeof start>>

const read = <T>(tab: Tab, expression: string) => tab.evaluate<T>(expression)
const heard = (tab: Tab) => read<TiersPage['heard']>(tab, 'page.heard')

/** Waits until a page has heard a number. Answers when it did. */
const untilHeard = (tab: Tab, n: number) =>
  until(`the page has heard ${n}`, async () => (await heard(tab)).find((one) => one.n === n)?.at, {
    seen: async () => [await heard(tab), await read(tab, 'page.phases')],
  })

/** Shows that nobody polls any more: a whole interval goes by without a request. */
async function expectNoPolls(scene: Scene, tab: Tab) {
  const since = Date.now()
  const avoided = await read<number>(tab, 'page.connection.polls().avoided')
  await until('an interval has gone by', () => read<boolean>(tab, `page.connection.polls().avoided > ${avoided}`))
  expect(scene.polls(since)).toEqual([])
}

test('a hub that is stopped: polled within a second; when it is back, all that was missed is there within two', async (context) => {
  const scene = await start(context)
  const tab = await scene.open()
  const loaded = scene.asked.length
  await untilHeard(tab, scene.commit())
  expect(scene.asked).toHaveLength(loaded)

  const stoppedAt = Date.now()
  await scene.stopHub()
  const first = await until('the critical query is polled', () => scene.polls(stoppedAt)[0])
  expect(first.at - stoppedAt).toBeLessThan(STOPPED_MS)
  const missed = scene.commit()
  await until('a poll shows it', () => read<boolean>(tab, `page.shown() === ${missed}`))
  // The longer an outage the later its end is noticed: one of a few seconds.
  await until('it is polled again', () => scene.polls(stoppedAt)[1])
  // Only what is critical.
  expect(scene.others(stoppedAt)).toEqual([])

  await scene.startHub()
  const backAt = Date.now()
  expect((await untilHeard(tab, missed)) - backAt).toBeLessThan(BACK_MS)
  await expectNoPolls(scene, tab)
})

test('a hub in a black hole: polled within five seconds, at default settings; out of it, whole within two', async (context) => {
  const scene = await start(context)
  const tab = await scene.open()
  // The hub beats every two seconds, and is given up 2.5 beats after the last one: a network that is lost right after a beat is noticed last.
  await until('the stream is between two beats', () => scene.proxy.quietMs() > 300)
  scene.proxy.swallow(true)
  const lostAt = Date.now()
  const first = await until('the critical query is polled', () => scene.polls(lostAt)[0])
  expect(first.at - lostAt).toBeLessThan(SILENT_MS)
  expect(await read(tab, 'page.phases')).toContain('down timeout')
  const missed = scene.commit()
  await until('a poll shows it', () => read<boolean>(tab, `page.shown() === ${missed}`))
  expect((await heard(tab)).map(({ n }) => n)).not.toContain(missed)

  scene.proxy.swallow(false)
  const backAt = Date.now()
  expect((await untilHeard(tab, missed)) - backAt).toBeLessThan(BACK_MS)
  await expectNoPolls(scene, tab)
})

test('one of two tabs polls for both', async (context) => {
  const scene = await start(context)
  const tabs = [await scene.open(), await scene.open()]
  const stoppedAt = Date.now()
  await scene.stopHub()
  const missed = scene.commit()
  for (const tab of tabs)
    await until('it shows what was polled', () => read<boolean>(tab, `page.shown() === ${missed}`))
  const counts = async () => {
    const all = []
    for (const tab of tabs) all.push(await read<{ done: number; shared: number }>(tab, 'page.connection.polls()'))
    return all
  }
  const rounds = await until('each has been told three times', async () => {
    const all = await counts()
    return all.every(({ done, shared }) => done + shared >= 3) && all
  })
  const done = rounds.reduce((sum, one) => sum + one.done, 0)
  const shared = rounds.reduce((sum, one) => sum + one.shared, 0)
  expect(shared).toBeGreaterThanOrEqual(3)
  expect(scene.polls(stoppedAt)).toHaveLength(done)
  expect(done).toBeLessThanOrEqual(4)
})
