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

/** A turn in the life of a page: it goes away or is frozen, comes back, is hidden, is seen, or the browser believes to be online. */
export type Turn = 'away' | 'back' | 'hidden' | 'seen' | 'online'

/** The life of the page. */
export interface Life {
  /** Calls back at each turn. The answer stops it. */
  listen(turned: (turn: Turn) => void): () => void
}

/** An emit that outlives its page: `producer` and `seq` are its key. */
export interface KeptEmit {
  /** The line of emits that it stands in. The names of older lines sort before those of newer ones. */
  readonly producer: string
  /** Its number within the line, from 1. */
  readonly seq: number
  /** The hub and the user it is of: nobody else sends it. */
  readonly owner: string
  /** The user, as the hub knows them. */
  readonly user: string | null | undefined
  /** Its own id. */
  readonly id: string
  /** The members of its JSON, with the brace that closes it. */
  readonly json: string
  /** When it was emitted, by the time of day. */
  readonly at: number
  /** It has gone out, or was just about to. */
  readonly sent: boolean
}

/** Where emits outlive their page: shared by all pages that may take them over from each other. */
export interface EmitStorage {
  /** The time of day, in milliseconds: the same in all pages. */
  now(): number
  /** All that is kept of an owner, in order of their keys. */
  read(owner: string): Promise<readonly KeptEmit[]>
  /**
   * Keeps some emits (anew), and forgets others: all of it, or nothing. A page that is put away does not wait for the call before: what is asked for later is
   * done later, and what was asked for is done though the page ends.
   */
  write(kept: readonly KeptEmit[], gone: readonly KeptEmit[]): Promise<void>
  /** Holds a line until it is released or the page ends. Answers how to release it, or undefined while another page holds it. */
  hold(producer: string): Promise<(() => void) | undefined>
  /** Calls back each time when the page is put away, perhaps for good. The answer stops it. */
  onHide(callback: () => void): () => void
}

/** All that a client takes from its platform. Anything left out is the browser's (or Node's) own. */
export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly fetch: Fetch
  /** Whether emits have been kept in this browser, ever. Rejects where that cannot be known. */
  readonly hasKept: () => Promise<boolean>
}
