// A HubEventSource on a hub: it tells what a native EventSource would, over one connection for all of a page, and says what is missing.
import type { ServerResponse } from 'node:http'
import { EventSource as Reference } from 'eventsource'
import { expect, onTestFinished, test, vi } from 'vitest'
import { encodeBlock } from './contract/wire.ts'
import { record } from './eventsource/fixtures/recorder.ts'
import { HubEventSource, type HubEventSourceInit } from './eventsource.ts'
import {
  type Answer,
  type Arrival,
  eventBlock,
  openStream,
  queryOf,
  scriptedServer,
  syncBlock,
  until,
} from './fixtures/scripted-server.ts'
import { virtualClock } from './testing/virtual-clock.ts'

/** A hub that grants what is asked for, and remembers its streams. */
async function hub(answer?: Answer) {
  const streams: { readonly response: ServerResponse; readonly topics: readonly string[]; isOver: boolean }[] = []
  const grant: Answer = (response, arrival) => {
    const { topics, after } = queryOf(arrival)
    if (arrival.url.includes('/page')) {
      const cursor = after ?? 'e:10'
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ after: cursor, through: cursor, topics, user: 'u1', events: [], gaps: [] }))
      return
    }
    const stream = { response, topics, isOver: false }
    streams.push(stream)
    response.on('close', () => {
      stream.isOver = true
    })
    openStream(response, syncBlock(after ?? 'e:10', topics))
  }
  const server = await scriptedServer(virtualClock(), answer ?? grant)
  return {
    ...server,
    streams,
    grant,
    events: `${server.url}/events`,
    last: () => streams.at(-1) ?? expect.fail('nobody has asked'),
    open: () => streams.filter(({ isOver }) => !isOver).length,
  }
}
const gapBlock = (to: string, gap: object) =>
  encodeBlock({
    event: 'hub.gap',
    id: to,
    data: JSON.stringify({ topics: ['board:7'], to, reason: 'trimmed', ...gap }),
  })
const byeBlock = encodeBlock({ event: 'hub.bye', data: '{"reason":"draining","retryMs":1}', retryMs: 1 })
const textOf = (cursor: string, topic: string, data: unknown) =>
  JSON.stringify({ data, topic, at: 1_767_225_600_000, id: `id-${cursor}` })

test('data is the text that a native EventSource gets, and lastEventId the same', async () => {
  const payloads = [
    { é: '漢😀\n', 'a b': [1.5e300, -0, null, true, ''] },
    JSON.parse('{"constructor":1,"10":1,"9":2}'),
    'text',
    7,
  ]
  const blocks = [
    eventBlock(undefined, 'board:7', { x: 0 }, 'pointer.moved'),
    ...payloads.map((data, n) => eventBlock(`e:${n + 11}`, 'board:7', data)),
    eventBlock(undefined, 'board:7', { x: 1 }, 'pointer.moved'),
    encodeBlock({
      event: 'card.moved',
      id: 'e:20',
      data: '{"data":1,"topic":"board:7","at":1,"id":"x","user":"u1","new":{"of":"tomorrow"}}',
    }),
    eventBlock('e:21', 'board:7', 0, 'end'),
  ]
  const server = await hub((response, { url }, n) => {
    // The reference asks first, the client for itself.
    expect(url).toBe(n === 0 ? '/api/sse/events?topics=board:7' : '/api/sse/events?topics=board%3A7')
    openStream(response, syncBlock('e:10', ['board:7']), ...blocks)
  })
  const url = `${server.events}?topics=board:7`
  const types = ['card.moved', 'pointer.moved', 'end']
  const native = record(new Reference(url) as EventSource, ...types)
  await until(() => native.length === 9)
  const ours = record(new HubEventSource(url), ...types)
  await until(() => ours.length === 9)
  expect(ours).toEqual(native)
})

