// Calls many back again and again, each as often as the others: one timer for all of them, and those who came at about the same time go together.
import type { Clock } from '../ports.ts'

/** Those who are called back. */
export interface Rounds<T> {
  /** Begins to call this one back: for the first time after the interval, or up to one part of it sooner. */
  enter(member: T): void
  /** Ends that. May be called twice. */
  leave(member: T): void
}

// Timers are late by about one.
const LEAST_TICK_MS = 10

/** Makes rounds at this interval, of so many parts at most: who comes within one part goes together. */
export function createRounds<T>(
  clock: Clock,
  { everyMs, parts, call }: { readonly everyMs: number; readonly parts: number; readonly call: (member: T) => void },
): Rounds<T> {
  const ticks = Math.max(1, Math.min(parts, Math.floor(everyMs / LEAST_TICK_MS)))
  // By the tick that each is due at: all wait equally long, so that who came first stands first.
  const due = new Map<T, number>()
  let now = 0
  let stop: (() => void) | undefined

  const wait = () => {
    stop = clock.after(everyMs / ticks, tick)
  }
  const tick = () => {
    now++
    wait()
    // Its share of all goes with each tick, due or not: so those who came together part.
    let share = Math.floor(due.size / ticks)
    for (const [member, at] of due) {
      if (at > now && share <= 0) break
      share--
      due.delete(member)
      due.set(member, now + ticks)
      call(member)
    }
  }

  return {
    enter(member) {
      if (!stop) wait()
      due.set(member, now + ticks)
    },
    leave(member) {
      due.delete(member)
      if (due.size > 0) return
      stop?.()
      stop = undefined
    },
  }
}
