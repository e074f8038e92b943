// Keeps one pipe of frames open: asks the source, watches for silence, and decides after each end whether and when to try again.
import { backoffMs } from './backoff.ts'
import type { Frame } from './contract/wire.ts'
import { HubError } from './errors.ts'
import { asHubError, ask } from './http.ts'
import type { Settings } from './settings.ts'
import type { DownReason, Status } from './status.ts'

// An attempt has been a success only after so long: a server that accepts and hangs up must not be asked again and again.
const HEALTHY_MS = 5_000
// How many heartbeats may be missing before silence counts as death.
const PATIENCE = 2.5

/** What a connection works for. */
export interface ConnectionUser {
  /** The topics wanted now, sorted: the same array until they change. None: no connection. */
  topics(): readonly string[]
  /** The cursor to resume from. */
  resume(): string | undefined
  /** Takes a frame. Answers false if the stream must be asked for again, from another cursor. */
  take(frame: Frame, asked: readonly string[]): boolean
  /** A topic as the hub writes it. */
  full(topic: string): string
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
export function createConnection(settings: Settings, user: ConnectionUser): Connection {
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

  const phase = () => user.status().phase
  const isOutdated = () => String(asked) !== String(user.topics())

  function end() {
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
    end()
    asked = user.topics()
    if (asked.length === 0) return user.tell({ phase: 'idle' })
    current = new AbortController()
    if (!exchange) user.tell({ phase: 'connecting', attempt: failures, via: source.via })
    void attempt(current, (exchange && patienceMs) || settings.connectTimeoutMs)
  }

  /** One stream from beginning to end. */
  async function attempt(controller: AbortController, limitMs: number) {
    const { signal } = controller
    const fail = (code: 'timeout' | 'ended' | 'protocol', what: string) => {
      finish(new HubError(code, `${url} ${what}`, { retryable: true }))
    }
    const finish = (error: HubError, byeMs?: number) => {
      if (current === controller) failed(error, byeMs)
    }
    const watch = (ms: number) => {
      cancelTimer()
      if (ms > 0) cancelTimer = clock.after(ms, () => fail('timeout', `was silent for ${ms} ms: is a proxy buffering?`))
    }
    watch(limitMs)
    try {
      const frames = source.open({
        url,
        topics: asked,
        after: user.resume(),
        get: (address, expect, headers = {}) => ask(settings, address, expect, { headers, signal }),
        pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
      })
      for await (const batch of frames) {
        for (const frame of batch) {
          // A handler may have closed the client: what it has not heard must come again.
          if (signal.aborted) return
          if (frame.kind === 'bye') {
            const { reason, retryMs } = frame
            return finish(new HubError(reason, `${url} said goodbye: ${reason}`, { retryable: true }), retryMs)
          }
          if (frame.kind === 'sync') {
            baseMs = frame.retryMs ?? baseMs
            patienceMs = frame.heartbeatMs * PATIENCE
            syncedAt ??= clock.now()
          } else if (syncedAt === undefined) return fail('protocol', `began with "${frame.kind}", not "sync"`)
          if (!user.take(frame, asked)) return begin()
          if (frame.kind === 'sync') {
            const { topics } = frame
            const refused = asked.filter((topic) => !topics.includes(user.full(topic)))
            user.tell({ phase: 'live', via: source.via, user: frame.user, topics, refused })
          }
        }
        // Any byte is a sign of life, once there is a stream.
        if (!signal.aborted && syncedAt !== undefined) watch(patienceMs)
        if (isOutdated()) changed()
      }
      fail('ended', 'ended the stream')
    } catch (thrown) {
      finish(asHubError(url, thrown))
    }
  }

  /** Decides what follows an attempt that has failed, or a stream that has ended. */
  function failed(error: HubError, byeMs?: number) {
    end()
    user.report('connect', error)
    const status = error.details.status
    if (!error.retryable) return user.tell({ phase: 'stopped', error })
    const attempt = failures++
    const floorMs = error.details.retryAfterMs as number | undefined
    const jitterMs = backoffMs({ attempt, random: settings.random.next(), baseMs, floorMs })
    // A hub that says goodbye has chosen the wait, jitter included; but one that does so at every attempt is backed off from.
    const retryInMs = byeMs === undefined ? jitterMs : Math.max(byeMs, attempt && jitterMs)
    // A 503 says its reason as a goodbye does.
    const reason = (status === undefined || status === 503 || status === 200 ? error.code : 'http') as DownReason
    user.tell({ phase: 'down', reason, error, attempt, retryInMs })
    cancelTimer = clock.after(retryInMs, begin)
  }

  function changed() {
    const now = phase()
    if (now === 'closed' || now === 'stopped' || !isOutdated()) return
    if (user.topics().length === 0) begin()
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
      end()
      user.tell({ phase: 'closed' })
    },
  }
}
