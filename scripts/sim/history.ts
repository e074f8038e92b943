// What happened in a run, as one list: the world writes it, the checks and the trace read it, and nothing else is shared between them.
import { createHash } from 'node:crypto'
import type { TopicGap } from '@sse-hub/core'
import type { Item } from './contract.ts'
import type { Block } from './tap.ts'

/** One thing that happened. */
export type Happening =
  // the hub's side
  | { readonly what: 'hub up'; readonly hub: number; readonly epoch: string }
  | { readonly what: 'hub down'; readonly hub: number; readonly how: 'killed' | 'unplugged' | 'closed' | 'drained' }
  | { readonly what: 'switched'; readonly on: boolean }
  /** How many the hub counts, a second after it was switched off. */
  | { readonly what: 'still connected'; readonly connections: number }
  /** What the hubs hold for readers who have not taken it, at some moment. */
  | { readonly what: 'buffered'; readonly bytes: number; readonly connections: number }
  | {
      readonly what: 'granted'
      readonly user: string
      readonly read: readonly string[]
      readonly write: readonly string[]
    }
  | { readonly what: 'disconnected'; readonly user: string }
  /** From now on the grants of a user run out so long after they were given; undefined: they do not. */
  | { readonly what: 'expiring'; readonly user: string; readonly afterMs?: number }
  /** From now on the user is let in, or not. */
  | { readonly what: 'signed'; readonly user: string; readonly in: boolean }
  /** From now on the user is let in with new credentials only. */
  | { readonly what: 'rotated'; readonly user: string }
  | { readonly what: 'appended'; readonly epoch: string; readonly position: number; readonly event: Stored }
  | { readonly what: 'trimmed'; readonly epoch: string; readonly floor: number }
  | { readonly what: 'handled'; readonly id: string; readonly user: string | undefined; readonly refused: boolean }
  // the application that publishes
  | { readonly what: 'publish'; readonly id: string; readonly topic: string; readonly durable: boolean }
  | { readonly what: 'published'; readonly id: string; readonly cursor?: string }
  | { readonly what: 'not published'; readonly id: string; readonly error: string }
  // the network; `exchange` names one request with its answer
  | {
      readonly what: 'request'
      readonly exchange: number
      readonly page: number
      readonly method: string
      readonly url: string
      readonly body?: string
    }
  | { readonly what: 'accepted'; readonly exchange: number; readonly hub: number; readonly copyOf?: number }
  | { readonly what: 'answered'; readonly exchange: number; readonly status: number; readonly type: string }
  /** `heldMs`: how long the kernel may have held it, because nobody took it. */
  | { readonly what: 'said'; readonly exchange: number; readonly block: Block; readonly heldMs?: number }
  | { readonly what: 'answer body'; readonly exchange: number; readonly text: string }
  | { readonly what: 'hub side ended'; readonly exchange: number; readonly how: string }
  | { readonly what: 'bytes'; readonly exchange: number; readonly count: number }
  | { readonly what: 'heard'; readonly exchange: number; readonly block: Block }
  | { readonly what: 'client side ended'; readonly exchange: number; readonly how: string }
  | { readonly what: 'fault'; readonly fault: string; readonly page?: number }
  // the application in the browser; `page` is one loaded page with its client, `screen` one subscription in it
  | {
      readonly what: 'opened'
      readonly page: number
      readonly user: string
      /** Its place in the configuration; whoever was there before is gone. */
      readonly place: number
      /** The browser that it is a tab of. */
      readonly browser?: string
    }
  /** A tab stands still, or goes on. */
  | { readonly what: 'froze'; readonly page: number; readonly how: string }
  | { readonly what: 'thawed'; readonly page: number }
  /** The browser puts it away, perhaps for good, and it may still do something about it. */
  | { readonly what: 'put away'; readonly page: number }
  | { readonly what: 'crashed'; readonly page: number }
  /** The browser of a page keeps an emit beyond its life, or does so no more. */
  | { readonly what: 'kept' | 'forgotten'; readonly page: number; readonly id: string }
  | { readonly what: 'closed'; readonly page: number }
  | { readonly what: 'started'; readonly page: number }
  | {
      readonly what: 'status'
      readonly page: number
      readonly status: Readonly<Record<string, unknown>> & { readonly phase: string }
    }
  | {
      readonly what: 'mounted'
      readonly page: number
      readonly screen: number
      readonly topic: string
      readonly after?: string
      readonly live: boolean
    }
  | { readonly what: 'unmounted'; readonly screen: number }
  | { readonly what: 'read'; readonly screen: number; readonly ids: number }
  | {
      readonly what: 'event'
      readonly screen: number
      readonly id: string
      readonly cursor?: string
      readonly json: string
      readonly type: string
    }
  | { readonly what: 'gap'; readonly screen: number; readonly gap: TopicGap }
  | {
      readonly what: 'emit'
      readonly page: number
      readonly id: string
      readonly type: string
      readonly topic?: string
      readonly seqed: boolean
      /** The number in its payload; below 0 for one that does not fit. */
      readonly n: number
    }
  | {
      readonly what: 'emitted'
      readonly page: number
      readonly id: string
      readonly ok: boolean
      readonly cursor?: string
      readonly code?: string
      /** It is kept in the browser, and goes out later all the same. */
      readonly kept?: boolean
    }
  // live queries; `query` is its key, `list` a topic
  | {
      readonly what: 'written'
      readonly write: string
      readonly list: string
      readonly item: Item
      /** The list that has it now, if any has. */
      readonly now?: string
    }
  /** Somebody mounts a query, or leaves it. */
  | {
      readonly what: 'looks' | 'looks away'
      readonly page: number
      readonly query: string
      readonly mount: number
    }
  /** What was done on purpose that may read queries again: one, or all. */
  | { readonly what: 'asked'; readonly page: number; readonly query?: string; readonly why: string }
  | { readonly what: 'fetch'; readonly page: number; readonly query: string; readonly number: number }
  | {
      readonly what: 'fetched'
      readonly page: number
      readonly query: string
      readonly number: number
      readonly ok: boolean
      readonly cursor?: string
    }
  /** The fallback of a query begins to read it: of an infinite one, so many pages; or waits, since another tab does. */
  | { readonly what: 'poll'; readonly page: number; readonly query: string; readonly pages?: number }
  | { readonly what: 'waits'; readonly page: number; readonly query: string }
  /** The fallback has the client try again sooner than it would by itself. */
  | { readonly what: 'hurried'; readonly page: number }
  /** What another tab was answered is taken. */
  | { readonly what: 'took'; readonly page: number; readonly query: string; readonly cursor?: string }
  /** What is on the screen: id, version, and what its maker has called it. */
  | {
      readonly what: 'shown'
      readonly page: number
      readonly query: string
      readonly items: readonly (readonly [id: string, version: number, made: string])[]
    }
  /** A mutation begins, and ends. */
  | {
      readonly what: 'change'
      readonly page: number
      readonly id: string
      readonly write: string
      readonly lists: readonly string[]
      readonly item?: string
    }
  | { readonly what: 'changed'; readonly page: number; readonly id: string; readonly ok: boolean }
  /** What a mounted query shows at rest, and what the server has. */
  | {
      readonly what: 'query at rest'
      readonly page: number
      readonly query: string
      readonly shown: readonly string[]
      readonly truth: readonly string[]
      readonly isInvalidated: boolean
      readonly status: string
    }
  /** A mutation that is not over at rest. */
  | { readonly what: 'mutation at rest'; readonly page: number; readonly isPaused: boolean }
  // the world itself
  | { readonly what: 'did'; readonly action: string; readonly params: unknown }
  | {
      readonly what: 'report'
      readonly from: string
      readonly during: string
      readonly error: string
      readonly expected: boolean
      /** The emit of a page before that it is about, and what became of it. */
      readonly id?: string
      readonly code?: string
    }
  | { readonly what: 'broken'; readonly why: string }
  | { readonly what: 'settling' }
  /** Emits that are kept, and that nobody has taken over although somebody of that user is there. */
  | { readonly what: 'left in storage'; readonly browser: string; readonly user: string }
  /** Everything has come to rest, and nothing but a few events follows. */
  | { readonly what: 'at rest' }
  | { readonly what: 'settled'; readonly final: Final }

