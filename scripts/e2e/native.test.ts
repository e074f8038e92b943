// Any compliant client can read a hub: four that we did not write read the stream, come back after a cut and lose nothing, whatever the hub is up to.
import { parseCursor } from '@sse-hub/core/contract'
import { afterEach, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { launch } from './browser.ts'
import { bundle } from './bundle.ts'
import type { Heard } from './native-page.ts'
import { type Reader, readers } from './readers.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'
import { until } from './until.ts'

const types = ['hub.sync', 'hub.beat', 'hub.gap', 'hub.bye', 'card.moved', 'message']
const path = '/api/sse/events?topics=board:7'

let script: string
beforeAll(async () => {
  script = await bundle('scripts/e2e/native-page.ts')
})

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(options: RigOptions = {}): Promise<Rig> {
  const rig = await createRig({ script, ...options })
  closers.push(rig.close)
  return rig
}

/** The numbers of the cards that a reader heard of, in order. */
const numbers = (heard: readonly Heard[]): number[] =>
  heard
    .filter(({ type }) => type === 'card.moved')
    .map(({ data }) => (JSON.parse(data) as { data: { n: number } }).data.n)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)
const count = (heard: readonly Heard[], type: string): number => heard.filter((event) => event.type === type).length

describe.each(readers)('%s', (_, connect) => {
  async function open(rig: Rig, context: TestContext): Promise<Reader> {
    const reader = await connect(rig.origin, path, types, context)
    closers.push(reader.close)
    return reader
  }
  /** Waits until the reader heard so much, and answers all that it heard. */
  const hears = (reader: Reader, what: string, condition: (heard: readonly Heard[]) => boolean) => {
    let last: readonly Heard[] = []
    return until(
      what,
      async () => {
        last = await reader.heard()
        return condition(last) && last
      },
      { seen: () => last.slice(-5) },
    )
  }

  test('reads the stream, and resumes after cuts with nothing lost and nothing doubled', async (context) => {
    const rig = await start()
    const reader = await open(rig, context)
    const [sync] = await hears(reader, 'the first block', (heard) => heard.length > 0)
    expect(sync?.type).toBe('hub.sync')
    const cursors = await rig.publish(20)
    await hears(reader, 'twenty events', (heard) => numbers(heard).length === 20)

    // In the middle of a block, while more is being published.
    const within = rig.proxy.cutWithin('"n":25')
    cursors.push(...(await rig.publish(20)))
    await within
    await hears(reader, 'forty events', (heard) => numbers(heard).length >= 40)

    // Between blocks, and what it missed is published before it is back.
    rig.proxy.cut()
    cursors.push(...(await rig.publish(20)))
    await hears(reader, 'sixty events', (heard) => numbers(heard).length >= 60)

    // Twice in a row.
    rig.proxy.cut()
    await until('a new connection', () => rig.streams.length >= 4)
    rig.proxy.cut()
    cursors.push(...(await rig.publish(1)))
    const heard = await hears(reader, 'the last event', (heard) => numbers(heard).length >= 61)

    expect(numbers(heard)).toEqual(upTo(61))
    const cards = heard.filter(({ type }) => type === 'card.moved')
    expect(cards.map(({ lastEventId }) => lastEventId)).toEqual(cursors)
    expect(cards.map(({ data }) => JSON.parse(data).data.text)).toEqual(upTo(61).map((n) => `é漢😀 ${n}`))
    expect(count(heard, 'hub.gap')).toBe(0)
    expect(count(heard, 'message')).toBe(0)
    expect(rig.streams[0]?.headers['last-event-id']).toBeUndefined()
    for (const { headers } of rig.streams.slice(1)) expect(parseCursor(String(headers['last-event-id']))).toBeDefined()
    // Every stream began where the reader said that it had been.
    const syncs = heard.filter(({ type }) => type === 'hub.sync').map(({ data }) => JSON.parse(data))
    for (const { gaps } of syncs) expect(gaps).toEqual([])
  })

  test('idle on a narrow topic, its Last-Event-ID advances by heartbeats', async (context) => {
    const rig = await start()
    const reader = await open(rig, context)
    await hears(reader, 'the first block', (heard) => count(heard, 'hub.sync') === 1)
    await rig.publish(50, 'board:8')
    const head = await rig.hub.cursor()
    const heard = await hears(reader, 'a beat at the head', (heard) =>
      heard.some(({ type, lastEventId }) => type === 'hub.beat' && lastEventId === head),
    )
    expect(numbers(heard)).toEqual([])
    expect(heard.filter(({ type }) => type === 'hub.beat').every(({ data }) => data === '')).toBe(true)
    rig.proxy.cut()
    await rig.publish(1)
    await until('a new connection', () => rig.streams.length >= 2)
    expect(rig.streams[1]?.headers['last-event-id']).toBe(head)
    const again = await hears(reader, 'what came meanwhile', (heard) => numbers(heard).length > 0)
    expect(numbers(again)).toEqual([51])
    expect(JSON.parse(again.filter(({ type }) => type === 'hub.sync')[1]?.data ?? '')).toMatchObject({
      cursor: head,
      gaps: [],
    })
  })

  test('survives a hub that is disabled, and comes back by itself without loss', async (context) => {
    const rig = await start()
    const reader = await open(rig, context)
    await hears(reader, 'the first block', (heard) => count(heard, 'hub.sync') === 1)
    await rig.publish(3)
    await hears(reader, 'three events', (heard) => numbers(heard).length === 3)
    rig.hub.disable()
    // Told once on the open stream, and again at each return.
    const byes = await hears(reader, 'three good-byes', (heard) => count(heard, 'hub.bye') >= 3)
    expect(JSON.parse(byes.find(({ type }) => type === 'hub.bye')?.data ?? '')).toMatchObject({ reason: 'disabled' })
    expect(await reader.dead()).toBe(false)
    await rig.publish(2)
    rig.hub.enable()
    await rig.publish(2)
    const heard = await hears(reader, 'all events', (heard) => numbers(heard).length >= 7)
    expect(numbers(heard)).toEqual(upTo(7))
    expect(count(heard, 'hub.gap')).toBe(0)
    expect(await reader.dead()).toBe(false)
  })

  test('survives a hub that is disabled from the start', async (context) => {
    const rig = await start({ disabled: true })
    const reader = await open(rig, context)
    await hears(reader, 'two good-byes', (heard) => count(heard, 'hub.bye') >= 2)
    expect(await reader.dead()).toBe(false)
    rig.hub.enable()
    await hears(reader, 'the first block', (heard) => count(heard, 'hub.sync') === 1)
    await rig.publish(1)
    const heard = await hears(reader, 'an event', (heard) => numbers(heard).length >= 1)
    expect(numbers(heard)).toEqual([1])
  })
})

describe('from another origin', () => {
  test.for(['chromium', 'firefox'] as const)(
    '%s reads where the origin is allowed, and only there',
    async (name, context) => {
      const allowed = await start()
      const rig = await start({ origins: [allowed.direct] })
      await rig.publish(1)
      const browser = await launch(name, context)
      closers.push(browser.close)
      const read = async (from: string): Promise<string> => {
        const tab = await browser.open(from)
        return tab.evaluate(`new Promise((resolve) => {
        const source = new EventSource(${JSON.stringify(`${rig.direct}${path}`)}, { withCredentials: true })
        source.addEventListener('hub.sync', () => resolve('read'))
        source.addEventListener('error', () => resolve('refused: ' + source.readyState))
      })`)
      }
      expect(await read(allowed.direct)).toBe('read')
      expect(await read(allowed.origin)).toBe('refused: 2')
      expect(rig.streams.map(({ headers }) => headers.origin)).toEqual([allowed.direct, allowed.origin])
    },
  )
})
