// The emits that the hub has not accepted yet, and the one POST at a time that carries them there: in order, and none twice. Loaded on demand.
import { backoffMs } from '../backoff.ts'
import type { EmitResult } from '../contract/wire.ts'
import { HubError, type HubErrorCode } from '../errors.ts'
import { asHubError, ask } from '../http.ts'
import type { Settings } from '../settings.ts'
import { browserStorage } from '../storage.ts'
import { check } from '../validate.ts'
import { createQueue, type EmitOutcome, SKIP, type Waiting } from './queue.ts'

// Emits that wait beyond this many are refused: a hub that is away for long must not fill the page's memory, nor the browser's storage.
const MAX_WAITING = 1_000
const MAX_WAITING_CHARACTERS = 4_000_000
// Ephemeral emits do not queue: while a batch is on its way so many may follow it, the oldest make room, and none goes out that late.
const MAX_EPHEMERAL = 100
const STALE_MS = 1_000
const MAX_BATCH = 100
// A hub remembers a producer for 48 hours: what is older could be accepted twice.
const HOUR_MS = 60 * 60_000
// Characters of one batch: at three bytes each they stay below the 256 KiB that a hub takes.
const MAX_CHARACTERS = 60_000
// Where other pages of the user have emits that wait, it is looked so often whether those pages are still there.
const LOOK_MS = 10_000
// What goes out as the page ends may have 64 KiB.
const LAST_CHARACTERS = 20_000

/** An emit on its way. */
export interface Emitted {
  /** Its id: yours, or a random one. */
  readonly id: string
  /** Resolves to what became of it. It never rejects. */
  readonly accepted: Promise<EmitOutcome>
}

/** The emits of one client, and those of pages that are gone. */
export interface Outbox {
  /**
   * Takes an emit, as it was made, perhaps before the outbox was there: as JSON, by whom (undefined: the hub has not said so yet), and whether the
   * client was closed already. The answer never rejects.
   */
  add(id: string, text: string, user: string | null | undefined, late: boolean): Promise<EmitOutcome>
  /** The hub has said who we are: takes over what pages of this user have left. */
  sync(user: string | null | undefined): void
  /** Tries now. */
  start(): void
  /** Settles what waits. What is kept goes out at the next start, here or in another page. */
  close(): void
}

const tooLate = new HubError('network', 'The hub is away or slow, and an ephemeral emit does not wait.', {
  retryable: true,
})

