// Proves what tabs make together of a network, a hub and a browser that misbehave.
import { beforeAll, expect, test, vi } from 'vitest'
import { eventBlock, syncBlock, until } from '../fixtures/scripted-server.ts'
import { openBody, tabsWorld, topicsOf } from '../fixtures/tabs-world.ts'
import type { Fetch, Turn } from '../ports.ts'

// What is loaded at the first trouble is there: virtual time does not wait for a disk.
beforeAll(() => Promise.all([import('../sources/detour.ts'), import('./others.ts')]))

const after = (clock: ReturnType<typeof tabsWorld>['clock'], ms: number) =>
  new Promise<void>((resolve) => void clock.after(ms, resolve))
const pageOf = (url: string, cursor: string, events: readonly object[] = []) =>
  Response.json({ after: cursor, through: cursor, topics: topicsOf(url), user: 'u1', events, gaps: [] })
const beat = 'event: hub.beat\nid: e:1\ndata:\n\n'

/** A hub that beats, for as long as anybody listens. */
function beating({ clock }: ReturnType<typeof tabsWorld>): Fetch {
  return async (url, init) => {
    const { response, say } = openBody(init, syncBlock('e:1', topicsOf(url)))
    const next = () => {
      if (init.signal?.aborted) return
      say(beat)
      clock.after(2_000, next)
    }
    next()
    return response
  }
}

test.each([1, 2, 5])(
  'a proxy that passes the first words and holds back the rest is gone round, by %i tabs',
  async (count) => {
    const { clock, open } = tabsWorld()
    let streams = 0
    const fetch: Fetch = async (url, init) => {
      await after(clock, 5)
      init.signal?.throwIfAborted()
      if (url.includes('/page')) {
        if (url.includes('wait=')) await after(clock, 10_000)
        return pageOf(url, 'e:1')
      }
      streams++
      return openBody(init, syncBlock('e:1', topicsOf(url))).response
    }
    const tabs = Array.from({ length: count }, () => open(fetch))
    for (const { client } of tabs) client.subscribe({ topic: 'board:1' as never })
    await clock.advance(60_000)
    for (const { client } of tabs)
      expect(client.status.get()).toMatchObject({ phase: 'live', degraded: { code: 'timeout' } })
    // The first one, and probes that come later and later.
    expect(streams).toBeLessThan(10)
  },
)

test('what was wrong with the network is forgotten by all once the stream is seen to flow', async () => {
  const world = tabsWorld()
  const { clock, open } = world
  const stream = beating(world)
  let isCut = false
  const fetch: Fetch = async (url, init) => {
    await after(clock, 5)
    init.signal?.throwIfAborted()
    if (url.includes('/page')) {
      if (url.includes('wait=')) await after(clock, 10_000)
      return pageOf(url, 'e:1')
    }
    if (isCut) throw new TypeError('cut')
    return stream(url, init)
  }
  const clients = [1, 2, 3, 4].map(() => open(fetch).client)
  const viaOf = (client: (typeof clients)[number]) => (client.status.get() as { via?: string }).via
  const leader = () => clients.find((client) => ['sse', 'poll'].includes(`${viaOf(client)}`))
  for (const client of clients) client.subscribe({ topic: 'board:1' as never })
  await clock.advance(10_000)
  isCut = true
  leader()?.close()
  leader()?.start()
  for (const client of clients) if (client.status.get().phase === 'closed') client.start()
  await clock.advance(20_000)
  expect(clients.map((client) => 'degraded' in client.status.get())).toEqual([true, true, true, true])
  isCut = false
  await clock.advance(120_000)
  expect(clients.map((client) => 'degraded' in client.status.get())).toEqual([false, false, false, false])
  const steps: unknown[] = []
  const old = leader()
  for (const client of clients) {
    if (client !== old) client.status.subscribe(() => void steps.push(client.status.get()))
  }
  old?.close()
  await clock.advance(20_000)
  expect(steps.length).toBeGreaterThan(0)
  expect(steps).not.toContainEqual(expect.objectContaining({ degraded: expect.anything() }))
})

test('a hub that is disabled is asked by one tab, and all are told', async () => {
  const { clock, open } = tabsWorld()
  let requests = 0
  const fetch: Fetch = async (_, init) => {
    await after(clock, 20)
    init.signal?.throwIfAborted()
    requests++
    const text = 'retry: 30000\nevent: hub.bye\ndata: {"reason":"disabled","retryMs":30000}\n\n'
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
  }
  const tabs = Array.from({ length: 5 }, () => open(fetch))
  for (const { client } of tabs) client.subscribe({ topic: 'board:1' as never })
  await clock.advance(29_000)
  for (const { client } of tabs) expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'disabled' })
  expect(requests).toBe(1)
})

