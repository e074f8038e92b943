// Resuming a stream (docs/PROTOCOL.md §3): exactly once and in order, or the one announced gap.
import { describe, expect, test } from 'vitest'
import type { contract } from '../fixtures/world.ts'
import {
  authorize,
  numbers,
  positionOf,
  type RawStream,
  testClock,
  until,
  type World,
  world,
} from '../fixtures/world.ts'
import type { EventLog } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'

const moved = (n: number, topic: `board:${string}` = 'board:7') => ({ type: 'card.moved' as const, topic, data: { n } })
const seen = (stream: RawStream) => stream.of('card.moved').map(({ data }) => data.n)
const publish = (hub: World<typeof contract>['hub'], count: number, from = 1) =>
  hub.publish(numbers(count, from).map((n) => moved(n)))

describe('a resume after', () => {
  test.each([0, 1, 500, 501, 10_000])('%i missed events', async (missed) => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 20_000 }) })
    await publish(hub, 3)
    const after = await hub.cursor()
    if (missed > 0) await publish(hub, missed, 4)
    const stream = await open(`/api/sse/events?after=${after}`)
    expect(await stream.first('hub.sync')).toMatchObject({
      cursor: after,
      gaps: [],
      topics: ['board:7', 'news', 'user:u1'],
    })
    await until(() => expect(seen(stream).length).toBe(missed))
    await publish(hub, 2, missed + 4)
    await until(() => expect(seen(stream).length).toBe(missed + 2))
    expect(seen(stream)).toEqual(numbers(missed + 2, 4))
    expect(stream.of('hub.gap')).toEqual([])
    expect(stream.blocks.filter(({ event }) => event === 'hub.sync').length).toBe(1)
  })

  test('what the log has dropped: one gap, told in the sync, and on from there', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 10 }) })
    await publish(hub, 1)
    const after = await hub.cursor()
    await publish(hub, 100, 2)
    const head = await hub.cursor()
    const stream = await open(`/api/sse/events?after=${after}`)
    expect(await stream.first('hub.sync')).toMatchObject({
      cursor: head,
      gaps: [{ topics: ['board:7', 'news', 'user:u1'], from: after, to: head, reason: 'trimmed' }],
    })
    await publish(hub, 1, 102)
    await until(() => expect(seen(stream)).toEqual([102]))
  })

  test('the first event that the log still holds is no gap', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 10 }) })
    await publish(hub, 5)
    const after = await hub.cursor()
    await publish(hub, 10, 6)
    const stream = await open('/api/sse/events', { 'last-event-id': after })
    expect((await stream.first('hub.sync')).gaps).toEqual([])
    await until(() => expect(seen(stream)).toEqual(numbers(10, 6)))
  })

  test.each([
    ['of another epoch', 'elsewhere:1', true],
    ['that cannot be read', 'nonsense', false],
    ['with a position that is too large', 'e:99999999999999999', false],
  ])('a cursor %s: a gap of reason epoch', async (_, after, isKnown) => {
    const { hub, open } = await world()
    await publish(hub, 3)
    const head = await hub.cursor()
    const stream = await open(`/api/sse/events?after=${encodeURIComponent(after)}`)
    const { cursor, gaps } = await stream.first('hub.sync')
    expect(cursor).toBe(head)
    expect(gaps).toEqual([
      { topics: ['board:7', 'news', 'user:u1'], ...(isKnown ? { from: after } : {}), to: head, reason: 'epoch' },
    ])
    await publish(hub, 1, 4)
    await until(() => expect(seen(stream)).toEqual([4]))
  })

  test('a cursor beyond the head: a gap of reason epoch, with no beginning', async () => {
    const { hub, open } = await world()
    await publish(hub, 3)
    const head = await hub.cursor()
    const beyond = `${head.split(':')[0]}:999`
    const stream = await open(`/api/sse/events?after=${beyond}`)
    expect((await stream.first('hub.sync')).gaps).toEqual([
      { topics: ['board:7', 'news', 'user:u1'], to: head, reason: 'epoch' },
    ])
  })

  test('`Last-Event-ID` wins over `after`', async () => {
    const { hub, open } = await world()
    await publish(hub, 3)
    const epoch = (await hub.cursor()).split(':')[0]
    const stream = await open(`/api/sse/events?after=${epoch}:0`, { 'last-event-id': `${epoch}:2` })
    await until(() => expect(seen(stream)).toEqual([3]))
  })

  test('nothing: it starts at the head', async () => {
    const { hub, open } = await world()
    await publish(hub, 3)
    const stream = await open()
    expect(await stream.first('hub.sync')).toMatchObject({ cursor: await hub.cursor(), gaps: [], user: 'u1' })
    await publish(hub, 1, 4)
    await until(() => expect(seen(stream)).toEqual([4]))
  })
})

