// Emits that outlive their page, for real: pages of Chromium and Firefox, their IndexedDB and locks, and a hub that keeps its log in a file.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHub } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { sqliteLog } from '@sse-hub/server/sqlite'
import { chromium } from 'playwright-core'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { outboxWorld } from '../../packages/core/src/fixtures/outbox-world.ts'
import { platform } from '../../packages/core/src/platform.ts'
import { browserRemedy, findBrowser } from '../lib/browsers.ts'
import { launch, type Tab } from './browser.ts'
import { bundle, emptyPage } from './bundle.ts'
import { contract } from './outbox-contract.ts'
import type { OutboxPage } from './outbox-page.ts'
import { until } from './until.ts'

let script: string
beforeAll(async () => {
  script = await bundle('scripts/e2e/outbox-page.ts')
})

const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A hub on a file, behind a server whose API can be away while its pages are there. */
async function start() {
  const directory = mkdtempSync(join(tmpdir(), 'sse-hub-outbox-'))
  closers.push(() => rmSync(directory, { recursive: true, force: true }))
  let user = 'u1'
  let isAway = false
  /** Whether the next POST reaches the hub and its answer does not come back. */
  let losesAnswers = false
  const posts: string[] = []
  const open = () =>
    createHub({
      contract,
      log: sqliteLog({ path: join(directory, 'hub.db') }),
      authorize: () => ({ user, read: [] }),
      heartbeatMs: 100,
      retryMs: 50,
    })
  let hub = open()
  let handle = toNodeHandler(hub)
  const server: Server = createServer((request, response) => {
    if (!request.url?.startsWith('/api/sse/')) {
      response.setHeader('content-type', request.url === '/page.js' ? 'text/javascript' : 'text/html')
      response.end(request.url === '/page.js' ? script : request.url === '/' ? '<!doctype html>' : emptyPage)
      return
    }
    if (isAway) {
      request.socket.destroy()
      return
    }
    if (request.method === 'POST') {
      posts.push(user)
      if (losesAnswers) {
        // The hub settles it; its answer goes nowhere.
        response.write = () => true
        response.end = () => request.socket.destroy() && response
      }
    }
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await hub.close()
  })
  const begin = await hub.cursor()
  return {
    origin,
    posts,
    signIn(next: string) {
      user = next
    },
    away(is: boolean) {
      isAway = is
      if (is) server.closeAllConnections()
    },
    losesAnswers(is: boolean) {
      losesAnswers = is
    },
    /** The hub ends, and another one opens its file. */
    async restart() {
      server.closeAllConnections()
      await hub.close()
      hub = open()
      handle = toNodeHandler(hub)
    },
    /** All that was accepted, in order of the log: `by n`. */
    async accepted(of = user): Promise<string[]> {
      const was = user
      user = of
      const url = `http://hub/api/sse/page?after=${encodeURIComponent(String(begin))}`
      const answer = await hub.fetch(new Request(url)).finally(() => {
        user = was
      })
      const { events, gaps } = (await answer.json()) as {
        events: { data: { by: string; n: number } }[]
        gaps: unknown[]
      }
      expect(gaps).toEqual([])
      return events.map(({ data }) => `${data.by} ${data.n}`)
    },
  }
}

const notes = (by: string, count: number, from = 1) => Array.from({ length: count }, (_, at) => `${by} ${from + at}`)
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, at) => from + at)

/** Whether a page of this origin holds a lock: the stream, or emits of its own. */
const hasLocks = (page: Tab) => page.evaluate<boolean>('navigator.locks.query().then(({ held }) => held.length > 0)')

