// The rate limit of emits: a token bucket per user, in a bounded map.
import type { Clock } from '../ports.ts'

// Whoever was not heard of for longest is forgotten first, and starts with a full bucket again.
const MOST_USERS = 10_000
const BURST_SECONDS = 10

/** Makes a limiter. It answers 0 when the user may do `count` things now, else in how many milliseconds. */
export function createRateLimit(clock: Clock, perSecond: number): (user: string, count: number) => number {
  const buckets = new Map<string, { tokens: number; at: number }>()
  const burst = perSecond * BURST_SECONDS
  return (user, count) => {
    const now = clock.now()
    const bucket = buckets.get(user) ?? { tokens: burst, at: now }
    const tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond)
    // A batch larger than the burst would never pass otherwise.
    const cost = Math.min(count, burst)
    const passes = tokens >= cost
    buckets.delete(user)
    buckets.set(user, { tokens: passes ? tokens - cost : tokens, at: now })
    if (buckets.size > MOST_USERS)
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest)
        break
      }
    return passes ? 0 : Math.ceil(((cost - tokens) / perSecond) * 1000)
  }
}
