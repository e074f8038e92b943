// Requests that mean harm: hostile text in query, headers and body, bodies that break off or nest, emits that are right but for one thing.
import { defineContract, isDurable } from '@sse-hub/core/contract'
import { z } from 'zod'
import { hostileJson, hostileText } from './hostile.ts'
import type { Chance } from './random.ts'

/** The contract of the hub that is attacked. */
export const contract = defineContract({
  topics: ['board', 'constructor'],
  events: {
    'card.moved': { topic: 'board', data: z.json() },
    'note.added': { topic: 'board', data: z.json(), emit: true },
    'pointer.moved': { topic: 'board', data: z.json(), emit: true, durable: false },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.string() }), emit: true },
    constructor: { topic: 'constructor', data: z.json(), emit: true },
    clicked: { data: z.json(), emit: true },
    asked: { data: z.json(), emit: true },
  },
})

/** Where that hub is. */
export const HOST = 'http://hub.test'

const latin1 = (text: string): string => text.replace(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '?')

/** Makes a request. */
export function makeRequest(dice: Chance): Request {
  // Half of what is posted gets through to the emits themselves.
  if (dice.below(4) === 0) {
    const headers = {
      origin: HOST,
      'content-type': 'application/json',
      authorization: dice.of(['u1', 'u1', 'anonymous']),
    }
    return new Request(`${HOST}/api/sse/events`, { method: 'POST', headers, body: batch(dice) })
  }
  const method = dice.of([
    'GET',
    'GET',
    'GET',
    'POST',
    'POST',
    'POST',
    'POST',
    'HEAD',
    'OPTIONS',
    'PUT',
    'DELETE',
    'PATCH',
    'PURGE',
  ])
  const path =
    dice.below(8) > 0
      ? dice.of(method === 'POST' ? ['/events'] : ['/events', '/page', '/health'])
      : `/${hostileText(dice)}`
  const url = `${HOST}${dice.below(16) > 0 ? '/api/sse' : dice.of(['', '/', '/api/sse/', '/api/sse/../sse'])}${path}${makeQuery(dice)}`
  const post = method === 'POST'
  const headers = new Headers()
  const header = (name: string, likely: number, ...values: readonly [string, ...string[]]): void => {
    if (dice.below(10) >= likely) return
    headers.set(name, latin1(dice.below(12) === 0 ? hostileText(dice) : dice.of(values)))
  }
  header('authorization', 4, 'anonymous', 'anonymous', 'none', 'crash')
  header('origin', post ? 10 : 3, HOST, HOST, HOST, 'https://app.test', 'https://evil.test', 'null')
  header(
    'content-type',
    post ? 10 : 1,
    'application/json',
    'application/json',
    'application/json;charset=utf-8',
    'text/plain',
  )
  header('last-event-id', 3, 'k:1', 'x', '', '0:0', 'k:9007199254740991', 'k:9007199254740992')
  header('accept', 2, 'text/event-stream', 'text/html')
  header('access-control-request-headers', 2, 'x-custom, content-type')
  header('content-length', 1, '5', '5', '999999999', '-1', 'x')
  const target = URL.canParse(url) ? url : `${HOST}/api/sse/events`
  const body = method === 'GET' || method === 'HEAD' ? undefined : makeBody(dice)
  return new Request(target, { method, headers, ...(body === undefined ? {} : { body, duplex: 'half' }) })
}

function makeQuery(dice: Chance): string {
  if (dice.below(6) === 0) return `?${hostileText(dice)}`
  const value = (...likely: readonly [string, ...string[]]): string =>
    dice.below(3) === 0 ? encodeURIComponent(hostileText(dice).toWellFormed()) : dice.of(likely)
  const parts: string[] = []
  if (dice.below(2) === 0)
    parts.push(`topics=${value('board:7', 'board:7,user', 'user', 'board:9', 'nope', 'constructor', ',', '')}`)
  if (dice.below(3) === 0) parts.push(`after=${value('k:1', '', 'x', 'k:-1', 'k:9007199254740992')}`)
  if (dice.below(4) === 0) parts.push(`wait=${value('0', '-1', '1e3', 'x', '')}`)
  if (dice.below(20) === 0) parts.push(`topics=${Array.from({ length: 150 }, (_, n) => `board:${n}`).join(',')}`)
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

function makeBody(dice: Chance): BodyInit {
  switch (dice.below(16)) {
    case 0:
      return hostileText(dice).toWellFormed()
    case 1:
      return JSON.stringify(hostileJson(dice, 4))
    case 2:
      return '['.repeat(dice.below(20_000))
    case 3:
      return `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`
    case 4:
      return Uint8Array.from({ length: dice.below(64) }, () => dice.below(256))
    case 5:
      // A body that breaks off.
      return new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"producer":"p-123456'))
          controller.error(new Error('cut'))
        },
      })
    case 6:
      return 'x'.repeat(40_001)
    default:
      return batch(dice)
  }
}

/** A batch that is right but for what is hostile in it: in about half of them, nothing is. */
function batch(dice: Chance): string {
  const odd = (likely: unknown, ...unlikely: readonly unknown[]): unknown => {
    if (dice.below(24) > 0) return likely
    return dice.below(3) === 0 ? hostileJson(dice, 1) : dice.of([hostileText(dice), undefined, ...unlikely])
  }
  const types = Object.keys(contract.events) as unknown as readonly [keyof typeof contract.events]
  const events = Array.from({ length: dice.below(24) === 0 ? 101 : dice.below(4) }, (_, at) => {
    const type = dice.of(types)
    const { topic } = contract.events[type]
    const durable = isDurable(contract.events[type])
    if (dice.below(200) === 0) return hostileJson(dice)
    return {
      seq: odd(durable || topic === undefined ? at + 1 : undefined, 0, -1, 1.5, 2 ** 53, at + 2, at + 1),
      id: odd(`e${dice.below(2 ** 31)}`, '', 'x'.repeat(129)),
      type: odd(type, 'nope', '__proto__', 'toString', 'hub.sync'),
      topic: odd(
        topic === 'board' ? 'board:7' : topic,
        'board:7',
        'board:8',
        'user:u1',
        'user:u2',
        'user',
        'constructor',
      ),
      data: odd(
        dice.of<unknown>([{ theme: 'dark' }, hostileJson(dice, 2), hostileText(dice), null]),
        'x'.repeat(20_001),
      ),
    }
  })
  const text = JSON.stringify({
    // Few enough that their numbers meet again.
    producer: odd(`producer-${dice.below(500)}`, 'short', 'x'.repeat(65)),
    user: odd(dice.of(['u1', undefined]), 'u2', null),
    events: odd(events, {}),
  })
  const pollution = dice.of(['"__proto__":{"polluted":1}', '"constructor":{"prototype":{"polluted":1}}'])
  // At the front, or as deep as there is an object.
  if (dice.below(12) > 0) return text
  const at = dice.of([text.indexOf('{'), text.lastIndexOf('{')])
  return `${text.slice(0, at + 1)}${pollution}${text[at + 1] === '}' ? '' : ','}${text.slice(at + 1)}`
}
