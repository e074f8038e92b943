// The grammar of names (docs/PROTOCOL.md §1) as tables: what is one, and what only looks like one.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkTopic, isEventId, isEventType, isKind, isTopic, isUserId, kindOf, MAX_TOPIC_LENGTH } from './topic.ts'

const long = (length: number): string => 'k'.repeat(length)
const controls = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, at) => 0x7f + at)].map((code) =>
  String.fromCharCode(code),
)
const LONE = ['\ud800', '\udfff', 'a\udc00b', '\ud83d', '\ude00\ud83d']
const fit = [
  '7',
  'größe',
  '漢字',
  '😀',
  ' ',
  'a b',
  ':',
  '::',
  'a:b',
  '/',
  '?&=#%',
  '"\\',
  '\u2028',
  '\ufeff',
  '\u00a0',
  '__proto__',
]

describe('isKind', () => {
  test.each(['board', 'B', 'user', 'a1_-', 'constructor', 'toString', long(64)])('%j is a kind', (text) => {
    expect(isKind(text)).toBe(true)
  })
  test.each(['', '1a', '_a', '-a', 'a.b', 'a b', 'a,b', 'a:b', 'é', 'a\n', '\na', '__proto__', 'a\0', long(65)])(
    '%j is not',
    (text) => {
      expect(isKind(text)).toBe(false)
    },
  )
})

describe('isTopic', () => {
  test.each(['board', 'user', `${long(64)}`, ...fit.map((key) => `board:${key}`)])('%j is a topic', (text) => {
    expect(isTopic(text)).toBe(true)
    expect(checkTopic(text)).toBe(text)
  })
  test.each([
    ...[
      '',
      ':',
      ':7',
      'board:',
      '7:board',
      'board,',
      'board:7,8',
      ' board',
      'board ',
      '__proto__',
      '__proto__:7',
      long(65),
    ],
    ...[...controls, ...LONE].map((text) => `board:${text}`),
    ...[...controls, ...LONE].map((text) => `board${text}`),
  ])('%j is not', (text) => {
    expect(isTopic(text)).toBe(false)
    expect(() => checkTopic(text)).toThrow(
      expect.objectContaining({
        code: 'invalid_topic',
        retryable: false,
        message: expect.stringContaining('"kind:key"'),
      }),
    )
  })
  test('is as long as the protocol says, in UTF-16 code units', () => {
    expect(isTopic(`a:${long(MAX_TOPIC_LENGTH - 2)}`)).toBe(true)
    expect(isTopic(`a:${long(MAX_TOPIC_LENGTH - 1)}`)).toBe(false)
    expect(isTopic(`a:${'😀'.repeat(127)}`)).toBe(true)
    expect(isTopic(`a:${'😀'.repeat(127)}b`)).toBe(false)
    expect(() => checkTopic(long(1_000_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,300}$/s) }),
    )
  })
})

describe('kindOf', () => {
  test.each([
    ['board', 'board'],
    ['board:7', 'board'],
    ['board:7:8', 'board'],
    ['user:', 'user'],
    ['', ''],
    [':7', ''],
  ])('%j → %j', (topic, kind) => {
    expect(kindOf(topic)).toBe(kind)
  })
})

describe('isEventType', () => {
  test.each([
    'a',
    'card.moved',
    'Card_Moved-2',
    'hub',
    'hubx.y',
    'Hub.sync',
    'opened',
    'errors',
    'message',
    'constructor',
    long(128),
  ])('%j is a type', (text) => {
    expect(isEventType(text)).toBe(true)
  })
  test.each([
    ...[
      '',
      'open',
      'error',
      'hub.',
      'hub.x',
      'hub.sync',
      '.a',
      '1',
      '_a',
      'a b',
      'a:b',
      'a,b',
      'é',
      '__proto__',
      long(129),
    ],
    ...['a\n', 'a\r', 'a\0', '\na', 'open\n', 'a\u2028', 'a\ud800'],
  ])('%j is not', (text) => {
    expect(isEventType(text)).toBe(false)
  })
})

describe('isEventId', () => {
  test.each([...fit, 'a,b', long(128), '😀'.repeat(64)])('%j is an id', (text) => {
    expect(isEventId(text)).toBe(true)
  })
  test.each(['', long(129), ...controls, ...LONE])('%j is not', (text) => {
    expect(isEventId(text)).toBe(false)
  })
})

describe('isUserId', () => {
  test.each([...fit, long(128)])('%j is a user, and the key of a topic', (text) => {
    expect(isUserId(text)).toBe(true)
    expect(isTopic(`user:${text}`)).toBe(true)
  })
  test.each(['', 'a,b', ',', long(129), ...controls, ...LONE])('%j is not', (text) => {
    expect(isUserId(text)).toBe(false)
  })
})

describe('whatever the text', () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...':,.-_ \r\n\0a7é😀'),
      fc.nat(0xffff).map((code) => String.fromCharCode(code)),
    ),
  })

  test('a topic survives a query string, a header and a comma-separated list', () => {
    fc.assert(
      fc.property(fc.array(text.map((key) => `k:${key}`).filter(isTopic), { maxLength: 5 }), (topics) => {
        const url = new URL('http://hub/events')
        url.searchParams.set('topics', topics.join(','))
        const read = new URL(url.href).searchParams.get('topics')?.split(',').filter(Boolean)
        expect(read).toEqual(topics)
      }),
    )
  })
  test('a name survives UTF-8', () => {
    fc.assert(
      fc.property(text, (name) => {
        if (!isTopic(name) && !isEventId(name) && !isUserId(name) && !isEventType(name)) return
        expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(name))).toBe(name)
      }),
    )
  })
  test('a topic has the kind it begins with', () => {
    fc.assert(
      fc.property(text, (name) => {
        if (isTopic(name)) expect(isKind(kindOf(name))).toBe(true)
      }),
    )
  })
})
