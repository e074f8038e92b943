// Proves what each kind of answer leads to: how many requests in what virtual time, which status, which error. The network is real.
import { describe, expect, test } from 'vitest'
import type { HubEvent } from './contract/contract.ts'
import { defineContract } from './contract/define.ts'
import type { Frame } from './contract/wire.ts'
import {
  type Answer,
  type Arrival,
  clientOf,
  eventBlock,
  openStream,
  pass,
  queryOf,
  scriptedServer,
  syncBlock,
  until,
} from './fixtures/scripted-server.ts'
import type { HeadersOption } from './settings.ts'
import type { Source } from './sources/source.ts'
import type { Status } from './status.ts'
import { type VirtualClock, virtualClock } from './testing/virtual-clock.ts'

const refreshing: HeadersOption = ({ refresh }) => ({ authorization: refresh ? 'new' : 'old' })

/** Full jitter at its middle: half of 1, 2, 4 … 30 s. */
const BACKED_OFF = [0, 500, 1_500, 3_500, 7_500, 15_500, 30_500, 45_500]

const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) => {
    response.writeHead(code, headers).end(body)
  }
const good: Answer = (response) => openStream(response, syncBlock('e:1', ['board:7']))
const redirecting =
  (code: number): Answer =>
  (response, arrival, n) =>
    (arrival.url === '/elsewhere' ? good : status(code, { location: '/elsewhere' }))(response, arrival, n)

interface Row {
  readonly name: string
  readonly answer: Answer
  readonly headers?: HeadersOption
  /** When requests arrive within a minute. */
  readonly atMs: readonly number[]
  readonly status: Partial<Status>
  /** The code of its error. */
  readonly code?: string
  /** What its error must say. */
  readonly says?: RegExp
  /** When nothing but the clock can go on. Default: when the client is neither connecting nor live. */
  readonly isWaiting?: (status: Status, arrivals: readonly Arrival[]) => boolean
}

const isLive = ({ phase }: Status) => phase === 'live'