describe('a resume while 1,000 events a second are being published', () => {
  test('each stream gets each event once, in order, whenever it joins', async () => {
    const { hub, open } = await world({ log: memoryLog({ maxEvents: 20_000 }) })
    const after = await hub.cursor()
    const total = 1_500
    let published = 0
    // In real time, since sockets are: a batch of five every five milliseconds.
    const publishing = new Promise<void>((resolve, reject) => {
      const timer = setInterval(() => {
        hub.publish(numbers(5, published + 1).map((n) => moved(n))).catch(reject)
        published += 5
        if (published < total) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
    const streams: RawStream[] = []
    for (let joined = 0; joined < 30; joined++) {
      await until(() => expect(published).toBeGreaterThanOrEqual((joined + 1) * 40))
      streams.push(await open(`/api/sse/events?after=${after}`))
    }
    // Each leaves in the middle and comes back with its last id.
    const left = await Promise.all(
      streams.slice(0, 10).map(async (stream) => {
        await stream.first('hub.sync')
        stream.destroy()
        const again = await open('/api/sse/events', { 'last-event-id': stream.lastId() ?? '' })
        return { before: seen(stream), again }
      }),
    )
    await publishing
    await until(() => {
      for (const stream of streams.slice(10)) expect(seen(stream).length).toBe(total)
      for (const { before, again } of left) expect(before.length + seen(again).length).toBe(total)
    })
    for (const stream of streams.slice(10)) {
      expect(seen(stream)).toEqual(numbers(total))
      expect(stream.of('hub.gap')).toEqual([])
    }
    for (const { before, again } of left) expect([...before, ...seen(again)]).toEqual(numbers(total))
    expect(hub.stats().gaps).toBe(0)
  })
})

describe('topics', () => {
  test('the stream carries what is both asked for and granted', async () => {
    const { hub, open } = await world()
    const after = await hub.cursor()
    await hub.publish([
      moved(1),
      { type: 'news.said', topic: 'news', data: { text: 'a' } },
      moved(2, 'board:8'),
      moved(3),
    ])
    const stream = await open(`/api/sse/events?topics=board%3A7,board%3A8,user,board%3A7&after=${after}`)
    expect((await stream.first('hub.sync')).topics).toEqual(['board:7', 'user:u1'])
    await until(() => expect(seen(stream)).toEqual([1, 3]))
    expect(stream.of('news.said')).toEqual([])
  })

  test('added, removed and refused from one connection to the next', async () => {
    const { hub, open } = await world()
    const first = await open('/api/sse/events?topics=board:7')
    await first.first('hub.sync')
    await publish(hub, 2)
    await until(() => expect(seen(first)).toEqual([1, 2]))
    const after = first.lastId()
    first.destroy()
    await hub.publish([moved(3), { type: 'news.said', topic: 'news', data: { text: 'b' } }])
    const added = await open(`/api/sse/events?topics=board:7,news&after=${after}`)
    expect((await added.first('hub.sync')).topics).toEqual(['board:7', 'news'])
    await until(() => expect(added.blocks.map(({ event }) => event)).toEqual(['hub.sync', 'card.moved', 'news.said']))
    const removed = await open(`/api/sse/events?topics=news&after=${after}`)
    await until(() => expect(removed.blocks.map(({ event }) => event)).toEqual(['hub.sync', 'news.said']))
    const refused = await open(`/api/sse/events?topics=board:7,news&after=${after}`, { 'x-read': 'news' })
    expect((await refused.first('hub.sync')).topics).toEqual(['news'])
    await until(() => expect(refused.blocks.map(({ event }) => event)).toEqual(['hub.sync', 'news.said']))
  })

  test('a stream of none says so, and beats', async () => {
    const { hub, open } = await world({ heartbeatMs: 20 })
    const stream = await open('/api/sse/events?topics=', { 'x-user': 'anonymous' })
    expect(await stream.first('hub.sync')).toMatchObject({ topics: [], user: null })
    await publish(hub, 5)
    const head = await hub.cursor()
    await until(() => expect(stream.beats.at(-1)).toBe(head))
    expect(stream.blocks.length).toBe(1)
  })

  test('events reach a user on the own topic alone', async () => {
    const { hub, open } = await world()
    const [one, two] = await Promise.all([open('/api/sse/events'), open('/api/sse/events', { 'x-user': 'u2' })])
    await Promise.all([one.first('hub.sync'), two.first('hub.sync')])
    await hub.publish({ type: 'theme.changed', topic: 'user:u2', data: { theme: 'dark' } })
    expect(await two.first('theme.changed')).toMatchObject({ data: { theme: 'dark' }, topic: 'user:u2' })
    await publish(hub, 1)
    await one.first('card.moved')
    expect(one.of('theme.changed')).toEqual([])
  })
})

describe('heartbeats', () => {
  test('a narrow idle stream moves on with them: its id is what was scanned, and resuming there loses nothing', async () => {
    const { hub, open } = await world({ heartbeatMs: 20 })
    const stream = await open('/api/sse/events?topics=news')
    await stream.first('hub.sync')
    await publish(hub, 50)
    const head = await hub.cursor()
    await until(() => expect(stream.beats.at(-1)).toBe(head))
    expect(stream.blocks.length).toBe(1)
    await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'after' } })
    const again = await open('/api/sse/events?topics=news', { 'last-event-id': head })
    expect((await again.first('hub.sync')).gaps).toEqual([])
    expect((await again.first('news.said')).data).toEqual({ text: 'after' })
  })

  test('a beat never claims what was not sent before it', async () => {
    const { hub, open } = await world({ heartbeatMs: 1 })
    const stream = await open('/api/sse/events?topics=board:7')
    await stream.first('hub.sync')
    // Batches of one turn and more, so that beats fall between them and into them.
    for (const n of numbers(300)) {
      await hub.publish(moved(n))
      if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, n % 3))
    }
    await until(() => expect(seen(stream)).toEqual(numbers(300)))
    let sent = 0
    for (const { event, id = '' } of stream.all) {
      if (event === 'card.moved') sent++
      // Every position is a card here: what a beat claims must have come before it.
      if (event === 'hub.beat') expect(positionOf(id)).toBe(sent)
    }
    expect(stream.beats.length).toBeGreaterThan(10)
  })
})

