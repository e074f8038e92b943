// Events that come from elsewhere: from another node, from last month's version, from a log that begins anew.

import { defineContract } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { numbers, positionOf, type RawStream, until, world } from '../fixtures/world.ts'
import type { EventLog, LogGap, NewEvent, TailListener } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'

const moved = (n: number) => ({ type: 'card.moved' as const, topic: 'board:7' as const, data: { n } })
const foreign = (n: number, over: Partial<NewEvent> = {}): NewEvent => ({
  type: 'card.moved',
  topic: 'board:7',
  id: `foreign-${n}`,
  at: 1,
  json: JSON.stringify({ data: { n }, topic: 'board:7', at: 1, id: `foreign-${n}` }),
  ...over,
})

describe('an event that does not fit the contract', () => {
  const unfit: readonly (readonly [string, Partial<NewEvent>])[] = [
    ['of an unknown type', { type: 'card.flown' }],
    ['of a type that is every object’s', { type: 'toString' }],
    [
      'on a topic of another kind',
      { type: 'news.said', json: '{"data":{"text":"a"},"topic":"board:7","at":1,"id":"x"}' },
    ],
    [
      'of a type that has no topic',
      { type: 'button.clicked', json: '{"data":{"button":"b"},"topic":"board:7","at":1,"id":"x"}' },
    ],
    ['whose data does not validate', { json: '{"data":{"n":"two"},"topic":"board:7","at":1,"id":"x"}' }],
    ['whose text is no JSON', { json: '{"data":' }],
    ['whose text would inject a block', { json: '{"data":{"n":2}}\n\nevent: hub.bye\ndata: {}' }],
  ]
  test.each(unfit)('%s is skipped, reported once, and announced to all as a gap of itself alone', async (_, over) => {
    const log = memoryLog()
    const { hub, open, reports } = await world({ log })
    const live = [await open('/api/sse/events?topics=board:7'), await open('/api/sse/events?topics=board:7')]
    const other = await open('/api/sse/events?topics=news')
    await Promise.all([...live, other].map((stream) => stream.first('hub.sync')))
    const start = await hub.cursor()
    const [epoch] = start.split(':')
    await log.append([foreign(1), foreign(2, over), foreign(3)])
    const late = await open(`/api/sse/events?topics=board:7&after=${start}`)
    await until(() => {
      for (const stream of [...live, late]) expect(stream.blocks.length).toBe(4)
    })
    for (const stream of [...live, late]) {
      expect(stream.blocks.map(({ event, id }) => [event, positionOf(id ?? '')]).slice(1)).toEqual([
        ['card.moved', 1],
        ['hub.gap', 2],
        ['card.moved', 3],
      ])
      expect(stream.of('hub.gap')).toEqual([
        { topics: ['board:7'], from: `${epoch}:1`, to: `${epoch}:2`, reason: 'schema' },
      ])
    }
    expect(other.blocks.length).toBe(1)
    expect(reports.map(({ during, cursor }) => [during, cursor])).toEqual([['schema', `${epoch}:2`]])
    await hub.publish(moved(4))
    await until(() => expect(late.of('card.moved').at(-1).data).toEqual({ n: 4 }))
  })

  test('but is ephemeral is dropped and reported', async () => {
    const log = memoryLog()
    const { open, reports } = await world({ log })
    const stream = await open('/api/sse/events?topics=board:7')
    await stream.first('hub.sync')
    await log.announce([foreign(1, { type: 'pointer.moved' }), foreign(2)])
    await stream.first('card.moved')
    expect(stream.of('pointer.moved')).toEqual([])
    expect(reports).toMatchObject([{ during: 'schema', type: 'pointer.moved' }])
  })
})

