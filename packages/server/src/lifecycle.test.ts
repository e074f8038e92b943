// What ends streams and pages, and what comes after: the kill switch, draining, revocation, re-checks, expiry, limits, closing.
import { describe, expect, test } from 'vitest'
import { numbers, testClock, until, world } from './fixtures/world.ts'
import type { EventLog } from './log.ts'
import { memoryLog } from './logs/memory.ts'
import type { Grant } from './options.ts'

const moved = (n: number) => ({ type: 'card.moved' as const, topic: 'board:7' as const, data: { n } })
const theme = (seq: number) => ({
  producer: 'producer-1',
  events: [{ seq, id: `e${seq}`, type: 'theme.changed', data: { theme: 'dark' } }],
})

describe('the kill switch', () => {
  test('ends streams and waiting pages with their reason, answers new ones so, lets emits and publishing go on, and brings everybody back', async () => {
    const { hub, open, get, post } = await world()
    const stream = await open()
    await stream.first('hub.sync')
    await hub.publish(moved(1))
    await stream.first('card.moved')
    const page = get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`)
    await until(() => expect(hub.stats().phases).toEqual({ live: 1, page: 1 }))
    hub.disable()
    hub.disable()
    await until(() => expect(stream.ended).toBe('end'))
    const bye = stream.blocks.at(-1)
    expect(bye).toMatchObject({ event: 'hub.bye', data: { reason: 'disabled', retryMs: bye?.retry } })
    expect(bye?.id).toBeUndefined()
    expect(bye?.retry).toBeGreaterThanOrEqual(15_000)
    expect(bye?.retry).toBeLessThanOrEqual(45_000)
    const answer = await page
    expect([answer.status, answer.body.error.code, answer.body.error.retryable]).toEqual([503, 'disabled', true])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(15)
    expect(hub.stats()).toMatchObject({ connections: 0, disabled: true })

    const native = await open()
    expect(native.status).toBe(200)
    expect(native.headers['content-type']).toBe('text/event-stream')
    await until(() => expect(native.ended).toBe('end'))
    expect(native.blocks.map(({ event, data }) => [event, data.reason])).toEqual([['hub.bye', 'disabled']])
    expect(native.blocks[0]?.retry).toBeGreaterThanOrEqual(15_000)
    expect((await get('/api/sse/page')).body.error.code).toBe('disabled')
    expect(await get('/api/sse/health')).toMatchObject({ status: 503, body: { status: 'disabled' } })
    expect((await post(theme(1))).body.results[0].cursor).toMatch(/:2$/)
    await hub.publish(moved(2))

    hub.enable()
    const again = await open('/api/sse/events', { 'last-event-id': stream.lastId() ?? '' })
    expect((await again.first('hub.sync')).gaps).toEqual([])
    await until(() =>
      expect(again.blocks.map(({ event }) => event)).toEqual(['hub.sync', 'theme.changed', 'card.moved']),
    )
    expect(await get('/api/sse/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  test('ends a stream within a second although its reader does not read', async () => {
    const clock = testClock()
    const { hub, open } = await world({ clock, limits: { bufferBytes: 1_000 } })
    const stream = await open()
    await stream.first('hub.sync')
    stream.pause()
    // More than the sockets of both sides hold.
    const text = 'x'.repeat(200_000)
    for (let n = 0; n < 100; n++) await hub.publish({ type: 'news.said', topic: 'news', data: { text } })
    await until(() => expect(hub.stats()).toMatchObject({ phases: { reading: 1 } }))
    await until(() => expect(hub.stats().bufferedBytes).toBeGreaterThan(200_000))
    hub.disable()
    expect(hub.stats().phases).toEqual({ ending: 1 })
    await clock.advance(1_000)
    expect(hub.stats().connections).toBe(0)
    stream.resume()
    await until(() => expect(stream.ended).toBe('cut'))
  })

  test('a hub starts disabled by option, or by the environment', async () => {
    const one = await world({ disabled: true })
    expect(one.hub.stats().disabled).toBe(true)
    process.env.DISABLE_SSE_SYSTEM = 'true'
    try {
      expect((await world()).hub.stats().disabled).toBe(true)
      expect((await world({ disabled: false })).hub.stats().disabled).toBe(false)
      process.env.DISABLE_SSE_SYSTEM = '0'
      expect((await world()).hub.stats().disabled).toBe(false)
    } finally {
      delete process.env.DISABLE_SSE_SYSTEM
    }
  })
})

describe('drain', () => {
  test('sends everybody away one after the other, lets nobody in, and resolves when all are gone', async () => {
    const clock = testClock()
    const { hub, open, get, post } = await world({ clock })
    const streams = await Promise.all([1, 2, 3, 4].map(() => open()))
    const page = get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`)
    await until(() => expect(hub.stats().phases).toEqual({ live: 4, page: 1 }))
    let drained = false
    const draining = hub.drain({ overMs: 1_000 }).then(() => {
      drained = true
    })
    const late = await open()
    await until(() => expect(late.ended).toBe('end'))
    expect(late.blocks[0]?.data.reason).toBe('draining')
    expect((await get('/api/sse/page')).body.error.code).toBe('draining')
    expect(await get('/api/sse/health')).toMatchObject({ status: 503, body: { status: 'draining' } })
    const left = []
    for (let ms = 0; ms <= 1_000; ms += 200) {
      await clock.advance(ms === 0 ? 1 : 200)
      await until(() => expect(hub.stats().connections).toBe(Math.max(0, 4 - ms / 200)))
      left.push(hub.stats().connections)
    }
    expect(left).toEqual([4, 3, 2, 1, 0, 0])
    await draining
    expect(drained).toBe(true)
    await until(() => expect(streams.every(({ ended }) => ended === 'end')).toBe(true))
    const retries = streams.map(({ blocks }) => blocks.at(-1)?.retry ?? 0)
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(500)
    expect(Math.max(...retries)).toBeLessThanOrEqual(1_500)
    expect(new Set(retries).size).toBeGreaterThan(1)
    expect((await page).body.error.code).toBe('draining')
    // What clients have to say is still taken.
    expect((await post(theme(1))).status).toBe(200)
    await hub.drain()
  })

  test('of nobody is done at once', async () => {
    await (await world()).hub.drain()
  })
})

