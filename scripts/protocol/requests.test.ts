// Holds §2 and §6 of docs/PROTOCOL.md, requests and health, against a real hub.
import { describe, expect, test } from 'vitest'
import { expectMembers, named, quoted, table } from './document.ts'
import { get, HOST, open, post } from './hub.ts'

describe('§2, requests', () => {
  test('every request of the table is answered, at the prefix and without it', async () => {
    const hub = open()
    for (const [request = ''] of table('2', 'request').filter(([cell]) => cell?.includes('{prefix}'))) {
      const [method = '', path = ''] = quoted(request)[0]?.split(' {prefix}') ?? []
      for (const url of [`${HOST}/api/sse${path}`, `${HOST}${path}`]) {
        for (const asked of [method, 'OPTIONS']) {
          const body = asked === 'POST' ? { body: '{}' } : {}
          const headers = { origin: HOST, 'content-type': 'application/json' }
          const response = await hub.fetch(new Request(url, { method: asked, headers, ...body }))
          expect([404, 405]).not.toContain(response.status)
          expect(response.headers.get('cache-control')).toBe(named('2', /`Cache-Control: ([^`]+)`/))
          expect(response.headers.get('vary')).toBe(named('2', /`Vary: ([^`]+)`/))
          await response.body?.cancel()
        }
      }
    }
  })

  test('errors have the body that is written there', async () => {
    const notation = named('2', /JSON body `\{ "error": (\{[^}]+\}) \}`/).replaceAll('"', '')
    const hub = open()
    for (const [path, method, status] of [
      ['/nope', 'GET', 404],
      ['/events', 'PUT', 405],
    ] as const) {
      const response = await hub.fetch(new Request(`${HOST}/api/sse${path}`, { method }))
      expect(response.status).toBe(status)
      expectMembers(((await response.json()) as { error: object }).error, notation)
      if (status === 405) expect(response.headers.get('allow')).toContain('GET')
    }
  })

  test('origins', async () => {
    const hub = open({ origins: ['https://app.test'] })
    const health = (origin?: string) => get(hub, '/health', origin === undefined ? {} : { origin })
    expect((await health('https://evil.test')).status).toBe(403)
    expect((await health()).status).toBe(200)
    expect((await post(hub, {}, { origin: 'https://evil.test' })).status).toBe(403)
    const without = new Request(`${HOST}/api/sse/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect((await hub.fetch(without)).status).toBe(403)
    const { headers } = await health('https://app.test')
    expect(headers.get('access-control-allow-origin')).toBe('https://app.test')
    expect(headers.get('access-control-allow-credentials')).toBe(
      named('2', /`Access-Control-Allow-Credentials: ([^`]+)`/),
    )
    expect(headers.get('access-control-expose-headers')).toBe(named('2', /`Access-Control-Expose-Headers: ([^`]+)`/))
  })
})

test('§6, health: one word for anyone, more for an admin', async () => {
  const hub = open()
  const health = await get(hub, '/health')
  expect(health.status).toBe(200)
  expect(await health.json()).toEqual({ status: 'ok' })
  expect(Object.keys((await (await get(hub, '/health', { 'x-admin': '1' })).json()) as object).length).toBeGreaterThan(
    1,
  )
  hub.disable()
  const disabled = await get(hub, '/health')
  expect(disabled.status).toBe(503)
  expect(await disabled.json()).toEqual({ status: 'disabled' })
})
