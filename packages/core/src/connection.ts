// Keeps one pipe of frames open: asks the source, watches for silence, and decides after each end whether and when to try again.
import { backoffMs } from './backoff.ts'
import type { ByeReason } from './contract/wire.ts'
import { HubError } from './errors.ts'
import { asHubError, ask } from './http.ts'
import type { Settings } from './settings.ts'
import type { DownReason, Status } from './status.ts'
import type { Subscriptions } from './subscriptions.ts'

// An attempt has been a success only after so long: a server that accepts and hangs up must not be asked again and again.
const HEALTHY_MS = 5_000
// How many heartbeats may be missing before silence counts as death.
const PATIENCE = 2.5

/** Whom a connection tells. */
export interface ConnectionUser {
  /** The status now. */
  status(): Status
  /** Takes what the status should be. */
  tell(status: Status): void
  /** Hears of each attempt that failed. */
  report(during: 'connect', error: HubError): void
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
  { topics, take, sequence }: Subscriptions,
  { status, tell, report }: ConnectionUser,
): Connection {
  const { source, url, clock } = settings
  // The attempt in progress. One that is not this one any more has no say.
  let current: AbortController | undefined
  let asked: readonly string[] = []
  let syncedAt: number | undefined
  // The watchdog of the attempt in progress, or else the wait for the next one.
  let cancelTimer = () => {}
  let cancelChange: (() => void) | undefined
  let failures = 0
  let baseMs: number | undefined
  let patienceMs = 0
  // When silence will have lasted too long.
  let deadline = 0

  const phase = () => status().phase
  const isOutdated = () => String(asked) !== String(topics()) || sequence.isBehind()

  function stop() {
    current?.abort()
    current = undefined
    cancelTimer()
    cancelChange?.()
    cancelChange = undefined
    if (syncedAt !== undefined && clock.now() - syncedAt >= HEALTHY_MS) failures = 0
    syncedAt = undefined
  }

  function begin() {
    // A stream that is exchanged for one with other topics stays live in everybody's eyes, unless the exchange fails.
    const exchange = phase() === 'live'
    stop()
    asked = topics()
    const after = sequence.resume()
    if (asked.length === 0) return tell({ phase: 'idle' })
    current = new AbortController()
    if (!exchange) tell({ phase: 'connecting', attempt: failures, via: source.via })
    // Nor may an exchange hide a silence that has begun before it.
    void attempt(
      current,
      after,
      exchange && patienceMs ? Math.max(1, deadline - clock.now()) : settings.connectTimeoutMs,
    )
  }

  /** One stream from beginning to end. */
  async function attempt(controller: AbortController, after: string | undefined, limitMs: number) {
    const { signal } = controller
    const finish = (error: HubError, byeMs?: number) => {
      if (current === controller) failed(error, byeMs)
    }
    const end = (code: 'timeout' | 'ended' | ByeReason, byeMs?: number) =>
      finish(new HubError(code, `The stream of ${url} is over: ${code}`, { retryable: true }), byeMs)
    const watch = (ms: number) => {
      cancelTimer()
      deadline = clock.now() + ms
      if (ms > 0) cancelTimer = clock.after(ms, () => end('timeout'))
    }
    watch(limitMs)
    try {
      const frames = source.open({
        url,
        topics: asked,
        after,
        get: (address, expect, headers = {}) => ask(settings, address, expect, { headers, signal }),
        pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
      })
      for await (const batch of frames) {
        for (const frame of batch) {
          // A handler may have closed the client: what it has not heard must come again.
          if (signal.aborted) return
          if (frame.kind === 'bye') return end(frame.reason, frame.retryMs)
          if (!take(frame, asked)) return begin()
          if (frame.kind === 'sync') {
            baseMs = frame.retryMs ?? baseMs
            patienceMs = frame.heartbeatMs * PATIENCE
            syncedAt ??= clock.now()
            const { user, topics: granted } = frame
            const refused = asked.filter((topic) => !granted.includes(sequence.full(topic)))
            tell({ phase: 'live', via: source.via, user, topics: granted, refused })
          }
        }
        // Any byte is a sign of life, once there is a stream.
        if (!signal.aborted && syncedAt !== undefined) watch(patienceMs)
        if (isOutdated()) changed()
      }
      end('ended')
    } catch (thrown) {
      finish(asHubError(url, thrown))
    }
  }

  /** Decides what follows an attempt that has failed, or a stream that has ended. */
  function failed(error: HubError, byeMs?: number) {
    stop()
    report('connect', error)
    if (!error.retryable) return tell({ phase: 'stopped', error })
    const attempt = failures++
    const { status: answer, retryAfterMs } = error.details
    const jitterMs = backoffMs(attempt, settings.random.next(), retryAfterMs as number | undefined, baseMs)
    // A hub that says goodbye has chosen the wait, jitter included; but one that does so at every attempt is backed off from.
    const retryInMs = byeMs === undefined ? jitterMs : Math.max(byeMs, attempt && jitterMs)
    // A 503 says its reason as a goodbye does.
    const reason = ([undefined, 200, 503].includes(answer as undefined) ? error.code : 'http') as DownReason
    tell({ phase: 'down', reason, error, attempt, retryInMs })
    cancelTimer = clock.after(retryInMs, begin)
  }

  function changed() {
    const now = phase()
    if (now === 'closed' || now === 'stopped' || !isOutdated()) return
    if (topics().length === 0) begin()
    // An attempt that is not answered yet, or waits, will see for itself.
    else if (now === 'idle' || syncedAt !== undefined) {
      cancelChange ??= clock.after(now === 'idle' ? 0 : settings.debounceMs, () => {
        cancelChange = undefined
        if (isOutdated()) begin()
      })
    }
  }

  return {
    changed,
    start() {
      const now = phase()
      if (now === 'connecting' || now === 'live') return
      failures = 0
      begin()
    },
    close() {
      stop()
      tell({ phase: 'closed' })
    },
  }
}