const rows: readonly Row[] = [
  {
    name: '200',
    answer: good,
    atMs: [0],
    status: { phase: 'live', via: 'sse', topics: ['board:7'], refused: [], user: 'u1' },
  },
  {
    name: '200 with a wrong content type',
    answer: status(200, { 'content-type': 'text/html' }, '<html>'),
    atMs: BACKED_OFF,
    status: { phase: 'down', reason: 'http' },
    code: 'http',
    says: /answered 200 \(text\/html\): is a hub there/,
  },
  { name: '204', answer: status(204), atMs: [0], status: { phase: 'stopped' }, code: 'stopped', says: /answered 204/ },
  {
    name: '204, whatever it says that it carries',
    answer: status(204, { 'content-type': 'text/event-stream' }),
    atMs: [0],
    status: { phase: 'stopped' },
    code: 'stopped',
  },
  { name: '301', answer: redirecting(301), atMs: [0, 0], status: { phase: 'live' } },
  { name: '307', answer: redirecting(307), atMs: [0, 0], status: { phase: 'live' } },
  {
    name: '400, with the reason of the hub',
    answer: status(
      400,
      { 'content-type': 'application/json' },
      JSON.stringify({ error: { code: 'invalid_topic', message: 'no such kind', retryable: false } }),
    ),
    atMs: [0],
    status: { phase: 'stopped' },
    code: 'invalid_topic',
    says: /400.*no such kind/,
  },
  { name: '400 of somebody else', answer: status(400), atMs: [0], status: { phase: 'stopped' }, code: 'http' },
  {
    name: '401, then refreshed',
    answer: (response, arrival, n) =>
      (arrival.headers.authorization === 'new' ? good : status(401))(response, arrival, n),
    headers: refreshing,
    atMs: [0, 0],
    status: { phase: 'live' },
  },
  {
    name: '401 for good',
    answer: status(401),
    headers: refreshing,
    atMs: [0, 0],
    status: { phase: 'stopped' },
    code: 'unauthorized',
    says: /401/,
  },
  {
    name: '401 with nothing to refresh',
    answer: status(401),
    headers: { authorization: 'old' },
    atMs: [0],
    status: { phase: 'stopped' },
    code: 'unauthorized',
  },
  {
    name: '403',
    answer: status(403),
    headers: refreshing,
    atMs: [0, 0],
    status: { phase: 'stopped' },
    code: 'forbidden',
  },
  {
    name: '404',
    answer: status(404, { 'content-type': 'text/plain' }, 'nothing here'),
    atMs: BACKED_OFF,
    status: { phase: 'down', reason: 'http' },
    code: 'http',
    says: /\/api\/sse\/events.* answered 404 \(text\/plain\): is a hub there/,
  },
  {
    name: '429 with Retry-After in seconds',
    answer: status(429, { 'retry-after': '20' }),
    atMs: [0, 20_500, 41_500],
    status: { phase: 'down', reason: 'http', retryInMs: 22_000 },
    code: 'http',
  },
  {
    name: '503 with Retry-After as a date',
    answer: status(503, { date: 'Thu, 01 Jan 2026 00:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' }),
    atMs: [0, 20_500, 41_500],
    status: { phase: 'down', reason: 'http' },
    code: 'http',
  },
  {
    name: '503 with a Retry-After that nobody can read',
    answer: status(503, { 'retry-after': 'soon' }),
    atMs: BACKED_OFF,
    status: { phase: 'down', reason: 'http' },
  },
  {
    name: '500',
    answer: status(500),
    atMs: BACKED_OFF,
    status: { phase: 'down', reason: 'http' },
    code: 'http',
    says: /500/,
  },
  {
    name: 'an event, then the end, again and again',
    answer(response) {
      openStream(response, syncBlock('e:1', ['board:7']), eventBlock('e:2', 'board:7', 1))
      response.end()
    },
    atMs: BACKED_OFF,
    status: { phase: 'down', reason: 'ended' },
    code: 'ended',
    says: /ended the stream/,
  },
  {
    name: 'the same with `retry: 0`',
    answer(response) {
      openStream(response, syncBlock('e:1', ['board:7']).replace('retry: 1000', 'retry: 0'))
      response.end()
    },
    atMs: [0, 50, 150, 350, 750, 1_550, 3_150, 6_350, 12_750, 25_550, 40_550, 55_550],
    status: { phase: 'down', reason: 'ended' },
  },
  {
    name: 'a stream that goes silent: dead after 2.5 heartbeats, and asked again soon, since it had been healthy',
    answer: good,
    atMs: [0, 5_500, 11_000, 16_500, 22_000, 27_500, 33_000, 38_500, 44_000, 49_500, 55_000],
    status: { phase: 'down', reason: 'timeout' },
    code: 'timeout',
    says: /is over: no byte for 5000 ms/,
    isWaiting: (now) => isLive(now) || now.phase === 'down',
  },
  {
    name: 'headers, and then nothing',
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    },
    atMs: [0, 10_500, 21_500, 33_500, 47_500],
    status: { phase: 'down', reason: 'timeout', attempt: 4 },
    code: 'timeout',
    isWaiting: (now, arrivals) =>
      now.phase === 'down' || (now.phase === 'connecting' && arrivals.length === now.attempt + 1),
  },
  {
    name: 'no answer at all',
    answer: () => {},
    atMs: [0, 10_500, 21_500, 33_500, 47_500],
    status: { phase: 'down', reason: 'timeout', attempt: 4 },
    code: 'timeout',
    isWaiting: (now, arrivals) =>
      now.phase === 'down' || (now.phase === 'connecting' && arrivals.length === now.attempt + 1),
  },
  {
    name: 'a stream that begins with something else than sync',
    answer: (response) => openStream(response, eventBlock('e:2', 'board:7', 1)),
    atMs: BACKED_OFF,
    status: { phase: 'down', reason: 'protocol' },
    code: 'protocol',
  },
  {
    name: 'bye: disabled, at every connect',
    answer: (response) => openStream(response, bye('disabled', 20_000)),
    atMs: [0, 20_000, 40_000, 60_000],
    status: { phase: 'down', reason: 'disabled', retryInMs: 20_000 },
    code: 'disabled',
  },
  {
    name: 'bye: changed, at every connect',
    answer: (response) => openStream(response, syncBlock('e:1', ['board:7']), bye('changed', 0)),
    atMs: [0, 0, 1_000, 3_000, 7_000, 15_000, 30_000, 45_000, 60_000],
    status: { phase: 'down', reason: 'changed' },
    code: 'changed',
  },
]

function bye(reason: string, retryMs: number): string {
  return `retry: ${retryMs}\nevent: hub.bye\ndata: ${JSON.stringify({ reason, retryMs })}\n\n`
}

