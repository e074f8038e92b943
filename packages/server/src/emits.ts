// What clients emit (docs/PROTOCOL.md §5): each producer's emits settled once and in order, whatever is repeated, reordered or raced.
import {
  type Contract,
  type EmitEntry,
  type EmitRequest,
  type EmitResponse,
  type EmitResult,
  type EventDefinition,
  formatCursor,
  HubError,
  type HubEvent,
  isTopic,
  kindOf,
} from '@sse-hub/core/contract'
import { answerJson, unauthorized, wireError } from './answers.ts'
import { createRateLimit } from './bucket.ts'
import type { Counters } from './counters.ts'
import type { Access, Gate } from './gate.ts'
import type { EventLog, ProducerMark } from './log.ts'
import type { Limits, Report } from './options.ts'
import { parseBatch, readBody } from './payload.ts'
import type { Clock } from './ports.ts'
import type { Ready, Registry } from './registry.ts'
import type { Vetting } from './vetting.ts'

/** Hears what clients emit, on the node that accepted it. */
export type Handler = (event: HubEvent) => unknown

/** What emits take from their hub. */
export interface Emitting {
  readonly contract: Contract
  readonly registry: Registry
  readonly vetting: Vetting
  readonly log: EventLog
  readonly gate: Gate
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly report: (report: Report) => void
  /** The handlers of a type, in the order in which they were added. */
  readonly handlers: (type: string) => Iterable<Handler>
}

/** Answers `POST /events`. It rejects with a HubError for whatever concerns the whole batch. */
export type AnswerEmits = (request: Request) => Promise<Response>

// A producer posts one batch after the other; more than this many at once are no outbox of ours.
const MOST_WAITING = 32

/** Makes the answerer of `POST /events`. */
export function createEmits(hub: Emitting): AnswerEmits {
  const { registry, vetting, log, gate, limits, counters, report } = hub
  const rateLimit = createRateLimit(hub.clock, limits.emitsPerSecond)
  // What is under way, per user and producer: the next POST of a producer waits for the one before.
  const lines = new Map<string, { last: Promise<unknown>; length: number }>()

  const inLine = async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= MOST_WAITING) throw tooFast(1_000, 'posts of this producer wait already')
    const turn = line.last.then(work, work)
    line.last = turn
    line.length++
    lines.set(key, line)
    try {
      return await turn
    } finally {
      line.length--
      if (line.length === 0) lines.delete(key)
    }
  }

  const settleBatch = async (batch: EmitRequest, access: Access): Promise<EmitResponse> => {
    const results: EmitResult[] = []
    for (const entry of batch.events) {
      const result =
        entry.seq === undefined
          ? await settleLoose(entry, access)
          : await settleInTurn(entry, { user: access.user ?? '', producer: batch.producer, seq: entry.seq }, access)
      results.push(result)
      // The rest was not looked at: order is kept.
      if (result.error?.retryable) break
      counters.emits++
    }
    return { user: access.user, results }
  }

  /** An emit with a `seq`: a repeat is answered as before, a jump is refused, the next one is settled in one step with what it appends. */
  const settleInTurn = async (
    entry: EmitEntry,
    turn: Omit<ProducerMark, 'result'>,
    access: Access,
  ): Promise<EmitResult> => {
    try {
      const settled = await alreadySettled(entry, turn)
      if (settled) return settled
      const verdict = await judge(entry, access)
      if (verdict.error?.retryable) return refusal(entry, verdict.error)
      const { ready } = verdict
      const mark = { ...turn, result: verdict.error ? refusal(entry, verdict.error) : { id: entry.id } }
      if (ready?.durable) {
        const { epoch, positions } = await appending([ready], () => log.append([ready.event], mark))
        return { id: entry.id, cursor: formatCursor({ epoch, position: positions[0] ?? 0 }) }
      }
      await log.append([], mark)
      if (ready) await appending([ready], () => log.announce([ready.event]))
      return mark.result
    } catch (error) {
      if (error instanceof HubError && error.code === 'out_of_order') {
        // Another node has settled it, or more, since we asked.
        const settled = await alreadySettled(entry, turn).catch(() => undefined)
        return settled ?? refusal(entry, error)
      }
      return refusal(entry, internal(error, entry, access))
    }
  }

  const alreadySettled = async (
    entry: EmitEntry,
    { user, producer, seq }: Omit<ProducerMark, 'result'>,
  ): Promise<EmitResult | undefined> => {
    const { last, result } = await log.producer(user, producer, seq)
    if (seq <= last) return result ?? { id: entry.id, repeated: true }
    if (seq === last + 1) return undefined
    return refusal(entry, outOfOrder(seq, last + 1))
  }

  /** An ephemeral emit on a topic: now or not at all. */
  const settleLoose = async (entry: EmitEntry, access: Access): Promise<EmitResult> => {
    try {
      const { error, ready } = await judge(entry, access)
      if (error) return refusal(entry, error)
      if (ready) await appending([ready], () => log.announce([ready.event]))
      return { id: entry.id }
    } catch (error) {
      return refusal(entry, internal(error, entry, access))
    }
  }

  const appending = async <T>(ready: readonly Ready[], append: () => Promise<T>): Promise<T> => {
    const appended = vetting.expect(ready.map(({ event }) => event))
    try {
      const answer = await append()
      counters.published += ready.length
      return answer
    } finally {
      appended()
    }
  }

  /** Whether the contract, the grant and the handlers let it pass. `ready` is absent for an event that only handlers hear. */
  const judge = async (
    entry: EmitEntry,
    access: Access,
  ): Promise<{ readonly error?: HubError; readonly ready?: Ready }> => {
    const { type, id, data } = entry
    const user = access.user === null ? {} : { user: access.user }
    try {
      const definition = registry.definition(type)
      if (!definition.emit) {
        throw new HubError(
          'not_emittable',
          `Clients may not emit "${type}": set \`emit: true\` in the contract, or publish it on the server.`,
        )
      }
      const topic = topicOf(entry, definition, access)
      const ready = await registry.ready({ type, topic: topic ?? '', id, data, ...user }, definition)
      const { at } = ready.event
      for (const handler of hub.handlers(type)) {
        await handle(handler, { type, topic: topic ?? '', data: ready.data, at, id, ...user })
      }
      return topic === undefined ? {} : { ready }
    } catch (error) {
      // What is not a refusal (a validator that throws) is the hub's failure, not the client's.
      return { error: error instanceof HubError ? error : internal(error, entry, access) }
    }
  }

  const handle = async (handler: Handler, event: HubEvent) => {
    try {
      await handler(event)
    } catch (error) {
      if (error instanceof HubError) {
        throw new HubError('refused', error.message, { retryable: error.retryable, cause: error })
      }
      // Its message is the server's own business.
      report({ during: 'handler', error, type: event.type, ...(event.user === undefined ? {} : { user: event.user }) })
      throw new HubError('refused', `A handler of the application refused this "${event.type}".`, { cause: error })
    }
  }

  const internal = (error: unknown, { type }: EmitEntry, { user }: Access) => {
    report({ during: 'emit', error, type, ...(user === null ? {} : { user }) })
    return new HubError('internal', 'The hub failed to settle this emit. Try again later.', {
      retryable: true,
      cause: error,
    })
  }

  return async (request) => {
    const access = await gate.ask(request)
    if (!access) throw unauthorized()
    const batch = parseBatch(await readBody(request, limits.bodyBytes), limits.batch)
    if (batch.user !== undefined && batch.user !== access.user) {
      throw new HubError(
        'identity_mismatch',
        'These emits are of another user than the one who is signed in now: nothing was accepted.',
      )
    }
    for (const [index, entry] of batch.events.entries()) requireSeq(hub.contract, entry, index)
    const waitMs = rateLimit(access.user ?? '', Math.max(1, batch.events.length))
    if (waitMs > 0) throw tooFast(waitMs, `one user may emit ${limits.emitsPerSecond} events a second`)
    const answer = await inLine(`${access.user ?? ''}\n${batch.producer}`, () => settleBatch(batch, access))
    return answerJson(200, answer)
  }
}

