// Proves that pages, and a plain server, are told as the same frames as a hub's stream.
import { describe, expect, test } from 'vitest'
import type { HubEvent } from '../contract/contract.ts'
import { textSource } from '../eventsource/text.ts'
import {
  type Answer,
  clientOf,
  eventBlock,
  openStream,
  pass,
  queryOf,
  scriptedServer,
  syncBlock,
  until,
} from '../fixtures/scripted-server.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { plainSource } from './plain.ts'
import { pollSource } from './poll.ts'
import type { Source } from './source.ts'
import { sseSource } from './sse.ts'

function hear(topic: string) {
  const heard: string[] = []
  return {
    heard,
    subscription: {
      topic: topic as never,
      onEvent: ({ type, data, cursor, id }: HubEvent) =>
        void heard.push(`${type} ${JSON.stringify(data)} ${cursor ?? id}`),
      onGap: ({ reason, to }: { reason: string; to: string }) => void heard.push(`${reason} ${to}`),
    },
  }
}

const event = (cursor: string, data: unknown) => ({ cursor, type: 'moved', data, topic: 'board:7', at: 1, id: 'x' })

describe('pages', () => {
  const page = (after: string, through: string, more: object = {}) =>
    JSON.stringify({ after, through, topics: ['board:7'], user: 'u1', events: [], gaps: [], ...more })
  const json =
    (text: string): Answer =>
    (response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(text)

  test('sync first, then events and gaps in the order of the log, then the position', async () => {
    const clock = virtualClock()
    const answers = [
      page('e:3', 'e:3'),
      page('e:3', 'e:6', {
        events: [event('e:4', 4), event('e:6', 6)],
        gaps: [{ topics: ['board:7'], from: 'e:4', to: 'e:5', reason: 'schema' }],
      }),
      page('e:90', 'e:90', { gaps: [{ topics: ['board:7'], from: 'e:6', to: 'e:90', reason: 'trimmed' }] }),
    ]
    const server = await scriptedServer(clock, (response, arrival, n) => {
      const text = answers[n]
      if (text !== undefined) json(text)(response, arrival, n)
    })
    const { client } = clientOf(clock, server.url, { source: pollSource })
    const { heard, subscription } = hear('board:7')
    client.subscribe(subscription)
    clock.runNext()
    for (const n of [2, 3, 4]) {
      await until(() => server.arrivals.length === n)
      await clock.advance(1_000)
    }
    expect(heard).toEqual(['added e:3', 'moved 4 e:4', 'schema e:5', 'moved 6 e:6', 'trimmed e:90'])
    expect(client.status.get()).toMatchObject({ phase: 'live', via: 'poll', user: 'u1' })
    expect(server.arrivals.map(({ url }) => url)).toEqual([
      '/api/sse/page?topics=board%3A7',
      '/api/sse/page?topics=board%3A7&after=e%3A3&wait=10000',
      '/api/sse/page?topics=board%3A7&after=e%3A6&wait=10000',
      '/api/sse/page?topics=board%3A7&after=e%3A90&wait=10000',
    ])
    client.close()
    client.start()
    await until(() => server.arrivals.length === 5)
    expect(server.arrivals[4]?.url).toBe('/api/sse/page?topics=board%3A7&after=e%3A90')
  })

  test('a schema gap in a first page that resumes comes in its place', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response, arrival, n) => {
      if (n > 0) return
      const gaps = [{ topics: ['board:7'], from: 'e:4', to: 'e:5', reason: 'schema' }]
      json(page('e:3', 'e:6', { events: [event('e:4', 4), event('e:6', 6)], gaps }))(response, arrival, n)
    })
    const { client } = clientOf(clock, server.url, { source: pollSource })
    const { heard, subscription } = hear('board:7')
    client.subscribe({ ...subscription, after: 'e:3' })
    clock.runNext()
    await until(() => server.arrivals.length === 2)
    expect(heard).toEqual(['moved 4 e:4', 'schema e:5', 'moved 6 e:6'])
  })

  test('pages that nobody holds are asked for once a second', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, json(page('e:3', 'e:3')))
    const { client } = clientOf(clock, server.url, { source: pollSource })
    client.subscribe(hear('board:7').subscription)
    clock.runNext()
    for (let n = 2; n < 10; n++) {
      await until(() => server.arrivals.length === n)
      await clock.advance(999)
      expect(server.arrivals).toHaveLength(n)
      await clock.advance(1)
    }
  })

  test('a busy topic is asked for once a second, and at once while there is more', async () => {
    const clock = virtualClock()
    let position = 3
    const server = await scriptedServer(clock, (response, arrival, n) => {
      const from = position
      // Many events are no reason to ask at once, and few are none to wait: what counts is whether there is more.
      if (n > 0) position += n < 4 ? 100 : 1
      const events = Array.from({ length: position - from }, (_, i) => event(`e:${from + i + 1}`, i))
      if (n < 6) json(page(`e:${from}`, `e:${position}`, { events, more: n >= 4 }))(response, arrival, n)
    })
    const { client } = clientOf(clock, server.url, { source: pollSource })
    client.subscribe(hear('board:7').subscription)
    clock.runNext()
    await until(() => server.arrivals.length === 2)
    for (const n of [3, 4, 5]) {
      await clock.advance(999)
      expect(server.arrivals).toHaveLength(n - 1)
      await clock.advance(1)
      // The last of these is answered, and followed, before anybody looks.
      await until(() => server.arrivals.length >= n)
    }
    await until(() => server.arrivals.length === 7)
    expect(server.arrivals[6]?.atMs).toBe(server.arrivals[4]?.atMs)
  })

  test('a changed grant begins anew', async () => {
    const clock = virtualClock()
    const answers = [
      page('e:3', 'e:3'),
      page('e:3', 'e:4', { topics: ['board:7', 'board:8'], events: [event('e:4', 4)] }),
      page('e:3', 'e:4', { topics: ['board:7', 'board:8'], events: [event('e:4', 4)] }),
    ]
    const server = await scriptedServer(clock, (response, arrival, n) => {
      const text = answers[n]
      if (text !== undefined) json(text)(response, arrival, n)
    })
    const { client } = clientOf(clock, server.url, { source: pollSource })
    const [a, b] = [hear('board:7'), hear('board:8')]
    client.subscribe(a.subscription)
    client.subscribe(b.subscription)
    clock.runNext()
    await until(() => client.status.topic('board:8') === 'refused')
    await pass(clock, 0, () => client.status.get().phase === 'down' || server.arrivals.length === 4)
    await until(() => client.status.topic('board:8') === 'live')
    await until(() => a.heard.length === 2)
    expect(a.heard).toEqual(['added e:3', 'moved 4 e:4'])
    expect(b.heard).toEqual(['added e:3'])
  })

  test('503 says its reason, and its Retry-After is kept', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '30' })
      response.end(JSON.stringify({ error: { code: 'disabled', message: 'switched off', retryable: true } }))
    })
    const { client } = clientOf(clock, server.url, { source: pollSource })
    client.subscribe(hear('board:7').subscription)
    clock.runNext()
    await until(() => client.status.get().phase === 'down')
    expect(client.status.get()).toMatchObject({ reason: 'disabled', retryInMs: 30_500, error: { code: 'disabled' } })
  })
})