describe('a minute of', () => {
  test.each(rows)('$name', async ({ answer, headers, atMs, status: expected, code, says, isWaiting }) => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, answer)
    const { client } = clientOf(clock, server.url, headers === undefined ? {} : { headers })
    client.subscribe({ topic: 'board:7' as never })
    const now = client.status.get
    clock.runNext()
    if (expected.phase === 'live') await until(() => isLive(now()))
    else {
      await pass(clock, 60_000, () =>
        isWaiting ? isWaiting(now(), server.arrivals) : now().phase === 'down' || now().phase === 'stopped',
      )
    }
    expect(server.arrivals.map((arrival) => arrival.atMs)).toEqual(atMs)
    const reached = now()
    expect(reached).toMatchObject(expected)
    const error = 'error' in reached ? reached.error : undefined
    if (code !== undefined) expect(error).toMatchObject({ name: 'HubError', code })
    if (says) expect(error?.message).toMatch(says)
    if (reached.phase === 'stopped') expect(clock.pending()).toBe(0)
  })

  test.each([
    ['u2', 'u1'],
    ['u1', null],
  ])('who says to be %s, and is taken for %s, is told so and hears nothing', async (identity, user) => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response) =>
      openStream(response, syncBlock('e:1', ['board:7'], { user }), eventBlock('e:2', 'board:7', 2)),
    )
    const { client } = clientOf(clock, server.url, { identity })
    const heard: unknown[] = []
    client.subscribe({ topic: 'board:7' as never, onEvent: () => heard.push('event'), onGap: () => heard.push('gap') })
    clock.runNext()
    await until(() => client.status.get().phase === 'stopped')
    expect(client.status.get()).toMatchObject({ error: { code: 'identity_mismatch', retryable: false } })
    expect([heard, clock.pending(), server.arrivals.length]).toEqual([[], 0, 1])
  })

  test('a refused connection', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, good)
    await server.close()
    const triedAtMs: number[] = []
    const { client, reports } = clientOf(clock, server.url, {
      fetch(url, init) {
        triedAtMs.push(clock.now())
        return fetch(url, init)
      },
    })
    client.subscribe({ topic: 'board:7' as never })
    clock.runNext()
    await pass(clock, 60_000, () => client.status.get().phase === 'down')
    expect(triedAtMs).toEqual(BACKED_OFF)
    expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'network', attempt: 7 })
    expect(reports).toHaveLength(8)
    expect(reports[0]).toMatchObject({ during: 'connect', error: { code: 'network', retryable: true } })
    expect(reports[0]?.error).toHaveProperty('message', expect.stringMatching(/ failed: TypeError/))
  })
})

test('a cut in mid-event: the event is not counted before it is whole, and arrives once', async () => {
  const clock = virtualClock()
  const whole = eventBlock('e:3', 'board:7', 'three')
  const server = await scriptedServer(clock, (response, arrival, n) => {
    const { after } = queryOf(arrival)
    if (n === 0) {
      openStream(response, syncBlock('e:1', ['board:7']), eventBlock('e:2', 'board:7', 'two'), whole.slice(0, -6))
      setImmediate(() => response.destroy())
    } else openStream(response, syncBlock(after ?? '', ['board:7']), whole)
  })
  const { client } = clientOf(clock, server.url)
  const heard: HubEvent[] = []
  client.subscribe({ topic: 'board:7' as never, onEvent: (event) => void heard.push(event) })
  clock.runNext()
  await until(() => client.status.get().phase === 'down')
  expect(client.status.get()).toMatchObject({ reason: 'network', error: { code: 'network' } })
  expect(heard.map(({ cursor }) => cursor)).toEqual(['e:2'])
  clock.runNext()
  await until(() => heard.length === 2)
  expect(server.arrivals.map(queryOf)).toEqual([
    { topics: ['board:7'], after: null },
    { topics: ['board:7'], after: 'e:2' },
  ])
  expect(heard.map(({ data }) => data)).toEqual(['two', 'three'])
})

/** A client looks at its clock whenever it hears something; nothing else shows that a comment has come. */
function watchedClock(clock: VirtualClock) {
  let looks = 0
  const now = () => {
    looks++
    return clock.now()
  }
  return { ...clock, now, looks: () => looks }
}