describe.each(['chromium', 'firefox'] as const)('%s', (name) => {
  test('emits survive reload, closing, crossing users and a network that flaps: each once, in order', async (context) => {
    const rig = await start()
    const browser = await launch(name, context)
    closers.push(browser.close)
    // It opens and closes the others, and holds nothing itself.
    const opener = await browser.open(`${rig.origin}/`)
    await opener.evaluate('void (globalThis.tabs = {})')
    const call = <K extends keyof OutboxPage>(tab: string, expression: string) =>
      opener.evaluate<OutboxPage[K] extends (...args: never[]) => infer R ? Awaited<R> : OutboxPage[K]>(
        `tabs.${tab}.page.${expression}`,
      )
    const loaded = (tab: string) => until(`${tab} to load`, () => opener.evaluate<boolean>(`!!tabs.${tab}.page`))
    const open = async (tab: string, query: string) => {
      await opener.evaluate(`void (tabs.${tab} = open('/page?${query}'))`)
      await loaded(tab)
    }
    const emit = (tab: string, by: string, list: readonly number[]) =>
      call<'emit'>(tab, `emit('${by}', ${JSON.stringify(list)})`)
    const isLive = (tab: string) =>
      until(`${tab} to be live`, async () => (await call<'phase'>(tab, 'phase()')) === 'live')
    const keeps = (tab: string, count: number) =>
      until(`${count} to be kept`, async () => (await call<'kept'>(tab, 'kept()')) === count, {
        seen: () => rig.posts.length,
      })
    const accepts = async (expected: readonly string[], of = 'u1') => {
      let seen: readonly string[] = []
      await until(
        `${expected.length} to be accepted`,
        async () => {
          seen = await rig.accepted(of)
          return seen.length >= expected.length
        },
        { seen: () => seen.slice(-10) },
      )
      expect(seen).toEqual(expected)
    }
    const all: string[] = []

    // A reload while the hub is away.
    await open('a', 'identity=u1')
    await isLive('a')
    await emit('a', 'a', [1])
    all.push('a 1')
    await accepts(all)
    rig.away(true)
    await emit('a', 'a', [2, 3])
    await emit('a', 'a', [4])
    await keeps('a', 3)
    await opener.evaluate('void (delete tabs.a.page, tabs.a.location.reload())')
    await loaded('a')
    await emit('a', 'a', [5])
    await keeps('a', 4)
    rig.away(false)
    all.push(...notes('a', 4, 2))
    await accepts(all)
    await keeps('a', 0)
    expect(await call<'outcomes'>('a', 'outcomes')).toEqual(['ok'])

    // A tab that is closed; one that lives meanwhile does not touch what is the other's, one that opens later goes on.
    await open('b', 'identity=u1')
    await isLive('b')
    rig.away(true)
    await emit('a', 'a', [6])
    await emit('b', 'b', numbers(150))
    await keeps('a', 151)
    await opener.evaluate('tabs.b.close()')
    await open('c', 'identity=u1')
    rig.away(false)
    await isLive('c')
    const both = [...notes('a', 1, 6), ...notes('b', 150)]
    await until('all', async () => (await rig.accepted('u1')).length >= all.length + both.length)
    const seen = (await rig.accepted('u1')).slice(all.length)
    expect(seen.filter((note) => note.startsWith('b'))).toEqual(notes('b', 150))
    expect(seen.filter((note) => note.startsWith('a'))).toEqual(notes('a', 1, 6))
    expect(seen).toHaveLength(both.length)
    all.push(...seen)
    await keeps('c', 0)

    // An answer that is lost, and a tab that closes on it.
    rig.losesAnswers(true)
    const before = rig.posts.length
    await emit('c', 'c', [1, 2])
    await until('a POST', () => rig.posts.length > before)
    all.push('c 1', 'c 2')
    await accepts(all)
    await opener.evaluate('tabs.c.close()')
    await rig.restart()
    rig.losesAnswers(false)
    await open('d', 'identity=u1')
    await isLive('d')
    await keeps('d', 0)
    await accepts(all)

    // In the moment of leaving: sent in a way that outlives the page, or by the next one; once.
    await opener.evaluate(`tabs.d.page.emit('d', [1, 2, 3]), tabs.d.close()`)
    await opener.evaluate(`tabs.a.close()`)
    await open('e', 'identity=u1')
    await isLive('e')
    all.push(...notes('d', 3))
    await accepts(all)
    await keeps('e', 0)

    // Somebody else signs in.
    rig.away(true)
    await emit('e', 'e', [1, 2])
    await keeps('e', 2)
    await opener.evaluate('tabs.e.close()')
    rig.signIn('u2')
    rig.away(false)
    await open('f', 'identity=u2')
    await isLive('f')
    await emit('f', 'f', [1])
    await accepts(['f 1'], 'u2')
    // A tab of the first user, while the second is signed in.
    await open('g', 'identity=u1')
    await emit('g', 'g', [1])
    await until('a refusal', async () => (await call<'outcomes'>('g', 'outcomes')).length === 1)
    expect(await call<'outcomes'>('g', 'outcomes')).toEqual(['identity_mismatch'])
    await keeps('f', 3)
    await opener.evaluate('tabs.f.close(), tabs.g.close()')
    await accepts(all)
    // And what nobody came back for within a month.
    await opener.evaluate(`new Promise((resolve, reject) => {
      const request = indexedDB.open('sse-hub')
      request.onerror = reject
      request.onsuccess = () => {
        const writing = request.result.transaction('emits', 'readwrite')
        const producer = (Date.now() - 31 * 86_400_000).toString(36) + '-somebody'
        writing.objectStore('emits').put({ producer, seq: 1, owner: 'somebody' })
        writing.oncomplete = () => resolve(request.result.close())
      }
    })`)
    rig.signIn('u1')
    await open('h', 'identity=u1')
    await isLive('h')
    all.push('e 1', 'e 2', 'g 1')
    await accepts(all)
    await keeps('h', 0)

    // Without Web Locks.
    await open('i', 'identity=u1&lockless')
    await isLive('i')
    rig.away(true)
    await emit('i', 'i', [1, 2])
    await keeps('i', 2)
    await open('j', 'identity=u1&lockless')
    await emit('j', 'j', [1])
    await keeps('j', 3)
    await opener.evaluate('tabs.j.close()')
    await opener.evaluate('tabs.i.close()')
    await open('k', 'identity=u1&lockless')
    rig.away(false)
    all.push('i 1', 'i 2', 'j 1')
    await accepts(all)
    await opener.evaluate('tabs.k.close()')

    // Two hundred over three tabs, of which two close, while the network comes and goes.
    const rounds = { x: { size: 12, rounds: 6 }, y: { size: 9, rounds: 8 }, z: { size: 6, rounds: 10 } }
    for (const tab of Object.keys(rounds)) await open(tab, 'identity=u1')
    for (let round = 1; round <= 10; round++) {
      rig.away(round % 2 === 0)
      for (const [tab, { size, rounds: last }] of Object.entries(rounds)) {
        if (round > last) continue
        await emit(tab, tab, numbers(size - 1, 1 + (round - 1) * size))
        // Two of them close on their last emit, which the hub is away for.
        const closes = round === last && tab !== 'z' ? `, tabs.${tab}.close()` : ''
        await opener.evaluate(`void (tabs.${tab}.page.emit('${tab}', [${round * size}])${closes})`)
      }
    }
    rig.away(false)
    await open('last', 'identity=u1')
    const missing = async () => {
      const accepted = new Set(await rig.accepted('u1'))
      const emitted = Object.entries(rounds).flatMap(([tab, { size, rounds: last }]) => notes(tab, size * last))
      return emitted.filter((note) => !accepted.has(note))
    }
    await until('all of them', async () => (await missing()).length === 0, { withinMs: 60_000, seen: missing })
    const flapped = (await rig.accepted('u1')).slice(all.length)
    expect(flapped).toHaveLength(204)
    for (const [tab, { size, rounds: last }] of Object.entries(rounds)) {
      expect(flapped.filter((note) => note.startsWith(tab))).toEqual(notes(tab, size * last))
    }
    await keeps('last', 0)

    // A newer version of the site takes the store over: it is not held up, and what this page emits goes out all the same.
    await opener.evaluate(`new Promise((resolve, reject) => {
      const request = indexedDB.open('sse-hub', 2)
      request.onsuccess = () => resolve(request.result.close())
      request.onblocked = request.onerror = () => reject(new Error('held up'))
    })`)
    await emit('last', 'last', [1])
    await until('the outcome', async () => (await call<'outcomes'>('last', 'outcomes')).length > 0)
    expect(await call<'outcomes'>('last', 'outcomes')).toEqual(['ok'])
    await until('the report', async () =>
      (await call<'reports'>('last', 'reports')).some((text) => text.includes('storage')),
    )
  }, 240_000)

  test('a page that emits until it goes away, while the hub is: all of it arrives', async (context) => {
    const rig = await start()
    const browser = await launch(name, context)
    closers.push(browser.close)
    const opener = await browser.open(`${rig.origin}/`)
    const expected: string[] = []
    for (const by of ['a', 'b', 'c', 'd', 'e']) {
      await opener.evaluate(`void (globalThis.${by} = open('/page?identity=u1'))`)
      await until('it to be live', () => opener.evaluate<boolean>(`${by}.page?.phase() === 'live'`))
      rig.away(true)
      await opener.evaluate(`${by}.page.emitOn('${by}')`)
      const emitted = () => opener.evaluate<number>(`Number(localStorage.getItem('${by}'))`)
      await until('some to be emitted', async () => (await emitted()) > 8)
      await opener.evaluate(`${by}.close()`)
      // Closed it is before it has ended.
      await until('it to be gone', async () => !(await hasLocks(opener)))
      expected.push(...notes(by, await emitted()))
      rig.away(false)
    }
    await opener.evaluate(`void (globalThis.last = open('/page?identity=u1'))`)
    const missing = async () => {
      const accepted = new Set(await rig.accepted())
      return expected.filter((note) => !accepted.has(note))
    }
    await until('all of it', async () => (await missing()).length === 0, {
      seen: async () => (await missing()).slice(0, 9),
    })
    expect(await rig.accepted()).toEqual(expected)
  }, 60_000)

  test.for([
    ['right before its end', ''],
    ['before its client is closed, right before its end', 'a.page.close()'],
  ] as const)(
    'what a page emits %s, while the storage is busy, is left behind and arrives',
    async ([, first], context) => {
      const rig = await start()
      const browser = await launch(name, context)
      closers.push(browser.close)
      const opener = await browser.open(`${rig.origin}/`)
      const open = (by: string) => opener.evaluate(`void (globalThis.${by} = open('/page?identity=u1'))`)
      const isLive = (by: string) =>
        until(`${by} to be live`, () => opener.evaluate<boolean>(`${by}.page?.phase() === 'live'`))
      await open('a')
      await isLive('a')
      await opener.evaluate(`a.page.emit('a', [1])`)
      await until('the first', async () => (await rig.accepted()).length === 1)
      // A transaction that goes on and on: those of the page do not begin.
      await opener.evaluate(`new Promise((resolve) => {
      indexedDB.open('sse-hub').onsuccess = ({ target: { result } }) => {
        const store = result.transaction('emits', 'readwrite').objectStore('emits')
        globalThis.busy = true
        const goOn = () => {
          resolve()
          if (busy) store.count().onsuccess = goOn
          else result.close()
        }
        store.count().onsuccess = goOn
      }
    })`)
      rig.away(true)
      await opener.evaluate(`a.page.emit('a', [2, 3])`)
      await opener.evaluate(`${first}; a.close()`)
      await until('the page to be gone', async () => !(await hasLocks(opener)))
      const left = "Object.keys(localStorage).filter((name) => name.startsWith('sse-hub emits ')).length"
      expect(await opener.evaluate<number>(left)).toBe(1)
      await opener.evaluate(`localStorage.setItem('sse-hub emits x', 'not ours')`)
      await opener.evaluate('void (globalThis.busy = false)')
      rig.away(false)
      await open('b')
      await until('all of it', async () => (await rig.accepted()).length >= 3)
      expect(await rig.accepted()).toEqual(notes('a', 3))
      await until('nothing to be left', async () => (await opener.evaluate<number>(left)) === 0)
      await until('nothing to be kept', () => opener.evaluate<boolean>('b.page.kept().then((count) => count === 0)'))
      expect(await opener.evaluate<string[]>('b.page.reports')).toEqual([])
    },
  )
})

