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

/** A way to every other tab of the browser that has opened the same name. What one posts, all others hear, in order, and it itself does not. */
export interface Channel {
  /** Posts a structured-cloneable message. */
  post(message: unknown): void
  /** Closes it. */
  close(): void
}

/** The other tabs of this browser. */
export interface Tabs {
  /** Opens a channel. */
  channel(name: string, hear: (message: unknown) => void): Channel
  /** The time that all tabs agree on, in milliseconds. */
  now(): number
  /** The browser's Web Locks; undefined where there are none (a page that is not secure). */
  readonly locks: Pick<LockManager, 'request'> | undefined
}

/** A turn in the life of a page: it goes away or is frozen, comes back, is seen, or the browser believes to be online. */
export type Turn = 'away' | 'back' | 'seen' | 'online'

/** The life of the page. */
export interface Life {
  /** Calls back at each turn. The answer stops it. */
  listen(turned: (turn: Turn) => void): () => void
}

/** All that a client takes from its platform. Anything left out is the browser's (or Node's) own. */
export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly fetch: Fetch
}
