// Proves what a client promises to its subscribers: over a real server, in virtual time.
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { HubEvent } from './contract/contract.ts'
import { defineContract } from './contract/define.ts'
import {
  type Answer,
  type Arrival,
  clientOf,
  eventBlock,
  openStream,
  queryOf,
  scriptedServer,
  syncBlock,
  until,
} from './fixtures/scripted-server.ts'
import { virtualClock } from './testing/virtual-clock.ts'

const full = (topics: readonly string[]) => topics.map((topic) => (topic === 'user' ? 'user:u1' : topic)).sort()

/** A hub that grants everything, and lets the test speak on the newest stream. */
async function grantingHub(head = 'e:0') {
  const clock = virtualClock()
  let write = (_: string) => {}
  const grant: Answer = (response, arrival) => {
    const { topics, after } = queryOf(arrival)
    openStream(response, syncBlock(after ?? head, full(topics)))
    write = (text) => void response.write(text)
  }
  const server = await scriptedServer(clock, grant)
  return { clock, server, grant, say: (...blocks: readonly string[]) => write(blocks.join('')) }
}

/** A subscription that notes what it hears, as text. */
function notes(topic: string, more: { after?: string } = {}) {
  const heard: string[] = []
  return {
    heard,
    subscription: {
      topic: topic as never,
      onEvent: ({ type, data }: HubEvent) => void heard.push(`${type} ${JSON.stringify(data)}`),
      onGap: ({ reason, to }: { reason: string; to: string }) => void heard.push(`${reason} ${to}`),
      ...more,
    },
  }
}

test('topics are counted: one stream for all, opened anew for a new one, closed after the last', async () => {
  const { clock, server, say } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const [a, again, b] = [notes('board:7'), notes('board:7'), notes('board:8')]
  const stopA = client.subscribe(a.subscription)
  const stopAgain = client.subscribe(again.subscription)
  expect(server.arrivals).toHaveLength(0)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:1', 'board:7', 1))
  await until(() => again.heard.length === 2)

  const stopB = client.subscribe(b.subscription)
  expect(client.status.topic('board:8')).toBe('pending')
  await clock.advance(49)
  expect(server.arrivals).toHaveLength(1)
  await clock.advance(1)
  // The exchange does not show: what was live stays live.
  expect(client.status.topic('board:7')).toBe('live')
  await until(() => client.status.topic('board:8') === 'live')
  say(eventBlock('e:2', 'board:8', 2))
  await until(() => b.heard.length === 2)
  expect(server.arrivals.map(queryOf)).toEqual([
    { topics: ['board:7'], after: null },
    { topics: ['board:7', 'board:8'], after: 'e:1' },
  ])

  stopB()
  stopB()
  expect(client.status.topic('board:8')).toBe('unsubscribed')
  // Who comes back while the place is held finds the stream as it was.
  await clock.advance(999)
  const stopB2 = client.subscribe(b.subscription)
  await clock.advance(500)
  expect(server.arrivals).toHaveLength(2)
  expect(client.status.topic('board:8')).toBe('live')
  stopB2()
  await clock.advance(1_050)
  await until(() => server.arrivals.length === 3)
  await until(() => !JSON.stringify(client.status.get()).includes('board:8'))

  stopA()
  stopAgain()
  await clock.advance(1_050)
  expect(client.status.get()).toEqual({ phase: 'idle' })
  expect(clock.pending()).toBe(0)
  expect(a.heard).toEqual(['added e:0', 'card.moved 1'])
  expect(again.heard).toEqual(a.heard)
  expect(b.heard).toEqual(['added e:1', 'card.moved 2'])
})

test('many changes of topics are one exchange', async () => {
  const { clock, server } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  client.subscribe(notes('board:0').subscription)
  clock.runNext()
  await until(() => client.status.topic('board:0') === 'live')
  for (let i = 1; i < 20; i++) {
    client.subscribe(notes(`board:${i}`).subscription)
    await clock.advance(2)
  }
  await clock.advance(12)
  await until(() => client.status.topic('board:19') === 'live')
  expect(server.arrivals).toHaveLength(2)
})