test('chromium: a tab whose renderer is killed with emits waiting; the tab that lives sends them when it is back', async (context) => {
  const executablePath = findBrowser('chromium')
  if (executablePath === undefined) return context.skip(browserRemedy)
  const rig = await start()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  closers.push(() => browser.close())
  const shared = await browser.newContext()
  const tab = async () => {
    const page = await shared.newPage()
    await page.goto(`${rig.origin}/page?identity=u1`)
    await until('live', () => page.evaluate("page.phase() === 'live'"))
    return page
  }
  const [alive, killed, other] = [await tab(), await tab(), await tab()]
  rig.away(true)
  const emit = (page: typeof alive, by: string) => page.evaluate(`page.emit('${by}', ${JSON.stringify(numbers(120))})`)
  await Promise.all([emit(alive, 'a'), emit(killed, 'k'), emit(other, 'o')])
  await until('all to be kept', () => alive.evaluate('page.kept().then((count) => count === 360)'))
  for (const page of [killed, other]) {
    const crashed = page.waitForEvent('crash')
    const session = await shared.newCDPSession(page)
    session.send('Page.crash').catch(() => {})
    await crashed
  }
  rig.away(false)
  await until('all to be accepted', async () => (await rig.accepted()).length >= 360)
  const accepted = await rig.accepted()
  expect(accepted).toHaveLength(360)
  for (const by of ['a', 'k', 'o']) expect(accepted.filter((note) => note.startsWith(by))).toEqual(notes(by, 120))
  await until('nothing to be kept', () => alive.evaluate('page.kept().then((count) => count === 0)'))
  expect(await alive.evaluate('page.outcomes.length')).toBe(120)
})

