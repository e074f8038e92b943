// Streams in gzip that is shared between connections: browsers, curl and what else we did not write read them batch by batch and to a clean end, also through nginx.
import { spawn } from 'node:child_process'
import { sharedGzip } from '@sse-hub/server/gzip'
import { afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { launch } from './browser.ts'
import { bundle } from './bundle.ts'
import type { CompressPage } from './compress-page.ts'
import type { Heard } from './native-page.ts'
import { type Manner, startNginx } from './nginx.ts'
import { type Connect, curl, readers } from './readers.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'
import { until } from './until.ts'

const path = '/api/sse/events?topics=board:7'
const types = ['hub.sync', 'hub.bye', 'hub.gap', 'card.moved']
/** What ends each deflated batch. */
const SYNC_FLUSH = Uint8Array.of(0, 0, 0xff, 0xff)

const scripts: Record<'native' | 'compress', string> = { native: '', compress: '' }
beforeAll(async () => {
  for (const name of ['native', 'compress'] as const) scripts[name] = await bundle(`scripts/e2e/${name}-page.ts`)
})

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A hub that compresses, and how many streams it has compressed so far. */
async function start(options: RigOptions = {}): Promise<Rig & { compressed(): number }> {
  const gzip = sharedGzip()
  let compressed = 0
  const deflate = (bytes: Uint8Array) => {
    if (Buffer.from(bytes).includes('hub.sync')) compressed++
    return gzip.deflate(bytes)
  }
  const rig = await createRig({ compression: { ...gzip, deflate }, ...options })
  closers.push(rig.close)
  return { ...rig, compressed: () => compressed }
}

const numbersIn = (heard: readonly Heard[]): number[] =>
  heard
    .filter(({ type }) => type === 'card.moved')
    .map(({ data }) => (JSON.parse(data) as { data: { n: number } }).data.n)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

const compressedReaders: readonly (readonly [string, Connect])[] = [
  ['curl --compressed in a loop', async (origin, path) => curl(`${origin}${path}`, '--compressed')],
  ...readers.slice(1),
]

describe.each(compressedReaders)('%s', (_, connect) => {
  test('reads each batch before the next is sent, over a clean end and cuts', async (context) => {
    const rig = await start({ script: scripts.native })
    const reader = await connect(rig.origin, path, types, context)
    closers.push(reader.close)
    const hears = async (count: number) => {
      const heard = await until(`${count} events`, async () => {
        const heard = await reader.heard()
        return numbersIn(heard).length >= count && heard
      })
      expect(numbersIn(heard)).toEqual(upTo(count))
    }
    const opened = (count: number) => until(`stream ${count}`, () => rig.compressed() >= count)

    await opened(1)
    await rig.publish(1)
    await hears(1)
    for (const count of [2, 3, 4]) {
      await rig.publish(1)
      await hears(count)
    }
    await rig.publish(30)
    await hears(34)

    rig.hub.disable()
    await until('the end', () => rig.hub.stats().connections === 0)
    await rig.publish(3)
    rig.hub.enable()
    await hears(37)
    await opened(2)

    const within = rig.proxy.cutWithin(SYNC_FLUSH)
    await rig.publish(5)
    await within
    await hears(42)
    await opened(3)
    rig.proxy.cut()
    await rig.publish(5)
    await hears(47)
    await opened(4)
    expect((await reader.heard()).filter(({ type }) => type === 'hub.gap')).toEqual([])
    expect(await reader.dead()).toBe(false)
  })
})

describe.each(['chromium', 'firefox'] as const)('fetch in %s', (name) => {
  const open = async (rig: Rig, context: TestContext) => {
    const browser = await launch(name, context)
    closers.push(browser.close)
    const tab = await browser.open(rig.origin)
    const call = <K extends keyof CompressPage>(method: K, ...args: Parameters<CompressPage[K]>) =>
      tab.evaluate<Awaited<ReturnType<CompressPage[K]>>>(`page.${method}(...${JSON.stringify(args)})`)
    expect(await call('read', path)).toBe('gzip')
    await until('the first block', async () => (await call('text')).includes('hub.sync'))
    return call
  }

  test('reads each batch before the next is sent, and the end', async (context) => {
    const rig = await start({ script: scripts.compress })
    const call = await open(rig, context)
    for (const n of upTo(20)) {
      await rig.publish(1)
      await until(`event ${n}`, async () => (await call('text')).includes(`"n":${n},`))
    }
    await rig.publish(30)
    await until('the last event', async () => (await call('text')).includes('"n":50,'))
    rig.hub.disable()
    await until('the end', async () => (await call('ended')) !== '')
    expect(await call('ended')).toBe('end')
    expect((await call('text')).match(/event: card.moved/g)?.length).toBe(50)
    expect(await call('text')).toMatch(/event: hub.bye\ndata: .*\n\n$/)
  })

  test('is told of a cut', async (context) => {
    const rig = await start({ script: scripts.compress })
    const call = await open(rig, context)
    await rig.publish(1)
    await until('an event', async () => (await call('text')).includes('"n":1,'))
    rig.proxy.cut()
    await until('the end', async () => (await call('ended')) !== '')
    expect(await call('ended')).toBe('error')
  })
})

/** Runs `curl --compressed` on a stream; answers what it has written so far and, once it ends, with which code. */
function runCurl(url: string) {
  const run = { text: '', code: undefined as number | null | undefined }
  const child = spawn('curl', ['--silent', '--no-buffer', '--include', '--compressed', url], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.text += text
  })
  child.on('close', (code) => {
    run.code = code
  })
  closers.push(async () => void child.kill())
  return run
}