test('a topic that joins while the first question is unanswered follows it, and a server in trouble is asked no more often', async () => {
  const { clock, server, grant } = await grantingHub()
  let answer = () => {}
  server.answer((response, arrival, n) => {
    answer = () => grant(response, arrival, n)
  })
  const { client } = clientOf(clock, server.url)
  client.subscribe(notes('board:1').subscription)
  clock.runNext()
  await until(() => server.arrivals.length === 1)
  for (let i = 2; i < 9; i++) {
    client.subscribe(notes(`board:${i}`).subscription)
    await clock.advance(60)
  }
  expect(server.arrivals).toHaveLength(1)
  server.answer(grant)
  answer()
  await until(() => client.status.topic('board:1') === 'live')
  await clock.advance(50)
  await until(() => client.status.topic('board:8') === 'live')
  expect(server.arrivals).toHaveLength(2)
})

test('`user` is resolved, and what is not granted is refused', async () => {
  const { clock, server } = await grantingHub()
  const own = notes('user')
  const byName = notes('user:u1')
  const other = notes('board:9')
  let write = (_: string) => {}
  server.answer((response) => {
    openStream(response, syncBlock('e:0', ['user:u1']))
    write = (text) => void response.write(text)
  })
  const { client } = clientOf(clock, server.url)
  client.subscribe(own.subscription)
  client.subscribe(byName.subscription)
  client.subscribe(other.subscription)
  clock.runNext()
  await until(() => client.status.topic('user') === 'live')
  write(eventBlock('e:1', 'user:u1', 'dark', 'theme.changed'))
  await until(() => own.heard.length === 2)
  expect(own.heard).toEqual(['added e:0', 'theme.changed "dark"'])
  expect(byName.heard).toEqual(own.heard)
  expect(client.status.topic('user:u1')).toBe('live')
  expect(client.status.topic('board:9')).toBe('refused')
  expect(client.status.get()).toMatchObject({ phase: 'live', topics: ['user:u1'], refused: ['board:9'] })
  expect(other.heard).toEqual([])
})

test('a subscription that comes later, with a cursor: what it lacks is sent again, to it alone', async () => {
  const { clock, server, say } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const first = notes('board:7')
  client.subscribe(first.subscription)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:5', 'board:7', 5))
  await until(() => first.heard.length === 2)

  const same = notes('board:7', { after: 'e:5' })
  const newer = notes('board:7', { after: 'e:6' })
  client.subscribe(same.subscription)
  client.subscribe(newer.subscription)
  await clock.advance(50)
  expect(server.arrivals).toHaveLength(1)
  const older = notes('board:7', { after: 'e:4' })
  client.subscribe(older.subscription)
  await clock.advance(50)
  await until(() => server.arrivals.length === 2)
  expect(server.arrivals.map((arrival) => queryOf(arrival).after)).toEqual([null, 'e:4'])
  await until(() => clock.pending() === 1)
  say(...[5, 6, 7].map((n) => eventBlock(`e:${n}`, 'board:7', n)))
  await until(() => newer.heard.length === 1)
  expect(first.heard).toEqual(['added e:0', 'card.moved 5', 'card.moved 6', 'card.moved 7'])
  expect(older.heard).toEqual(['card.moved 5', 'card.moved 6', 'card.moved 7'])
  expect(same.heard).toEqual(['card.moved 6', 'card.moved 7'])
  expect(newer.heard).toEqual(['card.moved 7'])
  expect(client.status.topic('board:7')).toBe('live')
})

test('a first subscription with a cursor begins there, and nothing is added', async () => {
  const { clock, server, say } = await grantingHub('e:90')
  const { client } = clientOf(clock, server.url)
  const seeded = notes('board:7', { after: 'e:88' })
  client.subscribe(seeded.subscription)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:88', 'board:7', 88), eventBlock('e:89', 'board:7', 89))
  await until(() => seeded.heard.length === 1)
  expect(seeded.heard).toEqual(['card.moved 89'])
  expect(server.arrivals.map(queryOf)).toEqual([{ topics: ['board:7'], after: 'e:88' }])
})

