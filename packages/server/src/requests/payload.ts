// The body of a POST, from bytes to a checked batch of emits: bounded while it is read, and refused when it is not what docs/PROTOCOL.md §5 says.
import { type EmitEntry, type EmitRequest, HubError, isEventId } from '@sse-hub/core/contract'
import type { Clock } from '../ports.ts'

const PRODUCER = /^[A-Za-z0-9_-]{8,64}$/
// Deeper than any payload means to be; validators and JSON.stringify recurse.
const DEEPEST = 64
// Whoever sends slower than this holds a place that others need.
const BODY_MS = 30_000

/**
 * Reads the body.
 * @throws HubError `too_large`, `malformed`
 */
export async function readBody(request: Request, mostBytes: number, clock: Clock): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > mostBytes) throw tooLarge(mostBytes)
  if (!request.body) return ''
  const reader = request.body.getReader()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let bytes = 0
  let text = ''
  let late = false
  const stop = clock.after(BODY_MS, () => {
    late = true
    reader.cancel().catch(() => {})
  })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) throw new HubError('malformed', `The body took longer than ${BODY_MS} ms to arrive.`)
      if (done) return text + decoder.decode()
      bytes += value.length
      // The header may be absent, or lie.
      if (bytes > mostBytes) throw tooLarge(mostBytes)
      text += decoder.decode(value, { stream: true })
    }
  } catch (error) {
    // Whoever sends on is not heard any more.
    reader.cancel().catch(() => {})
    if (error instanceof HubError) throw error
    throw new HubError('malformed', 'The body ended early, or is not UTF-8.', { cause: error })
  } finally {
    stop()
  }
}

/**
 * Reads a batch of emits.
 * @throws HubError `malformed`
 */
export function parseBatch(text: string, most: number): EmitRequest {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    throw new HubError('malformed', 'The body is not JSON.', { cause })
  }
  refusePollution(body)
  if (!isObject(body)) throw malformed('the body is no object')
  const { producer, user, events } = body
  if (typeof producer !== 'string' || !PRODUCER.test(producer)) {
    throw malformed('`producer` must be 8 to 64 characters of A–Z a–z 0–9 _ -')
  }
  if (!(user === undefined || user === null || typeof user === 'string'))
    throw malformed('`user` must be a string or null')
  if (!Array.isArray(events)) throw malformed('`events` must be a list')
  if (events.length > most)
    throw malformed(`\`events\` has ${events.length} emits and may have ${most}: send several batches`)
  const batch = { producer, events: events.map(checkEntry) }
  return user === undefined ? batch : { ...batch, user }
}

function checkEntry(value: unknown, index: number): EmitEntry {
  const where = `\`events[${index}]\``
  if (!isObject(value)) throw malformed(`${where} is no object`)
  const { seq, id, type, topic, data } = value
  if (!(seq === undefined || (Number.isSafeInteger(seq) && Number(seq) >= 1)))
    throw malformed(`the \`seq\` of ${where} must be a whole number from 1`)
  if (typeof id !== 'string' || !isEventId(id))
    throw malformed(`the \`id\` of ${where} must be 1 to 128 characters without control characters`)
  if (typeof type !== 'string') throw malformed(`the \`type\` of ${where} must be a string`)
  if (!(topic === undefined || typeof topic === 'string')) throw malformed(`the \`topic\` of ${where} must be a string`)
  return {
    id,
    type,
    data,
    ...(seq === undefined ? {} : { seq: Number(seq) }),
    ...(topic === undefined ? {} : { topic }),
  }
}

// Walked with a stack of its own: the call stack is what a deep body attacks.
function refusePollution(body: unknown): void {
  const stack: { readonly value: unknown; readonly depth: number }[] = [{ value: body, depth: 0 }]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { value, depth } = next
    if (typeof value !== 'object' || value === null) continue
    if (depth > DEEPEST) throw malformed(`it is nested more than ${DEEPEST} deep`)
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__' || (key === 'constructor' && isObject(member) && Object.hasOwn(member, 'prototype'))) {
        throw malformed(
          `a member may not be named "${key === '__proto__' ? key : 'constructor" holding a "prototype'}"`,
        )
      }
      stack.push({ value: member, depth: depth + 1 })
    }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function malformed(why: string): HubError {
  return new HubError('malformed', `The body is not a batch of emits: ${why}.`)
}

function tooLarge(mostBytes: number): HubError {
  return new HubError(
    'too_large',
    `The body may have ${mostBytes} bytes: send smaller batches, or raise \`limits.bodyBytes\`.`,
  )
}