describe('a plain server', () => {
  test('each topic hears the whole stream; data is parsed where it is JSON', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response) =>
      openStream(response, 'data: {"a":1}\n\n', 'event: tick\nid: 7\ndata: not\ndata: JSON\n\n', ': comment\n\n'),
    )
    const { client } = clientOf(clock, `${server.url}/stream?x=1`, { source: plainSource() })
    const [a, b] = [hear('feed'), hear('user')]
    client.subscribe(a.subscription)
    client.subscribe(b.subscription)
    clock.runNext()
    await until(() => b.heard.length === 3)
    expect(a.heard).toEqual(['added plain-1:0', 'message {"a":1} ', 'tick "not\\nJSON" 7'])
    expect(b.heard).toEqual(a.heard)
    expect(client.status.get()).toMatchObject({ phase: 'live', topics: ['feed', 'user'], user: null })
    expect(server.arrivals.map(({ url }) => url)).toEqual(['/api/sse/stream?x=1'])
    // It may be silent for ever.
    expect(clock.pending()).toBe(0)
  })

  test('ids: it is resumed by Last-Event-ID, an id by itself included, and there is no gap', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response, _, n) => {
      openStream(response, `id: ${n}\ndata: ${n}\n\n`, n === 1 ? 'id: alone\n\n' : '')
      response.end()
    })
    const { client } = clientOf(clock, server.url, { source: plainSource() })
    const { heard, subscription } = hear('feed')
    client.subscribe(subscription)
    clock.runNext()
    await pass(clock, 3_000, () => client.status.get().phase === 'down')
    expect(heard).toEqual(['added plain-1:0', 'message 0 0', 'message 1 1', 'message 2 2'])
    expect(server.arrivals.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '0', 'alone'])
  })

  test('an event without an id has that of the one before it, however the network cuts', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response) =>
      openStream(response, 'id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\n'),
    )
    const { client } = clientOf(clock, server.url, { source: plainSource() })
    const { heard, subscription } = hear('feed')
    client.subscribe(subscription)
    clock.runNext()
    await until(() => heard.length === 4)
    expect(heard).toEqual(['added plain-1:0', 'message "a" 1', 'message "b" 1', 'message "c" 2'])
  })

  test('an id counts when its event has been taken', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response, { headers }) => {
      const last = Number(headers['last-event-id'] ?? 0)
      openStream(response, ...[1, 2].filter((id) => id > last).map((id) => `id: ${id}\ndata: ${id}\n\n`))
    })
    const { client } = clientOf(clock, server.url, { source: plainSource() })
    const heard: unknown[] = []
    client.subscribe({
      topic: 'feed' as never,
      onEvent({ data }: HubEvent) {
        heard.push(data)
        if (data === 1) client.close()
      },
    })
    clock.runNext()
    await until(() => client.status.get().phase === 'closed')
    expect(heard).toEqual([1])
    client.start()
    await until(() => heard.length === 2)
    expect(heard).toEqual([1, 2])
    expect(server.arrivals.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1'])
  })

  test('no ids: what was said meanwhile is lost, and told', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response, _, n) => {
      openStream(response, `data: ${n}\n\n`)
      response.end()
    })
    const { client } = clientOf(clock, server.url, { source: plainSource() })
    const { heard, subscription } = hear('feed')
    client.subscribe(subscription)
    clock.runNext()
    await pass(clock, 1_000, () => client.status.get().phase === 'down')
    expect(heard).toEqual(['added plain-1:0', 'message 0 ', 'epoch plain-2:0', 'message 1 '])
  })

  test('`retry:` is obeyed', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response) => {
      openStream(response, 'retry: 10000\n\n')
      response.end()
    })
    const { client } = clientOf(clock, server.url, { source: plainSource() })
    client.subscribe(hear('feed').subscription)
    const phases: string[] = []
    client.status.subscribe(() => void phases.push(client.status.get().phase))
    clock.runNext()
    await until(() => client.status.get().phase === 'down')
    expect(client.status.get()).toMatchObject({ reason: 'ended', retryInMs: 5_000 })
    expect(phases).toEqual(['connecting', 'live', 'down'])
  })

  test('a heartbeat that is promised is watched', async () => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response) => openStream(response, ':\n\n'))
    const { client } = clientOf(clock, server.url, { source: plainSource({ heartbeatMs: 10_000 }) })
    client.subscribe(hear('feed').subscription)
    clock.runNext()
    await until(() => client.status.get().phase === 'live')
    await clock.advance(25_000)
    expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'timeout' })
  })
})

