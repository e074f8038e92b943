// The door of the stream: what goes in comes out as it was and nothing beside it, and what cannot is refused.
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HubError } from '../errors.ts'
import type { HubEvent } from './contract.ts'
import { decodePage } from './page.ts'
import { type Block, decodeBlock, encodeBlock, encodeEvent } from './wire.ts'

/** What a reader makes of a stream: the blocks that are dispatched, the ids it would send back, the times it was told. */
function read(text: string): {
  blocks: Block[]
  ids: string[]
  retries: number[]
  comments: string[]
  errors: string[]
} {
  const heard = {
    blocks: [] as Block[],
    ids: [] as string[],
    retries: [] as number[],
    comments: [] as string[],
    errors: [] as string[],
  }
  const parser = createParser({
    onEvent: ({ event, id, data }) => {
      heard.blocks.push({ data, ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }) })
    },
    onId: (id) => heard.ids.push(id),
    onRetry: (ms) => heard.retries.push(ms),
    onComment: (comment) => heard.comments.push(comment),
    onError: (error) => heard.errors.push(error.message),
  })
  // Through UTF-8, as on the wire.
  parser.feed(new TextDecoder().decode(new TextEncoder().encode(text)))
  return heard
}

describe('encodeBlock writes', () => {
  test.each<[block: Block, text: string]>([
    [{}, '\n'],
    [{ event: 'a', id: 'k:1', data: '{}', retryMs: 0 }, 'retry: 0\nevent: a\nid: k:1\ndata: {}\n\n'],
    [{ event: 'hub.beat', id: 'k:1', data: '' }, 'event: hub.beat\nid: k:1\ndata:\n\n'],
    [{ id: '' }, 'id: \n\n'],
    [{ data: ' x ' }, 'data:  x \n\n'],
    [{ data: ':' }, 'data: :\n\n'],
    [{ data: '\u2028\u2029\u0085\u000b\f\ufeff\t' }, 'data: \u2028\u2029\u0085\u000b\f\ufeff\t\n\n'],
    [{ event: 'é 漢 😀', data: '1' }, 'event: é 漢 😀\ndata: 1\n\n'],
  ])('%j', (block, text) => {
    expect(encodeBlock(block)).toBe(text)
  })
})

describe('encodeBlock refuses', () => {
  const hostile = [
    'a\nb',
    'a\rb',
    'a\r\nb',
    '\n',
    '\r',
    '\0',
    'a\0',
    '\n\ndata: x\n\n',
    '\ud800',
    'a\udfffb',
    '\ude00\ud83d',
  ]
  test.each([
    ...hostile.flatMap((value): Block[] => [{ event: value }, { id: value }, { data: value }]),
    { event: '' },
    ...[-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -0.5].map((retryMs) => ({ retryMs })),
  ])('%j', (block) => {
    expect(() => encodeBlock({ data: 'x', ...block })).toThrow(
      expect.objectContaining({
        name: 'HubError',
        code: 'malformed',
        retryable: false,
        message: expect.stringMatching(/event|id|data|retryMs/),
      }),
    )
  })
  test('without repeating a long value', () => {
    expect(() => encodeBlock({ data: `\n${'x'.repeat(1e6)}` })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,400}$/s) }),
    )
  })
})

describe('encodeEvent', () => {
  const event = { data: { a: 1 }, topic: 'board:7', at: 5, id: 'e' }
  test.each([
    [event, '{"data":{"a":1},"topic":"board:7","at":5,"id":"e"}'],
    [{ ...event, user: 'u1' }, '{"data":{"a":1},"topic":"board:7","at":5,"id":"e","user":"u1"}'],
    [{ ...event, data: null }, '{"data":null,"topic":"board:7","at":5,"id":"e"}'],
    [{ ...event, data: '\r\n\0\ud800' }, '{"data":"\\r\\n\\u0000\\ud800","topic":"board:7","at":5,"id":"e"}'],
    [{ ...event, data: { a: undefined } }, '{"data":{},"topic":"board:7","at":5,"id":"e"}'],
  ])('writes %j', (given, text) => {
    expect(encodeEvent(given)).toBe(text)
  })

  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  test.each([
    ['undefined', undefined],
    ['a function', () => {}],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['a bigint inside', { deep: [1n] }],
    ['a cycle', cycle],
    ['a member that becomes a prototype when it is copied', JSON.parse('{"a":[{"__proto__":{"admin":true}}]}')],
    ['what turns into undefined', { toJSON: () => undefined }],
    [
      'what throws',
      {
        get a() {
          throw new Error('no')
        },
      },
    ],
  ])('refuses %s', (_, data) => {
    expect(() => encodeEvent({ ...event, data })).toThrow(
      expect.objectContaining({
        name: 'HubError',
        code: 'invalid_data',
        message: expect.stringContaining('must be plain JSON'),
      }),
    )
  })
})

