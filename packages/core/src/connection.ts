// Keeps one pipe of frames open: asks the source, watches for silence, and decides after each end whether and when to try again.
import { backoffMs } from './backoff.ts'
import type { Contract } from './contract/contract.ts'
import type { ByeReason, Frame } from './contract/wire.ts'
import { HubError } from './errors.ts'
import { asHubError, ask, ended } from './http.ts'
import type { Turn } from './ports.ts'
import type { Settings } from './settings.ts'
import type { Status } from './status.ts'
import type { Subscriptions } from './subscriptions.ts'

// Whatever a page goes through, it does not try more often than this.
const LEAST_MS = 1_000

/** Whom a connection tells. */
export interface ConnectionUser {
  /** The status now. */
  status(): Status
  /** Takes what the status should be. */
  tell(status: Status): void
  /** Hears of each attempt that failed, and of events that do not validate. */
  report(during: 'connect' | 'validate', error: HubError): void
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

/** Makes a connection. It does nothing until `changed` or `start` is called. */
export function createConnection(
  settings: Settings,
  { present, topics, take, sequence }: Subscriptions,
  { status, tell, report }: ConnectionUser,
): Connection {
  const { source, url, clock, contract, identity } = settings
  // The attempt in progress. One that is not this one any more has no say.
  let current: AbortController | undefined
  let asked: readonly string[] = []
  // Since when there is a stream.
  let syncedAt: number | undefined
  // The watchdog of the attempt in progress, or else the wait for the next one.
  let cancelTimer = () => {}
  // When that is due.
  let dueAt = Number.POSITIVE_INFINITY
  let cancelHidden = () => {}
  let stopLife: (() => void) | undefined
  let beganAt = Number.NEGATIVE_INFINITY
  // The hub asked not to be asked sooner.
  let earliestAt = 0
  let isChanging = false
  // The hub did not understand the question. With other topics it is another one.
  let isRefused = false
  let failures = 0
  let baseMs: number | undefined
  let patienceMs = 0

  /** Whether the stream should be asked for again. An attempt that is not answered yet, or waits, will see for itself. */
  const isOutdated = () =>
    (status().phase === 'idle' || isRefused || syncedAt !== undefined) &&
    (asked.join() !== topics().join() || sequence.isBehind())

  /** Ends the attempt in progress. Its watchdog stays, so that an exchange does not hide a silence that has begun before it. */
  function drop() {
    current?.abort()
    // Only now it has been a success: a server that accepts and hangs up must not be asked again and again.
    if (syncedAt !== undefined && clock.now() - syncedAt >= 5_000) failures = 0
    syncedAt = undefined
    isRefused = false
  }

  /** Calls back later, instead of what it would have called back so far; or, without anything, not at all. */
  function wait(ms = Number.POSITIVE_INFINITY, callback = begin) {
    cancelTimer()
    dueAt = clock.now() + ms
    if (Number.isFinite(ms)) cancelTimer = clock.after(ms, callback)
  }

  /** Fails the attempt after so long a silence. Signs of life put off when it is due: a timer for each chunk would cost more than the chunk. */
  function watch(ms: number) {
    const look = () => {
      const leftMs = dueAt - clock.now()
      if (leftMs > 0) wait(leftMs, look)
      else {
        const silence = over('timeout', `no byte for ${ms} ms`)
        // A source learns why it is ended only where it has said nothing.
        current?.abort(silence)
        failed(silence)
      }
    }
    wait(ms || Number.POSITIVE_INFINITY, look)
  }

  /** The page has lived on: what has slept through its limit is asked for anew, and who waits for a chance has one. */
  function turned(turn: Turn) {
    const { phase } = status()
    const { pauseWhenHiddenMs } = settings
    if (turn !== 'online') cancelHidden()
    if (turn === 'away') pause()
    else if (turn === 'hidden') {
      if (pauseWhenHiddenMs) cancelHidden = clock.after(pauseWhenHiddenMs, pause)
    } else if (phase === 'paused' ? turn !== 'online' : phase === 'down' || clock.now() >= dueAt) {
      // A network that comes and goes is no reason to hammer, and nobody asks sooner than the hub has said.
      const at = Math.max(earliestAt, beganAt + LEAST_MS, clock.now())
      if (phase !== 'down' || at < dueAt) wait(at - clock.now(), () => begin(false))
    }
  }

  /** A page that is put away may not hold a stream, and one that nobody sees need not. */
  function pause() {
    drop()
    wait()
    tell({ phase: 'paused' })
  }

  // A stream that is exchanged for one with other topics stays live in everybody's eyes, unless the exchange fails.
  function begin(exchange = status().phase === 'live') {
    drop()
    beganAt = clock.now()
    asked = topics()
    const after = sequence.resume()
    if (!asked[0]) return rest({ phase: 'idle' })
    stopLife ??= settings.life?.listen(turned)
    current = new AbortController()
    if (!exchange || !patienceMs) watch(settings.connectTimeoutMs)
    void attempt(current.signal, after)
    // Last, here and below: whoever is told may close the client, or start it.
    if (!exchange) tell({ phase: 'connecting', attempt: failures, via: source.via })
  }

  /** Nothing is to be done until somebody says so. */
  function rest(next: Status) {
    wait()
    cancelHidden()
    stopLife?.()
    stopLife = undefined
    tell(next)
  }

  /** One stream from beginning to end. */
  async function attempt(signal: AbortSignal, after: string | undefined) {
    const guarded = (thrown: unknown) => signal.aborted || failed(asHubError(url, thrown))
    const hear = (frame: Frame) => {
      if (frame.kind === 'bye') throw over(frame.reason, frame.reason, frame.retryMs)
      if (frame.kind === 'sync' && frame.user !== (identity ?? frame.user)) {
        throw new HubError(
          'identity_mismatch',
          `The hub takes us for ${frame.user}, not for ${identity}: make a new client`,
        )
      }
      if (!take(frame, asked)) return begin()
      // A handler may have closed the client: what it has not heard must come again.
      if (frame.kind === 'sync' && !signal.aborted) {
        baseMs = frame.retryMs ?? baseMs
        patienceMs = frame.heartbeatMs * 2.5
        syncedAt ??= clock.now()
        watch(patienceMs)
        const { user, topics: granted, degraded } = frame
        const refused = asked.filter((topic) => !granted.includes(sequence.full(topic)))
        // Of a stream that several tabs share, what this one has asked for.
        const carried = granted.filter((topic) => asked.some((one) => sequence.full(one) === topic))
        tell({ phase: 'live', via: source.via, user, topics: carried, refused, ...(degraded && { degraded }) })
        // What came too late for the question.
        changed()
      }
    }
    try {
      // In a turn of its own: whoever is told of the attempt hears that before anything that comes of it, and may end it.
      const later = await (contract && import('./later.ts'))
      if (signal.aborted) return
      await source.open({
        url,
        topics: asked,
        after,
        present,
        get: (address, expect, init) => ask(settings, address, expect, { signal, ...init }),
        take(frames) {
          try {
            for (const frame of frames) {
              if (signal.aborted) return
              const valid = later ? later.validated(frame, contract as Contract, report) : frame
              // Who hears of one that does not validate may have closed the client.
              if (valid && !signal.aborted) hear(valid)
            }
          } catch (thrown) {
            guarded(thrown)
          }
          // Any byte is a sign of life, once there is a stream.
          if (!signal.aborted && syncedAt !== undefined) dueAt = clock.now() + (patienceMs || Number.POSITIVE_INFINITY)
        },
        clock,
        signal,
      })
      guarded(ended(url))
    } catch (thrown) {
      guarded(thrown)
    }
  }

  function over(code: 'timeout' | ByeReason, why: string, byeMs?: number) {
    return new HubError(code, `The stream is over: ${why}`, { retryable: true, details: { byeMs } })
  }

  /** Decides what follows an attempt that has failed, or a stream that has ended. */
  function failed(error: HubError) {
    drop()
    wait()
    const attempt = failures++
    const { byeMs, retryAfterMs, status } = error.details as Partial<Record<string, number>>
    const jitterMs = backoffMs(attempt, settings.random.next(), retryAfterMs, baseMs)
    // A hub that says goodbye has chosen the wait, jitter included; but one that does so at every attempt is backed off from.
    const retryInMs = Math.max(byeMs ?? jitterMs, attempt && jitterMs)
    isRefused = status === 400
    if (error.retryable) {
      earliestAt = clock.now() + (byeMs ?? retryAfterMs ?? 0)
      wait(retryInMs)
      tell({ phase: 'down', reason: error.code, error, attempt, retryInMs })
    } else rest({ phase: 'stopped', error })
    report('connect', error)
  }

  function changed() {
    if (isChanging || !isOutdated()) return
    isChanging = true
    clock.after(status().phase === 'idle' ? 0 : settings.debounceMs, () => {
      isChanging = false
      if (isOutdated()) begin()
    })
  }

  return {
    changed,
    start() {
      if (current?.signal.aborted === false) return
      failures = 0
      begin()
    },
    close() {
      drop()
      rest({ phase: 'closed' })
    },
  }
}
