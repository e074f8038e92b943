// What a memory log remembers of producers: the last seq of each, and what its recent ones came to.
import type { EmitResult } from '@sse-hub/core/contract'
import type { ProducerMark, ProducerState } from '../log.ts'
import { checkNext, PRODUCER_AGE_MS, RESULTS_KEPT } from './settled.ts'

/** A bounded memory of producers. */
export interface Producers {
  /** Throws `out_of_order` unless the mark is the next one of its producer. */
  check(mark: ProducerMark): void
  /** Settles a mark that was checked. */
  settle(mark: ProducerMark, result: EmitResult, now: number): void
  /** What is remembered. */
  state(user: string, producer: string, seq: number): ProducerState
}

interface Remembered {
  readonly owner: Owner
  last: number
  at: number
  /** What the newest seqs came to; the last one is that of `last`. */
  readonly results: EmitResult[]
}

/** One user, or all anonymous ones: the keys of their producers in order of their last emit, and how many results those have. */
interface Owner {
  readonly user: string
  readonly keys: Set<string>
  results: number
}

// On average. A producer with few emits leaves room for one with many.
const RESULTS_EACH = 10
const SWEEP_MS = 60_000

/**
 * Makes an empty memory. It holds at most ten results per producer on average; beyond that, too, the longest idle goes first: of the user whose are
 * too many, else of all.
 */
export function createProducers(maxProducers: number, maxPerUser: number): Producers {
  // In order of their last emit, since each emit puts its producer last.
  const known = new Map<string, Remembered>()
  const owners = new Map<string, Owner>()
  let results = 0
  let sweepAt = 0

  const keyOf = (user: string, producer: string) => `${producer}:${user}`

  // The one that has just emitted is kept, however much it has to remember.
  const isBeyond = (most: number, producers: number, results: number) =>
    producers > most || (results > most * RESULTS_EACH && producers > 1)

  const tooMany = () => isBeyond(maxProducers, known.size, results)

  const drop = (key: string, { owner, results: { length } }: Remembered) => {
    known.delete(key)
    results -= length
    owner.keys.delete(key)
    owner.results -= length
    if (owner.keys.size === 0) owners.delete(owner.user)
  }

  const forgetOwn = (owner: Owner) => {
    for (const key of owner.keys) {
      const oldest = known.get(key)
      if (!oldest || !isBeyond(maxPerUser, owner.keys.size, owner.results)) return
      drop(key, oldest)
    }
  }

  const forget = (now: number) => {
    // Not at every emit: the front of a Map whose entries move to its end is slow to find.
    if (!tooMany() && now < sweepAt) return
    sweepAt = now + SWEEP_MS
    for (const [key, oldest] of known) {
      if (!tooMany() && oldest.at >= now - PRODUCER_AGE_MS) return
      drop(key, oldest)
    }
  }

  const ownerOf = (user: string): Owner => {
    const owner = owners.get(user) ?? { user, keys: new Set(), results: 0 }
    owners.set(user, owner)
    return owner
  }

  return {
    check: (mark) => checkNext(mark, known.get(keyOf(mark.user, mark.producer))?.last ?? 0),
    settle(mark, result, now) {
      const key = keyOf(mark.user, mark.producer)
      const state = known.get(key) ?? { owner: ownerOf(mark.user), last: 0, at: now, results: [] }
      const { owner } = state
      state.last = mark.seq
      state.at = now
      state.results.push(result)
      results += 1
      owner.results += 1
      if (state.results.length > RESULTS_KEPT) {
        state.results.shift()
        results -= 1
        owner.results -= 1
      }
      known.delete(key)
      known.set(key, state)
      owner.keys.delete(key)
      owner.keys.add(key)
      forgetOwn(owner)
      forget(now)
    },
    state(user, producer, seq) {
      const state = known.get(keyOf(user, producer))
      if (!state) return { last: 0, result: undefined }
      return { last: state.last, result: seq > state.last ? undefined : state.results.at(seq - state.last - 1) }
    },
  }
}
