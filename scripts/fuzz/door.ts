// Fuzzes the hub's door: whatever a request holds, the hub answers as docs/PROTOCOL.md says, never throws, lets nothing out, and keeps serving.
import { decodeBlock, decodePage, defineContract, isDurable } from '@sse-hub/core/contract'
import { createHub } from '@sse-hub/server'
import { createParser } from 'eventsource-parser'
import { z } from 'zod'
import { hostileJson, hostileText } from './hostile.ts'
import { type Chance, chance } from './random.ts'
import type { Failure } from './wire.ts'

const contract = defineContract({
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

/** The status of each code, as docs/PROTOCOL.md §7 has it. */
const statuses: Readonly<Record<string, number>> = {
  malformed: 400,
  invalid_topic: 400,
  too_many_topics: 400,
  unauthorized: 401,
  forbidden_origin: 403,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  identity_mismatch: 409,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  overloaded: 503,
}
const resultCodes = new Set([
  ...[
    'forbidden',
    'too_large',
    'unknown_type',
    'not_emittable',
    'invalid_data',
    'invalid_topic',
    'refused',
    'out_of_order',
  ],
])

const HOST = 'http://hub.test'
const POLLUTION = /"polluted":1/
const WRITABLE: ReadonlySet<unknown> = new Set([undefined, 'board:7', 'constructor', 'user', 'user:u1'])

/** Opens one hub; `send` sends the request of a number and answers what was wrong about the hub's answer. */
export function openDoor(seed: number) {
  const dice = chance(seed)
  const reports: unknown[] = []
  const hub = createHub({
    contract,
    disabled: false,
    authorize(request) {
      const who = request.headers.get('authorization')
      if (who === 'none') return null
      if (who === 'crash') throw new Error('authorize failed')
      const grant = { read: ['board:7', 'board:8', 'constructor'], write: ['board:7', 'constructor'] }
      return who === 'anonymous' ? grant : { user: 'u1', ...grant }
    },
    origins: ['https://app.test'],
    limits: { emitsPerSecond: 1_000_000, eventBytes: 20_000, bodyBytes: 40_000 },
    onReport: ({ during, error }) => {
      if (during !== 'authorize' && during !== 'handler') reports.push({ during, error: String(error) })
    },
  })
  hub.on('asked', ({ data }) => {
    if (typeof data === 'string') throw new Error('a secret of the handler')
  })

  /** A whole question that must be answered rightly, whatever came before. */
  async function stillServes(): Promise<string | undefined> {
    const text = `after ${dice.below(1_000_000)}`
    const before = await hub.cursor()
    await hub.publish({ type: 'card.moved', topic: 'board:7', data: text })
    const response = await hub.fetch(new Request(`${HOST}/api/sse/page?topics=board:7&after=${before}`))
    const page = decodePage(await response.text())
    if (page.events[0]?.data !== text) return `the hub does not serve any more: ${JSON.stringify(page)}`
    if (Object.keys(Object.prototype).length > 0)
      return `Object.prototype was polluted: ${Object.keys(Object.prototype)}`
    if (reports.length > 0) return `the hub reported ${JSON.stringify(reports.splice(0))}`
    const { connections } = hub.stats()
    return connections === 0 ? undefined : `${connections} connections stay open`
  }

  async function send(index: number): Promise<string | undefined> {
    dice.at(index)
    const request = makeRequest(dice)
    const copy = request.method === 'POST' ? request.clone() : undefined
    try {
      const response = await hub.fetch(request)
      const problem =
        judgeOrigin(request, response) ??
        (copy && response.status === 200 ? judgeEmits(await copy.text(), await response.clone().text()) : undefined) ??
        (await judge(request, response)) ??
        (index % 16 === 0 ? await stillServes() : undefined)
      return problem && `${request.method} ${request.url} ${JSON.stringify([...request.headers])}: ${problem}`
    } catch (error) {
      return `${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}`
    }
  }
  return { send, close: () => hub.close() }
}

/** Runs requests `from` … `from + count - 1` of a seed. Answers those that were answered wrongly. */
export async function fuzzDoor(seed: number, from: number, count: number): Promise<Failure[]> {
  const failures: Failure[] = []
  const door = openDoor(seed)
  for (let index = from; index < from + count && failures.length < 10; index++) {
    const message = await door.send(index)
    if (message !== undefined) failures.push({ index, message })
  }
  await door.close()
  return failures
}

// ——— Requests ———

const latin1 = (text: string): string => text.replace(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '?')

function makeRequest(dice: Chance): Request {
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

// ——— Answers ———

/** An origin that is not allowed gets nothing, and a POST without one neither. */
function judgeOrigin({ method, headers }: Request, { status }: Response): string | undefined {
  const origin = headers.get('origin')
  const stranger = origin === null ? method === 'POST' : origin !== HOST && origin !== 'https://app.test'
  return stranger && ![400, 403, 404, 405].includes(status) ? `a stranger's request was answered ${status}` : undefined
}

/** What was accepted must have been allowed: no forbidden key anywhere, and only topics that the grant lets write. */
function judgeEmits(question: string, answer: string): string | undefined {
  if (POLLUTION.test(question)) return 'a forbidden key was let in'
  const { events } = JSON.parse(question)
  for (const [at, { id, error }] of JSON.parse(answer).results.entries()) {
    const { id: asked, seq, topic } = events[at]
    // A `seq` that was settled before is answered as it was then.
    if (id !== asked && seq !== undefined) continue
    if (id !== asked) return `the emit ${JSON.stringify(asked)} was answered as ${id}`
    if (!error && !WRITABLE.has(topic)) return `an emit to ${JSON.stringify(topic)} was accepted`
  }
  return undefined
}

async function judge(request: Request, response: Response): Promise<string | undefined> {
  const { status, headers } = response
  if (headers.get('cache-control') !== 'no-store, no-transform') return 'it may be cached'
  if (headers.get('vary') !== 'Origin, Cookie, Authorization, Last-Event-ID') return 'its Vary is wrong'
  const origin = request.headers.get('origin')
  const allow = headers.get('access-control-allow-origin')
  if (allow !== null && (allow !== origin || (allow !== HOST && allow !== 'https://app.test')))
    return `it allows the origin ${allow}`
  if (request.method === 'OPTIONS' && status === 204) return undefined
  if (headers.get('content-type') === 'text/event-stream') {
    if (status !== 200) return `a stream of status ${status}`
    return request.method === 'HEAD' ? undefined : judgeStream(response)
  }

  const text = await response.text()
  // Servers leave out the body of an answer to HEAD; an empty one is right too.
  if (request.method === 'HEAD' && text === '') return undefined
  if (headers.get('content-type') !== 'application/json')
    return `${status} is ${headers.get('content-type')}: ${text.slice(0, 80)}`
  if (/secret|at file:|node_modules/.test(text)) return `it says too much: ${text.slice(0, 200)}`
  const body = JSON.parse(text)
  if (status !== 200) {
    const { code, message, retryable } = body.error
    if (statuses[code] !== status) return `${status} with the code ${code}`
    if (typeof message !== 'string' || message.length < 10 || message.length > 1000)
      return `an unclear error: ${text.slice(0, 200)}`
    if (retryable !== (status === 429 || status === 503)) return `retryable is ${retryable} with ${code}`
    if ((status === 429 || status === 503) && !/^\d+$/.test(headers.get('retry-after') ?? ''))
      return `${status} without Retry-After`
    if (status === 405 && !headers.get('allow')) return '405 without Allow'
    return undefined
  }
  const { pathname } = new URL(request.url)
  if (request.method === 'POST') {
    for (const { id, error, cursor, repeated } of body.results) {
      if (typeof id !== 'string') return `a result without an id: ${text.slice(0, 200)}`
      if (error && !resultCodes.has(error.code)) return `a result with the code ${error.code}: ${error.message}`
      if (error && (cursor !== undefined || repeated !== undefined))
        return `a result that is two things: ${text.slice(0, 200)}`
    }
    return body.user === 'u1' || body.user === null ? undefined : `a user that is nobody: ${text.slice(0, 200)}`
  }
  if (pathname.endsWith('/health')) return body.status === 'ok' ? undefined : `health says ${text.slice(0, 80)}`
  decodePage(text)
  return undefined
}

/** The first block of a stream must be `hub.sync` or `hub.bye`, and nothing else. */
async function judgeStream(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader()
  const first = await reader?.read()
  await reader?.cancel()
  const kinds: (string | undefined)[] = []
  const parser = createParser({ onEvent: (block) => kinds.push(decodeBlock(block)?.kind) })
  parser.feed(new TextDecoder().decode(first?.value))
  return kinds.length === 1 && (kinds[0] === 'sync' || kinds[0] === 'bye')
    ? undefined
    : `a stream begins with ${JSON.stringify(kinds)}`
}