test('all sources of a page share one connection, each hears its own topics, and the last closes it', async () => {
  const server = await hub()
  const urls = ['board:7', 'board:8', 'board:7,board:9'].map((topics) => `${server.events}?topics=${topics}`)
  const sources = urls.map((url) => new HubEventSource(url, { headers: { 'x-tenant': 'a' } }))
  const heard = sources.map((source) => record(source, 'card.moved'))
  await until(() => heard.every(({ length }) => length === 1))
  expect(server.streams.map(({ topics }) => topics)).toEqual([['board:7', 'board:8', 'board:9']])

  for (const [n, topic] of ['board:7', 'board:8', 'board:9'].entries()) {
    server.last().response.write(eventBlock(`e:${n + 11}`, topic, topic))
  }
  await until(() => heard[2]?.length === 3 && heard[1]?.length === 2)
  const told = (cursor: string, topic: string) => ['card.moved', 1, textOf(cursor, topic, topic), cursor]
  expect(heard).toEqual([
    [['open', 1], told('e:11', 'board:7')],
    [['open', 1], told('e:12', 'board:8')],
    [['open', 1], told('e:11', 'board:7'), told('e:13', 'board:9')],
  ])

  for (const source of sources.splice(1)) source.close()
  expect(server.open()).toBe(1)
  sources[0]?.close()
  await until(() => server.open() === 0)
  expect(server.streams.length).toBe(1)
})

test('one that comes later is open when its topics are, and the others stay open', async () => {
  const server = await hub()
  const first = record(new HubEventSource(`${server.events}?topics=board:7`), 'card.moved')
  await until(() => first.length === 1)
  // It is there already.
  const second = record(new HubEventSource(`${server.events}?topics=board:7`), 'card.moved')
  await until(() => second.length === 1)
  expect(server.streams.length).toBe(1)

  // What the old stream says of the one topic before the new one carries both is told after `open`.
  server.last().response.write(eventBlock('e:11', 'board:7', 1))
  let grant = () => {}
  server.answer((...asked) => {
    grant = () => server.grant(...asked)
  })
  const third = record(
    new HubEventSource(`${server.events}?topics=board:8,board:7&after=e:10`),
    'card.moved',
    'hub.gap',
  )
  await until(() => server.arrivals.length === 2)
  expect(third).toEqual([])
  grant()
  await until(() => third.length > 0)
  server.last().response.write(eventBlock('e:11', 'board:7', 1) + eventBlock('e:12', 'board:8', 2))
  await until(() => third.length === 3)
  expect(third).toEqual([
    ['open', 1],
    ['card.moved', 1, textOf('e:11', 'board:7', 1), 'e:11'],
    ['card.moved', 1, textOf('e:12', 'board:8', 2), 'e:12'],
  ])
  expect(first).toEqual([
    ['open', 1],
    ['card.moved', 1, textOf('e:11', 'board:7', 1), 'e:11'],
  ])
  expect(server.open()).toBe(1)
})

test('other credentials, headers, fetch, identity or parameters are another connection', async () => {
  const server = await hub()
  const url = `${server.events}?topics=board:7`
  const headers = () => ({ 'x-tenant': 'a' })
  const heard = [
    new HubEventSource(url),
    new HubEventSource(url, { headers: {} }),
    new HubEventSource(url, { withCredentials: true }),
    new HubEventSource(url, { headers: { 'x-tenant': 'a' } }),
    new HubEventSource(url, { headers: [['X-Tenant', 'a']] }),
    new HubEventSource(url, { headers }),
    new HubEventSource(url, { headers }),
    new HubEventSource(url, { headers: () => headers() }),
    new HubEventSource(url, { fetch: (url, init) => fetch(url, init) }),
    new HubEventSource(url, { identity: 'u2' }),
    new HubEventSource(`${url}&token=a`),
    new HubEventSource(`${server.events}?token=a&topics=board:8`),
    new HubEventSource(`${server.events.replace('/api', '/other/api')}?topics=board:7`),
  ].map((source) => record(source))
  await until(() => heard.every(({ length }) => length === 1))
  expect(server.open()).toBe(9)
  expect(server.arrivals.map(({ url }) => url)).toContain('/api/sse/events?topics=board%3A7%2Cboard%3A8&token=a')
})