test('five seconds of health make the next attempt a first one; less does not', async () => {
  const clock = virtualClock()
  const open: { end(): void; beat(): void }[] = []
  const server = await scriptedServer(clock, (response) => {
    openStream(response, syncBlock('e:1', ['board:7']))
    open.push({
      end: () => void response.end(),
      beat: () => void response.write('event: hub.beat\nid: e:1\ndata:\n\n'),
    })
  })
  const watched = watchedClock(clock)
  const { client } = clientOf(watched, server.url)
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  const down = async () => {
    await until(() => client.status.get().phase === 'live')
    open.at(-1)?.end()
    await until(() => client.status.get().phase === 'down')
    return client.status.get()
  }
  expect(await down()).toMatchObject({ attempt: 0, retryInMs: 500 })
  clock.runNext()
  expect(await down()).toMatchObject({ attempt: 1, retryInMs: 1_000 })
  clock.runNext()
  await until(() => client.status.get().phase === 'live')
  await clock.advance(4_900)
  expect(await down()).toMatchObject({ attempt: 2, retryInMs: 2_000 })
  clock.runNext()
  await until(() => client.status.get().phase === 'live')
  await clock.advance(4_900)
  const before = watched.looks()
  open.at(-1)?.beat()
  await until(() => watched.looks() > before)
  await clock.advance(100)
  expect(await down()).toMatchObject({ attempt: 0, retryInMs: 500 })
  expect(server.arrivals).toHaveLength(4)
})

test('any byte is a sign of life', async () => {
  const clock = virtualClock()
  let say = () => {}
  const server = await scriptedServer(clock, (response) => {
    openStream(response, syncBlock('e:1', ['board:7']))
    say = () => void response.write(':')
  })
  const watched = watchedClock(clock)
  const { client } = clientOf(watched, server.url)
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  await until(() => client.status.get().phase === 'live')
  for (let i = 0; i < 10; i++) {
    await clock.advance(4_000)
    const before = watched.looks()
    say()
    await until(() => watched.looks() > before)
  }
  expect(client.status.get().phase).toBe('live')
  await clock.advance(5_000)
  expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'timeout' })
  expect(server.arrivals).toHaveLength(1)
})

test('headers that never come end with the attempt, and a late answer has no say', async () => {
  const clock = virtualClock()
  const server = await scriptedServer(clock, good)
  const answers: ((headers: HeadersInit) => void)[] = []
  const { client } = clientOf(clock, server.url, {
    headers: () => new Promise((resolve) => void answers.push(resolve)),
  })
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  await clock.advance(10_000)
  expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'timeout' })
  answers[0]?.({})
  await clock.advance(500)
  await until(() => answers.length === 2)
  answers[1]?.({})
  await until(() => client.status.get().phase === 'live')
  expect(server.arrivals).toHaveLength(1)
})

test('start, close, start: any number of times, taking up where it left', async () => {
  const clock = virtualClock()
  const server = await scriptedServer(clock, (response, arrival) => {
    const { after } = queryOf(arrival)
    openStream(response, syncBlock(after ?? 'e:7', ['board:7']))
  })
  const { client } = clientOf(clock, server.url)
  client.close()
  client.close()
  client.subscribe({ topic: 'board:7' as never })
  expect(clock.pending()).toBe(0)
  expect(client.status.get().phase).toBe('closed')
  for (let i = 0; i < 3; i++) {
    client.start()
    client.start()
    await until(() => client.status.get().phase === 'live')
    client.close()
    expect(client.status.get()).toEqual({ phase: 'closed' })
    expect(clock.pending()).toBe(0)
  }
  expect(server.arrivals.map((arrival) => queryOf(arrival).after)).toEqual([null, 'e:7', 'e:7'])
})

test('start tries at once while waiting, and after a stop asks for fresh headers again', async () => {
  const clock = virtualClock()
  const asked: boolean[] = []
  const server = await scriptedServer(clock, status(500))
  const { client } = clientOf(clock, server.url, {
    headers({ refresh }) {
      asked.push(refresh)
      return {}
    },
  })
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  await until(() => client.status.get().phase === 'down')
  server.answer(status(401))
  client.start()
  await until(() => client.status.get().phase === 'stopped')
  expect(server.arrivals.map(({ atMs }) => atMs)).toEqual([0, 0, 0])
  expect(asked).toEqual([false, false, true])
  server.answer(good)
  client.start()
  await until(() => client.status.get().phase === 'live')
  expect(asked).toEqual([false, false, true, false])
})

