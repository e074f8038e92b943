// How long to wait before trying again: full jitter, so that a herd spreads, and never sooner than the server asked.

const CAP_MS = 30_000
// A `retry: 0` must not make a loop of a server that answers and hangs up.
const LEAST_BASE_MS = 100

/**
 * How long to wait, in milliseconds.
 *
 * @param attempt how many attempts failed since the last stretch of health, before this one
 * @param random a number in [0, 1)
 * @param floorMs what a `Retry-After` demands: jitter only adds to it
 * @param baseMs the first wait, before jitter: what a `retry:` field replaces
 */
export function backoffMs(attempt: number, random: number, floorMs = 0, baseMs = 1_000): number {
  return floorMs + random * Math.max(baseMs, Math.min(Math.max(baseMs, LEAST_BASE_MS) * 2 ** attempt, CAP_MS))
}

/** Reads a `Retry-After`: seconds, or a date, which counts from the answer's own `Date`, since clocks differ. 0 where it cannot be read. */
export function retryAfterMs(retryAfter: string, date: string): number {
  const ms = Number(retryAfter) * 1_000 || Date.parse(retryAfter) - Date.parse(date)
  return Math.max(0, ms || 0)
}