describe('decodeBlock refuses', () => {
  const event = { data: 1, topic: 'board', at: 1, id: 'e' }
  const sync = { cursor: 'k:1', topics: ['board'], gaps: [], user: null, heartbeatMs: 1000 }
  const gap = { topics: ['board'], from: 'k:1', to: 'k:2', reason: 'trimmed' }
  const without = (value: object, name: string) => ({ ...value, [name]: undefined })
  const json = (event: string | undefined, value: unknown, id?: string): Block => ({
    data: JSON.stringify(value),
    ...(event === undefined ? {} : { event }),
    ...(id === undefined ? {} : { id }),
  })
  test.each<[why: string, block: Block]>([
    ['no data', { event: 'a' }],
    ['empty data', { event: 'a', data: '' }],
    ['what is not JSON', { event: 'a', data: '{' }],
    ['plain text without a type', { data: 'hello' }],
    ...[null, 1, '""', true, [], [event]].map((value): [string, Block] => [
      `${JSON.stringify(value)} for an object`,
      json('a', value),
    ]),
    ...['data', 'topic', 'at', 'id'].map((name): [string, Block] => [
      `an event without ${name}`,
      json('a', without(event, name)),
    ]),
    ['a topic that is no text', json('a', { ...event, topic: 1 })],
    ['a time that is no number', json('a', { ...event, at: '1' })],
    ['an id that is no text', json('a', { ...event, id: 1 })],
    ['an id: that is no cursor', json('a', event, 'x')],
    ['an empty id:', json('a', event, '')],
    ['a beat without a cursor', { event: 'hub.beat', data: '' }],
    ['a beat with another', { event: 'hub.beat', data: '', id: 'k:01' }],
    ...Object.keys(sync).map((name): [string, Block] => [
      `a sync without ${name}`,
      json('hub.sync', without(sync, name)),
    ]),
    ['a sync with a heartbeat of nothing', json('hub.sync', { ...sync, heartbeatMs: 0 })],
    ['a sync with an endless heartbeat', { event: 'hub.sync', data: JSON.stringify(sync).replace('1000', '1e999') }],
    ['a sync with a topic that is no text', json('hub.sync', { ...sync, topics: [7] })],
    ['a sync with a user that is no text', json('hub.sync', { ...sync, user: 7 })],
    ['a sync with a gap that is none', json('hub.sync', { ...sync, gaps: [null] })],
    ...['topics', 'to', 'reason'].map((name): [string, Block] => [
      `a gap without ${name}`,
      json('hub.gap', without(gap, name)),
    ]),
    ['a gap from nowhere', json('hub.gap', { ...gap, from: 'x' })],
    ['a gap from null', json('hub.gap', { ...gap, from: null })],
    ...['topic', 'users', 'count'].map((name): [string, Block] => [
      `presence without ${name}`,
      json('hub.presence', without({ topic: 'board:7', users: ['u1'], count: 1 }, name)),
    ]),
    ['presence of a user that is no text', json('hub.presence', { topic: 'board:7', users: [1], count: 1 })],
    ['a bye without a reason', json('hub.bye', { retryMs: 1 })],
    ['a bye without a time', json('hub.bye', { reason: 'draining' })],
    ['a bye with a time below zero', json('hub.bye', { reason: 'draining', retryMs: -1 })],
    ['a later block with an id that is no cursor', { event: 'hub.future', id: 'x', data: '{}' }],
  ])('%s', (_, block) => {
    expect(() => decodeBlock(block)).toThrow(
      expect.objectContaining({
        name: 'HubError',
        code: 'protocol',
        retryable: true,
        message: expect.stringContaining('plainSource'),
      }),
    )
  })

  test('what it does not know: members stay, hub blocks are ignored, and nothing passes for what the stream says itself', () => {
    expect(decodeBlock(json('a', { ...event, more: 1, cursor: 'k:9', type: 'b' }))).toEqual({
      kind: 'event',
      event: { ...event, type: 'a', more: 1 },
    })
    expect(decodeBlock(json('hub.gap', { ...gap, kind: 'bye' }))).toEqual({ ...gap, kind: 'gap' })
    expect(decodeBlock({ event: 'hub.constructor', data: '{}' })).toBeUndefined()
    expect(decodeBlock({ event: 'hub.future', data: 'not JSON' })).toBeUndefined()
    expect(decodeBlock({ event: 'hub.future', data: '', id: 'k:9' })).toEqual({ kind: 'beat', cursor: 'k:9' })
    expect(decodeBlock(json('hub.bye', { reason: 'later', retryMs: 0, more: 1 }))).toEqual({
      kind: 'bye',
      reason: 'later',
      retryMs: 0,
      more: 1,
    })
  })
})