describe('whoever is told may close the client', () => {
  const answers: Readonly<Record<string, Answer>> = {
    connecting: good,
    live: good,
    down: status(500),
    stopped: status(401),
  }
  test.each(Object.entries(answers))('when it is %s: it stays closed, and asks no more', async (phase, answer) => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, answer)
    const { client } = clientOf(clock, server.url)
    client.status.subscribe(() => {
      if (client.status.get().phase === phase) client.close()
    })
    client.subscribe({ topic: 'board:7' as never })
    clock.runNext()
    await until(() => client.status.get().phase === 'closed')
    expect(clock.pending()).toBe(0)
    expect(server.arrivals.length).toBeLessThanOrEqual(1)
  })

  test('when it hears of a failure', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, status(500))
    const { client } = clientOf(clock, server.url, { onReport: () => client.close() })
    client.subscribe({ topic: 'board:7' as never })
    clock.runNext()
    await until(() => client.status.get().phase === 'closed')
    expect(clock.pending()).toBe(0)
  })

  test('when it hears of a gap', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, good)
    const { client } = clientOf(clock, server.url)
    client.subscribe({ topic: 'board:7' as never, onGap: () => client.close() })
    clock.runNext()
    await until(() => client.status.get().phase === 'closed')
    expect(clock.pending()).toBe(0)
  })

  test('when it hears of an event that does not fit the contract: of its gap it hears when it is back', async () => {
    const clock = virtualClock()
    const contract = defineContract({ topics: ['board'], events: {} })
    const server = await scriptedServer(clock, (response) =>
      openStream(response, syncBlock('e:1', ['board:7']), eventBlock('e:2', 'board:7', 1)),
    )
    const { client } = clientOf(clock, server.url, { contract, onReport: () => client.close() })
    const gaps: string[] = []
    client.subscribe({ topic: 'board:7' as never, onGap: ({ reason }) => void gaps.push(reason) })
    clock.runNext()
    await until(() => client.status.get().phase === 'closed')
    expect(gaps).toEqual(['added'])
  })
})

test.each<[string, Frame]>([
  ['live', { kind: 'sync', cursor: 'e:1', topics: ['board:7'], gaps: [], user: 'u1', heartbeatMs: 2_000 }],
  ['down', { kind: 'bye', reason: 'disabled', retryMs: 30_000 }],
])('a source may speak as soon as it is asked: it is %s', async (phase, frame) => {
  const clock = virtualClock()
  const source: Source = {
    via: 'sse',
    open({ take }) {
      take([frame])
      return new Promise(() => {})
    },
  }
  const { client } = clientOf(clock, '/api/sse', { source })
  client.subscribe({ topic: 'board:7' as never })
  await clock.advance(1_000)
  expect(client.status.get().phase).toBe(phase)
})

test('whoever hears that it is down may start it: the wait is over, and the new stream has a watchdog of its own', async () => {
  const clock = virtualClock()
  const server = await scriptedServer(clock, (response, arrival, n) =>
    (n === 0 ? status(503) : good)(response, arrival, n),
  )
  const { client } = clientOf(clock, server.url)
  client.status.subscribe(() => {
    if (client.status.get().phase === 'down') client.start()
  })
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  await until(() => client.status.get().phase === 'live')
  expect(server.arrivals.map(({ atMs }) => atMs)).toEqual([0, 0])
  expect([clock.pending(), clock.nextAt()]).toEqual([1, 5_000])
})

test('a question that the hub does not understand is not asked again, but another one is', async () => {
  const clock = virtualClock()
  const error = { code: 'too_many_topics', message: 'at most 1', retryable: false }
  const server = await scriptedServer(clock, (response, arrival, n) => {
    const { topics } = queryOf(arrival)
    const refused = status(400, { 'content-type': 'application/json' }, JSON.stringify({ error }))
    if (topics.length > 1) refused(response, arrival, n)
    else openStream(response, syncBlock('e:1', topics))
  })
  const { client } = clientOf(clock, server.url)
  client.subscribe({ topic: 'board:7' as never })
  const stop = client.subscribe({ topic: 'board:8' as never })
  clock.runNext()
  await until(() => client.status.get().phase === 'stopped')
  expect(client.status.get()).toMatchObject({ error: { code: 'too_many_topics', details: { status: 400 } } })
  expect(clock.pending()).toBe(0)
  stop()
  await pass(
    clock,
    60_000,
    () => !['connecting', 'idle'].includes(client.status.get().phase) || server.arrivals.length < 2,
  )
  await until(() => client.status.topic('board:7') === 'live')
  expect(server.arrivals).toHaveLength(2)
})

test('a fetch that refuses to be a method of something is called by itself', async () => {
  const clock = virtualClock()
  const server = await scriptedServer(clock, good)
  const { client } = clientOf(clock, server.url, {
    fetch(this: unknown, url, init) {
      if (this !== undefined) throw new TypeError('Illegal invocation')
      return fetch(url, init)
    },
  })
  client.subscribe({ topic: 'board:7' as never })
  clock.runNext()
  await until(() => client.status.get().phase === 'live')
})