/** Makes an outbox. `report` hears of each POST that failed, of a storage that fails, and of what became of emits that nobody waits for any more. One that `isClosed` does nothing until it is started. */
export function createOutbox(
  settings: Settings,
  report: (during: 'emit', error: HubError) => void,
  isClosed = false,
): Outbox {
  const { url, clock, random, connectTimeoutMs, contract, identity } = settings
  const maxAgeMs = Math.min(settings.maxAgeMs ?? 24 * HOUR_MS, 48 * HOUR_MS)
  const { storage = browserStorage(clock) } = settings
  const { now } = storage ?? clock
  const queue = createQueue({ url, clock, random, storage, now, report })
  const { finish, refuse, leave } = queue
  // The POST that is under way. One that is not this one any more has no say.
  let posting: AbortController | undefined
  let cancelRetry: (() => void) | undefined
  let cancelLook = () => {}
  let failures = 0
  // The producers whose missing numbers were filled, and of which no emit was settled since: what did not help then is not done again.
  const filled = new Set<string>()
  // How many of the next emits go out one by one, since the hub could not read them together.
  let alone = 0
  let closings = 0
  let keepalive = false
  let stopListening: (() => void) | undefined
  // Who the hub has last said we are.
  let known: string | null | undefined

  const later = (error: HubError) => {
    report('emit', error)
    // An ephemeral emit is sent now or not at all.
    refuse(({ seq }) => !seq, error)
    const floorMs = error.details.retryAfterMs as number | undefined
    cancelRetry = clock.after(backoffMs(failures++, random.next(), floorMs), go)
  }

  const nextBatch = () => {
    const time = now()
    refuse(({ seq, at }) => !seq && at < time - STALE_MS, tooLate)
    const tooOld = new HubError('timeout', `Not accepted within ${maxAgeMs} ms`)
    refuse(({ seq, at }) => seq && at < time - maxAgeMs, tooOld)
    const batch: Waiting[] = []
    let characters = 0
    for (const waiting of queue.all()) {
      characters += waiting.json.length
      const full =
        alone > 0 || batch.length === MAX_BATCH || characters > (keepalive ? LAST_CHARACTERS : MAX_CHARACTERS)
      if (batch[0] && (full || waiting.producer !== batch[0].producer)) break
      batch.push(waiting)
      if (waiting.sent) continue
      waiting.sent = true
      queue.save(waiting)
    }
    alone = Math.max(0, alone - 1)
    return batch
  }

  async function post(batch: readonly Waiting[], { signal }: AbortController): Promise<readonly EmitResult[]> {
    const { producer, user } = batch[0] as Waiting
    const { results } = await ask(settings, `${url}/events`, 'application/json', {
      method: 'POST',
      signal,
      keepalive,
      headers: { 'content-type': 'application/json' },
      // The data was written down when it was emitted; it is not parsed again to be written again.
      body: `${JSON.stringify({ producer, user }).slice(0, -1)},"events":[${batch.map(({ seq, json }) => (seq ? `{"seq":${seq},${json}` : `{${json}`))}]}`,
    }).then((response) => response.json())
    if (Array.isArray(results) && results[0] && results.every(Boolean)) return results
    throw new HubError('protocol', `${url} answered without results`, { retryable: true })
  }

  /** Takes the answer to a batch: the results of a prefix, of which only the last may be one to try again. */
  const settle = (batch: readonly Waiting[], results: readonly EmitResult[]) => {
    for (const [index, waiting] of batch.slice(0, results.length).entries()) {
      const { error, ...accepted } = results[index] as EmitResult & { readonly cursor?: string }
      const isGivenUp = accepted.id === SKIP && waiting.id !== SKIP
      const { id, seq } = waiting
      const failed =
        error &&
        new HubError(error.code as HubErrorCode, error.message, { retryable: error.retryable, details: { ...error } })
      if (failed?.retryable && seq) {
        const expected = failed.details.expected as number
        // One that knows this number, or expects none before the first, is asked again.
        if (failed.code !== 'out_of_order' || seq === 1 || !(expected < seq)) return later(failed)
        const { producer } = waiting
        const mayFill =
          !filled.has(producer) && expected > 0 && Number.isInteger(expected) && seq - expected <= MAX_WAITING
        filled.add(producer)
        return queue.mend(waiting, mayFill ? expected : 0, failed)
      }
      failures = 0
      if (id !== SKIP) filled.delete(waiting.producer)
      if (isGivenUp) refuse((one) => one === waiting, new HubError('closed', 'A page that took this over gave it up.'))
      else finish(waiting, failed ? { ok: false, id, error: failed } : { ...accepted, ok: true, id })
    }
  }

  /** Takes a POST that failed as a whole. */
  const fail = (batch: readonly Waiting[], error: HubError) => {
    const status = error.details.status as number
    const [first] = batch as [Waiting]
    if ((status === 400 || status === 413) && batch.length > 1) alone = batch.length
    else if (status === 401 || status === 409) {
      // Whoever is signed in now, it is of somebody who may come back.
      report('emit', error)
      void leave(({ user }) => user === first.user, error)
    } else if (!error.retryable || [413, 415].includes(status)) {
      refuse((waiting) => batch.includes(waiting), error)
      queue.renew(first.producer, error)
    } else {
      // These hubs have not looked at it.
      const unread = [404, 429, 503].includes(status)
      for (const waiting of batch) waiting.doubt ||= !unread && waiting.seq > 0
      later(error)
    }
  }

  async function pump() {
    if (posting || cancelRetry || !queue.all()[0]) return
    const controller = new AbortController()
    posting = controller
    // Emits of the same moment share a batch.
    await queue.ready()
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

  function go() {
    cancelRetry?.()
    cancelRetry = undefined
    void pump()
  }

  function listen() {
    stopListening ??= storage?.onHide(hide)
  }

  function sync(user = known) {
    known = user
    const who = identity ?? user
    // Whoever has waited for something (the file of this, a look at the storage, the page) may find it closed.
    if (isClosed || who === undefined) return
    const before = closings
    keepalive = false
    listen()
    cancelLook()
    const isOver = () => before !== closings
    void queue.adopt(who, MAX_WAITING, isOver).then((more) => {
      if (isOver()) return
      // Another look may have ended meanwhile. What could not be read now, may be then.
      cancelLook()
      if (more ?? storage) cancelLook = clock.after(LOOK_MS, sync)
      void pump()
    })
  }

  /** The page is put away, perhaps for good: what waits is sent once more, in a way that outlives it, and left to whoever comes next. */
  function hide() {
    keepalive = true
    // What is ephemeral and on its way already would be heard twice.
    refuse(
      ({ seq, sent }) => !seq && sent,
      new HubError('uncertain', 'The page was put away while this was on its way: perhaps it was heard.'),
    )
    const batch = queue.isMoving() ? [] : nextBatch()
    for (const waiting of batch) waiting.doubt = true
    // Nor does anybody know what becomes of what is handed to the storage now, and not answered.
    if (storage) for (const waiting of queue.all()) waiting.doubt ||= waiting.seq > 0
    // Nobody hears its answer: who comes next asks again, and is told the same.
    if (batch[0]) post(batch, new AbortController()).catch(() => {})
    close()
    // Before anything else of the page: what is emitted then comes after what waits.
    const stop = settings.life?.listen((happens) => {
      if (happens !== 'back') return
      stop?.()
      sync()
    })
  }

  function close() {
    closings++
    filled.clear()
    cancelLook()
    stopListening?.()
    cancelRetry?.()
    // What is on its way may be accepted all the same.
    for (const waiting of queue.all()) waiting.doubt ||= posting && waiting.seq > 0 && waiting.sent
    posting?.abort()
    stopListening = cancelRetry = posting = undefined
    void leave(() => true, new HubError('closed', 'Closed before the hub accepted this.'))
  }

  sync()
  return {
    add: (id, text, who, late) =>
      new Promise((settle) => {
        const no = (error: HubError) => settle({ ok: false, id, error })
        const { type, topic, data, ephemeral = false } = JSON.parse(text)
        const checked = contract && check(contract, type, data)
        const durable = queue.all().filter(({ id, seq }) => seq && id !== SKIP)
        const characters = durable.reduce((sum, { json }) => sum + json.length, text.length)
        if (late) no(new HubError('closed', 'The client is closed: call client.start() first.'))
        else if (checked?.ok === false) no(checked.error)
        else if (ephemeral && cancelRetry) no(tooLate)
        else if (!ephemeral && (durable.length >= MAX_WAITING || characters > MAX_WAITING_CHARACTERS)) {
          no(new HubError('overloaded', `${durable.length} emits wait for the hub already.`, { retryable: true }))
        } else {
          const follow = queue.all().filter(({ seq, sent }) => !seq && !sent)
          if (ephemeral && follow.length >= MAX_EPHEMERAL) refuse((waiting) => waiting === follow[0], tooLate)
          listen()
          const json = JSON.stringify({ id, type, topic, data }).slice(1)
          const waiting = queue.add({ user: identity ?? who, id, json, settle }, ephemeral)
          // Before it is written down: what goes out at once is written once.
          void pump()
          queue.save(waiting)
        }
      }),
    sync,
    start() {
      isClosed = false
      sync()
      go()
    },
    close() {
      isClosed = true
      close()
    },
  }
}
