// Paths, methods, origins and the headers of every answer (docs/PROTOCOL.md §2), and health (§6).
import { describe, expect, test } from 'vitest'
import { world } from '../fixtures/world.ts'
import { memoryLog } from '../logs/memory.ts'

const ask = (path: string, init: RequestInit = {}) => new Request(`http://hub.example${path}`, init)

describe('paths and methods', () => {
  test.each([
    ['GET', '/api/sse/health', 200, undefined],
    ['GET', '/health', 200, undefined],
    ['HEAD', '/api/sse/health', 200, undefined],
    ['GET', '/api/sse/page', 200, undefined],
    ['GET', '/page', 200, undefined],
    ['GET', '/api/sse', 404, undefined],
    ['GET', '/api/sse/', 404, undefined],
    ['GET', '/api/sse/events/', 404, undefined],
    ['GET', '/api/sse/constructor', 404, undefined],
    ['GET', '/other', 404, undefined],
    ['DELETE', '/api/sse/events', 405, 'GET, HEAD, POST, OPTIONS'],
    ['PUT', '/api/sse/page', 405, 'GET, HEAD, OPTIONS'],
    ['POST', '/api/sse/health', 405, 'GET, HEAD, OPTIONS'],
  ])('%s %s: %i', async (method, path, status, allow) => {
    const { hub } = await world()
    const response = await hub.fetch(ask(path, { method }))
    expect(response.status).toBe(status)
    expect(response.headers.get('allow') ?? undefined).toBe(allow)
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform')
    expect(response.headers.get('vary')).toBe('Origin, Cookie, Authorization, Last-Event-ID')
    if (status >= 400) {
      expect(await response.json()).toEqual({
        error: { code: expect.any(String), message: expect.any(String), retryable: false },
      })
    }
  })

  test.each(['', '/hub', '/a/b/c'])('mounted at %j', async (prefix) => {
    const { hub } = await world({ prefix })
    expect((await hub.fetch(ask(`${prefix}/health`))).status).toBe(200)
    expect((await hub.fetch(ask('/health'))).status).toBe(200)
  })

  test('HEAD of a stream is its headers, and no stream', async () => {
    const { hub } = await world()
    const response = await hub.fetch(ask('/api/sse/events', { method: 'HEAD' }))
    expect([response.status, response.headers.get('content-type'), response.body]).toEqual([
      200,
      'text/event-stream',
      null,
    ])
    expect(hub.stats().connections).toBe(0)
  })

  test('the stream is answered whatever `Accept` says', async () => {
    const { open } = await world()
    const stream = await open('/api/sse/events', { accept: 'application/json' })
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    await stream.first('hub.sync')
  })
})

