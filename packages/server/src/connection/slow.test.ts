// Slow readers (DESIGN §3.10): a bounded number of bytes each, nothing lost that is durable, and no effect on anybody else.
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { numbers, type RawStream, testClock, until, world } from '../fixtures/world.ts'
import { memoryLog } from '../logs/memory.ts'
import { toNodeHandler } from '../node.ts'

const pad = 'x'.repeat(2_000)
const said = (n: number) => ({ type: 'news.said' as const, topic: 'news' as const, data: { text: `${n} ${pad}` } })
const shout = (n: number) => ({ type: 'shout.heard' as const, topic: 'board:7' as const, data: { n, pad } })
const pointer = (user: string, x: number) => ({
  producer: `producer-${user}`,
  events: [{ id: `${user}-${x}`, type: 'pointer.moved', topic: 'board:7', data: { x } }],
})
const seen = (stream: RawStream) => stream.of('news.said').map(({ data }) => Number(data.text.split(' ')[0]))
const bufferBytes = 20_000
// What the sockets of both sides, and Node's own buffer, may hold before anything waits here.
const total = 6_000

describe('a reader that stops', () => {
  test('falls back to the log at a bounded buffer, then gets everything once and in order', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 100_000 }), limits: { bufferBytes } })
    const [slow, quick] = [await open('/api/sse/events?topics=news'), await open('/api/sse/events?topics=news')]
    await Promise.all([slow.first('hub.sync'), quick.first('hub.sync')])
    slow.pause()
    let most = 0
    for (const n of numbers(total)) {
      await hub.publish(said(n))
      if (n % 20 !== 0) continue
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, hub.stats().bufferedBytes)
    }
    await until(() => expect(seen(quick).length).toBe(total))
    expect(hub.stats().phases).toEqual({ reading: 1, live: 1 })
    expect(hub.stats().fellBehind).toBeGreaterThanOrEqual(1)
    // Our buffer, and one write of it that the socket has taken; twice, for both streams.
    expect(most).toBeLessThan(5 * bufferBytes)
    slow.resume()
    await until(() => expect(seen(slow).length).toBe(total))
    expect(seen(slow)).toEqual(numbers(total))
    expect(seen(quick)).toEqual(numbers(total))
    expect([slow, quick].flatMap((stream) => stream.of('hub.gap'))).toEqual([])
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
    expect(hub.stats().bufferedBytes).toBe(0)
    await hub.publish(said(total + 1))
    await until(() => expect(seen(slow).at(-1)).toBe(total + 1))
  })

  test('stops and goes again and again, while events flow', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 100_000 }), limits: { bufferBytes } })
    const stream = await open('/api/sse/events?topics=news')
    await stream.first('hub.sync')
    for (const n of numbers(total)) {
      if (n % 1_000 === 1) stream.pause()
      if (n % 1_000 === 800) stream.resume()
      await hub.publish(said(n))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    stream.resume()
    await until(() => expect(seen(stream).length).toBe(total))
    expect(seen(stream)).toEqual(numbers(total))
  })

  test('before it has begun, holds no more of the log than the bound', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 100_000 }), limits: { bufferBytes } })
    const after = await hub.cursor()
    await hub.publish(numbers(total).map((n) => said(n)))
    const stream = await open(`/api/sse/events?topics=news&after=${after}`)
    stream.pause()
    let most = 0
    let still = 0
    for (let last = -1; still < 20; ) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      const { bufferedBytes } = hub.stats()
      most = Math.max(most, bufferedBytes)
      still = bufferedBytes === last ? still + 1 : 0
      last = bufferedBytes
    }
    expect(hub.stats().phases).toEqual({ reading: 1 })
    // Node takes 64 KiB before it says that the socket is full.
    expect(most).toBeLessThan(65_536 + 2 * bufferBytes)
    stream.resume()
    await until(() => expect(seen(stream)).toEqual(numbers(total)))
  })

  test('is given no more at once than the bound, whatever the log answers', async () => {
    const { hub } = await world({ limits: { bufferBytes } })
    const after = await hub.cursor()
    await hub.publish(numbers(100).map((n) => said(n)))
    const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=news&after=${after}`))
    const reader = body?.getReader()
    let events = 0
    while (events < 100) {
      const { value = new Uint8Array() } = (await reader?.read()) ?? {}
      expect(value.length).toBeLessThanOrEqual(bufferBytes)
      events += new TextDecoder().decode(value).split('event: news.said').length - 1
    }
  })

  test('for longer than the log holds, hears of one gap and goes on after it', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 100 }), limits: { bufferBytes, recentBytes: 1 } })
    const stream = await open('/api/sse/events?topics=news')
    await stream.first('hub.sync')
    stream.pause()
    for (const n of numbers(total)) {
      await hub.publish(said(n))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    stream.resume()
    const { from, to, ...gap } = await stream.first('hub.gap')
    expect(gap).toEqual({ topics: ['news'], reason: 'trimmed' })
    await hub.publish(said(total + 1))
    await until(() => expect(seen(stream).at(-1)).toBe(total + 1))
    const order = stream.blocks.map(({ event }) => event)
    const at = order.indexOf('hub.gap')
    // Positions are the numbers here: whole up to `from`, and again from `to`.
    const [before, after] = [Number(from.split(':')[1]), Number(to.split(':')[1])]
    expect(seen(stream)).toEqual([...numbers(before), ...numbers(total + 1 - after, after + 1)])
    expect(stream.blocks[at]?.id).toBe(to)
    expect(order.filter((event) => event === 'hub.gap').length).toBe(1)
  })

  test('gets no beats that nobody reads', async () => {
    const clock = testClock()
    const { hub, open } = await world({ clock, log: memoryLog({ maxEvents: 100_000 }), limits: { bufferBytes } })
    const stream = await open('/api/sse/events?topics=news')
    await stream.first('hub.sync')
    stream.pause()
    for (const n of numbers(total)) {
      await hub.publish(said(n))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => expect(hub.stats().phases).toEqual({ reading: 1 }))
    const waiting = hub.stats().bufferedBytes
    await clock.advance(40_000)
    expect(hub.stats().bufferedBytes).toBe(waiting)
    stream.resume()
    await until(() => expect(seen(stream).length).toBe(total))
    await clock.advance(2_000)
    await until(() => expect(stream.beats.at(-1)).toBe(stream.lastId()))
  })
})

describe('ephemeral events for a reader that stops', () => {
  test('wait up to the bound, then are dropped, and counted', async () => {
    const { hub, open } = await world({ limits: { bufferBytes } })
    const stream = await open()
    await stream.first('hub.sync')
    stream.pause()
    for (const n of numbers(total)) {
      await hub.publish(shout(n))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const { dropped } = hub.stats()
    expect(dropped).toBeGreaterThan(100)
    expect(hub.stats().bufferedBytes).toBeLessThan(4 * bufferBytes)
    stream.resume()
    await until(() => expect(stream.of('shout.heard').length).toBe(total - dropped))
    // What came was not reordered, though it may be incomplete; and the newest is not what was kept.
    const heard = stream.of('shout.heard').map(({ data }) => data.n)
    expect(heard).toEqual([...heard].sort((a, b) => a - b))
    await hub.publish(said(1))
    await stream.first('news.said')
  })

  test('of one key give way to the newest', async () => {
    const { hub, open, post } = await world({ limits: { bufferBytes, emitsPerSecond: 10_000 } })
    const stream = await open()
    await stream.first('hub.sync')
    stream.pause()
    for (const n of numbers(total)) {
      await hub.publish(said(n))
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => expect(hub.stats().phases).toEqual({ reading: 1 }))
    const grant = { 'x-read': 'board:7', 'x-write': 'board:7' }
    for (const x of numbers(50)) {
      await post(pointer('u2', x), { ...grant, 'x-user': 'u2' })
      await post(pointer('u3', -x), { ...grant, 'x-user': 'u3' })
    }
    expect(hub.stats()).toMatchObject({ coalesced: 98 })
    stream.resume()
    await until(() => expect(stream.of('pointer.moved').length).toBe(2))
    expect(stream.of('pointer.moved').map(({ user, data }) => [user, data.x])).toEqual([
      ['u2', 50],
      ['u3', -50],
    ])
  })
})

test('an event larger than the buffer goes through all the same, to one who reads', async () => {
  const { hub, open } = await world({ limits: { bufferBytes: 100 } })
  const after = await hub.cursor()
  const [live, late] = [
    await open('/api/sse/events?topics=news'),
    () => open(`/api/sse/events?topics=news&after=${after}`),
  ]
  await live.first('hub.sync')
  await hub.publish(numbers(20).map((n) => said(n)))
  await until(() => expect(seen(live)).toEqual(numbers(20)))
  const replayed = await late()
  await until(() => expect(seen(replayed)).toEqual(numbers(20)))
})

test('one whose response somebody else has ended leaves nothing behind that counts as waiting', async () => {
  const responses: ServerResponse[] = []
  const { hub, open } = await world({
    limits: { memoryBytes: 60_000, bufferBytes },
    listener: (hub) => {
      const handle = toNodeHandler(hub)
      return (req, res) => {
        responses.push(res)
        handle(req, res)
      }
    },
  })
  const large = { ...said(0), data: { text: 'x'.repeat(15_000) } }
  for (const _ of numbers(8)) {
    const stream = await open('/api/sse/events?topics=news')
    await stream.first('hub.sync')
    await until(() => expect(hub.stats().phases).toEqual({ live: 1 }))
    responses.at(-1)?.end()
    await hub.publish([large, large])
    await until(() => expect(hub.stats().connections).toBe(0))
  }
  const { body } = await hub.fetch(new Request('http://hub/api/sse/events?topics=news'))
  await body?.getReader().read()
  await until(() => expect(hub.stats().phases).toEqual({ live: 1 }))
  for (const n of numbers(3)) await hub.publish({ ...said(n), data: { text: 'small' } })
  expect(hub.stats()).toMatchObject({ flushed: 0 })
  expect(hub.stats().bufferedBytes).toBeGreaterThan(0)
})
