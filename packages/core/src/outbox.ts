// The emits that the hub has not accepted yet, and the one POST at a time that carries them there: in order, and none twice. Loaded on demand.
import { backoffMs } from './backoff.ts'
import type { EmitResult } from './contract/wire.ts'
import { HubError, type HubErrorCode } from './errors.ts'
import { asHubError, ask } from './http.ts'
import type { Settings } from './settings.ts'
import { check } from './validate.ts'

// Emits that wait beyond this many are refused: a hub that is away for long must not fill the page's memory.
const MAX_WAITING = 1_000
// Ephemeral emits do not queue: while a batch is on its way so many may follow it, the oldest make room, and none goes out that late.
const MAX_EPHEMERAL = 100
const STALE_MS = 1_000
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

/** What is taken down when an emit is made, before the outbox is there. */
export interface OutboxEntry {
  /** The emission as JSON: what it says now is what goes out. */
  readonly json: string
  /** Who the hub said we are: it must never go out as somebody else's. Undefined before it has said so. */
  readonly user: string | null | undefined
  /** The client was closed already. */
  readonly late: boolean
}

/** The emits of one client: one producer at a time. */
export interface Outbox {
  /** Takes an emit. The answer never rejects. */
  add(id: string, entry: OutboxEntry): Promise<EmitOutcome>
  /** Tries now. */
  start(): void
  /** Settles what waits. */
  close(): void
}

interface Waiting {
  readonly id: string
  /** The members of its JSON, after `seq`, with the brace that closes it. */
  readonly json: string
  readonly ephemeral: boolean
  /** When it was emitted. */
  readonly at: number
  readonly user: string | null | undefined
  readonly settle: (outcome: EmitOutcome) => void
  /** Its number, once it is sent. */
  seq?: number | undefined
  /** It has gone out. */
  sent?: boolean
  /** It was sent, and nobody knows what became of it. */
  doubt?: boolean | undefined
}

const tooLate = new HubError('network', 'The hub is away or slow, and an ephemeral emit does not wait.', {
  retryable: true,
})

/** Makes an outbox. `report` hears of each POST that failed. */
export function createOutbox(settings: Settings, report: (during: 'emit', error: HubError) => void): Outbox {
  const { url, clock, random, connectTimeoutMs, contract } = settings
  let queue: Waiting[] = []
  let producer: string | undefined
  let seq = 0
  // The POST that is under way. One that is not this one any more has no say.
  let posting: AbortController | undefined
  let cancelRetry: (() => void) | undefined
  let failures = 0
  // How many of the next emits go out one by one, since the hub could not read them together.
  let alone = 0

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
    report('emit', error)
    // An ephemeral emit is sent now or not at all.
    refuse(({ ephemeral }) => ephemeral, error)
    const floorMs = error.details.retryAfterMs as number | undefined
    cancelRetry = clock.after(backoffMs(failures++, random.next(), floorMs), start)
  }

  const nextBatch = () => {
    const since = clock.now() - STALE_MS
    refuse(({ ephemeral, at }) => ephemeral && at < since, tooLate)
    const batch: Waiting[] = []
    let characters = 0
    for (const waiting of queue) {
      characters += waiting.json.length
      const full = alone > 0 || batch.length === MAX_BATCH || characters > MAX_CHARACTERS
      if (batch[0] && (full || waiting.user !== batch[0].user)) break
      if (!waiting.ephemeral) waiting.seq ??= ++seq
      waiting.sent = true
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
    if (Array.isArray(results) && results[0] && results.every(Boolean)) return results
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
    else if (!error.retryable || [409, 413, 415].includes(status)) {
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
    if (!batch[0]) {
      posting = undefined
      return
    }
    const late = new HubError('timeout', `${url} did not answer for ${connectTimeoutMs} ms`, { retryable: true })
    const cancel = clock.after(connectTimeoutMs, () => controller.abort(late))
    const answer = await post(batch, controller).catch((thrown: unknown) => asHubError(url, thrown))
    cancel()
    if (posting !== controller) return
    // An answer that nobody reads to its end must not stay open.
    controller.abort()
    posting = undefined
    if (answer instanceof HubError) fail(batch, answer)
    else settle(batch, answer)
    void pump()
  }

  function start() {
    cancelRetry?.()
    cancelRetry = undefined
    void pump()
  }

  return {
    add: (id, { json, user, late }) =>
      new Promise((settle) => {
        const no = (error: HubError) => settle({ ok: false, id, error })
        const { type, topic, data, ephemeral = false } = JSON.parse(json)
        const checked = contract && check(contract, type, data)
        if (late) no(new HubError('closed', 'The client is closed: call client.start() first.'))
        else if (checked?.ok === false) no(checked.error)
        else if (ephemeral && cancelRetry) no(tooLate)
        else if (!ephemeral && queue.filter((waiting) => !waiting.ephemeral).length >= MAX_WAITING) {
          no(new HubError('overloaded', `${MAX_WAITING} emits wait for the hub already.`, { retryable: true }))
        } else {
          const follow = queue.filter((waiting) => waiting.ephemeral && !waiting.sent)
          if (ephemeral && follow.length >= MAX_EPHEMERAL) refuse((waiting) => waiting === follow[0], tooLate)
          const at = clock.now()
          queue.push({ id, json: JSON.stringify({ id, type, topic, data }).slice(1), ephemeral, at, user, settle })
          void pump()
        }
      }),
    start,
    close() {
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
