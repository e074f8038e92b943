// Pages (docs/PROTOCOL.md §4): the same log as the stream, with the same cursors, one answer at a time.
import { decodePage, defineContract } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { contract } from '../fixtures/world.ts'
import { numbers, testClock, until, type World, world } from '../fixtures/world.ts'
import type { EventLog, TailListener } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'

const moved = (n: number, topic: `board:${string}` = 'board:7') => ({ type: 'card.moved' as const, topic, data: { n } })
type Hub = World<typeof contract>['hub']
const publish = (hub: Hub, count: number, from = 1) => hub.publish(numbers(count, from).map((n) => moved(n)))
const topics = ['board:7', 'news', 'user:u1']

describe('a page', () => {
  test('without `after` is the head and no events', async () => {
    const { hub, get } = await world()
    await publish(hub, 3)
    const head = await hub.cursor()
    const { status, headers, body } = await get('/api/sse/page?wait=25000')
    expect(status).toBe(200)
    expect(headers['cache-control']).toBe('no-store, no-transform')
    expect(body).toEqual({ after: head, through: head, topics, user: 'u1', events: [], gaps: [], more: false })
  })

  test('holds what came after, exactly as a stream has it', async () => {
    const { hub, get, open } = await world()
    const after = await hub.cursor()
    const stream = await open(`/api/sse/events?after=${after}`)
    await hub.publish([
      moved(1),
      { type: 'news.said', topic: 'news', data: { text: 'é\u2028"\\' } },
      moved(2, 'board:8'),
    ])
    const { body } = await get(`/api/sse/page?after=${after}`)
    await until(() => expect(stream.blocks.length).toBe(3))
    expect(body).toMatchObject({ after, through: await hub.cursor(), topics, user: 'u1', gaps: [] })
    expect(body.events).toEqual(
      stream.blocks.slice(1).map(({ event, id, data }) => ({ cursor: id, type: event, ...data })),
    )
    expect(decodePage(JSON.stringify(body)).events.length).toBe(2)
  })

  test('is followed by the next, until all is read: at most 500 events each', async () => {
    const { hub, get } = await world({ log: memoryLog({ maxEvents: 20_000 }) })
    const start = await hub.cursor()
    await publish(hub, 1_203)
    const read: number[] = []
    const sizes: number[] = []
    const more: boolean[] = []
    for (let after = start; ; ) {
      const { body } = await get(`/api/sse/page?after=${after}`)
      expect(body.after).toBe(after)
      sizes.push(body.events.length)
      more.push(body.more)
      read.push(...body.events.map(({ data }: { data: { n: number } }) => data.n))
      if (body.events.length === 0) break
      after = body.through
    }
    expect(read).toEqual(numbers(1_203))
    expect(sizes).toEqual([500, 500, 203, 0])
    expect(more).toEqual([true, true, false, false])
  })

  test('ends earlier where the events are large', async () => {
    const { hub, get } = await world({ limits: { bufferBytes: 5_000 } })
    const start = await hub.cursor()
    await hub.publish(
      numbers(10).map((n) => ({
        type: 'news.said' as const,
        topic: 'news' as const,
        data: { text: `${n}${'x'.repeat(2_000)}` },
      })),
    )
    const read: number[] = []
    for (let after = start; read.length < 10; ) {
      const { body } = await get(`/api/sse/page?after=${after}`)
      expect(body.events.length).toBe(2)
      expect(body.more).toBe(read.length < 8)
      read.push(...body.events.map(({ data }: { data: { text: string } }) => Number.parseInt(data.text, 10)))
      after = body.through
    }
    expect(read).toEqual(numbers(10))
  })

  test('of topics where nothing happened moves on past all the others', async () => {
    const { hub, get } = await world({ log: memoryLog({ maxEvents: 20_000 }) })
    const after = await hub.cursor()
    await publish(hub, 3_000)
    const { body } = await get(`/api/sse/page?after=${after}&topics=news`)
    expect(body).toMatchObject({ after, through: await hub.cursor(), topics: ['news'], events: [], gaps: [] })
  })

  test('does not read `Last-Event-ID`', async () => {
    const { hub, get } = await world()
    await publish(hub, 3)
    const { body } = await get('/api/sse/page', { 'last-event-id': `${(await hub.cursor()).split(':')[0]}:0` })
    expect(body.events).toEqual([])
  })

  test.each([
    ['of another epoch', 'elsewhere:1', true],
    ['that cannot be read', 'nonsense', false],
  ])('after a cursor %s: a gap, no events, and on from the head', async (_, after, isKnown) => {
    const { hub, get } = await world()
    await publish(hub, 3)
    const head = await hub.cursor()
    const { body } = await get(`/api/sse/page?after=${after}&wait=1000`)
    const gap = { topics, ...(isKnown ? { from: after } : {}), to: head, reason: 'epoch' }
    expect(body).toEqual({ after: head, through: head, topics, user: 'u1', events: [], gaps: [gap], more: false })
  })

  test('after what the log has dropped: a gap of reason trimmed', async () => {
    const { hub, get } = await world({ log: memoryLog({ maxEvents: 5 }) })
    const after = await hub.cursor()
    await publish(hub, 50)
    const head = await hub.cursor()
    const { body } = await get(`/api/sse/page?after=${after}`)
    expect(body).toMatchObject({
      after: head,
      through: head,
      events: [],
      gaps: [{ topics, from: after, to: head, reason: 'trimmed' }],
    })
  })

  test('says where an event did not fit the contract', async () => {
    const log = memoryLog()
    const { hub } = await world({ log })
    const after = await hub.cursor()
    await publish(hub, 3)
    const narrower = defineContract({
      topics: ['board', 'news'],
      events: { 'card.moved': { topic: 'board', data: z.object({ n: z.number().refine((n) => n !== 2) }) } },
    })
    const later = await world({ log, contract: narrower })
    const { body } = await later.get(`/api/sse/page?after=${after}`)
    const [epoch] = after.split(':')
    expect(body.events.map(({ data }: { data: { n: number } }) => data.n)).toEqual([1, 3])
    expect(body.gaps).toEqual([{ topics: ['board:7'], from: `${epoch}:1`, to: `${epoch}:2`, reason: 'schema' }])
    expect(later.reports).toMatchObject([{ during: 'schema', type: 'card.moved', cursor: `${epoch}:2` }])
  })

  test('of an anonymous user, and of no topics', async () => {
    const { get, hub } = await world()
    await publish(hub, 1)
    const { body } = await get('/api/sse/page?topics=&after=x', { 'x-user': 'anonymous' })
    const head = await hub.cursor()
    expect(body).toEqual({ after: head, through: head, topics: [], user: null, events: [], gaps: [], more: false })
  })
})

