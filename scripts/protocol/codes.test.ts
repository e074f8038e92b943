// Holds §7 of docs/PROTOCOL.md, the error codes, against a real hub: every code is provoked.
import { HubError, type HubErrorCode } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { quoted, table } from './document.ts'
import { get, HOST, open, post, stream, type TestHub } from './hub.ts'

/** A code that crosses the wire; the others are raised where the mistake is made. */
type WireCode = Exclude<
  HubErrorCode,
  | ('invalid_contract' | 'invalid_option' | 'invalid_cursor' | 'closed')
  | ('network' | 'timeout' | 'ended' | 'protocol' | 'http' | 'stopped' | 'uncertain' | 'storage')
>

/** An error, and the status of the answer that it came in. */
interface Provoked {
  readonly status: number
  readonly error: { readonly code: string; readonly retryable: boolean }
}

const answered = async (response: Response | Promise<Response>): Promise<Provoked> => {
  const { status } = await response
  return { status, error: ((await (await response).json()) as { error: Provoked['error'] }).error }
}
/** The error of one emit, in its result. */
const settled = async (hub: TestHub, emit: object): Promise<Provoked> => {
  const response = await post(hub, { producer: 'p-12345678', events: [{ id: 'e', seq: 1, data: 'text', ...emit }] })
  const { results } = (await response.json()) as { results: { error: Provoked['error'] }[] }
  return { status: response.status, error: results[0]?.error ?? { code: 'none', retryable: false } }
}

/** The answer of a page that waits for news while something happens. */
async function waiting(hub: TestHub, happen?: () => void): Promise<Provoked> {
  const page = get(hub, `/page?after=${await hub.cursor()}&wait=25000`)
  if (happen) {
    await expect.poll(() => hub.stats().connections).toBe(1)
    happen()
  }
  return answered(page)
}

/** How to get each code. A code that is added to the code base does not compile until it is here. */
const provocations: Readonly<Record<WireCode, readonly (() => Promise<Provoked>)[]>> = {
  malformed: [() => answered(post(open(), '{')), () => answered(post(open(), '{"__proto__":1}'))],
  invalid_topic: [
    () => answered(get(open(), '/events?topics=board:')),
    () => settled(open(), { type: 'card.renamed', topic: 'nope' }),
    () => answered(get(open(), '/page?topics=a%20b')),
  ],
  too_many_topics: [() => answered(get(open({ limits: { topics: 1 } }), '/events?topics=board:1,board:2'))],
  unauthorized: [
    () => answered(get(open(), '/events', { 'x-nobody': '1' })),
    () => answered(get(open(), '/page', { 'x-nobody': '1' })),
    () => answered(post(open(), { producer: 'p-12345678', events: [] }, { 'x-nobody': '1' })),
  ],
  forbidden_origin: [() => answered(get(open(), '/events', { origin: 'https://evil.test' }))],
  forbidden: [() => settled(open(), { type: 'card.renamed', topic: 'board:8' })],
  not_found: [() => answered(get(open(), '/nope'))],
  method_not_allowed: [() => answered(open().fetch(new Request(`${HOST}/api/sse/page`, { method: 'DELETE' })))],
  identity_mismatch: [() => answered(post(open(), { producer: 'p-12345678', user: 'u2', events: [] }))],
  too_large: [
    () => answered(post(open({ limits: { bodyBytes: 100 } }), 'x'.repeat(101))),
    () =>
      settled(open({ limits: { eventBytes: 10 } }), { type: 'card.renamed', topic: 'board:7', data: 'x'.repeat(100) }),
  ],
  unsupported_media_type: [() => answered(post(open(), '{}', { 'content-type': 'text/plain' }))],
  rate_limited: [
    async () => {
      const hub = open({ limits: { emitsPerSecond: 1 } })
      const batch = { producer: 'p-12345678', events: Array(20).fill({ id: 'e', type: 'nope' }) }
      await post(hub, batch)
      return answered(post(hub, batch))
    },
  ],
  internal: [() => settled(open(), { type: 'validator.broken', topic: 'board:7' })],
  disabled: [() => answered(get(open({ disabled: true }), '/page'))],
  draining: [
    () => {
      const hub = open()
      void hub.drain()
      return answered(get(hub, '/page'))
    },
  ],
  overloaded: [
    async () => {
      const hub = open({ limits: { connections: 1 } })
      const { until, cancel } = await stream(hub)
      await until('hub.sync')
      const provoked = await answered(get(hub, '/page'))
      await cancel()
      return provoked
    },
  ],
  changed: [
    () => {
      let asked = 0
      const hub = open({
        recheckMs: 10,
        authorize: () => ({ user: 'u1', read: asked++ === 0 ? ['board:7'] : ['board:8'] }),
      })
      return waiting(hub)
    },
  ],
  expired: [
    () => {
      const hub = open({ authorize: () => ({ user: 'u1', read: ['board:7'], expiresAt: Date.now() + 20 }) })
      return waiting(hub)
    },
  ],
  revoked: [
    () => {
      const hub = open()
      return waiting(hub, () => hub.disconnect('u1'))
    },
  ],
  unknown_type: [() => settled(open(), { type: 'nope' })],
  not_emittable: [() => settled(open(), { type: 'card.moved', topic: 'board:7' })],
  invalid_data: [() => settled(open(), { type: 'card.renamed', topic: 'board:7', data: 7 })],
  refused: [
    async () => {
      const hub = open()
      hub.on('button.clicked', () => {
        throw new Error('no')
      })
      return settled(hub, { type: 'button.clicked' })
    },
  ],
  out_of_order: [() => settled(open(), { type: 'button.clicked', seq: 2 })],
}

describe('§7, error codes', () => {
  const rows = table('7', 'code').flatMap(([codes = '', status = '', retryable = '']) => {
    const statuses = status.match(/\d+/g)?.map(Number) ?? []
    return quoted(codes).map((code, at) => ({
      code,
      // `404, 405` stands for two codes in their order; one number for all of them.
      statuses: [
        ...(statuses.length > 0 ? [statuses[at] ?? statuses[0] ?? 0] : []),
        ...(status.includes('result') ? [200] : []),
      ],
      retryable,
    }))
  })

  test('the table lists every code that crosses the wire, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(provocations).sort())
  })

  test.each(rows)('$code', async ({ code, statuses, retryable }) => {
    for (const provoke of provocations[code as WireCode]) {
      const { status, error } = await provoke()
      expect(error.code).toBe(code)
      expect(statuses).toContain(status)
      if (retryable === 'yes' || retryable === 'no') expect(error.retryable).toBe(retryable === 'yes')
    }
  })

  test('`refused` is as retryable as the handler says', async () => {
    const hub = open()
    hub.on('button.clicked', () => {
      throw new HubError('refused', 'Later, please.', { retryable: true })
    })
    expect((await settled(hub, { type: 'button.clicked' })).error).toMatchObject({
      code: 'refused',
      retryable: true,
      message: 'Later, please.',
    })
  })

  test('later is said in Retry-After', async () => {
    for (const code of ['rate_limited', 'disabled', 'draining', 'overloaded', 'changed'] as const) {
      expect(rows.find((row) => row.code === code)?.retryable).toBe('yes')
    }
    const response = await get(open({ disabled: true }), '/page')
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
  })
})