test('chromium: a page in the back/forward cache leaves what waits to the page that follows, and goes on when it is back', async (context) => {
  const executablePath = findBrowser('chromium')
  if (executablePath === undefined) return context.skip(browserRemedy)
  const rig = await start()
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu'],
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
  closers.push(() => browser.close())
  const page = await browser.newPage()
  const isLive = () => until('live', () => page.evaluate("page.phase() === 'live'"))
  await page.goto(`${rig.origin}/page?identity=u1`)
  await isLive()
  rig.away(true)
  await page.evaluate("page.emit('a', [1, 2])")
  await until('both to be kept', () => page.evaluate('page.kept().then((count) => count === 2)'))
  await page.evaluate("void addEventListener('pageshow', ({ persisted }) => { globalThis.persisted = persisted })")
  await page.goto(`${rig.origin}/page?identity=u1&second`)
  rig.away(false)
  await isLive()
  await until('both to be accepted', async () => (await rig.accepted()).length >= 2)
  await page.goBack({ waitUntil: 'commit' })
  await until('the first page', () => page.evaluate('globalThis.persisted === true'))
  await page.evaluate("page.emit('a', [3])")
  await until('its outcome', () => page.evaluate('page.outcomes.length === 3'))
  expect(await page.evaluate('page.outcomes.join()')).toBe('closed,closed,ok')
  expect(await rig.accepted()).toEqual(notes('a', 3))
  await until('nothing to be kept', () => page.evaluate('page.kept().then((count) => count === 0)'))
})

