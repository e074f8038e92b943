// The world as the client sees it: every effect comes in through one of these, so a simulated world can run the real code.

/** Time. */
export interface Clock {
  /** The time now, in milliseconds; only differences are used. */
  now(): number
  /** Calls back once after `delayMs`. The answer cancels it, and may be called twice. */
  after(delayMs: number, callback: () => void): () => void
}

/** Chance. */
export interface Random {
  /** A number in [0, 1), for jitter. */
  next(): number
  /** A fresh identifier that nobody can guess: 8–64 characters of `A–Z a–z 0–9 _ -`. */
  id(): string
}

/** The platform's `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** All that a client takes from its platform. Anything left out is the browser's (or Node's) own. */
export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly fetch: Fetch
}