describe('curl --compressed', () => {
  const ended = (run: ReturnType<typeof runCurl>) => until('curl has ended', () => run.code !== undefined)

  test('ends without an error where the stream does, and with one where it is cut', async () => {
    const rig = await start()
    const [whole, cut] = [runCurl(`${rig.direct}${path}`), runCurl(`${rig.origin}${path}`)]
    await until('both', () => whole.text.includes('hub.sync') && cut.text.includes('hub.sync'))
    rig.proxy.cut()
    rig.hub.disable()
    await ended(whole)
    await ended(cut)
    expect(whole.text).toMatch(/^content-encoding: gzip/im)
    expect(whole.text).toContain('hub.bye')
    expect(whole.code).toBe(0)
    expect(cut.code).not.toBe(0)
  })

  test.for<Manner>(['lets through', 'compresses'])(
    'reads each event through an nginx that %s, compressed once',
    async (manner, context) => {
      const rig = await start()
      const nginx = await startNginx(rig.proxy.port, manner, context)
      closers.push(nginx.close)
      const run = runCurl(`${nginx.origin}${path}`)
      await until('the first block', () => run.text.includes('hub.sync'))
      for (const n of upTo(10)) {
        await rig.publish(1)
        await until(`event ${n}`, () => run.text.includes(`"n":${n},`))
      }
      rig.hub.disable()
      await ended(run)
      expect(run.code).toBe(0)
      expect(run.text).toMatch(/^content-encoding: gzip/im)
      expect(run.text).toContain('hub.bye')
      expect(rig.compressed()).toBe(1)
    },
  )

  test('reads each event of a hub that does not compress through an nginx that does', async (context) => {
    const rig = await createRig()
    closers.push(rig.close)
    const nginx = await startNginx(rig.proxy.port, 'compresses', context)
    closers.push(nginx.close)
    const run = runCurl(`${nginx.origin}${path}`)
    for (const n of upTo(10)) {
      await until('the block before', () => run.text.includes(n === 1 ? 'hub.sync' : `"n":${n - 1},`))
      await rig.publish(1)
    }
    await until('the last event', () => run.text.includes('"n":10,'))
    expect(run.text).toMatch(/^content-encoding: gzip/im)
  })
})
