// Reads one query again when what it has cannot be mended by events: soon, once for many reasons, and until it has succeeded.
import type { Clock } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'

// Reasons that come together are folded into one fetch.
const FOLD_MS = 50
// However many reasons there are, they cause at most one fetch in this time.
const PACE_MS = 1_000
// How long to wait after the n-th failure: 1 s, 2 s, 4 s … A query gives up after its own retries; the cache must not.
const RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

/** How soon a query is to be read again: at once; soon, for a reason that many pages may have at the same moment; or less often than the last time. */
export type Pace = 'now' | 'paced' | 'slower'

/** The wish to read a query again. */
export interface Refresh {
  /**
   * What the query has is not the server's state: it must be read by a fetch that begins from now on. `paced`: one of possibly many such reasons;
   * `slower`: the last fetch was for the same, and did not help.
   */
  ask(pace: Pace): void
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
  let beganAt = Number.NEGATIVE_INFINITY
  let paceMs = PACE_MS
  let failures = 0
  let cancel: (() => void) | undefined

  const stop = () => {
    cancel?.()
    cancel = undefined
  }
  const wait = (ms: number) => {
    stop()
    cancel = clock.after(Math.max(ms, beganAt + paceMs - clock.now()), () => {
      cancel = undefined
      // Nobody looks: it stays invalidated, and is read when somebody does. A fetch in flight began too early, and its end comes back here.
      if (query.isActive()) query.fetch(undefined, { cancelRefetch: false }).catch(() => {})
    })
  }

  return {
    ask(pace) {
      const paced = pace === 'paced'
      // A wish that is open already says when.
      if (paced && state === 'dirty') return
      if (pace === 'slower') paceMs = Math.min(paceMs * 2, MAX_RETRY_MS)
      state = 'dirty'
      waitMs = paced ? FOLD_MS + spread() : 0
      query.invalidate()
      wait(waitMs)
    },
    resume() {
      if (state === 'dirty' && !cancel && query.state.fetchStatus === 'idle') wait(0)
    },
    began(whole) {
      if (state === 'clean') return
      beganAt = clock.now()
      state = whole ? 'reading' : 'dirty'
      stop()
    },
    ended(ok, inStep) {
      const granted = ok && state === 'reading'
      if (ok) {
        failures = 0
        if (inStep) paceMs = PACE_MS
        if (granted) state = 'clean'
      } else if (state === 'reading') {
        state = 'dirty'
        waitMs = Math.min(RETRY_MS * 2 ** failures++, MAX_RETRY_MS)
      }
      if (state === 'dirty') {
        // The answer of a fetch that began before the wish has cleared the mark.
        query.invalidate()
        wait(waitMs)
      }
      return granted
    },
    stop,
  }
}