test.each(['for the hub', 'for a URL'])('topics that are too many together %s are streamed apart', async (what) => {
  const world = tabsWorld()
  const { clock, open } = world
  const stream = beating(world)
  const refusal = what === 'for the hub' ? 400 : 414
  const fetch: Fetch = async (url, init) =>
    topicsOf(url).length > 3 ? new Response('', { status: refusal }) : stream(url, init)
  const tabs = [1, 2].map((tab) => {
    const { client } = open(fetch)
    for (const n of [1, 2]) client.subscribe({ topic: `board:${tab}-${n}` as never })
    return client
  })
  await clock.advance(20_000)
  // Neither reads what the other tells.
  for (const client of tabs) expect(client.status.get()).toMatchObject({ phase: 'live', via: 'sse' })
})

test.each(['in order', 'in reverse'])(
  'a page that is put away holds nothing, whoever hears of it first: %s',
  async (order) => {
    const world = tabsWorld()
    const { clock, open, locks, channels } = world
    const { client, listeners } = open(beating(world))
    client.subscribe({ topic: 'board:1' as never })
    await clock.advance(3_000)
    const turn = async (happens: Turn) => {
      const all = [...listeners]
      // As a browser does: microtasks run between one listener and the next.
      for (const turned of order === 'in order' ? all : all.reverse()) {
        turned(happens)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await turn('away')
    expect([locks.count(), channels.size]).toEqual([0, 0])
    await turn('back')
    await clock.advance(1_100)
    expect(client.status.get()).toMatchObject({ phase: 'live', via: 'sse' })
  },
)

test('a page of the log that ends before the stream does is not believed', async () => {
  const { clock, open } = tabsWorld()
  const event = (n: number) => ({ cursor: `e:${n}`, type: 'moved', topic: 'board:1', data: n, at: 1, id: `i${n}` })
  let head = 8
  let say = (_: string) => {}
  const fetch: Fetch = async (url, init) => {
    await after(clock, 5)
    init.signal?.throwIfAborted()
    if (url.includes('/events')) {
      const body = openBody(init, syncBlock('e:10', topicsOf(url)))
      say = body.say
      const next = () => {
        if (init.signal?.aborted) return
        body.say('event: hub.beat\nid: e:10\ndata:\n\n')
        clock.after(2_000, next)
      }
      clock.after(2_000, next)
      return body.response
    }
    const from = Number(/after=e%3A(\d+)/.exec(url)?.[1])
    const events = [6, 7, 8, 9, 10].filter((n) => n > from && n <= head).map(event)
    return Response.json({
      after: `e:${from}`,
      through: `e:${head}`,
      topics: ['board:1'],
      user: 'u1',
      events,
      gaps: [],
    })
  }
  open(fetch).client.subscribe({ topic: 'board:1' as never })
  await clock.advance(1_000)
  const heard: unknown[] = []
  const { client } = open(fetch)
  const onEvent = ({ data }: { readonly data: unknown }) => void heard.push(data)
  client.subscribe({ topic: 'board:1' as never, after: 'e:5', onEvent: onEvent as never })
  await clock.advance(500)
  expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'protocol' })
  head = 10
  await clock.advance(3_000)
  say(eventBlock('e:11', 'board:1', 11, 'moved'))
  await clock.advance(100)
  expect(heard).toEqual([6, 7, 8, 9, 10, 11])
})

test('an event that takes long to come is no silence, neither for who leads nor for the others', async () => {
  const { clock, open } = tabsWorld()
  const event = eventBlock('e:2', 'board:1', 2, 'moved')
  let say = (_: string) => {}
  const fetch: Fetch = async (url, init) => {
    if (url.includes('/page')) return pageOf(url, 'e:1')
    const body = openBody(init, syncBlock('e:1', topicsOf(url)))
    say = body.say
    return body.response
  }
  const heard: unknown[] = []
  const tabs = [1, 2].map((tab) => {
    const { client } = open(fetch)
    client.subscribe({ topic: 'board:1' as never, onEvent: (() => void heard.push(tab)) as never })
    return client
  })
  const phases = new Set<string>()
  await clock.advance(1_000)
  for (const client of tabs) client.status.subscribe(() => void phases.add(client.status.get().phase))
  for (const character of event.slice(0, 20)) {
    say(character)
    await clock.advance(1_000)
  }
  say(event.slice(20))
  await clock.advance(100)
  expect([...phases]).toEqual([])
  expect(heard.sort()).toEqual([1, 2])
})

test('a tab that is closed lets go of all it had, though its headers never come', async () => {
  const world = tabsWorld()
  const { clock, open, locks, channels } = world
  const stuck = open(beating(world), { headers: () => new Promise(() => {}) }).client
  stuck.subscribe({ topic: 'board:1' as never })
  await clock.advance(1_000)
  stuck.close()
  const { client } = open(beating(world))
  client.subscribe({ topic: 'board:1' as never })
  await clock.advance(1_000)
  expect([locks.count(), channels.size]).toEqual([1, 1])
  expect(client.status.get()).toMatchObject({ phase: 'live', via: 'sse' })
})