describe('a page that waits', () => {
  test('is answered by the first event of its topics, and by no other', async () => {
    const { hub, get } = await world()
    const after = await hub.cursor()
    let answered = false
    const page = get(`/api/sse/page?after=${after}&topics=news&wait=25000`).then((answer) => {
      answered = true
      return answer
    })
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    await hub.publish(moved(1))
    await hub.publish({ type: 'shout.heard', topic: 'board:7', data: { n: 1 } })
    await get('/api/sse/health')
    expect(answered).toBe(false)
    await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'a' } })
    const { body } = await page
    expect(body.events).toMatchObject([{ type: 'news.said', cursor: await hub.cursor() }])
    expect(body.through).toBe(await hub.cursor())
    expect(hub.stats().connections).toBe(0)
  })

  test('is answered in time when nothing happens, with what was scanned meanwhile', async () => {
    const clock = testClock()
    const { hub, get } = await world({ clock })
    const after = await hub.cursor()
    const page = get(`/api/sse/page?after=${after}&topics=news&wait=99999999`)
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    await publish(hub, 7)
    await clock.advance(24_999)
    expect(hub.stats().connections).toBe(1)
    await clock.advance(1)
    expect((await page).body).toMatchObject({ after, through: await hub.cursor(), events: [], gaps: [] })
  })

  test('goes along with the log while it waits, so that a busy log does not leave it behind', async () => {
    const { hub, get } = await world({ log: memoryLog({ maxEvents: 3 }) })
    const after = await hub.cursor()
    const waiting = get(`/api/sse/page?topics=board:7&wait=25000&after=${after}`)
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    await get('/api/sse/health')
    for (const n of numbers(9)) await hub.publish(moved(n, 'board:8'))
    await hub.publish([moved(10), moved(11, 'board:8')])
    expect((await waiting).body).toMatchObject({
      after,
      through: await hub.cursor(),
      gaps: [],
      events: [{ data: { n: 10 } }],
    })
  })

  test('has no more for what was published since it was asked for', async () => {
    const { hub, get } = await world({ limits: { bufferBytes: 1 } })
    const after = await hub.cursor()
    const page = get(`/api/sse/page?after=${after}&wait=25000`)
    await until(() => expect(hub.stats().connections).toBe(1))
    await publish(hub, 3)
    const { body } = await page
    expect([body.events.length, body.more]).toEqual([1, false])
    expect((await get(`/api/sse/page?after=${body.through}`)).body).toMatchObject({ more: true })
  })

  test('misses nothing that is published while it is asked for', async () => {
    const { hub, get } = await world({ log: memoryLog({ maxEvents: 20_000 }) })
    let after = await hub.cursor()
    const total = 400
    const read: number[] = []
    const publishing = (async () => {
      for (const n of numbers(total)) {
        await hub.publish(moved(n))
        if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    while (read.length < total) {
      const { body } = await get(`/api/sse/page?after=${after}&wait=25000`)
      read.push(...body.events.map(({ data }: { data: { n: number } }) => data.n))
      after = body.through
    }
    await publishing
    expect(read).toEqual(numbers(total))
  })

  test('hears of what the tail has left out', async () => {
    const inner = memoryLog({ epoch: 'eeee' })
    let isMute = false
    let listener: TailListener | undefined
    const log: EventLog = {
      ...inner,
      tail(heard) {
        listener = heard
        return inner.tail({ ...heard, events: (events) => isMute || heard.events(events) })
      },
    }
    const { hub, get } = await world({ log })
    const page = get(`/api/sse/page?after=eeee:0&wait=25000`)
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    await get('/api/sse/health')
    isMute = true
    await publish(hub, 1)
    isMute = false
    listener?.reset({ reason: 'trimmed', to: await inner.head() })
    expect((await page).body).toMatchObject({ through: 'eeee:1', events: [{ data: { n: 1 } }] })
  })

  test.each(['tail', 'head', 'read'] as const)('ends in time while the log hangs in `%s`', async (moment) => {
    const clock = testClock()
    const inner = memoryLog({ clock, epoch: 'eeee' })
    let hangs = false
    const orHang = <T>(where: string, work: () => T) =>
      hangs && moment === where ? (new Promise<never>(() => {}) as T) : work()
    const log: EventLog = {
      ...inner,
      head: () => orHang('head', () => inner.head()),
      read: (...asked) => orHang('read', () => inner.read(...asked)),
      tail: (listener) => orHang('tail', () => inner.tail(listener)),
    }
    const { hub, get } = await world({ clock, log })
    await publish(hub, 1)
    hangs = true
    const page = get(moment === 'head' ? '/api/sse/page' : '/api/sse/page?after=eeee:0&wait=1000')
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    hub.disable()
    expect((await page).body.error.code).toBe('disabled')
  })
})
