// Holds docs/PROTOCOL.md against a real hub: its examples are played as they stand and its tables are read, so that neither can drift from the other.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ByeReason,
  decodePage,
  defineContract,
  type GapReason,
  HubError,
  type HubErrorCode,
} from '@sse-hub/core/contract'
import { createHub, type Hub, type HubOptions, memoryLog } from '@sse-hub/server'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { root } from './lib/repo.ts'

// ——— The document ———

const document = readFileSync(join(root, 'docs/PROTOCOL.md'), 'utf8')

/** The text of a section: `3.2`, `5`. */
function section(number: string): string {
  const [, rest = ''] = document.split(new RegExp(`^#+ ${number.replace('.', '\\.')}\\.? .*$`, 'm'))
  return rest.split(/^#+ /m)[0] ?? ''
}

/** The code blocks of a section. */
const codes = (number: string): string[] =>
  [...section(number).matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)

/** The rows of a section's table that has this heading, as cells. */
function table(number: string, heading: string): string[][] {
  const lines = section(number).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|') && line.includes(heading))
  expect(start, `a table with ${heading} in §${number}`).toBeGreaterThanOrEqual(0)
  const rows: string[][] = []
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  }
  return rows
}

/** What stands in backticks. */
const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** A value that the text names after some words: ``carries `Cache-Control: no-store` ``. */
function named(number: string, pattern: RegExp): string {
  const [, value] = pattern.exec(section(number)) ?? []
  if (value === undefined) throw new Error(`§${number} has nothing like ${pattern}`)
  return value
}

/** Checks an object against `{ a, b? }`: all that must be there is, and nothing else. */
function expectMembers(value: object, notation: string): void {
  const names = notation.replace(/[{}\s]/g, '').split(',')
  const required = names.filter((name) => !name.endsWith('?'))
  const allowed = names.map((name) => name.replace('?', ''))
  expect(Object.keys(value)).toEqual(expect.arrayContaining(required))
  expect(allowed).toEqual(expect.arrayContaining(Object.keys(value)))
}

// ——— The hub ———

const contract = defineContract({
  topics: ['board'],
  events: {
    'card.moved': { topic: 'board', data: z.json() },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.enum(['light', 'dark']) }), emit: true },
    'pointer.moved': { topic: 'board', data: z.object({ x: z.number(), y: z.number() }), emit: true, durable: false },
    'card.renamed': { topic: 'board', data: z.string(), emit: true },
    'button.clicked': { data: z.string(), emit: true },
    'validator.broken': {
      topic: 'board',
      emit: true,
      data: z.string().refine(() => {
        throw new Error('broken')
      }),
    },
  },
})
type Options = Partial<HubOptions<typeof contract>>

const HOST = 'http://hub.test'
const hubs: Pick<Hub<typeof contract>, 'close'>[] = []
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.close()
})

function open(options: Options = {}): Hub<typeof contract> {
  const hub = createHub({
    contract,
    authorize: ({ headers }) =>
      headers.has('x-nobody')
        ? null
        : { user: 'u1', read: ['board:7'], write: ['board:7'], admin: headers.has('x-admin') },
    // No jitter: half of one is in the middle.
    random: { next: () => 0.5, id: () => `id-${++ids}-0000` },
    onReport: () => {},
    ...options,
  })
  hubs.push(hub)
  return hub
}
let ids = 0

