// Keeps one pipe of frames open: asks the source, watches for silence, and decides after each end whether and when to try again.
import { BASE_MS, backoffMs } from './backoff.ts'
import type { ByeReason, Frame } from './contract/wire.ts'
import { HubError } from './errors.ts'
import { ask, type HttpOptions, unreachable } from './http.ts'
import type { Clock, Random } from './ports.ts'
import type { Question, Source } from './sources/source.ts'
import type { DownReason, Status, StatusEvent } from './status.ts'

// An attempt has been a success only after so long: a server that accepts and hangs up must not be asked again and again.
const HEALTHY_MS = 5_000
// How many heartbeats may be missing before silence counts as death.
const PATIENCE = 2.5

/** What a connection works with. */
export interface ConnectionOptions {
  readonly source: Source
  readonly url: string
  readonly http: HttpOptions
  readonly clock: Clock
  readonly random: Random
  readonly connectTimeoutMs: number
  readonly debounceMs: number
  /** The topics wanted now, sorted; none: no connection. */
  readonly topics: () => readonly string[]
  /** The cursor to resume from; asked at each attempt, after `topics`. */
  readonly after: () => string | undefined
  /** Takes a frame. Answers false if the stream must be asked for again, from another cursor. */
  readonly take: (frame: Frame, asked: readonly string[]) => boolean
  /** The status now. */
  readonly status: () => Status
  /** Takes a change of status. */
  readonly tell: (event: StatusEvent) => void
  /** Hears of each attempt that failed. */
  readonly report: (error: HubError) => void
}

/** One pipe of frames, kept open. */
export interface Connection {
  /** The topics wanted have changed: the stream follows soon. */
  changed(): void
  /** Tries now, unless it is under way. */
  start(): void
  /** Ends it, until `start`. */
  close(): void
}

/** How an attempt ended: what it says in `status`, and the least to wait. */
interface Ending {
  readonly reason: DownReason
  readonly error: HubError
  readonly floorMs?: number | undefined
  /** The hub said so itself, so it chose the wait, jitter included. */
  readonly bye?: boolean
}

