// Bad input: each mistake gets the documented answer, with a message that names the remedy, and the hub keeps serving.
import { request } from 'node:http'
import { defineContract } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Answer, type contract, until, type World, world } from '../fixtures/world.ts'

const grant = { 'x-read': 'board:7', 'x-write': 'board:7' }
const emit = (entry: object, rest: object = {}) => ({
  producer: 'producer-1',
  events: [{ seq: 1, id: 'e1', type: 'card.noted', topic: 'board:7', data: { note: 'n' }, ...entry }],
  ...rest,
})

/** After whatever happened, an honest emit of another producer and a stream work. */
async function servesOn({ post, open, hub }: World<typeof contract>) {
  const stream = await open('/api/sse/events', grant)
  await stream.first('hub.sync')
  const { status, body } = await post({ ...emit({}), producer: 'producer-honest' }, grant)
  expect([status, body.results[0].error]).toEqual([200, undefined])
  await stream.first('card.noted')
  stream.destroy()
  await until(() => expect(hub.stats().connections).toBe(0))
}

type Case = readonly [string, unknown, Record<string, string>, number, string]

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])

const refusedWhole: Case[] = [
  ['data nested too deeply', emit({ data: { note: nested(100) } }), {}, 400, 'malformed'],
  ['malformed JSON', '{"producer":', {}, 400, 'malformed'],
  ['an empty body', '', {}, 400, 'malformed'],
  ['JSON that is no object', '[1]', {}, 400, 'malformed'],
  ['null', 'null', {}, 400, 'malformed'],
  ['no producer', { events: [] }, {}, 400, 'malformed'],
  ['a producer that is too short', emit({}, { producer: 'p' }), {}, 400, 'malformed'],
  ['a producer with a space', emit({}, { producer: 'producer 1' }), {}, 400, 'malformed'],
  ['events that are no list', { producer: 'producer-1', events: {} }, {}, 400, 'malformed'],
  ['an emit that is no object', { producer: 'producer-1', events: [1] }, {}, 400, 'malformed'],
  ['a user that is a number', emit({}, { user: 1 }), {}, 400, 'malformed'],
  ['a seq of 0', emit({ seq: 0 }), {}, 400, 'malformed'],
  ['a seq that is no whole number', emit({ seq: 1.5 }), {}, 400, 'malformed'],
  ['a seq that is text', emit({ seq: '1' }), {}, 400, 'malformed'],
  ['a durable emit without a seq', emit({ seq: undefined }), {}, 400, 'malformed'],
  ['an id with a line break', emit({ id: 'a\nb' }), {}, 400, 'malformed'],
  ['no id', emit({ id: undefined }), {}, 400, 'malformed'],
  ['an id that is too long', emit({ id: 'x'.repeat(129) }), {}, 400, 'malformed'],
  ['a topic that is a number', emit({ topic: 7 }), {}, 400, 'malformed'],
  ['a type that is a list', emit({ type: ['card.noted'] }), {}, 400, 'malformed'],
  ['101 emits', { producer: 'producer-1', events: Array.from({ length: 101 }, () => ({})) }, {}, 400, 'malformed'],
  [
    'a member named __proto__',
    '{"producer":"producer-1","events":[],"__proto__":{"admin":true}}',
    {},
    400,
    'malformed',
  ],
  [
    'a member named __proto__ deep inside',
    '{"producer":"producer-1","events":[{"seq":1,"id":"e","type":"card.noted","data":{"note":[{"__proto__":1}]}}]}',
    {},
    400,
    'malformed',
  ],
  [
    'a constructor with a prototype',
    emit({ data: { constructor: { prototype: { admin: true } } } }),
    {},
    400,
    'malformed',
  ],
  ['100,000 levels', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, {}, 400, 'malformed'],
  ['another content type', emit({}), { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
  ['a form', 'producer=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
  ['a look-alike content type', emit({}), { 'content-type': 'application/jsonp' }, 415, 'unsupported_media_type'],
  ['a cross-site origin', emit({}), { origin: 'https://evil.example' }, 403, 'forbidden_origin'],
  ['a null origin', emit({}), { origin: 'null' }, 403, 'forbidden_origin'],
  ['the same name on another port', emit({}), { origin: 'http://127.0.0.1:1' }, 403, 'forbidden_origin'],
  ['nobody', emit({}), { 'x-user': 'nobody' }, 401, 'unauthorized'],
  ['a body that is too large', `"${'x'.repeat(262_144)}"`, {}, 413, 'too_large'],
]

const refusedOne: readonly (readonly [string, object, Record<string, string>, string])[] = [
  ['data that the validator refuses', { data: { note: 1 } }, {}, 'invalid_data'],
  ['no data', { data: undefined }, {}, 'invalid_data'],
  ['an unknown type', { type: 'card.unknown' }, {}, 'unknown_type'],
  ['a type that every object has', { type: 'constructor' }, {}, 'unknown_type'],
  ['a type of the hub itself', { type: 'hub.bye' }, {}, 'unknown_type'],
  ['a type that clients may not emit', { type: 'card.moved', data: { n: 1 } }, {}, 'not_emittable'],
  ['a topic that may only be read', {}, { 'x-write': '' }, 'forbidden'],
  ['an ungranted topic', { topic: 'board:8' }, {}, 'forbidden'],
  ["another user's topic", { type: 'theme.changed', topic: 'user:u2', data: { theme: 'x' } }, {}, 'forbidden'],
  [
    'the user topic of nobody',
    { type: 'theme.changed', topic: 'user', data: { theme: 'x' } },
    { 'x-user': 'anonymous' },
    'forbidden',
  ],
  [
    'no user topic of nobody',
    { type: 'theme.changed', topic: undefined, data: { theme: 'x' } },
    { 'x-user': 'anonymous' },
    'forbidden',
  ],
  [
    "a user's topic as nobody",
    { type: 'theme.changed', topic: 'user:u1', data: { theme: 'x' } },
    { 'x-user': 'anonymous' },
    'forbidden',
  ],
  ['no topic where one is needed', { topic: undefined }, {}, 'invalid_topic'],
  ['a topic that is none', { topic: 'board:7,board:8' }, {}, 'invalid_topic'],
  ['a topic of another kind', { topic: 'news' }, {}, 'invalid_topic'],
  ['a topic where there is none', { type: 'button.clicked', data: { button: 'b' } }, {}, 'invalid_topic'],
]

describe('POST', () => {
  test.each(refusedWhole)('%s', async (_, body, headers, status, code) => {
    const one = await world()
    const answer = await one.post(body, { ...grant, ...headers })
    expect([answer.status, answer.body.error.code, answer.body.error.retryable]).toEqual([status, code, false])
    expect(answer.body.error.message.length).toBeGreaterThan(20)
    expect(await one.hub.cursor()).toMatch(/:0$/)
    await servesOn(one)
  })

  test.each(refusedOne)('%s', async (_, entry, headers, code) => {
    const one = await world()
    const answer = await one.post(emit(entry), { ...grant, ...headers })
    expect([answer.status, answer.body.results[0].error.code]).toEqual([200, code])
    expect(answer.body.results[0].error.message.length).toBeGreaterThan(20)
    expect(await one.hub.cursor()).toMatch(/:0$/)
    // It has used up its seq.
    const next = await one.post(
      { producer: 'producer-1', events: [{ ...emit({}).events[0], seq: 2 }] },
      {
        ...grant,
        ...headers,
        'x-write': 'board:7',
      },
    )
    expect(next.body.results[0].error).toBeUndefined()
    await servesOn(one)
  })

  test('the issues of a validator are in the answer', async () => {
    const { post } = await world()
    const { body } = await post(emit({ data: { note: 1 } }), grant)
    expect(body.results[0].error.issues).toEqual([{ message: expect.any(String), path: ['note'] }])
  })

  test('a validator that throws can be tried again, and is reported', async () => {
    const broken = z.object({
      note: z.string().refine(() => {
        throw new Error('database down')
      }),
    })
    const one = await world({
      contract: defineContract({
        topics: ['board'],
        events: { 'card.noted': { topic: 'board', data: broken, emit: true } },
      }),
    })
    const { body } = await one.post(emit({}), grant)
    expect(body.results[0].error).toMatchObject({ code: 'internal', retryable: true })
    expect(one.reports).toEqual([expect.objectContaining({ during: 'emit' })])
  })

  test('no Origin', async () => {
    const one = await world()
    const answer = await new Promise<Answer>((resolve, reject) => {
      const asking = request(
        {
          host: '127.0.0.1',
          port: one.port,
          method: 'POST',
          path: '/api/sse/events',
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          let text = ''
          response.on('data', (part) => {
            text += part
          })
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }),
          )
        },
      )
      asking.on('error', reject)
      asking.end(JSON.stringify(emit({})))
    })
    expect([answer.status, answer.body.error.code]).toEqual([403, 'forbidden_origin'])
    await servesOn(one)
  })

  test('a body that is not UTF-8', async () => {
    const { port, hub } = await world()
    const response = await hub.fetch(
      new Request(`http://127.0.0.1:${port}/api/sse/events`, {
        method: 'POST',
        headers: { origin: `http://127.0.0.1:${port}`, 'content-type': 'application/json' },
        body: new Uint8Array([0x7b, 0xff, 0x7d]),
      }),
    )
    expect([response.status, (await response.json()).error.code]).toEqual([400, 'malformed'])
  })

  test('a body without a length that is too large is not read to its end', async () => {
    const one = await world({ limits: { bodyBytes: 1_000 } })
    const status = await new Promise((resolve, reject) => {
      const headers = { origin: `http://127.0.0.1:${one.port}`, 'content-type': 'application/json' }
      const asking = request(
        { host: '127.0.0.1', port: one.port, method: 'POST', path: '/api/sse/events', headers },
        (response) => {
          response.resume()
          resolve(response.statusCode)
        },
      )
      asking.on('error', reject)
      // Never ended: the answer comes all the same.
      asking.write('x'.repeat(1_001))
    })
    expect(status).toBe(413)
    await servesOn(one)
  })

  test('an event that is too large for `limits.eventBytes`', async () => {
    const one = await world({ limits: { eventBytes: 300 } })
    const { body } = await one.post(emit({ data: { note: 'é'.repeat(150) } }), grant)
    expect(body.results[0].error.code).toBe('too_large')
    await servesOn(one)
  })

  test('too many emits a second: 429 with Retry-After for that user alone, until time has passed', async () => {
    const one = await world({ limits: { emitsPerSecond: 1 } })
    const many = (from: number) => ({
      producer: 'producer-1',
      events: Array.from({ length: 10 }, (_, n) => ({ ...emit({}).events[0], seq: from + n, id: `e${from + n}` })),
    })
    expect((await one.post(many(1), grant)).status).toBe(200)
    const { status, headers, body } = await one.post(many(11), grant)
    expect([status, body.error.code, body.error.retryable]).toEqual([429, 'rate_limited', true])
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(9)
    expect((await one.post(many(1), { ...grant, 'x-user': 'u2' })).status).toBe(200)
  })
})