test('handlers that throw, or reject, are reported and hurt nobody', async () => {
  const { clock, server, say } = await grantingHub()
  const { client, reports } = clientOf(clock, server.url)
  const good = notes('board:7')
  const fail = (): never => {
    throw new Error('sync')
  }
  client.subscribe({ topic: 'board:7' as never, on: { 'card.moved': fail } as never, onEvent: fail, onGap: fail })
  client.subscribe({ topic: 'board:7' as never, onEvent: (async () => fail()) as never })
  client.subscribe(good.subscription)
  client.status.subscribe(fail)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:1', 'board:7', 1), eventBlock('e:2', 'board:7', 2, 'constructor'))
  await until(() => good.heard.length === 3)
  expect(good.heard).toEqual(['added e:0', 'card.moved 1', 'constructor 2'])
  await until(() => reports.length >= 8)
  expect(new Set(reports.map(({ during }) => during))).toEqual(new Set(['handler']))
  expect(client.status.get().phase).toBe('live')
})

test('what every object has is no handler', async () => {
  const { clock, server, say } = await grantingHub()
  const { client, reports } = clientOf(clock, server.url)
  const heard = notes('board:7')
  client.subscribe({ ...heard.subscription, on: {} } as never)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:1', 'board:7', 1, 'hasOwnProperty'))
  await until(() => heard.heard.length === 2)
  expect(reports).toEqual([])
})

test('a report that throws hurts nobody either', async () => {
  const { clock, server, say } = await grantingHub()
  const good = notes('board:7')
  const { client } = clientOf(clock, server.url, {
    onReport() {
      throw new Error('report')
    },
  })
  const printed: unknown[] = []
  const { error } = console
  console.error = (...args) => void printed.push(args)
  try {
    client.subscribe({ topic: 'board:7' as never, onEvent: () => Promise.reject(new Error('async')) as never })
    client.subscribe(good.subscription)
    clock.runNext()
    await until(() => client.status.topic('board:7') === 'live')
    say(eventBlock('e:1', 'board:7', 1))
    await until(() => printed.length === 1)
    expect(good.heard).toHaveLength(2)
  } finally {
    console.error = error
  }
})

test('who closes the client in a handler hears the rest after start: once', async () => {
  const { clock, server, say } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const heard: unknown[] = []
  const other: unknown[] = []
  client.subscribe({
    topic: 'board:7' as never,
    onEvent({ data }: HubEvent) {
      heard.push(data)
      if (data === 1) client.close()
    },
  })
  client.subscribe({ topic: 'board:7' as never, onEvent: ({ data }: HubEvent) => void other.push(data) })
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  const missed = [eventBlock('e:2', 'board:7', 2), eventBlock('e:3', 'board:7', 3)]
  say(eventBlock('e:1', 'board:7', 1), ...missed)
  await until(() => client.status.get().phase === 'closed')
  expect(heard).toEqual([1])
  client.start()
  await until(() => client.status.topic('board:7') === 'live')
  expect(server.arrivals.map((arrival) => queryOf(arrival).after)).toEqual([null, 'e:1'])
  say(...missed)
  await until(() => heard.length === 3)
  expect(heard).toEqual([1, 2, 3])
  expect(other).toEqual([1, 2, 3])
})

test('who subscribes again in a handler does not hear the same event twice', async () => {
  const { clock, server, say } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const heard: unknown[] = []
  const subscribe = () => {
    const stop = client.subscribe({
      topic: 'board:7' as never,
      onEvent({ data }: HubEvent) {
        heard.push(data)
        stop()
        subscribe()
      },
    })
  }
  subscribe()
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:1', 'board:7', 1), eventBlock('e:2', 'board:7', 2))
  await until(() => heard.length >= 2)
  expect(heard).toEqual([1, 2])
})

test('who has unsubscribed hears nothing more, not even of the same event', async () => {
  const { clock, server, say } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const heard: string[] = []
  let stopSecond = () => {}
  client.subscribe({
    topic: 'board:7' as never,
    onEvent() {
      heard.push('first')
      stopSecond()
    },
  })
  stopSecond = client.subscribe({ topic: 'board:7' as never, onEvent: () => void heard.push('second') })
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:1', 'board:7', 1), eventBlock('e:2', 'board:7', 2))
  await until(() => heard.length === 2)
  expect(heard).toEqual(['first', 'first'])
})