test('after an end it resumes where it was: error, open, what was missed, and nothing twice', async () => {
  const server = await hub()
  const heard = record(new HubEventSource(`${server.events}?topics=board:7`), 'card.moved', 'hub.gap')
  await until(() => heard.length === 1)
  server.last().response.end(eventBlock('e:11', 'board:7', 1) + byeBlock)
  await until(() => server.streams.length === 2)
  server.last().response.write(eventBlock('e:11', 'board:7', 1) + eventBlock('e:12', 'board:7', 2))
  await until(() => heard.length === 5)
  expect(heard).toEqual([
    ['open', 1],
    ['card.moved', 1, textOf('e:11', 'board:7', 1), 'e:11'],
    ['error', 0],
    ['open', 1],
    ['card.moved', 1, textOf('e:12', 'board:7', 2), 'e:12'],
  ])
  expect(server.arrivals.map(queryOf)).toEqual([
    { topics: ['board:7'], after: null },
    { topics: ['board:7'], after: 'e:11' },
  ])
})

test('what is missing is told as hub.gap, after open', async () => {
  const gap = { topics: ['board:7'], from: 'e:10', to: 'e:50', reason: 'trimmed' }
  const server = await hub()
  const heard = record(new HubEventSource(`${server.events}?topics=board:7,board:7`), 'card.moved', 'hub.gap')
  await until(() => heard.length === 1)
  server.answer((response) => openStream(response, syncBlock('e:50', ['board:7'], { gaps: [gap] })))
  server.last().response.end(byeBlock)
  await until(() => heard.length === 4)
  const text = JSON.stringify(gap)
  expect(heard).toEqual([
    ['open', 1],
    ['error', 0],
    ['open', 1],
    ['hub.gap', 1, text, 'e:50'],
  ])
})

test('hub.gap comes as on the wire, and its id stays', async () => {
  const blocks = [
    syncBlock('e:10', ['board:7']),
    gapBlock('e:11', { from: 'e:10', reason: 'schema' }),
    eventBlock(undefined, 'board:7', 1, 'pointer.moved'),
  ]
  const server = await hub((response) => openStream(response, ...blocks))
  const url = `${server.events}?topics=board:7`
  const native = record(new Reference(url) as EventSource, 'hub.gap', 'pointer.moved')
  const ours = record(new HubEventSource(url), 'hub.gap', 'pointer.moved')
  await until(() => native.length === 3 && ours.length === 3)
  const members = (heard: typeof ours) =>
    heard.map(([type, state, data = 'null', id]) => [type, state, JSON.parse(data), id])
  expect(members(ours)).toEqual(members(native))
})

test('after= resumes from there, or says that it cannot', async () => {
  const server = await hub()
  const heard = record(new HubEventSource(`${server.events}?topics=board:7&after=e:4`), 'hub.gap')
  await until(() => heard.length === 1)
  expect(server.arrivals.map(queryOf)).toEqual([{ topics: ['board:7'], after: 'e:4' }])
  const lost = record(new HubEventSource(`${server.events}?topics=board:8&after=of-another-hub`), 'hub.gap')
  await until(() => lost.length === 2)
  expect(heard).toEqual([['open', 1]])
  expect(lost[1]?.slice(0, 2)).toEqual(['hub.gap', 1])
})

test('a topic that is not granted does not hold up the others; granted later, it is told as a gap', async () => {
  const server = await hub((response) => openStream(response, syncBlock('e:10', ['board:7'])))
  const heard = record(new HubEventSource(`${server.events}?topics=board:7,secret`), 'hub.gap')
  await until(() => heard.length === 1)
  server.answer((response) => openStream(response, syncBlock('e:10', ['board:7', 'secret'])))
  const other = new HubEventSource(`${server.events}?topics=board:9`)
  onTestFinished(() => other.close())
  await until(() => heard.length === 2)
  expect(heard).toEqual([
    ['open', 1],
    ['hub.gap', 1, '{"topics":["secret"],"to":"e:10","reason":"added"}', 'e:10'],
  ])
})