describe('GET', () => {
  const long = Array.from({ length: 101 }, (_, n) => `board:${n}`).join(',')
  test.each([
    ['a malformed topic', '?topics=board:', 400, 'invalid_topic'],
    ['an injected topic', '?topics=board:7%0Aevent:%20x', 400, 'invalid_topic'],
    ['too many topics', `?topics=${long}`, 400, 'too_many_topics'],
    ['nobody', '?x-user=nobody', 401, 'unauthorized'],
  ])('%s', async (_, query, status, code) => {
    const one = await world()
    for (const path of ['events', 'page']) {
      const answer = await one.get(`/api/sse/${path}${query}`)
      expect([answer.status, answer.body.error.code]).toEqual([status, code])
    }
    await servesOn(one)
  })

  test('a kind that the contract lacks is no error: it is not carried', async () => {
    const one = await world()
    const stream = await one.open('/api/sse/events?topics=secret:1,board:7')
    expect((await stream.first('hub.sync')).topics).toEqual(['board:7'])
    expect((await one.get('/api/sse/page?topics=secret:1,board:7')).body.topics).toEqual(['board:7'])
  })

  test("another user's topic is no error: it is not carried", async () => {
    const one = await world()
    const stream = await one.open('/api/sse/events?topics=user:u2,board:7')
    expect((await stream.first('hub.sync')).topics).toEqual(['board:7'])
    await one.hub.publish({ type: 'theme.changed', topic: 'user:u2', data: { theme: 'secret' } })
    await one.hub.publish({ type: 'card.moved', topic: 'board:7', data: { n: 1 } })
    await stream.first('card.moved')
    expect(stream.of('theme.changed')).toEqual([])
  })

  test('a cross-site origin', async () => {
    const one = await world()
    for (const path of ['events', 'page', 'health']) {
      const { status, body } = await one.get(`/api/sse/${path}`, { origin: 'https://evil.example' })
      expect([status, body.error.code]).toEqual([403, 'forbidden_origin'])
    }
  })

  test.each(['x', '-1', '1.5', '1e3'])('a wait of %s', async (wait) => {
    const { get } = await world()
    expect((await get(`/api/sse/page?wait=${wait}`)).body.error.code).toBe('malformed')
  })
})