test('what this hub published is validated once, and not again on its way out', async () => {
  let validated = 0
  const contract = defineContract({
    topics: ['board'],
    events: {
      'card.moved': {
        topic: 'board',
        data: z.object({
          n: z.number().refine(() => {
            validated++
            return true
          }),
        }),
      },
    },
  })
  const { hub, open } = await world({ contract, authorize: () => ({ user: 'u1', read: ['board:7'] }) })
  const start = await hub.cursor()
  const live = await open()
  await live.first('hub.sync')
  await hub.publish(numbers(100).map(moved))
  await until(() => expect(live.of('card.moved').length).toBe(100))
  const late = await open(`/api/sse/events?after=${start}`)
  await until(() => expect(late.of('card.moved').length).toBe(100))
  expect(validated).toBe(100)
})

describe('an asynchronous validator', () => {
  /** A contract whose validator answers when a test lets it. */
  const asynchronous = () => {
    const held: (() => void)[] = []
    const state = { holds: true }
    const schema = z.object({
      n: z.number().refine(async (n) => {
        if (state.holds && n % 2 === 1) await new Promise<void>((resolve) => void held.push(resolve))
        return n !== 5
      }),
    })
    const contract = defineContract({
      topics: ['board'],
      events: {
        'card.moved': { topic: 'board', data: schema },
        'card.named': { topic: 'board', data: z.object({ n: z.number() }) },
        'card.passed': { topic: 'board', data: schema, durable: false },
      },
    })
    const release = () => {
      for (const resolve of held.splice(0).reverse()) resolve()
    }
    return { contract, held, state, release }
  }

  const order = (stream: RawStream) =>
    stream.blocks.filter(({ event }) => event === 'card.moved' || event === 'card.named').map(({ data }) => data.data.n)

  test('does not change the order in which events go out', async () => {
    const { contract, held, release } = asynchronous()
    const log = memoryLog()
    const { open, hub } = await world({ contract, log, authorize: () => ({ user: 'u1', read: ['board:7'] }) })
    const stream = await open()
    await stream.first('hub.sync')
    // Of two types: the validator of the even ones answers at once.
    await log.append(numbers(8).map((n) => foreign(n, n % 2 === 0 ? { type: 'card.named' } : {})))
    await log.announce([foreign(2, { type: 'card.passed' })])
    await stream.first('card.passed')
    expect(order(stream)).toEqual([])
    // What joins meanwhile sees the same.
    const late = await open(`/api/sse/events?after=${(await hub.cursor()).replace(/:.*/, ':0')}`)
    await until(() => expect(held.length).toBeGreaterThanOrEqual(4))
    await until(() => {
      release()
      for (const one of [stream, late]) expect(order(one)).toEqual([1, 2, 3, 4, 6, 7, 8])
    })
    expect(stream.of('hub.gap')).toMatchObject([{ reason: 'schema' }])
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
  })

  test('publishes in the end', async () => {
    const { contract, state } = asynchronous()
    state.holds = false
    const { hub } = await world({ contract, authorize: () => ({ user: 'u1', read: ['board:7'] }) })
    expect((await hub.publish(moved(1))).cursor).toMatch(/:1$/)
    await expect(hub.publish(moved(5))).rejects.toMatchObject({ code: 'invalid_data' })
  })
})