test('while it still reads, a stream claims what it has read, not where the tail is', async () => {
  const clock = testClock()
  const log = memoryLog()
  const held: (() => void)[] = []
  const slow: EventLog = {
    ...log,
    read: async (...given) => {
      const page = await log.read(...given)
      await new Promise<void>((resolve) => void held.push(resolve))
      return page
    },
  }
  const { hub, open } = await world({ clock, log: slow })
  const after = await hub.cursor()
  await publish(hub, 700)
  const stream = await open(`/api/sse/events?topics=board:7&after=${after}`)
  await until(() => expect(held.length).toBe(1))
  held.pop()?.()
  await until(() => expect(seen(stream).length).toBe(500))
  await until(() => expect(held.length).toBe(1))
  await clock.advance(2_000)
  await until(() => expect(stream.beats.map(positionOf)).toEqual([500]))
  held.pop()?.()
  await until(() => expect(seen(stream).length).toBe(700))
  await clock.advance(2_000)
  await until(() => expect(stream.beats.map(positionOf)).toEqual([500, 700]))
})

test('a hub that starts again on the same log goes on where the last one was', async () => {
  const log = memoryLog()
  const one = await world({ log })
  const stream = await one.open('/api/sse/events?topics=board:7')
  await stream.first('hub.sync')
  await publish(one.hub, 3)
  await until(() => expect(seen(stream)).toEqual([1, 2, 3]))
  await one.hub.close()
  const two = await world({ log })
  await publish(two.hub, 2, 4)
  const again = await two.open('/api/sse/events?topics=board:7', { 'last-event-id': stream.lastId() ?? '' })
  expect((await again.first('hub.sync')).gaps).toEqual([])
  await until(() => expect(seen(again)).toEqual([4, 5]))
})

test('a hub that starts again with a fresh memory log says so', async () => {
  const one = await world()
  await publish(one.hub, 3)
  const after = await one.hub.cursor()
  const two = await world({ authorize })
  const again = await two.open('/api/sse/events?topics=board:7', { 'last-event-id': after })
  expect((await again.first('hub.sync')).gaps).toEqual([
    { topics: ['board:7'], from: after, to: await two.hub.cursor(), reason: 'epoch' },
  ])
})
