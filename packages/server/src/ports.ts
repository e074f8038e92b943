// The world as the hub sees it: time and chance come in through these, so a simulated world can run the real hub.

/** Time, and the turn of the event loop. */
export interface Clock {
  /** The time now, in milliseconds since 1970. */
  now(): number
  /** Calls back once after `delayMs`. The answer cancels it, and may be called twice. */
  after(delayMs: number, callback: () => void): () => void
  /** Calls back at the end of this turn of the event loop: what a hub gathers, it flushes then. */
  soon(callback: () => void): void
}

/** Chance. */
export interface Random {
  /** A number in [0, 1), for jitter. */
  next(): number
  /** A fresh identifier of 8–64 characters of `A–Z a–z 0–9 _ -`. */
  id(): string
}

/** Whether the environment sets this variable to `true`. False where there is no environment. */
export function isSet(variable: string): boolean {
  return globalThis.process?.env?.[variable] === 'true'
}

/** Where reports go when the application says nothing of them. */
export function complain(...what: readonly unknown[]): void {
  // biome-ignore lint/suspicious/noConsole: whoever does not want this passes `onReport`.
  console.error(...what)
}

/** The ports of Node, Bun, Deno and Workers. */
export const platform: { readonly clock: Clock; readonly random: Random } = {
  clock: {
    now: Date.now,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
    soon:
      typeof setImmediate === 'function'
        ? (callback) => void setImmediate(callback)
        : (callback) => void setTimeout(callback, 0),
  },
  random: {
    next: Math.random,
    id: () => crypto.randomUUID(),
  },
}