/** Makes a connection. It does nothing until `changed` or `start` is called. */
export function createConnection(options: ConnectionOptions): Connection {
  const { source, clock, tell } = options
  // The run that is alive, if any: aborting it is the only way to end one.
  let run: AbortController | undefined
  let cancelChange: (() => void) | undefined
  let failures = 0
  let baseMs = BASE_MS
  // Whether `headers` has been asked for fresh ones since the hub last let us in.
  let refresh: 'unused' | 'due' | 'used' = 'unused'
  // Of the attempt in progress: what it asked for, and since when it has been answered.
  let asked = ''
  let syncedAt: number | undefined
  let heartbeatMs = 0

  const settleHealth = () => {
    if (syncedAt !== undefined && clock.now() - syncedAt >= HEALTHY_MS) failures = 0
    syncedAt = undefined
  }

  const end = () => {
    run?.abort()
    run = undefined
    cancelChange?.()
    cancelChange = undefined
    settleHealth()
  }

  const begin = (planned: boolean) => {
    end()
    if (options.topics().length === 0) return tell({ type: 'idle' })
    run = new AbortController()
    void keepOpen(run.signal, planned)
  }

  async function keepOpen(signal: AbortSignal, planned: boolean): Promise<void> {
    for (;;) {
      // A stream that is exchanged for one with other topics stays live in everybody's eyes, unless the exchange fails.
      if (!planned) tell({ type: 'connect', attempt: failures, via: source.via })
      const ending = await attempt(signal, planned)
      if (signal.aborted) return
      settleHealth()
      planned = !ending
      if (!ending) continue
      const { reason, error, floorMs, bye } = ending
      options.report(error)
      const status = error.details.status
      const denied = status === 401 || status === 403
      if (denied && refresh === 'unused' && typeof options.http.headers === 'function') {
        refresh = 'due'
        continue
      }
      if (denied || status === 400 || status === 204) {
        run = undefined
        return tell({ type: 'stop', error })
      }
      const random = options.random.next()
      const retryInMs = bye
        ? Math.max(floorMs ?? 0, failures > 0 ? backoffMs({ attempt: failures, random, baseMs }) : 0)
        : backoffMs({ attempt: failures, random, baseMs, floorMs })
      tell({ type: 'fail', reason, error, attempt: failures, retryInMs })
      failures++
      await pause(retryInMs, signal)
      if (signal.aborted) return
    }
  }

  /** Waits; ends early, and quietly, when the signal aborts. */
  const pause = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = clock.after(ms, done)
      signal.addEventListener('abort', done)
    })

  /** One stream from beginning to end. Answers undefined when it must simply be asked for again. */
  async function attempt(outer: AbortSignal, planned: boolean): Promise<Ending | undefined> {
    const { url } = options
    const inner = new AbortController()
    const { signal } = inner
    const topics = options.topics()
    asked = String(topics)
    let aliveAt = clock.now()
    // While a live stream is exchanged, silence must be noticed as soon as before.
    let spanMs = planned && heartbeatMs > 0 ? heartbeatMs * PATIENCE : options.connectTimeoutMs
    let late: Ending | undefined
    const watch = () => {
      const leftMs = aliveAt + spanMs - clock.now()
      if (leftMs > 0) {
        cancelWatch = clock.after(leftMs, watch)
        return
      }
      const what = syncedAt === undefined ? 'did not begin a stream' : 'was silent'
      late = {
        reason: 'timeout',
        error: new HubError('timeout', `${url} ${what} for ${spanMs} ms. Is a proxy buffering the answer?`, {
          retryable: true,
        }),
      }
      inner.abort()
    }
    let cancelWatch = clock.after(spanMs, watch)
    const abort = () => inner.abort()
    outer.addEventListener('abort', abort)
    // What the source awaits may never settle (`headers`, a broken fetch), so the end of the attempt does not wait for it.
    const aborted = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)))

    const question: Question = {
      url,
      topics,
      after: options.after(),
      get(address, expect, headers = {}) {
        const fresh = refresh === 'due'
        if (fresh) refresh = 'used'
        return ask(options.http, { url: address, expect, headers, signal, refresh: fresh })
      },
      pause: (ms) => pause(ms, signal),
    }
    const read = async (): Promise<Ending | undefined> => {
      for await (const frames of source.open(question)) {
        if (signal.aborted) return undefined
        if (syncedAt !== undefined) aliveAt = clock.now()
        for (const frame of frames) {
          if (frame.kind === 'bye') return goodbye(url, frame.reason, frame.retryMs)
          if (frame.kind === 'sync') {
            baseMs = frame.retryMs ?? baseMs
            heartbeatMs = frame.heartbeatMs
            refresh = 'unused'
            aliveAt = syncedAt ??= clock.now()
            spanMs = heartbeatMs > 0 ? heartbeatMs * PATIENCE : Number.POSITIVE_INFINITY
            cancelWatch()
            if (heartbeatMs > 0) watch()
          } else if (syncedAt === undefined) {
            throw new HubError('protocol', `${url} began a stream with "${frame.kind}" instead of "sync".`, {
              retryable: true,
            })
          }
          if (!options.take(frame, topics)) return undefined
          // A handler may have closed the client: what it has not heard must come again.
          if (signal.aborted) return undefined
          if (frame.kind === 'sync' && String(options.topics()) !== asked) changed()
        }
      }
      return {
        reason: 'ended',
        error: new HubError('network', `${url} ended the stream without a word.`, { retryable: true }),
      }
    }
    try {
      return (await Promise.race([read(), aborted])) ?? late
    } catch (thrown) {
      return late ?? failed(url, thrown)
    } finally {
      cancelWatch()
      outer.removeEventListener('abort', abort)
      inner.abort()
    }
  }

  function changed() {
    const { phase } = options.status()
    if (phase === 'closed' || phase === 'stopped') return
    if (options.topics().length === 0) return begin(false)
    cancelChange ??= clock.after(run ? options.debounceMs : 0, () => {
      cancelChange = undefined
      if (!run) begin(false)
      // An attempt that is not answered yet, or waits, will see for itself.
      else if (syncedAt !== undefined && String(options.topics()) !== asked) begin(true)
    })
  }

  return {
    changed,
    start() {
      const { phase } = options.status()
      if (phase === 'connecting' || phase === 'live') return
      failures = 0
      refresh = 'unused'
      begin(false)
    },
    close() {
      end()
      tell({ type: 'close' })
    },
  }
}

function goodbye(url: string, reason: ByeReason, floorMs: number): Ending {
  const code =
    reason === 'expired' || reason === 'revoked' ? 'unauthorized' : reason === 'changed' ? 'forbidden' : reason
  return {
    reason,
    floorMs,
    bye: true,
    error: new HubError(code, `${url} ended the stream: ${reason}.`, { retryable: true }),
  }
}

function failed(url: string, thrown: unknown): Ending {
  const error = thrown instanceof HubError ? thrown : unreachable(url, thrown)
  const { code, details } = error
  const floorMs = details.retryAfterMs as number | undefined
  if (code === 'disabled' || code === 'draining' || code === 'overloaded' || code === 'protocol')
    return { reason: code, error, floorMs }
  return { reason: details.status === undefined ? 'network' : 'http', error, floorMs }
}