test('a real hub and its file: pages that die anywhere, answers that are lost, restarts; each once, and in order', async () => {
  const rig = await start()
  const world = outboxWorld()
  const real = {
    url: `${rig.origin}/api/sse`,
    fetch: platform.fetch,
    headers: { origin: rig.origin },
    clock: platform.clock,
    random: { next: () => 0.01, id: platform.random.id },
  }
  const ofPage = (by: string, die: number | undefined) => {
    let steps = 0
    let waiting = 0
    let isDead = false
    let end = () => {}
    const page = world.page({
      ...real,
      disturb() {
        if (++steps === die) end()
        return undefined
      },
    })
    end = () => {
      isDead = true
      page.die()
    }
    return {
      ...page,
      /** Whether it has ended, or all that it wrote was answered, or something went wrong. */
      isOver: () => isDead || page.reports.length > 0 || (waiting === 0 && world.emits().length === 0),
      async write(n: number) {
        waiting++
        const text = JSON.stringify({ type: 'note.written', data: { by, n } })
        const outcome = await page.outbox.add(`${by}-${n}`, text, 'u1', false)
        waiting--
        return outcome
      },
    }
  }
  // What was written down when a page died.
  const kept = new Set<string>()
  for (let round = 0; round < 12; round++) {
    const by = `p${round}`
    const page = ofPage(by, round + 3)
    rig.losesAnswers(round % 3 === 1)
    rig.away(round % 3 === 2)
    for (const n of [1, 2, 3]) void page.write(n)
    await until(`${by} to be over`, page.isOver)
    page.die()
    for (const { json } of world.emits()) {
      const { data } = JSON.parse(`{${json}`) as { data: { by: string; n: number } }
      kept.add(`${data.by} ${data.n}`)
    }
    if (round % 4 === 3) await rig.restart()
  }
  rig.losesAnswers(false)
  rig.away(false)
  const last = ofPage('last', undefined)
  expect(await last.write(1)).toMatchObject({ ok: true })
  await until('nothing to be left', () => world.emits().length === 0)
  const accepted = await rig.accepted()
  expect(new Set(accepted).size).toBe(accepted.length)
  for (let round = 0; round < 12; round++) {
    const mine = accepted.filter((note) => note.startsWith(`p${round} `))
    expect([[], notes(`p${round}`, 3)]).toContainEqual(mine)
  }
  expect([...kept].filter((note) => !accepted.includes(note))).toEqual([])
  expect(kept.size).toBeGreaterThan(5)
  expect(last.reports).toEqual([])
})
