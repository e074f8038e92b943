// What defineContract refuses at run time, for those whom the compiler does not stop; and what it lets through untouched.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { definitionOf, isDurable } from './contract.ts'
import { defineContract } from './define.ts'

const data = z.string()

/** defineContract as untyped code calls it. */
const define = defineContract as unknown as (definition: unknown) => unknown
const withEvent = (name: string, event: unknown) => ({ topics: ['board'], events: { [name]: event } })

describe('a contract that cannot be kept is refused, with what to do about it', () => {
  test.each<[why: string, definition: unknown, message: RegExp]>([
    ['nothing', undefined, /needs `topics`.*and `events`/],
    ['no topics', { events: {} }, /needs `topics`/],
    ['topics that are no list', { topics: 'board', events: {} }, /needs `topics`/],
    ['no events', { topics: [] }, /and `events`/],
    ['a kind with a colon', { topics: ['board:7'], events: {} }, /"board:7" must be a letter.*keys come after a colon/],
    [
      'presence of a kind that is not listed',
      { topics: ['board'], presence: ['bord'], events: {} },
      /`presence` names.*"bord"/,
    ],
    ['presence of users', { topics: ['board'], presence: ['user'], events: {} }, /no others/],
    ['a kind with a comma', { topics: ['a,b'], events: {} }, /"a,b" must be a letter/],
    ['a kind that is no text', { topics: [7], events: {} }, /"7" must be a letter/],
    ['__proto__ as a kind', { topics: ['__proto__'], events: {} }, /"__proto__" must be a letter/],
    ['an empty kind', { topics: [''], events: {} }, /"" must be a letter/],
    ['a kind with a line end', { topics: ['a\n'], events: {} }, /"a\\n" must be a letter/],
    ['the built-in kind', { topics: ['user'], events: {} }, /"user" is built in: leave it out/],
    ['a kind twice', { topics: ['a', 'b', 'a'], events: {} }, /"a" is listed twice/],
    ['a very long kind', { topics: ['a'.repeat(1e6)], events: {} }, /^.{0,300}$/],
    ['a reserved type', withEvent('hub.x', { topic: 'board', data }), /"hub\.x" must be.*not "open", "error" or "hub/],
    ['another', withEvent('error', { topic: 'board', data }), /"error" must be/],
    ['another', withEvent('open', { topic: 'board', data }), /"open" must be/],
    ['__proto__ as a type', withEvent('__proto__', { topic: 'board', data }), /"__proto__" must be/],
    ['a type with a line end', withEvent('a\r', { topic: 'board', data }), /"a\\r" must be/],
    ['a type with a lone surrogate', withEvent('a\ud800', { topic: 'board', data }), /"a\\ud800" must be/],
    ['an empty type', withEvent('', { topic: 'board', data }), /"" must be/],
    ['no definition', withEvent('a', undefined), /"a" needs a Standard Schema as its `data`/],
    ['null', withEvent('a', null), /"a" needs a Standard Schema/],
    ['no schema', withEvent('a', { topic: 'board' }), /"a" needs a Standard Schema/],
    ['a schema that is none', withEvent('a', { topic: 'board', data: { parse() {} } }), /"a" needs a Standard Schema/],
    [
      'a kind that is not listed',
      withEvent('a', { topic: 'bord', data }),
      /"a" names the topic kind "bord", which `topics`/,
    ],
    ['a topic for a kind', withEvent('a', { topic: 'board:7', data }), /names the topic kind "board:7"/],
    ['constructor as a kind', withEvent('a', { topic: 'constructor', data }), /names the topic kind "constructor"/],
    ['what nobody would hear', withEvent('a', { data }), /nobody would hear it: name a topic or set `emit: true`/],
    ['what cannot be kept', withEvent('a', { data, emit: true, durable: true }), /never kept: leave `durable` out/],
    ['coalescing what is kept', withEvent('a', { topic: 'board', data, coalesce: () => '' }), /set `durable: false`/],
    [
      'coalescing what has no topic',
      withEvent('a', { data, emit: true, durable: false, coalesce: () => '' }),
      /coalesces, which only an ephemeral event on a topic can/,
    ],
    ['a priority of what is kept', withEvent('a', { topic: 'board', data, priority: 'low' }), /set `durable: false`/],
    [
      'a priority of what has no topic',
      withEvent('a', { data, emit: true, durable: false, priority: 'low' }),
      /has a priority, which only an ephemeral event on a topic can have: name a topic/,
    ],
    [
      'a priority that there is not',
      withEvent('a', { topic: 'board', data, durable: false, priority: 'high' }),
      /"a" has the priority "high": leave it out, or say "low"/,
    ],
    [
      'null',
      withEvent('a', { topic: 'board', data, durable: false, priority: null }),
      /the priority "null": leave it out/,
    ],
  ])('%s', (_, definition, message) => {
    expect(() => define(definition)).toThrow(
      expect.objectContaining({
        name: 'HubError',
        code: 'invalid_contract',
        retryable: false,
        message: expect.stringMatching(message),
      }),
    )
  })
})

describe('a contract', () => {
  const contract = defineContract({
    topics: ['board', 'constructor', 'toString'],
    events: {
      'card.moved': { topic: 'board', data },
      constructor: { topic: 'constructor', data },
      'pointer.moved': { topic: 'toString', data, emit: true, durable: false },
      clicked: { data, emit: true },
      theme: { topic: 'user', data, emit: true, durable: true },
    },
  })

  test('may use names that every object has', () => {
    expect(definitionOf(contract, 'constructor')?.topic).toBe('constructor')
    expect(definitionOf(contract, 'card.moved')?.topic).toBe('board')
  })
  test.each(['toString', '__proto__', 'hasOwnProperty', 'valueOf', '', 'card', 'hub.sync'])(
    'does not know %j',
    (type) => {
      expect(definitionOf(contract, type)).toBeUndefined()
    },
  )
  test.each([
    ['card.moved', true],
    ['theme', true],
    ['pointer.moved', false],
    ['clicked', false],
  ])('keeps %s: %s', (type, kept) => {
    const definition = definitionOf(contract, type)
    expect(definition && isDurable(definition)).toBe(kept)
  })
  test('may be empty', () => {
    expect(defineContract({ topics: [], events: {} })).toEqual({ topics: [], events: {} })
  })
  test('takes any Standard Schema', () => {
    const mine: StandardSchemaV1<unknown, string> = {
      '~standard': { version: 1, vendor: 'mine', validate: (value) => ({ value: String(value) }) },
    }
    expect(defineContract({ topics: [], events: { a: { topic: 'user', data: mine } } }).events.a.data).toBe(mine)
    // Schemas of some vendors are functions.
    const callable = Object.assign(() => {}, mine)
    expect(defineContract({ topics: [], events: { a: { topic: 'user', data: callable } } }).events.a.data).toBe(
      callable,
    )
  })
})
