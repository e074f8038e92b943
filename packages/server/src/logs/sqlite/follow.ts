// The tail of a SQLite log: hands on what is committed, in order and once, whichever connection committed it.
import type { Cursor, TailListener } from '../../log.ts'
import type { Clock } from '../../ports.ts'
import { createTails, type Tails } from '../tails.ts'
import type { Reads } from './read.ts'

/** Those who follow a SQLite log. */
export interface Follow {
  /** Adds a listener at the head. */
  add(listener: TailListener): { readonly from: Cursor; readonly stop: () => void }
  /** Hands on what was committed since the last time. */
  catchUp(): void
  /** Up to where everybody has heard everything; undefined while nobody follows. */
  readonly at: Cursor | undefined
  /** Everybody, for what is not kept. */
  readonly tails: Tails
  /** Stops looking. */
  close(): void
}

/** What {@link createFollow} takes. */
export interface FollowOptions {
  readonly reads: Reads
  readonly clock: Clock
  /** How often to look for what other connections committed, in milliseconds. */
  readonly pollMs: number
  readonly onError: (error: unknown) => void
}

// How many events listeners are told of in one call.
const STEP = 1_000

/** Makes the tail of a log. It looks at the file only while somebody follows. */
export function createFollow({ reads, clock, pollMs, onError }: FollowOptions): Follow {
  const tails = createTails(onError)
  let at: Cursor | undefined
  let stopPolling: (() => void) | undefined
  let soon = false
  let failing = false

  // Answers whether there is more. `at` moves first: a listener that appends, or adds a listener, may bring us here again.
  const step = (): boolean => {
    if (!at) return false
    const page = reads.page(at, STEP)
    if (page.gap) {
      at = page.gap.to
      tails.reset(page.gap)
      return true
    }
    const { epoch, events, through } = page
    if (through === at.position) return false
    at = { epoch, position: through }
    if (events.length > 0) tails.events(events)
    return true
  }

  // One step in a turn, so that a large backlog does not hold up the event loop.
  const catchUp = () => {
    if (!at || soon) return
    try {
      soon = step()
      failing = false
    } catch (error) {
      // Nothing is lost: the next look begins where this one did. A broken disk is told of once.
      if (!failing) onError(error)
      failing = true
    }
    if (!soon) return
    clock.soon(() => {
      soon = false
      catchUp()
    })
  }

  const poll = () => {
    stopPolling = clock.after(pollMs, () => {
      stopPolling = undefined
      catchUp()
      if (at && !stopPolling) poll()
    })
  }

  const start = () => {
    at = reads.head()
    poll()
    return at
  }

  const close = () => {
    at = undefined
    stopPolling?.()
    stopPolling = undefined
  }

  return {
    tails,
    get at() {
      return at
    },
    catchUp,
    add(listener) {
      // The others first: what they have not heard yet lies before the place where this one joins.
      while (step());
      const from = at ?? start()
      const leave = tails.add(listener)
      const stop = () => {
        leave()
        if (tails.size === 0) close()
      }
      return { from, stop }
    },
    close,
  }
}
