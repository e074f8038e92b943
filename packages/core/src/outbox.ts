// The emits that the hub has not accepted yet, and the one POST at a time that carries them there: in order, and none twice.
import { backoffMs } from './backoff.ts'
import type { EmitResult } from './contract/wire.ts'
import { HubError, type HubErrorCode } from './errors.ts'
import { asHubError, ask } from './http.ts'
import type { Settings } from './settings.ts'
import type { Checked } from './validate.ts'

// Emits that wait beyond this many are refused: a hub that is away for long must not fill the page's memory.
const MAX_WAITING = 1_000
const MAX_BATCH = 100
// Characters of one batch: at three bytes each they stay below the 256 KiB that a hub takes.
const MAX_CHARACTERS = 60_000

/** What became of an emit. */
export type EmitOutcome =
  | { readonly ok: true; readonly id: string; readonly cursor?: string }
  /** The error's code is the hub's (docs/PROTOCOL.md §7), `uncertain` (sent, and the hub has lost its memory of it) or `closed`. */
  | { readonly ok: false; readonly id: string; readonly error: HubError }

/** An emit on its way. */
export interface Emitted {
  /** Its id: yours, or a random one. */
  readonly id: string
  /** Resolves to what became of it. It never rejects. */
  readonly accepted: Promise<EmitOutcome>
}

/** An emission, whatever its contract. */
export interface AnyEmission {
  readonly type: string
  readonly topic?: string | undefined
  readonly data: unknown
  readonly id?: string | undefined
  readonly ephemeral?: boolean | undefined
}

/** What an outbox works for. */
export interface OutboxUser {
  /** Who the hub says we are; undefined until it has said so. */
  user(): string | null | undefined
  /** Validates a payload. */
  check(type: string, data: unknown): Checked
  /** Hears of each POST that failed. */
  report(error: HubError): void
}

/** The emits of one client: one producer at a time. */
export interface Outbox {
  /** Takes an emit; answers at once. */
  emit(emission: AnyEmission): Emitted
  /** Takes emits (again), and tries now. */
  start(): void
  /** Settles what waits, and takes nothing until `start`. */
  close(): void
}

interface Waiting {
  readonly id: string
  /** The members of its JSON, after `seq`. */
  readonly json: string
  readonly ephemeral: boolean
  /** Who we were when it was emitted: it must never go out as somebody else's. */
  readonly user: string | null | undefined
  readonly settle: (outcome: EmitOutcome) => void
  /** Its number, once it is sent. */
  seq?: number | undefined
  /** It was sent, and nobody knows what became of it. */
  doubt?: boolean | undefined
}

