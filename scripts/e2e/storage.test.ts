// What emits are kept in, by itself, in Chromium and Firefox: what a page leaves behind in its last moment, and how that comes to where it belongs.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, launch } from './browser.ts'
import { bundle, emptyPage } from './bundle.ts'
import type { StoragePage } from './storage-page.ts'
import { until } from './until.ts'

let script: string
const server = createServer((request, response) => {
  const isScript = request.url === '/page.js'
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  response.end(isScript ? script : emptyPage)
})
beforeAll(async () => {
  script = await bundle('scripts/e2e/storage-page.ts')
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

describe.each(['chromium', 'firefox'] as const)('%s', (name) => {
  let browser: Browser | undefined
  afterAll(() => browser?.close())
  let origins = 0

  // Each test has an origin of its own, with nothing in it.
  test.for<readonly [what: string, does: string, answer: unknown]>([
    [
      'what is being written as the page goes away is left behind, as it is last known, and only then',
      `const before = [page.hide(), page.names().length][1]
       await page.storage.write([page.emit(1)], [])
       page.hide()
       const written = page.names().length
       const free = await page.busy()
       const writes = [page.storage.write([page.emit(2), page.emit(3)], []), page.storage.write([page.emit(2, { sent: true })], [page.emit(3)])]
       page.hide()
       const left = Object.values(page.names().map((name) => localStorage.getItem(name))).map((text) => JSON.parse(text).map(({ id, sent }) => id + sent).join())
       free()
       await Promise.all(writes)
       return [before, written, left, await page.kept(), page.names().length]`,
      [0, 0, ['n2true'], 'n1,n2 sent', 0],
    ],
    [
      'the callback of hiding comes first: what is written in it is left too',
      `await page.kept()
       const free = await page.busy()
       page.storage.onHide(() => void page.storage.write([page.emit(7)], []))
       page.hide()
       const count = page.names().length
       free()
       return count`,
      1,
    ],
    [
      'a write that is over leaves nothing, though others of the same emits came between',
      `await page.kept()
       const free = await page.busy()
       const first = page.storage.write([page.emit(1)], [])
       const second = page.storage.write([page.emit(1, { sent: true })], [])
       free()
       await first
       page.hide()
       const between = page.names().length
       await second
       localStorage.clear()
       page.hide()
       return [between, page.names().length, await page.kept()]`,
      [1, 0, 'n1 sent'],
    ],
    [
      'a localStorage that is full stops nothing',
      `await page.kept()
       const free = await page.busy()
       const writing = page.storage.write([page.emit(1)], [])
       const errors = []
       addEventListener('error', ({ message }) => errors.push(message))
       localStorage.setItem('x', '')
       for (let more = 'x'.repeat(1 << 22); more; more = more.slice(more.length >> 1 || 1)) {
         try { localStorage.setItem('x', localStorage.getItem('x') + more) } catch {}
       }
       page.hide()
       const count = page.names().length
       free()
       await writing
       return [count, errors, await page.kept()]`,
      [0, [], 'n1'],
    ],
    [
      'one that is denied does not either',
      `Object.defineProperty(globalThis, 'localStorage', { get() { throw new Error('denied') } })
       const writing = page.storage.write([page.emit(1)], [])
       page.hide()
       await writing
       return [await page.kept(), await page.hasKept().catch(String)]`,
      ['n1', 'Error: denied'],
    ],
    [
      'what was left comes to where it belongs, whatever else stands under such names; what is older than 30 days does not',
      `localStorage.setItem('sse-hub emits  first', 'nothing of ours')
       page.left('0-b', [page.emit(5, { producer: '0-b' })])
       page.left(page.today + '-a', [page.emit(1), page.emit(2, { sent: true })])
       for (const [at, what] of [null, 5, 'abc', {}, [null], [[]], [{}], [{ ...page.emit(3), json: undefined }], [{ ...page.emit(3), seq: '3' }], [{ ...page.emit(3), seq: 0 }]].entries())
         page.left(page.today + '-x' + at, what)
       localStorage.setItem('sse-hub devtools', 'the panel\\'s')
       return [await page.kept(), Object.keys(localStorage).sort()]`,
      ['n1,n2 sent', ['sse-hub devtools', 'sse-hub emits']],
    ],
    [
      'that an emit was sent is never unsaid',
      `await page.storage.write([page.emit(1, { sent: true }), page.emit(2)], [])
       page.left(page.today + '-a', [page.emit(1), page.emit(2, { sent: true }), page.emit(3)])
       return [await page.kept(), page.names()]`,
      ['n1 sent,n2 sent,n3', []],
    ],
    [
      'what is left while others are moved stays',
      `page.left('z-a', [page.emit(1)])
       const reading = page.kept()
       page.left('z-a', [page.emit(1), page.emit(2)])
       return [await reading, page.names().length, await page.kept(), page.names().length]`,
      ['n1', 1, 'n1,n2', 0],
    ],
    [
      'where there is no room to move it, it stays for 30 days, and all else is read',
      `await page.storage.write([page.emit(1)], [])
       page.left('0-b', [page.emit(5, { producer: '0-b' })])
       const { add } = IDBObjectStore.prototype
       IDBObjectStore.prototype.add = function (value) {
         const request = add.call(this, value)
         request.onsuccess = () => this.transaction.abort()
         return request
       }
       const full = [await page.kept(), page.names().length]
       page.left('z-a', [page.emit(2)])
       full.push(await page.kept(), page.names().length)
       IDBObjectStore.prototype.add = add
       return [full, await page.kept(), page.names().length]`,
      [['n1', 0, 'n1', 1], 'n1,n2', 0],
    ],
    [
      'that emits are kept here is known from the first one on, before the database is open',
      `const before = await page.hasKept()
       const writing = page.storage.write([page.emit(1)], [])
       page.hide()
       const [after, left] = [await page.hasKept(), page.names().length]
       await writing
       return [before, after, left]`,
      [false, true, 1],
    ],
  ])('%s', async ([, does, answer], context) => {
    browser ??= await launch(name, context)
    const { port } = server.address() as AddressInfo
    const tab = await browser.open(`http://t${++origins}.localhost:${port}/`)
    await until('the page', () => tab.evaluate<StoragePage['today'] | undefined>('globalThis.page?.today'))
    expect(await tab.evaluate(`(async () => { ${does} })()`)).toEqual(answer)
  })
})
