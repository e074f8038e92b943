// What leaves, and when: all that a turn of the event loop has queued goes at its end, one write for each connection, some of them a turn, within bounds for all together.

import type { Limits } from '../options.ts'
import type { Clock } from '../ports.ts'
import { createTurns, type TakeTurn } from '../time/turns.ts'
import { createJoiner } from '../wire/frames.ts'
import type { Queue, QueueHub } from './queue.ts'
import type { Roster } from './roster.ts'

/** What a hub's connections share on their way out. */
export interface Outgoing extends QueueHub {
  /** Has all that waits leave at the end of this turn, however soon that is after the last write. */
  readonly hurry: () => void
  /** Resolves when it is one's turn to catch up. */
  readonly turn: TakeTurn
  /** Drops what waits for slow readers and can be read from the log again; answers how many had something. */
  readonly flush: () => number
}

// So many are written to in one turn. Then whatever else the process has to do has its own, and the others take along what has come meanwhile.
const WRITES_A_TURN = 128
// Whoever is live waits for no more than this of what others catch up with.
const CATCH_UP_BYTES = 1_048_576
// How much more than what could not be dropped has to wait before that is tried again.
const STILL_SHORT = 1.1
// What a connection may always have waiting.
const LEAST_BUFFER_BYTES = 4_096

/** Makes it for a hub. */
export function createOutgoing({
  clock,
  limits,
  roster,
  gatherMs,
  writesATurn = WRITES_A_TURN,
  flushed,
}: {
  readonly clock: Clock
  readonly limits: Limits
  readonly roster: Roster
  /** What comes sooner after the last write waits for that long to be over. */
  readonly gatherMs: number
  /** To how many is written in one turn. Default 128. */
  readonly writesATurn?: number
  /** So many connections have been sent back to the log. */
  readonly flushed: (connections: number) => void
}): Outgoing {
  let dirty: Queue[] = []
  // Who is being written to, one after the other: up to `reached` they have been.
  let pass: readonly Queue[] = []
  let reached = 0
  let join = createJoiner()
  let beganAt = Number.NEGATIVE_INFINITY
  let isSoon = false
  let isHurried = false
  let stopWaiting = () => {}

  const writeTo = (most: number) => {
    if (pass.length === 0) {
      pass = dirty
      dirty = []
      isHurried = false
      stopWaiting()
      beganAt = clock.now()
    }
    const end = Math.min(pass.length, reached + most)
    while (reached < end) pass[reached++]?.flush()
    if (reached < pass.length) return
    pass = []
    reached = 0
    // It holds on to what it has joined.
    join = createJoiner()
  }
  const writeSoon = () => {
    if (isSoon) return
    isSoon = true
    clock.soon(() => {
      isSoon = false
      writeSome()
    })
  }
  const writeSome = () => {
    if (pass.length === 0 && dirty.length === 0) return
    writeTo(writesATurn)
    goOn()
  }
  /** Has what is left written: the rest of a pass at once, a new one when it may begin. */
  const goOn = () => {
    if (pass.length > 0) return writeSoon()
    if (dirty.length === 0) return
    // A clock that was set back must not keep anybody waiting.
    const waitMs = isHurried ? 0 : Math.min(gatherMs, beganAt + gatherMs - clock.now())
    stopWaiting()
    if (waitMs > 0) stopWaiting = clock.after(waitMs, () => isSoon || writeSome())
    else writeSoon()
  }
  const writeAll = () => {
    if (pass.length > 0) writeTo(Number.POSITIVE_INFINITY)
    if (dirty.length > 0) writeTo(Number.POSITIVE_INFINITY)
    goOn()
  }

  // A connection has its queue, what its socket has taken, and what comes while it reads. Asked at every delivery: worked out once for so many of them.
  let sharers = 0
  let shareBytes: number = limits.bufferBytes
  const bufferBytes = () => {
    if (roster.size !== sharers) {
      sharers = roster.size
      shareBytes = Math.min(limits.bufferBytes, Math.max(LEAST_BUFFER_BYTES, limits.memoryBytes / (3 * sharers)))
    }
    return shareBytes
  }
  const flush = () => {
    const sentBack = roster.members().filter((member) => member.flush?.()).length
    flushed(sentBack)
    return sentBack
  }
  let heldBytes = 0
  let isShort = false
  // Where more waits than may, and cannot be dropped, only a tenth more is a reason to try anew.
  let mostBytes = limits.memoryBytes
  const relieve = () => {
    isShort = false
    // What only waits for its turn, or for more to come.
    writeAll()
    if (heldBytes > mostBytes) flush()
    mostBytes = Math.max(limits.memoryBytes, heldBytes * STILL_SHORT)
  }

  return {
    bufferBytes,
    turn: createTurns(clock, () => CATCH_UP_BYTES / bufferBytes()),
    flush,
    join: (frames) => join(frames),
    flushSoon(queue) {
      if (dirty.push(queue) === 1 && pass.length === 0) goOn()
    },
    hurry() {
      if (dirty.length === 0) return
      isHurried = true
      writeSoon()
    },
    held(bytes) {
      heldBytes += bytes
      if (heldBytes <= limits.memoryBytes) mostBytes = limits.memoryBytes
      if (isShort || heldBytes <= mostBytes) return
      isShort = true
      clock.soon(relieve)
    },
  }
}
