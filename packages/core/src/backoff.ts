// How long to wait before trying again: full jitter, so that a herd spreads, and never sooner than the server asked.

/** The first wait, before jitter, in milliseconds: what a `retry:` field replaces. */
export const BASE_MS = 1_000
const CAP_MS = 30_000
// A `retry: 0` must not make a loop of a server that answers and hangs up.
const LEAST_BASE_MS = 100
// What a timer of the platform can hold. Beyond it, it would fire at once.
const MAX_TIMER_MS = 2_147_483_647

/** What a wait depends on. */
export interface Wait {
  /** How many attempts failed since the last stretch of health, before this one. */
  readonly attempt: number
  /** A number in [0, 1). */
  readonly random: number
  /** The server's `retry:`, in milliseconds. Default {@link BASE_MS}. */
  readonly baseMs?: number | undefined
  /** What a `Retry-After` demands, in milliseconds: jitter only adds to it. */
  readonly floorMs?: number | undefined
}

/** How long to wait, in milliseconds. */
export function backoffMs({ attempt, random, baseMs = BASE_MS, floorMs = 0 }: Wait): number {
  const base = Math.max(baseMs, LEAST_BASE_MS)
  return Math.min(floorMs + random * Math.min(base * 2 ** attempt, Math.max(base, CAP_MS)), MAX_TIMER_MS)
}

/**
 * Reads a `Retry-After`: seconds, or a date, which counts from the answer's own `Date`, since clocks differ.
 * Answers undefined when it cannot be read.
 */
export function retryAfterMs(retryAfter: string | null, date: string | null): number | undefined {
  if (retryAfter === null) return undefined
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - Date.parse(date ?? '')
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
