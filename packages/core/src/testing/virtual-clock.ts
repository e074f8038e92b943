// Time that stands still until a test moves it: one clock that fits the ports of the client and of the hub.

/** A clock that only a test moves. It fits `Clock` of `@sse-hub/core` and of `@sse-hub/server`. */
export interface VirtualClock {
  /** The virtual time, in milliseconds. */
  now(): number
  /** Calls back once when `delayMs` of virtual time have passed. The answer cancels it, and may be called twice. */
  after(delayMs: number, callback: () => void): () => void
  /** Calls back at the present moment, but not within this call: after whatever is due already. */
  soon(callback: () => void): void
  /** Moves to the next callback's moment and runs that one callback. Answers false, and does nothing, when none waits. */
  runNext(): boolean
  /** Moves ahead by `ms`, running what falls due in order; promises settle between one callback and the next. */
  advance(ms: number): Promise<void>
  /** How many callbacks wait. */
  pending(): number
  /** When the next callback is due, or undefined when none waits. */
  nextAt(): number | undefined
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** Lets everything that waits for a promise go on, however long the chain. */
const turn = () => new Promise<void>((resolve) => void setTimeout(resolve, 0))

/**
 * Makes a clock that stands still at `startMs` (default 0).
 *
 * Callbacks of the same moment run in the order in which they were asked for, so a run is the same every time.
 */
export function virtualClock(startMs = 0): VirtualClock {
  // Sorted, the next one last: what is due soonest is popped in O(1).
  const timers: Timer[] = []
  let time = startMs
  let orders = 0

  // Where a timer stands, or would stand: the first index whose timer is due before it.
  const indexOf = (at: number, order: number) => {
    let low = 0
    let high = timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const timer = timers[middle] as Timer
      if (timer.at > at || (timer.at === at && timer.order > order)) low = middle + 1
      else high = middle
    }
    return low
  }

  const runNext = () => {
    const timer = timers.pop()
    if (!timer) return false
    time = timer.at
    timer.callback()
    return true
  }

  const clock: VirtualClock = {
    now: () => time,
    after(delayMs, callback) {
      const timer = { at: time + Math.max(0, delayMs), order: orders++, callback }
      timers.splice(indexOf(timer.at, timer.order), 0, timer)
      return () => {
        const index = indexOf(timer.at, timer.order)
        if (timers[index] === timer) timers.splice(index, 1)
      }
    },
    soon: (callback) => void clock.after(0, callback),
    runNext,
    async advance(ms) {
      const end = time + ms
      for (;;) {
        await turn()
        const next = clock.nextAt()
        if (next === undefined || next > end) break
        runNext()
      }
      time = end
    },
    pending: () => timers.length,
    nextAt: () => timers.at(-1)?.at,
  }
  return clock
}
