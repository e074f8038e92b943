// Whether an answer of the hub is one that docs/PROTOCOL.md allows, and lets nothing through that was not granted.
import { decodeBlock, decodePage } from '@sse-hub/core/contract'
import { createParser } from 'eventsource-parser'
import { HOST } from './requests.ts'

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
  ...['forbidden', 'too_large', 'unknown_type', 'not_emittable'],
  ...['invalid_data', 'invalid_topic', 'refused', 'out_of_order'],
])

const POLLUTION = /"polluted":1/
const WRITABLE: ReadonlySet<unknown> = new Set([undefined, 'board:7', 'constructor', 'user', 'user:u1'])

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

/**
 * Answers what is wrong, or nothing. Reads both bodies.
 * @param question the body that was posted, as text
 */
export async function judge(request: Request, question: string, response: Response): Promise<string | undefined> {
  const stranger = judgeOrigin(request, response)
  if (stranger) return stranger
  if (request.method === 'POST' && response.status === 200) {
    const harm = judgeEmits(question, await response.clone().text())
    if (harm) return harm
  }
  return judgeAnswer(request, response)
}

async function judgeAnswer(request: Request, response: Response): Promise<string | undefined> {
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