/** A durable event as the log keeps it. */
export interface Stored {
  readonly type: string
  readonly topic: string
  readonly id: string
  readonly json: string
  /** Who appended it: an outbox, or the application. */
  readonly producer?: string
  readonly seq?: number
}

/** The state of the world when all faults have stopped and time has passed. */
export interface Final {
  /** Whether it came to rest by itself before patience ran out. */
  readonly atRest: boolean
  readonly connections: number
  /** Who is there, as the hub says it itself. */
  readonly present?: readonly { readonly topic: string; readonly users: readonly string[] }[]
  readonly pages: readonly {
    readonly page: number
    readonly user: string
    readonly status: Readonly<Record<string, unknown>> & { readonly phase: string }
    readonly streams: readonly number[]
    readonly screens: readonly {
      readonly screen: number
      readonly topic: string
      readonly state: string
      readonly granted: boolean
      /** Who its page has been told is there. */
      readonly present?: readonly string[] | undefined
      readonly missing: readonly string[]
      readonly surplus: readonly string[]
    }[]
  }[]
  /** Timers and connections that outlive the closing of everything. */
  readonly leftovers: readonly string[]
}

/** An entry: what happened, and when, in milliseconds since the world began. */
export type Entry = Happening & { readonly at: number }

/** Narrows an entry by its `what`. */
export type EntryOf<W extends Happening['what']> = Extract<Entry, { what: W }>

/** The list, and the one door through which it grows. */
export interface History {
  readonly entries: readonly Entry[]
  record(happening: Happening): void
}

/** Starts a history; `now` says the time since the world began. */
export function startHistory(now: () => number): History {
  const entries: Entry[] = []
  return { entries, record: (happening) => void entries.push({ at: Math.round(now() * 1000) / 1000, ...happening }) }
}

/** One line of a trace. */
export const traceLine = ({ at, what, ...rest }: Entry): string =>
  `${at.toFixed(3).padStart(11)} ${what} ${JSON.stringify(rest)}`

/** What a run comes to in 12 letters: equal only if every line of the trace is equal. */
export function traceHash(entries: readonly Entry[]): string {
  const hash = createHash('sha256')
  for (const entry of entries) hash.update(traceLine(entry)).update('\n')
  return hash.digest('hex').slice(0, 12)
}