describe('publish', () => {
  const moved = { type: 'card.moved', topic: 'board:7', data: { n: 1 } }
  test.each([
    ['data that the validator refuses', { ...moved, data: { n: 'x' } }, 'invalid_data'],
    ['an unknown type', { ...moved, type: 'card.unknown' }, 'unknown_type'],
    ['a topic of another kind', { ...moved, topic: 'news' }, 'invalid_topic'],
    ['a topic that is none', { ...moved, topic: 'board:\n' }, 'invalid_topic'],
    ['a type without a topic', { type: 'button.clicked', topic: 'board:7', data: { button: 'b' } }, 'invalid_topic'],
    [
      'the user topic of nobody in particular',
      { type: 'theme.changed', topic: 'user', data: { theme: 'x' } },
      'invalid_topic',
    ],
    ['an id with a line break', { ...moved, id: 'a\nb' }, 'malformed'],
    ['an empty id', { ...moved, id: '' }, 'malformed'],
    ['too large', { type: 'news.said', topic: 'news', data: { text: 'x'.repeat(262_144) } }, 'too_large'],
  ])('%s', async (_, publication, code) => {
    const { hub } = await world()
    await expect(hub.publish(publication as never)).rejects.toMatchObject({ name: 'HubError', code, retryable: false })
    await expect(hub.publish([moved, publication] as never)).rejects.toMatchObject({ code })
    await expect(hub.prepare([publication] as never)).rejects.toMatchObject({ code })
    expect(await hub.cursor()).toMatch(/:0$/)
  })

  test('what was refused names what is wrong', async () => {
    const { hub } = await world()
    await expect(hub.publish({ ...moved, data: { n: 'x' } } as never)).rejects.toMatchObject({
      details: { issues: [{ message: expect.any(String), path: ['n'] }] },
    })
  })

  test('prepare refuses what no log keeps', async () => {
    const { hub } = await world()
    const pointer = { type: 'pointer.moved', topic: 'board:7', data: { x: 1 } } as const
    await expect(hub.prepare([pointer])).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
