// The emits that the hub has not accepted yet, and the one POST at a time that carries them there: in order, and none twice.
import { backoffMs } from './backoff.ts'
import type { EmitResponse, EmitResult } from './contract/wire.ts'
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
  doubt?: boolean
}

/** Makes an outbox. */
export function createOutbox(settings: Settings, { user, check, report }: OutboxUser): Outbox {
  const { url, clock, random, connectTimeoutMs: timeoutMs } = settings
  let queue: Waiting[] = []
  let producer: string | undefined
  let seq = 0
  let posting: AbortController | undefined
  let cancelRetry: (() => void) | undefined
  let failures = 0
  let refreshed = false
  // How many of the next emits go out one by one, since the hub could not read them together.
  let alone = 0
  let closed = false

  /** Settles the emits that are chosen, and forgets them. */
  const refuse = (chosen: (waiting: Waiting) => boolean | undefined, error: HubError) => {
    const settled = queue.filter(chosen)
    queue = queue.filter((waiting) => !settled.includes(waiting))
    for (const { id, doubt, settle } of settled) {
      settle({ ok: false, id, error: doubt ? uncertain(error) : error })
    }
  }
  /** Begins a new producer. What may have been accepted from the old one cannot be sent again. */
  const renew = (error: HubError) => {
    refuse((waiting) => waiting.doubt, error)
    for (const waiting of queue) waiting.seq = undefined
    producer = undefined
    seq = 0
  }
  const later = (error: HubError) => {
    report(error)
    // An ephemeral emit is sent now or not at all.
    refuse((waiting) => waiting.ephemeral, error)
    const floorMs = error.details.retryAfterMs as number | undefined
    cancelRetry = clock.after(backoffMs({ attempt: failures++, random: random.next(), floorMs }), () => {
      cancelRetry = undefined
      pump()
    })
  }

  const nextBatch = () => {
    const batch: Waiting[] = []
    let characters = 0
    for (const waiting of queue) {
      characters += waiting.json.length
      const full = alone > 0 || batch.length === MAX_BATCH || characters > MAX_CHARACTERS
      if (batch.length > 0 && (full || waiting.user !== batch[0]?.user)) break
      if (!waiting.ephemeral) waiting.seq ??= ++seq
      batch.push(waiting)
    }
    if (alone > 0) alone--
    return batch
  }

  async function post(batch: readonly Waiting[], controller: AbortController): Promise<EmitResponse> {
    producer ??= random.id()
    const head = JSON.stringify({ producer, user: batch[0]?.user }).slice(0, -1)
    const events = batch.map((waiting) =>
      waiting.seq === undefined ? `{${waiting.json}` : `{"seq":${waiting.seq},${waiting.json}`,
    )
    const request = async () => {
      const response = await ask(settings, `${url}/events`, 'application/json', refreshed, {
        method: 'POST',
        signal: controller.signal,
        headers: { 'content-type': 'application/json' },
        body: `${head},"events":[${events.join()}]}`,
      })
      return (await response.json()) as EmitResponse
    }
    let cancel = () => {}
    const deadline = new Promise<never>((_, reject) => {
      cancel = clock.after(timeoutMs, () => {
        reject(new HubError('timeout', `${url} did not answer an emit for ${timeoutMs} ms.`, { retryable: true }))
        controller.abort()
      })
    })
    return Promise.race([request(), deadline]).finally(cancel)
  }

  /** Takes the answer to a batch. Answers an error when it is to be sent again later. */
  const settle = (batch: readonly Waiting[], { results }: EmitResponse): HubError | undefined => {
    for (const [index, { id, error, cursor }] of (results as (EmitResult & { cursor?: string })[]).entries()) {
      const waiting = batch[index]
      if (!waiting) break
      const failed =
        error &&
        new HubError(error.code as HubErrorCode, error.message, { retryable: error.retryable, details: { ...error } })
      if (failed?.retryable && !waiting.ephemeral) {
        if (failed.code !== 'out_of_order' || waiting.seq === 1) return failed
        renew(failed)
        return undefined
      }
      queue = queue.filter((other) => other !== waiting)
      failures = 0
      waiting.settle(
        failed ? { ok: false, id, error: failed } : cursor === undefined ? { ok: true, id } : { ok: true, id, cursor },
      )
    }
    return results.length > 0
      ? undefined
      : new HubError('protocol', `${url} answered emits with no result.`, { retryable: true })
  }

  /** Takes a POST that failed as a whole. */
  const fail = (batch: readonly Waiting[], error: HubError) => {
    const status = error.details.status as number | undefined
    if ((status === 401 || status === 403) && !refreshed && typeof settings.headers === 'function') {
      refreshed = true
      return
    }
    refreshed = false
    if ((status === 400 || status === 413) && batch.length > 1) {
      alone = batch.length
    } else if (!error.retryable) {
      refuse((waiting) => batch.includes(waiting), error)
      renew(error)
    } else {
      const unread = status === 404 || status === 429 || status === 503
      for (const waiting of batch) waiting.doubt ||= !(unread || waiting.ephemeral)
      later(error)
    }
  }

  function pump() {
    if (posting || cancelRetry || closed || queue.length === 0) return
    const controller = new AbortController()
    posting = controller
    const run = async () => {
      // Emits of the same moment share a batch.
      await undefined
      while (queue.length > 0 && !cancelRetry) {
        const batch = nextBatch()
        try {
          const answer = await post(batch, controller)
          if (posting !== controller) return
          refreshed = false
          const error = settle(batch, answer)
          if (error) later(error)
        } catch (thrown) {
          if (posting !== controller) return
          fail(batch, asHubError(url, thrown))
        }
      }
      posting = undefined
    }
    void run()
  }

  return {
    emit({ type, topic, data, id = random.id(), ephemeral = false }) {
      const accepted = new Promise<EmitOutcome>((resolve) => {
        const no = (error: HubError) => resolve({ ok: false, id, error })
        if (closed) return no(new HubError('closed', 'The client is closed: call client.start() first.'))
        const checked = check(type, data)
        if (!checked.ok) return no(checked.error)
        if (ephemeral && cancelRetry) {
          return no(
            new HubError('network', 'The hub cannot be reached, and an ephemeral emit does not wait.', {
              retryable: true,
            }),
          )
        }
        if (queue.length >= MAX_WAITING) {
          return no(new HubError('overloaded', `${MAX_WAITING} emits wait for the hub already.`, { retryable: true }))
        }
        try {
          const json = JSON.stringify({ id, type, topic, data }).slice(1)
          queue.push({ id, json, ephemeral, user: user(), settle: resolve })
        } catch (cause) {
          return no(new HubError('invalid_data', `The data of "${type}" is not JSON.`, { cause }))
        }
        pump()
      })
      return { id, accepted }
    },
    start() {
      closed = false
      cancelRetry?.()
      cancelRetry = undefined
      pump()
    },
    close() {
      closed = true
      cancelRetry?.()
      cancelRetry = undefined
      // What is on its way may be accepted all the same.
      for (const waiting of queue) waiting.doubt ||= posting !== undefined && waiting.seq !== undefined
      posting?.abort()
      posting = undefined
      const error = new HubError('closed', 'The client was closed before the hub accepted this.')
      refuse(() => true, error)
      renew(error)
    },
  }
}

function uncertain(cause: HubError): HubError {
  return new HubError(
    'uncertain',
    'This was sent, and whether the hub accepted it cannot be known: look before you send it again.',
    { cause },
  )
}