test('two names of one topic tell an event once', async () => {
  const server = await hub((response) =>
    openStream(
      response,
      syncBlock('e:10', ['user:u1']),
      eventBlock('e:11', 'user:u1', 1),
      eventBlock('e:12', 'user:u1', 2),
    ),
  )
  const heard = record(new HubEventSource(`${server.events}?topics=user,user:u1,user`), 'card.moved')
  await until(() => heard.length === 3)
  expect(heard.map(([, , , id]) => id)).toEqual([undefined, 'e:11', 'e:12'])
})

test('a malformed topic ends that source, as the 400 of a hub would, and no other', async () => {
  const server = await hub()
  const good = record(new HubEventSource(`${server.events}?topics=board:7`))
  const source = new HubEventSource(`${server.events}?topics=board:7,7up`)
  const bad = record(source)
  expect(source.readyState).toBe(0)
  await until(() => good.length > 0 && bad.length > 0)
  expect([good, bad]).toEqual([[['open', 1]], [['error', 2]]])
  expect(server.streams.length).toBe(1)
})

test('401 ends all that share the connection; who then comes asks anew', async () => {
  vi.spyOn(console, 'error').mockReturnValue()
  const server = await hub((response) => void response.writeHead(401).end())
  const heard: (readonly unknown[])[] = []
  const make = (topic: string) => {
    const source = new HubEventSource(`${server.events}?topics=${topic}`, { fetch: asking })
    heard.push(record(source))
    return source
  }
  const asking = async (url: string, init: RequestInit) => {
    const answer = await fetch(url, init)
    // It is among those that share the connection, and has not begun to listen when that is over.
    if (answer.status === 401) make('board:9')
    return answer
  }
  make('board:7').addEventListener('error', () => {
    server.answer(server.grant)
    make('board:7')
  })
  make('board:8')
  await until(() => heard.length === 4 && heard.every(({ length }) => length > 0))
  expect(heard.filter(([first]) => String(first) === 'error,2').length).toBe(3)
  expect(heard.filter(([first]) => String(first) === 'open,1').length).toBe(1)
  expect(server.arrivals.map(({ url }) => url)).toEqual([
    '/api/sse/events?topics=board%3A7%2Cboard%3A8',
    '/api/sse/events?topics=board%3A7',
  ])
})

test('who comes while the connection is lost hears no error of before', async () => {
  const server = await hub()
  const url = `${server.events}?topics=board:7`
  const sources = [1, 2].map(() => new HubEventSource(url))
  const heard = sources.map((source) => record(source))
  await until(() => heard.every(({ length }) => length === 1))
  let late: readonly unknown[] = []
  sources[0]?.addEventListener('error', () => {
    late = record(new HubEventSource(url))
    sources[1]?.close()
  })
  server.last().response.end(byeBlock.replaceAll('"retryMs":1}', '"retryMs":50}'))
  await until(() => late.length > 0 && heard[0]?.length === 3)
  expect(late).toEqual([['open', 1]])
  expect(heard).toEqual([
    [
      ['open', 1],
      ['error', 0],
      ['open', 1],
    ],
    [['open', 1]],
  ])
})

test('more topics than one stream may name are two connections', async () => {
  const server = await hub()
  const list = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `board:${from + n}`).join()
  const sources = [list(0, 60), list(30, 100), list(99, 101), list(100, 150)]
  const heard = sources.map((topics) => record(new HubEventSource(`${server.events}?topics=${topics}`)))
  await until(() => heard.every(({ length }) => length === 1))
  expect(server.streams.filter(({ isOver }) => !isOver).map(({ topics }) => topics.length)).toEqual([100, 51])
})