test('a text that only speaks of __proto__ is a payload like any other', () => {
  const data = { text: '{"__proto__":1}', list: ['__proto__', '"__proto__":'], 'a"__proto__': 1, '{"__proto__': 2 }
  expect(JSON.parse(encodeEvent({ data, topic: 'a', at: 1, id: 'x' })).data).toEqual(data)
})

describe('decodePage', () => {
  const item = { cursor: 'k:2', type: 'a', data: 1, topic: 'board', at: 1, id: 'e' }
  const page = { after: 'k:1', through: 'k:3', topics: ['board'], user: 'u1', events: [item], gaps: [] }
  test('reads a page', () => {
    expect(decodePage(JSON.stringify(page))).toEqual(page)
    const full = { ...page, more: true }
    expect(decodePage(JSON.stringify(full))).toEqual(full)
    const later = { ...page, newer: 1, events: [{ ...item, newer: 1 }] }
    expect(decodePage(JSON.stringify(later))).toEqual(later)
    const gap = { topics: ['board'], to: 'k:3', reason: 'epoch' }
    expect(decodePage(JSON.stringify({ ...page, user: null, events: [], gaps: [gap] }))).toEqual({
      ...page,
      user: null,
      events: [],
      gaps: [gap],
    })
  })
  test.each<[why: string, body: unknown]>([
    ['null', null],
    ['a list', []],
    ...Object.keys(page).map((name): [string, unknown] => [`without ${name}`, { ...page, [name]: undefined }]),
    ...Object.keys(item).map((name): [string, unknown] => [
      `an event without ${name}`,
      { ...page, events: [{ ...item, [name]: undefined }] },
    ]),
    ['an event that is none', { ...page, events: [null] }],
    ['an event that is text', { ...page, events: ['e'] }],
    ['a cursor that is none', { ...page, through: 'x' }],
    ['a gap that is none', { ...page, gaps: [[]] }],
    ['more that is neither yes nor no', { ...page, more: 3 }],
  ])('refuses %s', (_, body) => {
    expect(() => decodePage(JSON.stringify(body))).toThrow(expect.objectContaining({ code: 'protocol' }))
  })
  test('refuses what is not JSON', () => {
    expect(() => decodePage('<html>')).toThrow(expect.objectContaining({ code: 'protocol' }))
  })
})

// ——— Whatever the text ———

/** Text that tries to be more than one field. */
const hostile = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          '\r',
          '\n',
          '\r\n',
          '\n\n',
          '\0',
          '\u2028',
          '\u2029',
          '\u0085',
          '\ufeff',
          '\v',
          '\f',
        ),
      },
      {
        weight: 3,
        arbitrary: fc.constantFrom('data:', 'data: {}', 'event: hub.bye', 'id: k:9', 'retry: 1', ':', ': ', 'data'),
      },
      { weight: 1, arbitrary: fc.constantFrom('\ud800', '\udfff', '😀', 'é', '漢', '"', '\\', '{', '}') },
      { weight: 2, arbitrary: fc.string({ maxLength: 8 }) },
      { weight: 1, arbitrary: fc.nat(0xffff).map((code) => String.fromCharCode(code)) },
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''))
const options = { numRuns: 3000 }

/**
 * The same value without keys that begin with a backslash: once V8 has read one, it takes keys with escapes for it (nodejs/node#63785). And without the key
 * that is refused.
 */
function sound(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sound)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key === '__proto__' ? 'k' : key.replace(/^\\/, 'k'), sound(item)]),
  )
}

