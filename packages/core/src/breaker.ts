// The breaker between the stream and pages of the log: which of the two is read, and when the stream is tried again. Pure: it is told the time.
import { backoffMs } from './backoff.ts'
import type { HubError } from './errors.ts'

// So many faults in a row, and pages are read.
const MOST_FAULTS = 2
/** A probe costs a connection: none comes sooner than this, and the next ones come later and later. */
export const LEAST_PAUSE_MS = 1_000
const BASE_PAUSE_MS = 2_000

/** What has become of the stream lately. */
export interface Breaker {
  /** `closed`: the stream is read. `open`: pages are, and the stream is probed beside them. `half-open`: pages have failed as well, so it is the stream's turn. */
  readonly state: 'closed' | 'open' | 'half-open'
  /** Closed: the faults in a row. Otherwise: how often the stream was tried in vain. */
  readonly count: number
  /** When to probe. */
  readonly probeAt: number
  /** What opened it. */
  readonly why?: HubError
}

/** Nothing speaks against the stream; and what follows when it has proven that it flows. */
export const CLOSED: Breaker = { state: 'closed', count: 0, probeAt: 0 }

/** Whether it is the transport's doing. What the hub itself says is obeyed, and no reason to go elsewhere. */
function isFault({ code, retryable, details }: HubError): boolean {
  return retryable && ['network', 'timeout', 'ended', 'protocol', 'http'].includes(code) && details.status !== 429
}

/**
 * The stream could not be opened, has ended, or fell silent; or a probe was in vain.
 *
 * @param isProven whether bytes had come for a while: then its end is an accident, and says nothing of the next one
 */
export function streamFailed(
  breaker: Breaker,
  error: HubError,
  isProven: boolean,
  nowMs: number,
  random: number,
): Breaker {
  const { state, count } = breaker
  const isSilent = error.code === 'timeout'
  if (state === 'closed') {
    if (!isFault(error) || (isProven && !isSilent)) return breaker
    // One that is held back from the start, or after its first bytes, opens it at once: so would the next one be.
    if (count + 1 < MOST_FAULTS && (isProven || !isSilent)) return { ...breaker, count: count + 1 }
  } else if (!error.retryable) return breaker
  const tries = state === 'closed' ? 0 : count + 1
  const probeAt = nowMs + backoffMs(tries, random, LEAST_PAUSE_MS, BASE_PAUSE_MS)
  return { why: error, ...(state === 'open' && breaker), state: 'open', count: tries, probeAt }
}

/** Pages have failed as well. */
export function pagesFailed(breaker: Breaker, error: HubError): Breaker {
  return breaker.state === 'open' && isFault(error) ? { ...breaker, state: 'half-open', count: 0 } : breaker
}
