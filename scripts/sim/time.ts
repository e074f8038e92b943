// The hands of the virtual clock: lets it run to a moment, and gives every process its own share of timers, which die with it.
import type { VirtualClock } from '../../packages/core/src/testing/virtual-clock.ts'
import { quiet } from './purity.ts'

/** The clock of one process. It fits the `Clock` ports of client and hub. */
export interface ProcessClock {
  now(): number
  after(delayMs: number, callback: () => void): () => void
  soon(callback: () => void): void
  /** Nothing is called back until `thaw`: what falls due meanwhile comes then, in order. */
  freeze(): void
  thaw(): void
  /** How many callbacks of this process wait. */
  pending(): number
  /** The process is gone: nothing of it is ever called back. */
  stop(): void
}

/** Gives a process its timers. */
export function processClock(clock: VirtualClock): ProcessClock {
  const timers = new Set<() => void>()
  let stopped = false
  let frozen = false
  const due: (() => void)[] = []
  const after = (delayMs: number, callback: () => void) => {
    if (stopped) return () => {}
    const fire = () => {
      if (!timers.delete(forget)) return
      callback()
    }
    const cancel = clock.after(delayMs, () => {
      if (frozen) due.push(fire)
      else fire()
    })
    const forget = () => {
      timers.delete(forget)
      cancel()
    }
    timers.add(forget)
    return forget
  }
  return {
    now: clock.now,
    after,
    soon: (callback) => void after(0, callback),
    freeze() {
      frozen = true
    },
    thaw() {
      frozen = false
      for (const fire of due.splice(0)) clock.after(0, fire)
    },
    pending: () => timers.size,
    stop() {
      stopped = true
      for (const cancel of timers) cancel()
    },
  }
}

/** So many callbacks in one stretch of time mean that somebody turns in circles. */
const TOO_MANY = 200_000

/** Runs what falls due up to a moment, in order; everything that waits for a promise goes on in between. */
export async function runUntil(clock: VirtualClock, at: number): Promise<void> {
  const arrived = { now: false }
  clock.after(at - clock.now(), () => {
    arrived.now = true
  })
  let left = TOO_MANY
  do {
    await quiet()
    clock.runNext()
    if (--left === 0) throw new Error(`${TOO_MANY} callbacks, and it is not yet ${at}: something turns in circles.`)
  } while (!arrived.now)
  await quiet()
}

/** Waits in virtual time. */
export const sleep = (clock: Pick<ProcessClock, 'after'>, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve))