describe('whatever a field holds', () => {
  const part = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  const anyBlock = fc
    .record({
      event: part(hostile),
      id: part(hostile),
      data: part(hostile),
      // Plus 0, because -0 is written as 0.
      retryMs: part(fc.oneof(fc.nat(), fc.double()).map((ms) => ms + 0)),
    })
    .map(
      ({ event, id, data, retryMs }): Block => ({
        ...(event === undefined ? {} : { event }),
        ...(id === undefined ? {} : { id }),
        ...(data === undefined ? {} : { data }),
        ...(retryMs === undefined ? {} : { retryMs }),
      }),
    )

  test('a block is refused, or arrives as it was with nothing beside it', () => {
    let refused = 0
    let arrived = 0
    fc.assert(
      fc.property(fc.array(anyBlock, { minLength: 1, maxLength: 4 }), (blocks) => {
        const written = blocks.flatMap((block) => {
          try {
            return [{ block, text: encodeBlock(block) }]
          } catch (error) {
            expect(error).toBeInstanceOf(HubError)
            expect(error).toHaveProperty('code', 'malformed')
            refused++
            return []
          }
        })
        arrived += written.length
        const heard = read(written.map(({ text }) => text).join(''))
        const intended = written.map(({ block }) => block)
        expect(heard.blocks).toEqual(
          intended.filter(({ data }) => data !== undefined).map(({ retryMs: _, ...rest }) => rest),
        )
        expect(heard.ids).toEqual(intended.flatMap(({ id }) => (id === undefined ? [] : [id])))
        expect(heard.retries).toEqual(intended.flatMap(({ retryMs }) => (retryMs === undefined ? [] : [retryMs])))
        expect([...heard.comments, ...heard.errors]).toEqual([])
      }),
      options,
    )
    // Neither half of the property may be idle.
    expect(refused).toBeGreaterThan(100)
    expect(arrived).toBeGreaterThan(100)
  })

  test('an event arrives as it was', () => {
    const event = fc.record({
      type: fc.stringMatching(/^[a-z][a-z.]{0,9}$/).filter((type) => !type.startsWith('hub.')),
      topic: hostile,
      id: hostile,
      at: fc.integer(),
      user: part(hostile),
      data: fc.tuple(fc.jsonValue(), hostile).map(([value, text]) => sound({ value, text, [text]: text })),
      cursor: part(fc.constantFrom('k:1', 'E-_9:9007199254740991')),
    })
    fc.assert(
      fc.property(event, ({ user, cursor, ...rest }) => {
        const intended: HubEvent = {
          ...rest,
          // A key such as "__proto__" stays a key; -0 becomes 0, as JSON has it.
          data: JSON.parse(JSON.stringify(rest.data)),
          ...(user === undefined ? {} : { user }),
          ...(cursor === undefined ? {} : { cursor }),
        }
        const block = {
          event: intended.type,
          data: encodeEvent(intended),
          ...(cursor === undefined ? {} : { id: cursor }),
        }
        const heard = read(encodeBlock(block))
        expect(heard.blocks).toEqual([block])
        expect(heard.blocks.map(decodeBlock)).toEqual([{ kind: 'event', event: intended }])
      }),
      options,
    )
  })

  test('decoding answers a frame or a HubError, whatever arrives', () => {
    const value = fc.oneof(fc.jsonValue(), hostile, fc.constantFrom('k:1', ['board'], [], {}, 1, null))
    const body = fc.dictionary(
      fc.constantFrom(
        'data',
        'topic',
        'at',
        'id',
        'user',
        'cursor',
        'topics',
        'gaps',
        'heartbeatMs',
        'reason',
        'retryMs',
        'to',
        'from',
        '__proto__',
      ),
      value,
    )
    const type = fc.constantFrom(
      'hub.sync',
      'hub.gap',
      'hub.bye',
      'hub.beat',
      'hub.x',
      'a',
      'message',
      '__proto__',
      'constructor',
    )
    fc.assert(
      fc.property(
        type,
        fc.oneof(
          body.map((value) => JSON.stringify(value)),
          hostile,
        ),
        part(hostile),
        (event, data, id) => {
          try {
            const frame = decodeBlock({ event, data, ...(id === undefined ? {} : { id }) })
            if (frame?.kind === 'event') expect(frame.event.type).toBe(event)
          } catch (error) {
            expect(error).toBeInstanceOf(HubError)
          }
          try {
            decodePage(data)
          } catch (error) {
            expect(error).toBeInstanceOf(HubError)
          }
        },
      ),
      options,
    )
  })
})