test('an answer that does not end with its request keeps no other tab from leading', async () => {
  const world = tabsWorld()
  const { clock, open } = world
  const stream = beating(world)
  const { signal } = new AbortController()
  const deaf = open((url, init) => stream(url, { ...init, signal })).client
  deaf.subscribe({ topic: 'board:1' as never })
  await clock.advance(1_000)
  const { client } = open(stream)
  client.subscribe({ topic: 'board:1' as never })
  await clock.advance(1_000)
  deaf.close()
  await clock.advance(200)
  expect(client.status.get()).toMatchObject({ phase: 'live', via: 'sse' })
})

test('an attempt that is over does not take the stream from those who follow the next one', async () => {
  const world = tabsWorld()
  const { clock, open } = world
  const stream = beating(world)
  let asked = 0
  let answer = () => {}
  const slow = () =>
    new Promise<Record<string, string>>((resolve) => {
      answer = () => resolve({})
    })
  const first = open(
    async (url, init) => {
      init.signal?.throwIfAborted()
      return stream(url, init)
    },
    { headers: () => (asked++ === 0 ? slow() : {}) },
  ).client
  first.subscribe({ topic: 'board:1' as never })
  await clock.advance(100)
  first.close()
  first.start()
  await clock.advance(1_000)
  expect(first.status.get().phase).toBe('live')
  answer()
  await clock.advance(100)
  const { client } = open(stream)
  client.subscribe({ topic: 'board:1' as never })
  await clock.advance(1_000)
  expect(client.status.get()).toMatchObject({ phase: 'live', via: 'tab' })
})

test('a hub that is slow is reached where the way round cannot be had', async () => {
  vi.resetModules()
  vi.doMock('../sources/detour.ts', () => {
    throw new TypeError('Failed to fetch dynamically imported module')
  })
  const fresh: typeof import('../fixtures/tabs-world.ts') = await import('../fixtures/tabs-world.ts')
  const world = fresh.tabsWorld()
  const stream = beating(world)
  const slow: Fetch = async (url, init) => {
    await after(world.clock, 4_000)
    init.signal?.throwIfAborted()
    return stream(url, init)
  }
  const { client } = world.open(slow, { share: false })
  client.subscribe({ topic: 'board:1' as never })
  await world.clock.advance(6_000)
  expect(client.status.get().phase).toBe('live')
  vi.doUnmock('../sources/detour.ts')
})

test('a stream that has failed is tried again, though the way round does not come', async () => {
  vi.resetModules()
  vi.doMock('../sources/detour.ts', () => new Promise(() => {}))
  const fresh: typeof import('../fixtures/tabs-world.ts') = await import('../fixtures/tabs-world.ts')
  const world = fresh.tabsWorld()
  const stream = beating(world)
  let asked = 0
  const { client } = world.open(
    async (url, init) => {
      if (asked++ === 0) throw new TypeError('cut')
      return stream(url, init)
    },
    { share: false },
  )
  client.subscribe({ topic: 'board:1' as never })
  await world.clock.advance(10_000)
  expect(client.status.get()).toMatchObject({ phase: 'live', via: 'sse' })
  vi.doUnmock('../sources/detour.ts')
})

test('tabs whose code for sharing is slow to come stream apart meanwhile, in peace, and share as soon as it is there', async () => {
  vi.resetModules()
  let come = () => {}
  const coming = new Promise<void>((resolve) => {
    come = resolve
  })
  vi.doMock('./others.ts', async (original) => {
    await coming
    return original()
  })
  const fresh: typeof import('../fixtures/tabs-world.ts') = await import('../fixtures/tabs-world.ts')
  const world = fresh.tabsWorld()
  const { clock, open } = world
  const stream = beating(world)
  let streams = 0
  const fetch: Fetch = async (url, init) => {
    if (url.includes('/events')) streams++
    return stream(url, init)
  }
  const clients = [1, 2, 3].map(() => open(fetch).client)
  for (const client of clients) client.subscribe({ topic: 'board:1' as never })
  await clock.advance(30_000)
  expect(clients.map((client) => client.status.get())).toMatchObject(Array(3).fill({ phase: 'live', via: 'sse' }))
  // The first one, which led meanwhile, and then one for each.
  expect(streams).toBeLessThanOrEqual(6)
  // A tab that asks anew while it waits does not try to lead the others again.
  clients[0]?.subscribe({ topic: 'board:2' as never })
  await clock.advance(30_000)
  expect(streams).toBeLessThanOrEqual(7)
  come()
  await until(() => world.channels.size === 3)
  await clock.advance(10_000)
  expect(clients.map((client) => (client.status.get() as { via?: string }).via).sort()).toEqual(['sse', 'tab', 'tab'])
  vi.doUnmock('./others.ts')
})