test.each(['', 'no kind:7', 'board:', 'board:a,b', 'board:a\nb'])('a topic like %j is refused at once', (topic) => {
  const { client } = clientOf(virtualClock(), 'http://127.0.0.1:9')
  expect(() => client.subscribe({ topic: topic as never })).toThrow(
    expect.objectContaining({ name: 'HubError', code: 'invalid_topic' }),
  )
})

test('the status is a store: the same snapshot until something changes', async () => {
  const { clock, server } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const phases: string[] = []
  const listener = () => void phases.push(client.status.get().phase)
  const stop = client.status.subscribe(listener)
  const stopTwin = client.status.subscribe(listener)
  stopTwin()
  stopTwin()
  expect(client.status.get()).toBe(client.status.get())
  const stopTopic = client.subscribe(notes('board:7').subscription)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  stopTopic()
  stop()
  await clock.advance(1_050)
  expect(phases).toEqual(['idle', 'connecting', 'live', 'live'])
  expect(client.status.get().phase).toBe('idle')
})

test('a client with the contract itself hands out what its validator puts out, and says what does not fit', async () => {
  const contract = defineContract({
    topics: ['board'],
    events: {
      'card.moved': { topic: 'board', data: z.object({ id: z.string() }) },
      'card.checked': { topic: 'board', data: z.object({ id: z.string() }).refine(async () => true) },
    },
  })
  const { clock, server, say } = await grantingHub()
  const { client, reports } = clientOf(clock, server.url, { contract })
  const heard = notes('board:7')
  client.subscribe(heard.subscription)
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(
    eventBlock('e:1', 'board:7', { id: 'a', extra: 1 }),
    eventBlock('e:2', 'board:7', { id: 7 }),
    eventBlock(undefined, 'board:7', { id: 8 }),
    eventBlock('e:4', 'board:7', {}, 'card.unheard'),
    eventBlock('e:5', 'board:7', { id: 'a' }, 'card.checked'),
    eventBlock('e:6', 'board:7', { id: 'b' }),
  )
  await until(() => heard.heard.length === 6)
  expect(heard.heard).toEqual([
    'added e:0',
    'card.moved {"id":"a"}',
    'schema e:2',
    'schema e:4',
    'schema e:5',
    'card.moved {"id":"b"}',
  ])
  expect(reports.map(({ during, error }) => [during, (error as { code: string }).code])).toEqual([
    ['validate', 'invalid_data'],
    ['validate', 'invalid_data'],
    ['validate', 'unknown_type'],
    ['validate', 'invalid_contract'],
  ])
})

test('who subscribes in a handler stands after the event that is handled: it hears that one too if it lacks it', async () => {
  const { clock, server, say } = await grantingHub()
  const { client } = clientOf(clock, server.url)
  const [late, later] = [notes('board:7', { after: 'e:1' }), notes('board:7')]
  const heard: unknown[] = []
  client.subscribe({
    topic: 'board:7' as never,
    onEvent({ data }: HubEvent) {
      heard.push(data)
      if (data !== 2) return
      client.subscribe(late.subscription)
      client.subscribe(later.subscription)
    },
  })
  clock.runNext()
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:1', 'board:7', 1), eventBlock('e:2', 'board:7', 2), eventBlock('e:3', 'board:7', 3))
  await until(() => heard.length === 3)
  await clock.advance(50)
  await until(() => server.arrivals.length === 2)
  expect(queryOf(server.arrivals[1] as Arrival).after).toBe('e:1')
  await until(() => client.status.topic('board:7') === 'live')
  say(eventBlock('e:2', 'board:7', 2), eventBlock('e:3', 'board:7', 3), eventBlock('e:4', 'board:7', 4))
  await until(() => heard.length === 4)
  expect(late.heard).toEqual(['card.moved 2', 'card.moved 3', 'card.moved 4'])
  expect(later.heard).toEqual(['card.moved 3', 'card.moved 4'])
  expect(heard).toEqual([1, 2, 3, 4])
})

test('making a client does nothing', async () => {
  const clock = virtualClock()
  const { client } = clientOf(clock, '/api/sse', {
    fetch: () => {
      throw new Error('fetch')
    },
    random: {
      next: () => {
        throw new Error('chance')
      },
      id: () => {
        throw new Error('chance')
      },
    },
  })
  expect(client.status.get()).toEqual({ phase: 'idle' })
  expect(clock.pending()).toBe(0)
})