describe('origins', () => {
  const app = 'https://app.example'
  test.each<[string, readonly string[] | ((origin: string) => boolean), boolean]>([
    ['http://hub.example', [], true],
    ['https://hub.example', [], true],
    ['https://hub.example:8443', [], false],
    [app, [], false],
    [app, [app], true],
    ['http://app.example', [app], false],
    ['https://app.example.evil.example', [app], false],
    ['https://sub.app.example', [app], false],
    ['https://sub.app.example', (origin) => origin.endsWith('.app.example'), true],
    ['null', [app], false],
    ['garbage', [app], false],
  ])('%s with %j: %j', async (origin, origins, isAllowed) => {
    const { hub } = await world({ origins })
    for (const path of ['/api/sse/events', '/api/sse/page', '/api/sse/health', '/api/sse/nothing']) {
      const response = await hub.fetch(ask(path, { headers: { origin } }))
      if (path !== '/api/sse/nothing') expect(response.status).toBe(isAllowed ? 200 : 403)
      expect(response.headers.get('access-control-allow-origin')).toBe(isAllowed ? origin : null)
      expect(response.headers.get('access-control-allow-credentials')).toBe(isAllowed ? 'true' : null)
      expect(response.headers.get('access-control-expose-headers')).toBe(isAllowed ? 'Retry-After, Hub-Cursor' : null)
      await response.body?.cancel()
    }
    const posted = await hub.fetch(
      ask('/api/sse/events', {
        method: 'POST',
        headers: { origin, 'content-type': 'application/json; charset=utf-8' },
        body: '{"producer":"producer-1","events":[]}',
      }),
    )
    expect(posted.status).toBe(isAllowed ? 200 : 403)
  })

  test('an error is readable across origins too', async () => {
    const { hub } = await world({ origins: [app] })
    const response = await hub.fetch(ask('/api/sse/page?topics=board:', { headers: { origin: app } }))
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([400, app])
  })

  test('a preflight', async () => {
    const { hub } = await world({ origins: [app] })
    const preflight = (origin: string) =>
      hub.fetch(
        ask('/api/sse/events', {
          method: 'OPTIONS',
          headers: {
            origin,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type, x-session',
          },
        }),
      )
    const response = await preflight(app)
    expect(response.status).toBe(204)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': app,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
      'access-control-allow-headers': 'content-type, x-session',
      'access-control-max-age': '600',
    })
    expect((await preflight('https://evil.example')).status).toBe(403)
  })

  test('a stream across origins', async () => {
    const { open } = await world({ origins: [app] })
    const stream = await open('/api/sse/events', { origin: app })
    await stream.first('hub.sync')
    expect(stream.headers['access-control-allow-origin']).toBe(app)
  })

  test('an `origins` that throws is the hub’s failure', async () => {
    const { hub, reports } = await world({
      origins: () => {
        throw new Error('oops')
      },
    })
    const response = await hub.fetch(ask('/api/sse/health', { headers: { origin: app } }))
    expect([response.status, (await response.json()).error.code]).toEqual([500, 'internal'])
    expect(reports.length).toBe(1)
  })
})

describe('health', () => {
  test('has details for an admin alone', async () => {
    const { hub, get, open } = await world()
    const stream = await open()
    await stream.first('hub.sync')
    await hub.publish({ type: 'card.moved', topic: 'board:7', data: { n: 1 } })
    expect((await get('/api/sse/health')).body).toEqual({ status: 'ok' })
    expect((await get('/api/sse/health', { 'x-user': 'nobody' })).body).toEqual({ status: 'ok' })
    expect((await get('/api/sse/health', { 'x-admin': 'true' })).body).toEqual({
      status: 'ok',
      ...{ connections: 1, phases: { live: 1 }, users: 1, bufferedBytes: expect.any(Number) },
      recentBytes: expect.any(Number),
      ...{ published: 1, emits: 0, delivered: 1, dropped: 0, coalesced: 0, gaps: 0, fellBehind: 0, flushed: 0 },
      ...{ tail: await hub.cursor(), tailLag: 0, disabled: false, draining: false },
    })
  })

  test('is failing when the log says that it cannot keep anything; only an admin is told why', async () => {
    const log = { ...memoryLog(), check: () => Promise.reject(new Error('The disk is full: make room.')) }
    const { get, reports } = await world({ log })
    const { status, body } = await get('/api/sse/health')
    expect([status, body]).toEqual([503, { status: 'failing' }])
    expect((await get('/api/sse/health', { 'x-admin': 'true' })).body).toMatchObject({
      status: 'failing',
      reason: 'The disk is full: make room.',
      connections: 0,
    })
    expect(reports.map(({ during }) => during)).toEqual(['health', 'health'])
  })

  test('is failing when the log is, and well again with it', async () => {
    const log = memoryLog()
    let fails = true
    const { get } = await world({
      log: { ...log, head: () => (fails ? Promise.reject(new Error('gone')) : log.head()) },
    })
    expect(await get('/api/sse/health')).toMatchObject({ status: 503, body: { status: 'failing' } })
    fails = false
    expect(await get('/api/sse/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })
})
