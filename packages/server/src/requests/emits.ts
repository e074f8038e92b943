// What clients emit (docs/PROTOCOL.md §5): each producer's emits settled once and in order, whatever is repeated, reordered or raced.
import {
  type EmitEntry,
  type EmitRequest,
  type EmitResponse,
  type EmitResult,
  formatCursor,
  HubError,
} from '@sse-hub/core/contract'
import type { Counters } from '../counters.ts'
import type { EventLog, ProducerMark } from '../log.ts'
import type { Limits } from '../options.ts'
import type { Clock } from '../ports.ts'
import type { Ready } from '../publishing/registry.ts'
import type { Vetting } from '../publishing/vetting.ts'
import { answerJson, unauthorized, wireError } from './answers.ts'
import { createRateLimit } from './bucket.ts'
import type { Access, Gate } from './gate.ts'
import { type Court, createJudge } from './judge.ts'
import { parseBatch, readBody } from './payload.ts'

/** What emits take from their hub. */
interface Emitting extends Court {
  readonly vetting: Vetting
  readonly log: EventLog
  readonly gate: Gate
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
}

/** How an emit that was under way came out. What comes after a failure is not looked at, so nobody is to hear of it before. */
type Landing = () => EmitResult | Promise<EmitResult>

/** An emit that the log is to keep, together with those before and after it: so a log can commit a batch at once. */
interface UnderWay {
  readonly landing: Promise<Landing>
  /** The seq that may follow before this has landed: the log refuses it unless this one is kept. */
  readonly next: number | undefined
}

/** Answers `POST /events`. It rejects with a HubError for whatever concerns the whole batch. */
export type AnswerEmits = (request: Request) => Promise<Response>

// A producer posts one batch after the other; more than this many at once are no outbox of ours.
const MOST_WAITING = 32
// How long a grant is taken for what the application would still say.
const FRESH_MS = 1_000

/** Makes the answerer of `POST /events`. */
export function createEmits(hub: Emitting): AnswerEmits {
  const { vetting, log, gate, limits, counters } = hub
  const judge = createJudge(hub)
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

  const settleBatch = async (batch: EmitRequest, grant: () => Promise<Access>): Promise<EmitResponse> => {
    const results: EmitResult[] = []
    let underWay: Promise<Landing>[] = []
    // The seq that follows what is under way; undefined when only the log can tell.
    let next: number | undefined

    // Answers whether to go on. After what must be tried again the rest is not looked at: order is kept.
    const settle = (result: EmitResult): boolean => {
      results.push(result)
      if (result.error?.retryable) return false
      counters.emits++
      return true
    }
    const land = async (): Promise<boolean> => {
      const landed = await Promise.all(underWay)
      underWay = []
      next = undefined
      for (const landing of landed) if (!settle(await landing())) return false
      return true
    }

    const { user } = await grant()
    try {
      for (const entry of batch.events) {
        const access = await grant()
        const isNext = entry.seq !== undefined && entry.seq === next
        // What a handler did could not be taken back, so it waits until all before it is kept.
        if (!(isNext && !isHeard(entry)) && !(await land())) break
        const turn = { user: user ?? '', producer: batch.producer }
        const begun = await begin(entry, turn, access, isNext)
        if ('landing' in begun) {
          underWay.push(begun.landing)
          next = begun.next
        } else if (!(await land()) || !settle(begun)) break
      }
      await land()
    } finally {
      // An authorization that was lost in mid-batch answers nothing, but leaves nothing behind either.
      await Promise.all(underWay)
    }
    return { user, results }
  }

  const isHeard = ({ type }: EmitEntry): boolean => {
    for (const _ of hub.handlers(type)) return true
    return false
  }

  /** Settles what needs no log, or lets it begin to be kept. With `isNext`, all before it is under way already. */
  const begin = async (
    entry: EmitEntry,
    { user, producer }: Pick<ProducerMark, 'user' | 'producer'>,
    access: Access,
    isNext: boolean,
  ): Promise<EmitResult | UnderWay> => {
    const { id, seq } = entry
    if (seq === undefined) return settleLoose(entry, access)
    const turn = { user, producer, seq }
    try {
      const settled = isNext ? undefined : await alreadySettled(entry, turn)
      if (settled) return settled
      const { error, ready } = await judge.of(entry, access)
      if (error?.retryable) return refusal(entry, error)
      const landing = keep(entry, { ...turn, result: error ? refusal(entry, error) : { id } }, ready, access)
      // An announcement may fail when its seq is settled; then nothing may be settled after it.
      return { landing, next: ready && !ready.durable ? undefined : seq + 1 }
    } catch (error) {
      return refusal(entry, judge.failure(error, entry, access))
    }
  }

  /** Settles the next seq of its producer in one step with what it appends. Calls the log at once, and never rejects. */
  const keep = async (
    entry: EmitEntry,
    mark: ProducerMark,
    ready: Ready | undefined,
    access: Access,
  ): Promise<Landing> => {
    try {
      if (ready?.durable) {
        const { epoch, positions } = await appending([ready], () => log.append([ready.event], mark))
        return () => ({ id: entry.id, cursor: formatCursor({ epoch, position: positions[0] ?? 0 }) })
      }
      await log.append([], mark)
      if (ready) await appending([ready], () => log.announce([ready.event]))
      return () => mark.result
    } catch (error) {
      return async () => {
        if (!(error instanceof HubError && error.code === 'out_of_order')) {
          return refusal(entry, judge.failure(error, entry, access))
        }
        // Another node has settled it, or more, since we asked.
        const settled = await alreadySettled(entry, mark).catch(() => undefined)
        return settled ?? refusal(entry, error)
      }
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
      const { error, ready } = await judge.of(entry, access)
      if (error) return refusal(entry, error)
      if (ready) await appending([ready], () => log.announce([ready.event]))
      return { id: entry.id }
    } catch (error) {
      return refusal(entry, judge.failure(error, entry, access))
    }
  }

  const appending = async <T>(ready: readonly Ready[], append: () => Promise<T>): Promise<T> => {
    const appended = vetting.expect(ready)
    try {
      const answer = await append()
      counters.published += ready.length
      return answer
    } finally {
      appended()
    }
  }

  /** Answers the grant of a request; one that is older than a moment is asked for again, since bodies and turns can take long. */
  const grantOf = (request: Request) => {
    let last: { readonly access: Access; readonly at: number } | undefined
    return async (): Promise<Access> => {
      if (last && hub.clock.now() - last.at <= FRESH_MS) return last.access
      const at = hub.clock.now()
      const access = await gate.ask(request)
      if (!access) throw unauthorized()
      if (last && last.access.user !== access.user) throw otherUser()
      last = { access, at }
      return access
    }
  }

  return async (request) => {
    const grant = grantOf(request)
    const { user } = await grant()
    const batch = parseBatch(await readBody(request, limits.bodyBytes, hub.clock), limits.batch)
    if (batch.user !== undefined && batch.user !== user) throw otherUser()
    for (const [index, entry] of batch.events.entries()) judge.requireSeq(entry, index)
    const waitMs = rateLimit(user ?? '', Math.max(1, batch.events.length))
    if (waitMs > 0) throw tooFast(waitMs, `one user may emit ${limits.emitsPerSecond} events a second`)
    const answer = await inLine(`${user ?? ''}\n${batch.producer}`, () => settleBatch(batch, grant))
    return answerJson(200, answer)
  }
}

function otherUser(): HubError {
  return new HubError(
    'identity_mismatch',
    'These emits are of another user than the one who is signed in now: nothing more was accepted.',
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