/** The topic that an emit goes to, undefined for one that only handlers hear. */
function topicOf({ type, topic }: EmitEntry, definition: EventDefinition, { user, write }: Access): string | undefined {
  const kind = definition.topic
  if (kind === undefined) {
    if (topic === undefined) return undefined
    throw new HubError('invalid_topic', `The event "${type}" has no topic in the contract: leave it out.`)
  }
  if (kind === 'user' && (topic === undefined || topic === 'user')) {
    if (user !== null) return `user:${user}`
    throw new HubError('forbidden', 'An anonymous user has no `user` topic: sign in first.')
  }
  if (topic === undefined || !isTopic(topic) || kindOf(topic) !== kind) {
    throw new HubError(
      'invalid_topic',
      `The event "${type}" needs a topic of kind "${kind}", not ${JSON.stringify(topic?.slice(0, 80))}.`,
    )
  }
  if (write.has(topic)) return topic
  throw new HubError(
    'forbidden',
    `This user may not emit to ${JSON.stringify(topic)}: \`authorize\` does not list it in \`write\`.`,
  )
}

/** Without its number, what must not be lost or doubled could be either. */
function requireSeq(contract: Contract, { seq, type }: EmitEntry, index: number): void {
  const definition = Object.hasOwn(contract.events, type) ? contract.events[type] : undefined
  if (seq !== undefined || !definition?.emit || (definition.topic !== undefined && definition.durable === false)) return
  throw new HubError(
    'malformed',
    `The body is not a batch of emits: \`events[${index}]\` needs a \`seq\`, since "${type}" is not ephemeral.`,
  )
}

function refusal({ id }: EmitEntry, error: HubError): EmitResult {
  return { id, error: wireError(error) }
}

function outOfOrder(seq: number, expected: number): HubError {
  return new HubError('out_of_order', `The seq ${seq} is not the next of this producer: send ${expected}.`, {
    retryable: true,
    details: { expected },
  })
}

function tooFast(retryAfterMs: number, why: string): HubError {
  return new HubError('rate_limited', `Too many emits: ${why}.`, { retryable: true, details: { retryAfterMs } })
}