const get = (hub: Hub<typeof contract>, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  hub.fetch(new Request(`${HOST}/api/sse${path}`, { headers }))

const post = (hub: Hub<typeof contract>, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  hub.fetch(
    new Request(`${HOST}/api/sse/events`, {
      method: 'POST',
      headers: { origin: HOST, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  )

/** Opens a stream; `until` reads on until a block of that type has come, and answers all bytes so far as text and blocks. */
async function stream(hub: Hub<typeof contract>, query = '', headers: Record<string, string> = {}) {
  const response = await get(hub, `/events${query}`, headers)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const blocks: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (block) => blocks.push(block) })
  let text = ''
  return {
    response,
    blocks,
    text: () => text,
    async until(type: string): Promise<EventSourceMessage> {
      for (;;) {
        const found = blocks.findLast(({ event }) => event === type)
        if (found) return found
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) throw new Error(`The stream ended before ${type}: ${text}`)
        text += value
        parser.feed(value)
      }
    },
    /** Reads to the end. */
    async rest(): Promise<string> {
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
        text += next.value
        parser.feed(next.value)
      }
      return text
    },
    cancel: () => reader?.cancel(),
  }
}

const move = (hub: Hub<typeof contract>, topic: `board:${string}` = 'board:7') =>
  hub.publish({ type: 'card.moved', topic, data: { to: 'done' } })

// ——— §2 ———

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

// ——— §3 ———

describe('§3, the stream', () => {
  test('the block of a hub that is disabled, byte for byte', async () => {
    const { text, response, rest } = await stream(open({ disabled: true }))
    await rest()
    expect(text()).toBe(codes('3.2')[0])
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(named('3.2', /`Content-Type: ([^`]+)`/))
  })

  test('every block of the table, and lines as §3.3 says', async () => {
    const rows = table('3.3', '`event:`')
    expect(rows.map(([event]) => event)).toEqual([
      '`hub.sync`',
      "*an event's type*",
      '`hub.beat`',
      '`hub.gap`',
      '`hub.bye`',
    ])
    const [sync, event, , gap, bye] = rows.map(([, , data = '']) => quoted(data)[0] ?? '')

    const log = memoryLog()
    const earlier = createHub({
      contract: defineContract({ topics: ['board'], events: { old: { topic: 'board', data: z.json() } } }),
      authorize: () => null,
      log,
    })
    hubs.push(earlier)
    const hub = open({ log, heartbeatMs: 20 })
    const start = await hub.cursor()
    const old = await earlier.publish({ type: 'old', topic: 'board:7', data: 1 })
    const reader = await stream(hub, `?after=${start}`)

    const first = await reader.until('hub.sync')
    expect(reader.blocks[0]).toBe(first)
    expect(reader.text()).toMatch(/^retry: 1000\nevent: hub\.sync\nid: \S+\ndata: \{.*\}\n\n/)
    const synced = JSON.parse(first.data)
    expectMembers(synced, sync ?? '')
    expect(synced).toEqual({ cursor: start, topics: ['board:7', 'user:u1'], gaps: [], user: 'u1', heartbeatMs: 20 })
    expect(first.id).toBe(start)

    const skipped = await reader.until('hub.gap')
    expectMembers(JSON.parse(skipped.data), gap ?? '')
    expect(JSON.parse(skipped.data)).toEqual({ topics: ['board:7'], from: start, to: old.cursor, reason: 'schema' })
    expect(skipped.id).toBe(old.cursor)

    const { cursor } = await move(hub)
    const durable = await reader.until('card.moved')
    expectMembers(JSON.parse(durable.data), event ?? '')
    expect(durable.id).toBe(cursor)

    await post(hub, {
      producer: 'p-12345678',
      events: [{ id: 'e', type: 'pointer.moved', topic: 'board:7', data: { x: 1, y: 2 } }],
    })
    const ephemeral = await reader.until('pointer.moved')
    expectMembers(JSON.parse(ephemeral.data), event ?? '')
    expect(JSON.parse(ephemeral.data).user).toBe('u1')
    expect(ephemeral.id).toBeUndefined()

    await move(hub)
    const beat = await reader.until('hub.beat')
    expect(beat.data).toBe('')
    expect(beat.id).toMatch(/^[\w-]+:\d+$/)

    hub.disable()
    await reader.rest()
    const last = reader.blocks.at(-1)
    expect(last?.event).toBe('hub.bye')
    expectMembers(JSON.parse(last?.data ?? ''), bye ?? '')
    expect(last?.id).toBeUndefined()
    expect(reader.text()).toMatch(/\n\nretry: \d+\nevent: hub\.bye\ndata: \{.*\}\n\n$/)

    // One space, one line of data, LF, and an empty line after each block.
    for (const line of reader.text().split('\n')) expect(line).toMatch(/^((retry|event|id|data): \S.*|data:|)$/)
    expect(reader.text()).not.toMatch(/[\r\0]|\n\n\n/)
  })

  test('a cursor that cannot be resumed: another epoch, unreadable, beyond the head', async () => {
    const hub = open()
    const { cursor: head = '' } = await move(hub)
    const [epoch] = head.split(':')
    for (const [after, from] of [
      ['other:3', 'other:3'],
      ['nonsense', undefined],
      [`${epoch}:99`, undefined],
    ] as const) {
      for (const [query, headers] of [
        [`?after=${after}`, {}],
        ['?after=ignored', { 'last-event-id': after }],
      ] as const) {
        const reader = await stream(hub, query, headers)
        const { cursor, gaps } = JSON.parse((await reader.until('hub.sync')).data)
        expect(cursor).toBe(head)
        const gap = { topics: ['board:7', 'user:u1'], to: head, reason: 'epoch' }
        expect(gaps).toEqual([from === undefined ? gap : { ...gap, from }])
        await reader.cancel()
      }
    }
  })

  test('topics: narrowed by what is asked for, sorted, `user` written out; what is not granted is missing', async () => {
    const reader = await stream(open(), '?topics=user,board:9,board:7,board:7')
    expect(JSON.parse((await reader.until('hub.sync')).data).topics).toEqual(['board:7', 'user:u1'])
    await reader.cancel()
  })

  test('the reasons of a gap and of a good-bye are those of the code', () => {
    const gaps: Readonly<Record<GapReason, true>> = { trimmed: true, epoch: true, schema: true }
    const listed = section('3.3').matchAll(/^- `(\w+)`: /gm)
    expect([...listed].map(([, reason]) => reason)).toEqual(Object.keys(gaps))
    const byes: Readonly<Record<ByeReason, true>> = {
      ...{ disabled: true, draining: true, changed: true, expired: true, revoked: true, overloaded: true },
    }
    expect(table('3.3', '| reason |').map(([cell = '']) => quoted(cell)[0])).toEqual(Object.keys(byes))
  })
})

// ——— §4 ———

describe('§4, pages', () => {
  test('the example has the shape of a real page, and can be read', async () => {
    const [example = ''] = codes('4')
    const shown = decodePage(example)
    const hub = open()
    const after = await hub.cursor()
    const { cursor: through } = await move(hub)
    const response = await get(hub, `/page?after=${after}&wait=`)
    const real = (await response.json()) as { events: object[] }
    expect(Object.keys(real).sort()).toEqual(Object.keys(JSON.parse(example)).sort())
    expect(Object.keys(real.events[0] ?? {}).sort()).toEqual(Object.keys(shown.events[0] ?? {}).sort())
    expect(real).toMatchObject({ after, through, topics: ['board:7', 'user:u1'], user: 'u1', gaps: [] })
  })

  test('without `after` the head and no events; with one that cannot be resumed a gap and no events', async () => {
    const hub = open()
    const { cursor: head } = await move(hub)
    const page = async (query: string) => (await get(hub, `/page${query}`)).json()
    expect(await page('')).toMatchObject({ after: head, through: head, events: [], gaps: [] })
    const gap = { topics: ['board:7', 'user:u1'], from: 'other:1', to: head, reason: 'epoch' }
    expect(await page('?after=other:1')).toMatchObject({ after: head, through: head, events: [], gaps: [gap] })
  })

  test('at most as many events as it says, and ephemeral ones never', async () => {
    const hub = open()
    const after = await hub.cursor()
    const most = Number(named('4', /in order, at most (\d+)/))
    await hub.publish(
      Array.from({ length: most + 1 }, () => ({ type: 'card.moved', topic: 'board:7', data: 1 }) as const),
    )
    await hub.publish({ type: 'pointer.moved', topic: 'board:7', data: { x: 1, y: 1 } })
    const first = decodePage(await (await get(hub, `/page?after=${after}`)).text())
    expect(first.events).toHaveLength(most)
    const second = decodePage(await (await get(hub, `/page?after=${first.through}`)).text())
    expect(second.events.map(({ type }) => type)).toEqual(['card.moved'])
  })

  test('where a stream would say good-bye: 503, Retry-After in seconds, the reason as code', async () => {
    const response = await get(open({ disabled: true }), '/page')
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('30')
    expect(await response.json()).toMatchObject({ error: { code: 'disabled', retryable: true } })
  })
})

// ——— §5 ———

describe('§5, emits', () => {
  /** The example, with something in place of its ellipses. */
  const example = () =>
    JSON.parse((codes('5')[0] ?? '').replaceAll('…', 'abcd')) as { producer: string; events: { seq?: number }[] }

  test('the example, as it stands: a producer that the hub does not know must begin at 1', async () => {
    const response = await post(open(), example())
    expect(response.status).toBe(200)
    const { user, results } = (await response.json()) as { user: string; results: { error: object }[] }
    expect(user).toBe('u1')
    expect(results).toHaveLength(1)
    expectMembers(results[0] ?? {}, '{ id, error }')
    expectMembers(results[0]?.error ?? {}, '{ code, message, retryable, expected?, issues? }')
    expect(results[0]?.error).toMatchObject({ code: 'out_of_order', retryable: true, expected: 1 })
  })

  test('the example from 1 on: accepted, durable with a cursor, ephemeral without; again: the same results', async () => {
    const hub = open()
    const batch = example()
    batch.events[0] = { ...batch.events[0], seq: 1 }
    const ask = async () => (await (await post(hub, batch)).json()) as { results: object[] }
    const first = await ask()
    expect(first).toMatchObject({ user: 'u1', results: [{ id: 'abcd', cursor: await hub.cursor() }, { id: 'abcd' }] })
    expectMembers(first.results[1] ?? {}, '{ id }')
    expect(await ask()).toEqual(first)
  })

  test('bounds', async () => {
    const hub = open()
    const kibibytes = Number(named('5', /at most (\d+) KiB/))
    const emits = Number(named('5', /(\d+) emits \(else 400\)/))
    const body = (count: number, fill = '') =>
      JSON.stringify({
        producer: 'p-12345678',
        fill,
        events: Array.from({ length: count }, () => ({ id: 'e', type: 'x', seq: 9 })),
      })
    expect((await post(hub, body(emits))).status).toBe(200)
    expect((await post(hub, body(emits + 1))).status).toBe(400)
    const room = kibibytes * 1024 - body(1).length
    expect((await post(hub, body(1, 'x'.repeat(room)))).status).toBe(200)
    expect((await post(hub, body(1, 'x'.repeat(room + 1)))).status).toBe(413)
  })

  test('results are remembered as long as it says', async () => {
    const hub = open({ limits: { emitsPerSecond: 10_000 } })
    const remembered = Number(named('5', /the last (\d+) of a producer/))
    const emit = async (from: number, count: number) => {
      const events = Array.from({ length: count }, (_, at) => ({
        seq: from + at,
        id: `e${from + at}`,
        type: 'button.clicked',
        data: 'ok',
      }))
      return ((await (await post(hub, { producer: 'p-12345678', events })).json()) as { results: object[] }).results
    }
    for (let seq = 1; seq <= remembered + 1; seq += 50) await emit(seq, Math.min(50, remembered + 2 - seq))
    expect(await emit(1, 2)).toEqual([{ id: 'e1', repeated: true }, { id: 'e2' }])
  })
})

// ——— §6 ———

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

// ——— §7 ———

/** A code that crosses the wire; the others are raised where the mistake is made. */
type WireCode = Exclude<
  HubErrorCode,
  | ('invalid_contract' | 'invalid_option' | 'invalid_cursor' | 'closed')
  | ('network' | 'timeout' | 'ended' | 'protocol' | 'http' | 'stopped' | 'uncertain')
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
const settled = async (hub: Hub<typeof contract>, emit: object): Promise<Provoked> => {
  const response = await post(hub, { producer: 'p-12345678', events: [{ id: 'e', seq: 1, data: 'text', ...emit }] })
  const { results } = (await response.json()) as { results: { error: Provoked['error'] }[] }
  return { status: response.status, error: results[0]?.error ?? { code: 'none', retryable: false } }
}

/** The answer of a page that waits for news while something happens. */
async function waiting(hub: Hub<typeof contract>, happen?: () => void): Promise<Provoked> {
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
    () => answered(get(open(), '/events?topics=nope')),
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