describe('a log whose tail cannot go on', () => {
  /** A log that stands for whichever of two, with its tail in a test's hand. */
  const switching = () => {
    let log = memoryLog({ epoch: 'one' })
    let listener: TailListener | undefined
    let muted = false
    const follow = (of: EventLog) =>
      of.tail({
        events: (events) => {
          if (!muted && of === log) listener?.events(events)
        },
        reset: (gap) => listener?.reset(gap),
      })
    const facade: EventLog = {
      append: (...given) => log.append(...given),
      producer: (...given) => log.producer(...given),
      announce: (...given) => log.announce(...given),
      head: () => log.head(),
      read: (...given) => log.read(...given),
      tail: async (given) => {
        listener = given
        return follow(log)
      },
    }
    return {
      log: facade,
      mute: (how: boolean) => {
        muted = how
      },
      reset: (gap: LogGap['gap']) => listener?.reset(gap),
      replace: async (epoch: string) => {
        log = memoryLog({ epoch })
        await follow(log)
      },
      now: () => log,
    }
  }

  test('since it began a new epoch: everybody hears of one gap, and goes on', async () => {
    const { log, replace, reset, now } = switching()
    const { hub, open } = await world({ log })
    await hub.publish(numbers(3).map(moved))
    const streams = [await open(), await open('/api/sse/events?topics=news')]
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
    await replace('two')
    await now().append([foreign(10)])
    reset({ reason: 'epoch', to: await now().head() })
    await hub.publish(moved(11))
    await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'a' } })
    await until(() => {
      for (const stream of streams) expect(stream.lastId()).toBe('two:3')
    })
    const [wide, narrow] = streams
    expect(wide?.of('hub.gap')).toMatchObject([
      { topics: ['board:7', 'news', 'user:u1'], from: 'one:3', reason: 'epoch' },
    ])
    expect(narrow?.of('hub.gap')).toMatchObject([{ topics: ['news'], from: 'one:3', reason: 'epoch' }])
    // The gap ends where the stream had come to; all after it is there.
    for (const stream of streams) {
      const to = positionOf(stream.of('hub.gap')[0].to)
      const moves = stream === wide && to < 2 ? [11] : []
      expect(stream.of('card.moved').map(({ data }) => data.n)).toEqual(moves)
      expect(stream.of('news.said').length).toBe(to < 3 ? 1 : 0)
    }
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
  })

  test('since it missed events that the log still has: nobody hears of a gap, and nothing is lost', async () => {
    const { log, mute, reset } = switching()
    const { hub, open } = await world({ log })
    const stream = await open()
    await stream.first('hub.sync')
    await hub.publish(numbers(3).map(moved))
    mute(true)
    await hub.publish(numbers(5, 4).map(moved))
    mute(false)
    reset({ reason: 'trimmed', to: await log.head() })
    await hub.publish(moved(9))
    await until(() => expect(stream.of('card.moved').map(({ data }) => data.n)).toEqual(numbers(9)))
    expect(stream.of('hub.gap')).toEqual([])
  })

  test('a stream that meets the new epoch before the tail does waits for it', async () => {
    const { log, replace, reset, now } = switching()
    const { hub, open } = await world({ log })
    const first = await open()
    await first.first('hub.sync')
    await replace('two')
    await now().append([foreign(1)])
    const stream = await open('/api/sse/events?after=one:0')
    expect(await stream.first('hub.sync')).toMatchObject({ cursor: 'two:1', gaps: [{ reason: 'epoch' }] })
    await hub.publish(moved(2))
    await stream.first('card.moved')
    expect(hub.stats().phases).toEqual({ live: 1, reading: 1 })
    reset({ reason: 'epoch', to: await now().head() })
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
    await hub.publish(moved(3))
    await until(() => expect(stream.of('card.moved').map(({ data }) => data.n)).toEqual([2, 3]))
    await until(() => expect(first.of('card.moved').at(-1).data.n).toBe(3))
  })
})

test('a reader behind a page that ran ahead of the tail gets nothing twice', async () => {
  const log = memoryLog()
  const held: (() => void)[] = []
  let holds = false
  const lagging: EventLog = {
    ...log,
    tail: (listener) =>
      log.tail({
        ...listener,
        events: (events) => {
          if (holds) held.push(() => listener.events(events))
          else listener.events(events)
        },
      }),
  }
  const { hub, open } = await world({ log: lagging })
  const first = await open()
  await first.first('hub.sync')
  holds = true
  await hub.publish(numbers(3).map(moved))
  const ahead = await open(`/api/sse/events?after=${(await hub.cursor()).replace(/:.*/, ':0')}`)
  await until(() => expect(ahead.of('card.moved').length).toBe(3))
  await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
  holds = false
  for (const deliver of held.splice(0)) deliver()
  await hub.publish(moved(4))
  await until(() => {
    for (const stream of [first, ahead]) expect(stream.of('card.moved').map(({ data }) => data.n)).toEqual(numbers(4))
  })
})
