// Reads one query again when what it has cannot be mended by events: soon, once for many reasons, and until it has succeeded.
import type { Clock, HubError } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'

// Reasons that come together are folded into one fetch.
const FOLD_MS = 50
// However many reasons there are, they cause at most one fetch in this time. It doubles with each that fails (a query gives up after its own retries; the cache must not), or that does not help.
const PACE_MS = 1_000
const MAX_PACE_MS = 30_000
/** How long is later. */
export const LATER_MS = 5_000
// A fetch that takes longer than this is not waited for any more, where it is in the way of another: browsers know no time-out. It doubles with each that is given up for that.
const HANG_MS = 10_000

/**
 * How soon a query is to be read again: at once; soon, for a reason that many pages may have at the same moment; less often than the last time; or later, unless
 * there is a better reason by then.
 */
export type Pace = 'now' | 'paced' | 'slower' | 'later'

/** The wish to read a query again. */
export interface Refresh {
  /**
   * What the query has is not the server's state: it must be read by a fetch that begins from now on. `paced`: one of possibly many such reasons;
   * `slower`: the last fetch was for the same, and did not help; `later`: so would this be, for a while.
   */
  ask(pace: Pace): void
  /** Reads it, unless that is under way, and does not hang. */
  read(): Promise<unknown>
  /** Takes up an open wish, for a query that is observed again. */
  resume(): void
  /** A fetch of everything, or of one more page only, has begun; a fetch in flight is given up for it. */
  began(whole: boolean): void
  /** A fetch has ended, with an answer or without; `inStep` with what was heard, or not. Answers whether the wish was open, and is granted. */
  ended(ok: boolean, inStep: boolean): boolean
  /** Forgets timers. */
  stop(): void
}

/** Makes the wish of one query; there is none at first. `spread` says how much later than others this page reads what all of them lack, in milliseconds. */
export function createRefresh(query: Query, clock: Clock, spread: () => number): Refresh {
  // `reading`: the fetch in flight began after the last wish, so its answer grants it.
  let state: 'clean' | 'dirty' | 'reading' = 'clean'
  let waitMs = 0
  // When the last fetch that a wish was open for began: the first wish after a quiet time is granted at once.
  let lastAt = Number.NEGATIVE_INFINITY
  let paceMs = PACE_MS
  // When the last fetch began.
  let beganAt = clock.now()
  let hangMs = HANG_MS
  let cancel: (() => void) | undefined

  const stop = () => {
    cancel?.()
    cancel = undefined
  }
  const slower = () => {
    paceMs = Math.min(paceMs * 2, MAX_PACE_MS)
  }
  const read = () => {
    if (query.state.fetchStatus !== 'idle' && clock.now() - beganAt >= hangMs) {
      hangMs *= 2
      // `cancelRefetch` would not, while there is no data.
      void query.cancel({ silent: true })
    }
    return query.fetch()
  }
  const grant = () => {
    cancel = undefined
    // Nobody looks: it stays invalidated, and is read when somebody does.
    if (!query.isActive()) return
    read().catch(() => {})
    // A fetch in flight began too early, and its end comes back here; it may not come.
    cancel ??= clock.after(beganAt + hangMs - clock.now(), grant)
  }
  const wait = (ms: number) => {
    stop()
    cancel = clock.after(Math.max(ms, lastAt + paceMs - clock.now()), grant)
  }

  return {
    ask(pace) {
      const ms = pace === 'later' ? LATER_MS : pace === 'paced' ? FOLD_MS + spread() : 0
      // A wish that is open already says when.
      if (ms && state === 'dirty' && waitMs !== LATER_MS) return
      if (pace === 'slower') slower()
      state = 'dirty'
      waitMs = ms
      query.invalidate()
      wait(waitMs)
    },
    read,
    resume() {
      if (state === 'dirty' && !cancel) wait(0)
    },
    began(whole) {
      beganAt = clock.now()
      if (state === 'clean') return
      lastAt = beganAt
      state = whole ? 'reading' : 'dirty'
      stop()
    },
    ended(ok, inStep) {
      const wasReading = state === 'reading'
      stop()
      if (ok) {
        // One that has taken longer is to be given as much the next time.
        if (clock.now() - beganAt < HANG_MS) hangMs = HANG_MS
        if (inStep) paceMs = PACE_MS
      }
      // What was to be read later was written by others: the answer has taken its place.
      if (wasReading || (ok && waitMs === LATER_MS)) state = 'clean'
      // What is gone, or forbidden, stays invalidated until somebody mounts it, or there is another reason.
      if (wasReading && !ok && (query.state.error as HubError | null)?.retryable !== false) {
        state = 'dirty'
        waitMs = paceMs
        slower()
      }
      if (state === 'dirty') {
        // The answer of a fetch that began before the wish has cleared the mark.
        query.invalidate()
        wait(waitMs)
      }
      return wasReading && ok
    },
    stop,
  }
}