/** Makes an outbox. */
export function createOutbox(settings: Settings, { user, check, report }: OutboxUser): Outbox {
  const { url, clock, random, connectTimeoutMs } = settings
  let queue: Waiting[] = []
  let producer: string | undefined
  let seq = 0
  // The POST that is under way. One that is not this one any more has no say.
  let posting: AbortController | undefined
  let cancelRetry: (() => void) | undefined
  let failures = 0
  // How many of the next emits go out one by one, since the hub could not read them together.
  let alone = 0
  let closed = false

  /** Settles the emits that are chosen, and forgets them. */
  const refuse = (chosen: (waiting: Waiting) => unknown, cause: HubError) => {
    const settled = queue.filter(chosen)
    queue = queue.filter((waiting) => !settled.includes(waiting))
    for (const { id, doubt, settle } of settled) {
      const error = doubt
        ? new HubError('uncertain', 'Sent, and perhaps accepted: look before you send it again', { cause })
        : cause
      settle({ ok: false, id, error })
    }
  }
  /** Begins a new producer. What may have been accepted from the old one cannot be sent again. */
  const renew = (error: HubError) => {
    refuse(({ doubt }) => doubt, error)
    for (const waiting of queue) waiting.seq = undefined
    producer = undefined
    seq = 0
  }
  const later = (error: HubError) => {
    report(error)
    // An ephemeral emit is sent now or not at all.
    refuse(({ ephemeral }) => ephemeral, error)
    const floorMs = error.details.retryAfterMs as number | undefined
    cancelRetry = clock.after(backoffMs({ attempt: failures++, random: random.next(), floorMs }), start)
  }

  const nextBatch = () => {
    const batch: Waiting[] = []
    let characters = 0
    for (const waiting of queue) {
      characters += waiting.json.length
      const full = alone > 0 || batch.length === MAX_BATCH || characters > MAX_CHARACTERS
      if (batch[0] && (full || waiting.user !== batch[0].user)) break
      if (!waiting.ephemeral) waiting.seq ??= ++seq
      batch.push(waiting)
    }
    alone = Math.max(0, alone - 1)
    return batch
  }

  async function post(batch: readonly Waiting[], { signal }: AbortController): Promise<readonly EmitResult[]> {
    producer ??= random.id()
    const { results } = await ask(settings, `${url}/events`, 'application/json', {
      method: 'POST',
      signal,
      headers: { 'content-type': 'application/json' },
      // The data was written down when it was emitted; it is not parsed again to be written again.
      body: `${JSON.stringify({ producer, user: batch[0]?.user }).slice(0, -1)},"events":[${batch.map(({ seq, json }) => (seq ? `{"seq":${seq},${json}` : `{${json}`))}]}`,
    }).then((response) => response.json())
    if (results?.length > 0) return results
    throw new HubError('protocol', `${url} answered without results`, { retryable: true })
  }

  /** Takes the answer to a batch: the results of a prefix, of which only the last may be one to try again. */
  const settle = (batch: readonly Waiting[], results: readonly EmitResult[]) => {
    for (const [index, waiting] of batch.slice(0, results.length).entries()) {
      const { error, ...accepted } = results[index] as EmitResult & { readonly cursor?: string }
      const failed =
        error &&
        new HubError(error.code as HubErrorCode, error.message, { retryable: error.retryable, details: { ...error } })
      if (failed?.retryable && !waiting.ephemeral) {
        // A hub that expects another number has lost its memory of this producer.
        return failed.code === 'out_of_order' && waiting.seq !== 1 ? renew(failed) : later(failed)
      }
      failures = 0
      queue = queue.filter((other) => other !== waiting)
      waiting.settle(failed ? { ok: false, id: waiting.id, error: failed } : { ...accepted, ok: true, id: waiting.id })
    }
  }

  /** Takes a POST that failed as a whole. */
  const fail = (batch: readonly Waiting[], error: HubError) => {
    const status = error.details.status as number
    if ((status === 400 || status === 413) && batch.length > 1) alone = batch.length
    else if (!error.retryable) {
      refuse((waiting) => batch.includes(waiting), error)
      renew(error)
    } else {
      // These hubs have not looked at it.
      const unread = [404, 429, 503].includes(status)
      for (const waiting of batch) waiting.doubt ||= !(unread || waiting.ephemeral)
      later(error)
    }
  }

  async function pump() {
    if (posting || cancelRetry || queue.length === 0) return
    const controller = new AbortController()
    posting = controller
    // Emits of the same moment share a batch.
    await undefined
    if (posting !== controller) return
    const batch = nextBatch()
    const late = new HubError('timeout', `${url} did not answer for ${connectTimeoutMs} ms`, { retryable: true })
    const cancel = clock.after(connectTimeoutMs, () => controller.abort(late))
    const answer = await post(batch, controller).catch((thrown: unknown) => asHubError(url, thrown))
    cancel()
    if (posting !== controller) return
    posting = undefined
    if (answer instanceof HubError) fail(batch, answer)
    else settle(batch, answer)
    void pump()
  }

  function start() {
    closed = false
    cancelRetry?.()
    cancelRetry = undefined
    void pump()
  }

  return {
    emit({ type, topic, data, id = random.id(), ephemeral = false }) {
      const accepted = new Promise<EmitOutcome>((resolve) => {
        const no = (code: HubErrorCode, what: string, retryable: boolean, cause?: unknown) =>
          resolve({ ok: false, id, error: new HubError(code, what, { retryable, cause }) })
        const checked = check(type, data)
        if (closed) return no('closed', 'Closed: call client.start() first', false)
        if (!checked.ok) return resolve({ ok: false, id, error: checked.error })
        if (ephemeral && cancelRetry) return no('network', 'The hub is away, and this does not wait', true)
        if (queue.length >= MAX_WAITING) return no('overloaded', `${MAX_WAITING} emits wait already`, true)
        try {
          const json = JSON.stringify({ id, type, topic, data }).slice(1)
          queue.push({ id, json, ephemeral, user: user(), settle: resolve })
        } catch (cause) {
          return no('invalid_data', 'The data is not JSON', false, cause)
        }
        void pump()
      })
      return { id, accepted }
    },
    start,
    close() {
      closed = true
      cancelRetry?.()
      cancelRetry = undefined
      // What is on its way may be accepted all the same.
      for (const waiting of queue) waiting.doubt ||= posting && waiting.seq !== undefined
      posting?.abort()
      posting = undefined
      const error = new HubError('closed', 'Closed before the hub accepted this')
      refuse(() => true, error)
      renew(error)
    },
  }
}