describe('disconnect', () => {
  test('ends all of one user, and nobody else', async () => {
    const { hub, open, get } = await world()
    const own = [await open(), await open()]
    const other = await open('/api/sse/events', { 'x-user': 'u2' })
    const anonymous = await open('/api/sse/events', { 'x-user': 'anonymous' })
    const page = get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`)
    await until(() => expect(hub.stats()).toMatchObject({ phases: { live: 4, page: 1 }, users: 2 }))
    hub.disconnect('u1')
    hub.disconnect('u1')
    await until(() => expect(own.every(({ ended }) => ended === 'end')).toBe(true))
    expect(own[0]?.blocks.at(-1)?.data).toEqual({ reason: 'revoked', retryMs: 1_000 })
    expect(await page).toMatchObject({ status: 503, body: { error: { code: 'revoked' } } })
    await until(() => expect(hub.stats()).toMatchObject({ connections: 2, users: 1 }))
    await hub.publish(moved(1))
    await other.first('card.moved')
    await anonymous.first('card.moved')
  })
})

test('what was queued in the turn of the revocation is not sent', async () => {
  const { hub, open } = await world()
  const stream = await open()
  const other = await open('/api/sse/events', { 'x-user': 'u2' })
  await Promise.all([stream.first('hub.sync'), other.first('hub.sync')])
  await hub.publish(moved(1))
  hub.disconnect('u1')
  await until(() => expect(stream.ended).toBe('end'))
  expect(stream.blocks.map(({ event }) => event)).toEqual(['hub.sync', 'hub.bye'])
  await other.first('card.moved')
})

describe('authorization goes on', () => {
  /** A hub whose answer a test changes, and what it was asked with. */
  async function guarded(first: Grant | null, recheckMs = 60_000) {
    const clock = testClock()
    const asked: Request[] = []
    const state: { answer: () => Grant | null | Promise<Grant | null> } = { answer: () => first }
    const one = await world({
      clock,
      recheckMs,
      limits: { bufferBytes: 50_000 },
      authorize: (request) => {
        asked.push(request)
        return state.answer()
      },
    })
    return { ...one, clock, asked, state }
  }
  const grant: Grant = { user: 'u1', read: ['board:7', 'news'] }

  test.each<[string, () => Grant | null | Promise<Grant | null>, string]>([
    ['null', () => null, 'revoked'],
    ['another user', () => ({ ...grant, user: 'u2' }), 'revoked'],
    ['no user any more', () => ({ read: ['board:7', 'news'] }), 'revoked'],
    ['fewer topics', () => ({ ...grant, read: ['board:7'] }), 'changed'],
    ['more topics', () => ({ ...grant, read: ['board:7', 'news', 'board:8'] }), 'changed'],
    ['an expired grant', () => ({ ...grant, expiresAt: 1 }), 'expired'],
    ['an error', () => Promise.reject(new Error('session store down')), 'expired'],
    ['a grant that is none', () => ({ ...grant, read: ['board:'] }), 'expired'],
    ['nothing at all, ever', () => new Promise<null>(() => {}), 'expired'],
  ])('%s: within the interval the stream ends', async (_, answer, reason) => {
    const { open, clock, state, hub, get } = await guarded(grant)
    const stream = await open()
    await stream.first('hub.sync')
    await clock.advance(54_000)
    const page = get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`)
    await until(() => expect(hub.stats().phases).toEqual({ live: 1, page: 1 }))
    state.answer = answer
    await clock.advance(6_000)
    await until(() => expect(stream.ended).toBe('end'))
    expect(stream.blocks.at(-1)).toMatchObject({ event: 'hub.bye', data: { reason, retryMs: 1_000 } })
    hub.disable()
    await page
  })

  test('the same grant in another order goes on, and is asked for with the opening request each time', async () => {
    const { open, clock, state, asked, hub } = await guarded(grant)
    const stream = await open('/api/sse/events?topics=board:7,news', { cookie: 'session=1' })
    await stream.first('hub.sync')
    state.answer = () => ({ user: 'u1', read: ['news', 'board:7', 'news', 'board:9'] })
    await clock.advance(180_000)
    expect(asked.length).toBe(4)
    for (const request of asked) {
      expect([request.method, new URL(request.url).search, request.headers.get('cookie')]).toEqual([
        'GET',
        '?topics=board:7,news',
        'session=1',
      ])
      expect(request.body).toBeNull()
    }
    expect(new Set(asked).size).toBe(4)
    await hub.publish(moved(1))
    await stream.first('card.moved')
  })

  test('a page that waits is re-checked too', async () => {
    const { clock, state, hub, get } = await guarded(grant, 4_000)
    const page = get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`)
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    state.answer = () => null
    await clock.advance(4_000)
    expect(await page).toMatchObject({ status: 503, body: { error: { code: 'revoked' } } })
  })

  test('a grant that runs out ends the stream at that moment; a renewed one goes on', async () => {
    const { open, clock, state } = await guarded(null)
    state.answer = () => ({ ...grant, expiresAt: clock.now() + 80_000 })
    const [one, two] = [await open(), await open()]
    await Promise.all([one.first('hub.sync'), two.first('hub.sync')])
    const end = clock.now() + 80_000
    await clock.advance(60_000)
    const fixed = clock.now() + 10_000
    state.answer = () => ({ ...grant, expiresAt: fixed })
    await clock.advance(end - clock.now())
    expect([one.ended, two.ended]).toEqual([undefined, undefined])
    await clock.advance(40_000)
    await until(() => expect([one.ended, two.ended]).toEqual(['end', 'end']))
    expect(one.blocks.at(-1)?.data.reason).toBe('expired')
  })

  test('a grant that has run out already is none', async () => {
    const { get, clock, state } = await guarded(null)
    state.answer = () => ({ ...grant, expiresAt: clock.now() })
    expect((await get('/api/sse/events')).status).toBe(401)
  })

  test.each([
    ['null', () => null],
    ['fewer topics', () => ({ ...grant, read: ['board:7'] })],
    ['an error', () => Promise.reject(new Error('down'))],
  ])('%s: what waits for a slow reader is not sent any more', async (_, answer) => {
    const { open, clock, state, hub } = await guarded(grant)
    const stream = await open()
    await stream.first('hub.sync')
    stream.pause()
    for (let n = 0; n < 300; n++) {
      await hub.publish({ type: 'news.said', topic: 'news', data: { text: `${n} ${'x'.repeat(49_000)}` } })
    }
    await until(() => expect(hub.stats().bufferedBytes).toBeGreaterThan(50_000))
    state.answer = answer
    // To the very moment of the re-check: nothing is waited for.
    await clock.advance(55_000)
    expect(hub.stats()).toMatchObject({ connections: 0, bufferedBytes: 0 })
    stream.resume()
    await until(() => expect(stream.ended).toBe('cut'))
    expect(stream.of('news.said').length).toBeLessThan(300)
  })

  test.each<[string, Grant, RegExp]>([
    ['a topic that is none', { read: ['board:'] }, /is not a topic|which is not a topic/],
    ['a kind that the contract lacks', { read: ['secret:1'] }, /no topics of kind "secret"/],
    ["another user's topic", { user: 'u1', read: ['user:u2'] }, /for one user alone/],
    ["another user's topic, to write", { user: 'u1', write: ['user:u2'] }, /for one user alone/],
    ['a user topic of nobody', { read: ['user'] }, /for one user alone/],
    ['a user that cannot be one', { user: 'a,b' }, /a user id has/],
    ['an expiry that is no number', { user: 'u1', expiresAt: Number.NaN }, /expiresAt/],
  ])('a grant with %s is a failure with a clear message', async (_, answer, message) => {
    const { open, get, post, state, reports } = await guarded(null)
    state.answer = () => answer
    const stream = await open()
    await until(() => expect(stream.ended).toBe('end'))
    expect([stream.status, stream.blocks[0]?.data.reason]).toEqual([200, 'overloaded'])
    expect(await get('/api/sse/page')).toMatchObject({ status: 503, body: { error: { code: 'overloaded' } } })
    expect(await post(theme(1))).toMatchObject({
      status: 503,
      body: { error: { code: 'overloaded', retryable: true } },
    })
    expect(reports.length).toBe(3)
    expect(String(reports[0]?.error)).toMatch(message)
  })

  test('an authorize that throws, rejects or hangs is a failure, not a refusal', async () => {
    const { open, get, clock, state, asked } = await guarded(null)
    state.answer = () => {
      throw new Error('down')
    }
    const one = await open()
    await until(() => expect(one.blocks[0]?.data.reason).toBe('overloaded'))
    expect(Number((await get('/api/sse/page')).headers['retry-after'])).toBeGreaterThanOrEqual(15)
    state.answer = () => new Promise<null>(() => {})
    const two = open()
    await until(() => expect(asked.length).toBe(3))
    await clock.advance(5_000)
    await until(async () => expect((await two).blocks[0]?.data.reason).toBe('overloaded'))
  })
})

describe('limits', () => {
  test('of connections, and of those of one user: 200 and a good-bye, and 503 for pages', async () => {
    const { hub, open, get } = await world({ limits: { connections: 4, connectionsPerUser: 2 } })
    const streams = [await open(), await open()]
    await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
    const third = await open()
    await until(() => expect(third.ended).toBe('end'))
    expect([third.status, third.blocks[0]?.data.reason]).toEqual([200, 'overloaded'])
    expect(third.blocks[0]?.retry).toBeGreaterThanOrEqual(15_000)
    expect(await get('/api/sse/page')).toMatchObject({ status: 503, body: { error: { code: 'overloaded' } } })
    const others = [
      await open('/api/sse/events', { 'x-user': 'anonymous' }),
      await open('/api/sse/events', { 'x-user': 'u2' }),
    ]
    await until(() => expect(hub.stats().phases).toEqual({ live: 4 }))
    const fifth = await open('/api/sse/events', { 'x-user': 'u3' })
    await until(() => expect(fifth.blocks[0]?.data.reason).toBe('overloaded'))
    streams[0]?.destroy()
    await until(() => expect(hub.stats().connections).toBe(3))
    const next = await open()
    await next.first('hub.sync')
    expect(others.length).toBe(2)
  })

  test('of topics, which counts those that a client names: a wider grant is the application’s will', async () => {
    const wide = numbers(150).map((n) => `board:${n}`)
    let read = wide.slice(0, 50)
    const { get, open, hub } = await world({ recheckMs: 20, authorize: () => ({ user: 'u1', read }) })
    const first = await open()
    await first.first('hub.sync')
    read = wide
    expect(await first.first('hub.bye')).toMatchObject({ reason: 'changed' })
    const stream = await open()
    const all = [...wide, 'user:u1'].sort()
    expect(await stream.first('hub.sync')).toMatchObject({ topics: all })
    await hub.publish({ type: 'card.moved', topic: 'board:150', data: { n: 1 } })
    await stream.first('card.moved')
    expect(await get('/api/sse/page')).toMatchObject({ status: 200, body: { topics: all } })
    for (const path of ['events', 'page']) {
      expect(await get(`/api/sse/${path}?topics=${wide.slice(0, 101)}`)).toMatchObject({
        status: 400,
        body: { error: { code: 'too_many_topics' } },
      })
    }
    expect(stream.ended).toBeUndefined()
  })
})

describe('a log that fails', () => {
  const broken = (method: 'head' | 'read' | 'tail', how: () => Promise<never>) => {
    const log = memoryLog()
    const state = { fails: true }
    const wrapped: EventLog = {
      ...log,
      [method]: (...given: never[]) =>
        state.fails ? how() : (log[method] as (...given: never[]) => unknown)(...given),
    }
    return { log: wrapped, state }
  }
  const down = () => Promise.reject(new Error('disk gone'))

  test.each([
    ['head', ''],
    ['read', '?after=x:1'],
    ['tail', ''],
  ] as const)('in %s: a good-bye that a native client survives, and all is well when it is', async (method, query) => {
    const { log, state } = broken(method, down)
    const { open, get, reports, hub } = await world({ log })
    const stream = await open(`/api/sse/events${query}`)
    await until(() => expect(stream.ended).toBe('end'))
    expect([stream.status, stream.blocks.map(({ event, data }) => [event, data.reason])]).toEqual([
      200,
      [['hub.bye', 'overloaded']],
    ])
    expect(await get(`/api/sse/page${query}`)).toMatchObject({ status: 503, body: { error: { code: 'overloaded' } } })
    expect(reports.length).toBeGreaterThan(0)
    if (method === 'head')
      expect(await get('/api/sse/health')).toMatchObject({ status: 503, body: { status: 'failing' } })
    state.fails = false
    const again = await open(`/api/sse/events${query}`)
    await again.first('hub.sync')
    expect(hub.stats().connections).toBe(1)
  })

  test('by hanging: the same, after ten seconds', async () => {
    const clock = testClock()
    const { log } = broken('read', () => new Promise<never>(() => {}))
    const { open, get, hub } = await world({ log, clock })
    const stream = await open('/api/sse/events?after=x:1')
    await until(() => expect(hub.stats().phases).toEqual({ waiting: 1 }))
    const page = get('/api/sse/page?after=x:1')
    await until(() => expect(hub.stats().phases).toEqual({ waiting: 1, page: 1 }))
    await clock.advance(10_000)
    await until(() => expect(stream.blocks[0]?.data.reason).toBe('overloaded'))
    expect((await page).status).toBe(503)
  })

  test('an append that fails rejects the publish as retryable, with its cause', async () => {
    const log = memoryLog()
    const { hub } = await world({ log: { ...log, append: () => Promise.reject(new Error('disk full')) } })
    await expect(hub.publish(moved(1))).rejects.toMatchObject({
      code: 'internal',
      retryable: true,
      cause: expect.objectContaining({ message: 'disk full' }),
    })
  })
})

describe('close', () => {
  test('ends everything, closes the log once, and refuses what comes after', async () => {
    let closed = 0
    const log: EventLog = {
      ...memoryLog(),
      close: async () => {
        closed++
      },
    }
    const { hub, open, get, post } = await world({ log })
    const stream = await open()
    await stream.first('hub.sync')
    const page = get(`/api/sse/page?wait=25000&after=${await hub.cursor()}`)
    await until(() => expect(hub.stats().phases).toEqual({ live: 1, page: 1 }))
    await Promise.all([hub.close(), hub.close()])
    await hub.close()
    expect(closed).toBe(1)
    await until(() => expect(stream.ended).toBe('end'))
    expect(stream.blocks.at(-1)?.data.reason).toBe('draining')
    expect((await page).status).toBe(503)
    await expect(hub.publish(moved(1))).rejects.toMatchObject({ code: 'closed' })
    expect(await post(theme(1))).toMatchObject({ status: 503, body: { error: { code: 'draining' } } })
    const late = await open()
    await until(() => expect(late.blocks[0]?.data.reason).toBe('draining'))
  })

  test('waits for what is being kept', async () => {
    const log = memoryLog()
    const order: string[] = []
    const holding: (() => void)[] = []
    const { hub } = await world({
      log: {
        ...log,
        append: async (...given) => {
          await new Promise<void>((resolve) => void holding.push(resolve))
          order.push('kept')
          return log.append(...given)
        },
        close: async () => void order.push('closed'),
      },
    })
    const publishing = hub.publish(moved(1))
    await until(() => expect(holding.length).toBe(1))
    const closing = hub.close()
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual([])
    holding[0]?.()
    await Promise.all([publishing, closing])
    expect(order).toEqual(['kept', 'closed'])
  })

  test('waits for who asks where the log ends', async () => {
    const log = memoryLog()
    const order: string[] = []
    let answer = () => {}
    const { hub } = await world({
      log: {
        ...log,
        async head() {
          await new Promise<void>((resolve) => {
            answer = resolve
          })
          order.push('read')
          return log.head()
        },
        close: async () => void order.push('closed'),
      },
    })
    const asking = hub.cursor()
    const closing = hub.close()
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    answer()
    await Promise.all([asking, closing])
    expect(order).toEqual(['read', 'closed'])
    await expect(hub.cursor()).rejects.toMatchObject({ code: 'closed' })
  })

  test('leaves no timer behind', async () => {
    const clock = testClock()
    const { hub, open } = await world({ clock })
    const stream = await open()
    await stream.first('hub.sync')
    void hub.drain({ overMs: 100_000 })
    await hub.close()
    await until(() => expect(clock.pending()).toBe(0))
  })
})

describe('options that cannot be', () => {
  test.each<[object, RegExp]>([
    [{ prefix: 'api' }, /`prefix` must begin with "\/"/],
    [{ prefix: '/api/' }, /`prefix`/],
    [{ heartbeatMs: 0 }, /`heartbeatMs`/],
    [{ sharedChunks: 'false' as never }, /`sharedChunks` must be true or false, not "false"/],
    [{ gatherMs: -1 }, /`gatherMs` must be a whole number from 0 to 500/],
    [{ gatherMs: 501 }, /`gatherMs`/],
    [{ gatherMs: 2.5 }, /`gatherMs`/],
    [{ gatherMs: 51, heartbeatMs: 100 }, /`gatherMs` must be at most half of `heartbeatMs`/],
    [{ recheckMs: 1.5 }, /`recheckMs`/],
    [{ limits: { batch: -1 } }, /`limits.batch`/],
    [{ origins: ['https://app.example/'] }, /is no origin/],
    [{ origins: ['*'] }, /is no origin/],
    [{ authorize: undefined }, /`authorize` must be a function/],
  ])('%j', async (options, message) => {
    await expect(world(options)).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringMatching(message),
    })
  })
})