test('tabs share one connection too, where the identity is in a cookie or named', async () => {
  onTestFinished(() => void vi.unstubAllGlobals())
  /** A tab is an instance of all modules. */
  async function tab(query: string, init: HubEventSourceInit = {}) {
    // What makes it a page; the channels and locks of Node are real.
    vi.stubGlobal('document', new EventTarget())
    vi.stubGlobal('window', new EventTarget())
    vi.resetModules()
    const { HubEventSource } = await import('./eventsource.ts')
    const heard = record(new HubEventSource(`${server.events}?topics=board:7${query}`, init), 'card.moved')
    await until(() => heard.length === 1)
    return heard
  }
  const server = await hub()
  const headers = { authorization: 'me' }
  const alike = [await tab(''), await tab(''), await tab('')]
  expect(server.open()).toBe(1)
  server.last().response.write(eventBlock('e:11', 'board:7', 1))
  await until(() => alike.every(({ length }) => length === 2))
  const told = [
    ['open', 1],
    ['card.moved', 1, textOf('e:11', 'board:7', 1), 'e:11'],
  ]
  expect(alike).toEqual([told, told, told])

  const count = async (...tabs: readonly Parameters<typeof tab>[]) => {
    const before = server.open()
    for (const asked of tabs) await tab(...asked)
    return server.open() - before
  }
  expect(await count(['', { headers }], ['', { headers }])).toBe(2)
  expect(await count(['', { headers, identity: 'u1' }], ['', { headers, identity: 'u1' }])).toBe(1)
  expect(await count(['&token=a'], ['&token=b'], ['&token=a'])).toBe(2)
  expect(await count(['', { withCredentials: true }], ['', { withCredentials: true }])).toBe(1)
  // More than one stream may name is not the others' business.
  expect(await count(['&token=c'])).toBe(1)
  const many = Array.from({ length: 100 }, (_, n) => `board:${n + 8}`).join()
  const { HubEventSource } = await import('./eventsource.ts')
  const more = record(new HubEventSource(`${server.events}?topics=${many}&token=c`))
  await until(() => more.length === 1)
  expect(server.last().topics.length).toBe(100)
})

test('closing one within the handler of another is heeded at once', async () => {
  const server = await hub()
  const sources = [1, 2].map(() => new HubEventSource(`${server.events}?topics=board:7`))
  const heard = sources.map((source) => record(source, 'card.moved'))
  sources[0]?.addEventListener('card.moved', () => sources[1]?.close())
  sources[0]?.addEventListener('error', () => sources[0]?.close())
  await until(() => heard[1]?.length === 1)
  server.last().response.end(eventBlock('e:11', 'board:7', 1) + eventBlock('e:12', 'board:7', 2))
  await until(() => heard[0]?.length === 4)
  expect(heard[0]?.map(([type]) => type)).toEqual(['open', 'card.moved', 'card.moved', 'error'])
  expect(heard[1]).toEqual([['open', 1]])
})

test('plain: true, or a hub that is asked for all that is granted, is read as any stream', async () => {
  const server = await hub((response) =>
    openStream(response, syncBlock('e:10', ['board:7']), eventBlock('e:11', 'board:7', 1)),
  )
  const plain = record(new HubEventSource(`${server.events}?topics=board:7`, { plain: true }), 'hub.sync', 'card.moved')
  const all = record(new HubEventSource(server.events), 'hub.sync', 'card.moved')
  await until(() => plain.length === 3 && all.length === 3)
  expect(plain).toEqual(all)
  expect(all.map(([type, , , id]) => [type, id])).toEqual([
    ['open', undefined],
    ['hub.sync', 'e:10'],
    ['card.moved', 'e:11'],
  ])
  expect(server.arrivals.map(({ url }: Arrival) => url)).toEqual(['/api/sse/events?topics=board:7', '/api/sse/events'])
})
