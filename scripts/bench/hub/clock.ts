// Time as all processes of a bench share it, and a publisher that keeps to a rate whatever its server does.

/** Milliseconds of the machine's monotonic clock: the same in every process. */
export function monotonicMs(): number {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1_000 + nanos / 1_000_000
}

/** What is to be done how often. */
export interface Pace {
  /** How often, per second. */
  readonly rate: number
  /** How many times in all. */
  readonly times: number
  /** Leaves at least one whole turn of the event loop between one and the next, so that nothing can be gathered. */
  readonly oneATurn: boolean
  /** How late it may be, in milliseconds, before it gives up: a server this far behind will not catch up. */
  readonly giveUpMs: number
}

/**
 * Calls back so many times at a rate: an open loop. What is late is made up for as soon as the process comes to it, and knows when it was due.
 * Resolves with how often it did.
 */
export function keepPace(
  { rate, times, oneATurn, giveUpMs }: Pace,
  act: (n: number, dueMs: number) => void,
): Promise<number> {
  const start = monotonicMs() + 1
  const due = (n: number) => start + (n * 1_000) / rate
  return new Promise((resolve) => {
    let n = 0
    const tick = () => {
      // As of now: what falls due meanwhile waits for the next turn, or a server too slow would never have one.
      const now = monotonicMs()
      for (let room = oneATurn ? 1 : times; room > 0 && n < times && due(n) <= now; room--, n++) act(n, due(n))
      if (n === times) return resolve(n)
      const waitMs = due(n) - monotonicMs()
      if (waitMs < -giveUpMs) return resolve(n)
      if (waitMs > 0) setTimeout(tick, Math.max(1, Math.floor(waitMs)))
      // Two: what the act has left for the end of this turn has to come first.
      else setImmediate(() => setImmediate(tick))
    }
    setTimeout(tick, 1)
  })
}