describe('a stream of a hub', () => {
  test.each([
    ['a broken block', 'event: moved\nid: e:3\ndata: {"not":"an event"}\n\n'],
    ['an event whose id is no cursor', eventBlock('e:03', 'board:7', 3)],
    ['an event whose id is empty', eventBlock('', 'board:7', 3)],
  ])('what comes whole before %s counts', async (_, broken) => {
    const clock = virtualClock()
    const server = await scriptedServer(clock, (response, arrival) => {
      const { after } = queryOf(arrival)
      openStream(response, syncBlock(after ?? 'e:1', ['board:7']), eventBlock('e:2', 'board:7', 2), broken)
    })
    const { client } = clientOf(clock, server.url)
    const { heard, subscription } = hear('board:7')
    client.subscribe(subscription)
    clock.runNext()
    await pass(clock, 2_000, () => client.status.get().phase === 'down')
    expect(client.status.get()).toMatchObject({ reason: 'protocol', error: { code: 'protocol' } })
    expect(heard).toEqual(['added e:1', 'card.moved 2 e:2'])
    expect(server.arrivals.map((arrival) => queryOf(arrival).after)).toEqual([null, 'e:2', 'e:2'])
  })

  test('a block without end is refused before it fills the memory', async () => {
    const clock = virtualClock()
    const chunk = 'x'.repeat(1_000_000)
    const server = await scriptedServer(clock, (response) => {
      openStream(response, syncBlock('e:1', ['board:7']), 'data: ')
      const more = () => {
        if (!response.destroyed) response.write(chunk, more)
      }
      more()
    })
    const { client } = clientOf(clock, server.url)
    client.subscribe(hear('board:7').subscription)
    clock.runNext()
    await until(() => client.status.get().phase === 'down')
    const now = client.status.get()
    expect('error' in now && now.error.message).toMatch(/max buffer size/)
  })
})

test.each<[string, () => Source]>([
  ['a hub’s', () => sseSource],
  ['a plain', plainSource],
  ['a text', () => textSource('/stream')],
])('%s stream whose request does not end it is let go of with its next bytes', async (_, sourceOf) => {
  const clock = virtualClock()
  let say = (_: string) => {}
  let isCancelled = false
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      say = (text) => controller.enqueue(new TextEncoder().encode(text))
    },
    cancel() {
      isCancelled = true
    },
  })
  say(syncBlock('e:1', ['board:7']))
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  const { client } = clientOf(clock, '/api/sse', { source: sourceOf(), fetch })
  const { heard, subscription } = hear('board:7')
  client.subscribe(subscription)
  await clock.advance(1_000)
  expect(client.status.get().phase).toBe('live')
  client.close()
  const before = heard.length
  say(eventBlock('e:2', 'board:7', 2))
  await clock.advance(10)
  expect([heard.length, isCancelled]).toEqual([before, true])
})
