// One browser with several tabs, in virtual time: the channel, the locks and the turns of life that its tabs share.
import type { Life, Tabs, Turn } from '../../packages/core/src/ports.ts'
import type { Chance } from './random.ts'
import type { ProcessClock } from './time.ts'

/** How a tab is frozen: after it was told, without a word, or so that it does not even hear the others. */
export type Freeze = 'told' | 'untold' | 'hangs'

/** What one tab has of its browser. */
export interface Tab {
  readonly tabs: Tabs
  readonly life: Life
  /** A turn in its life. */
  turn(turn: Turn): void
  /** From now on it learns nothing of its locks, and nothing of its channels if it hangs. */
  freeze(how: Freeze): void
  thaw(): void
  /** It is gone. What it has posted still arrives; its locks are given to others. */
  end(): void
}

/** One browser. */
export interface Browser {
  openTab(): Tab
}

interface Listener {
  readonly name: string
  hear(message: unknown): void
}

interface Request {
  readonly owner: object
  /** The browser has decided that it is theirs. */
  grant(): void
  stolen(): void
}

/** Makes a browser. `locks`: whether it has Web Locks. */
export function createBrowser({
  clock,
  chance,
  locks,
}: {
  readonly clock: Pick<ProcessClock, 'now' | 'after'>
  readonly chance: Chance
  readonly locks: boolean
}): Browser {
  const listeners = new Set<Listener>()
  const held = new Map<string, Request>()
  const queues = new Map<string, Request[]>()

  const queueOf = (name: string) => {
    const queue = queues.get(name) ?? []
    queues.set(name, queue)
    return queue
  }
  const grantNext = (name: string) => {
    if (held.has(name)) return
    const next = queueOf(name).shift()
    if (!next) return
    held.set(name, next)
    next.grant()
  }
  const release = (name: string, request: Request) => {
    if (held.get(name) !== request) return
    held.delete(name)
    // Measured in browsers: a grant takes 7 to 31 ms from the end of the one before.
    clock.after(chance.between(3, 31), () => grantNext(name))
  }

  return {
    openTab() {
      const owner = {}
      const heard = new Set<(turn: Turn) => void>()
      const mine = new Set<Listener>()
      let frozen: Freeze | undefined
      let ended = false
      const waiting: (() => void)[] = []
      // A frozen tab runs what it is told of its locks when it has thawed, in order.
      const task = (run: () => void, waits: () => boolean) => {
        if (ended) return
        if (waits()) waiting.push(() => !ended && run())
        else run()
      }
      const isFrozen = () => frozen !== undefined || waiting.length > 0

      const request = (
        name: string,
        { steal = false, ifAvailable = false, signal }: LockOptions,
        callback: (lock: object | null) => unknown,
      ): Promise<unknown> => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>()
        if (ended) return promise
        let granted = false
        // What the browser tells of one request comes in order.
        let toldAt = 0
        const tell = (afterMs: number, run: () => void) => {
          toldAt = Math.max(toldAt, clock.now() + afterMs)
          clock.after(toldAt - clock.now(), () => task(run, isFrozen))
        }
        const call = async (lock: object | null) => {
          try {
            resolve(await callback(lock))
          } catch (error) {
            reject(error)
          }
        }
        const asked: Request = {
          owner,
          grant() {
            granted = true
            tell(chance.between(1, 5), () => void call({ name }).then(() => release(name, asked)))
          },
          stolen: () => tell(chance.between(3, 5), () => reject(new DOMException('The lock was stolen', 'AbortError'))),
        }
        if (steal) {
          const before = held.get(name)
          held.set(name, asked)
          before?.stolen()
          asked.grant()
          return promise
        }
        if (signal?.aborted) {
          reject(signal.reason)
          return promise
        }
        if (ifAvailable && (held.has(name) || queueOf(name).length > 0)) {
          tell(chance.between(1, 5), () => void call(null))
          return promise
        }
        queueOf(name).push(asked)
        signal?.addEventListener(
          'abort',
          () => {
            if (granted) return
            queues.set(
              name,
              queueOf(name).filter((one) => one !== asked),
            )
            reject(signal.reason)
          },
          { once: true },
        )
        clock.after(chance.between(1, 5), () => grantNext(name))
        return promise
      }

      const tabs: Tabs = {
        now: clock.now,
        // The platform's overloads are more than anybody here asks for.
        locks: locks ? ({ request } as unknown as Pick<LockManager, 'request'>) : undefined,
        channel(name, hear) {
          let lastAt = 0
          const listener: Listener = {
            name,
            hear: (message) =>
              task(
                () => listeners.has(listener) && hear(message),
                () => frozen === 'hangs' || (waiting.length > 0 && frozen === undefined),
              ),
          }
          listeners.add(listener)
          mine.add(listener)
          return {
            post(message) {
              if (ended || !listeners.has(listener)) return
              // Whoever opens the channel later does not hear it, nor does whoever posts.
              const others = [...listeners].filter((one) => one !== listener && one.name === name)
              const copies = others.map((other) => [other, structuredClone(message)] as const)
              lastAt = Math.max(lastAt, clock.now() + chance.pick([0, 1, 2, 5, 20]))
              clock.after(lastAt - clock.now(), () => {
                for (const [other, copy] of copies) if (listeners.has(other)) other.hear(copy)
              })
            },
            close() {
              listeners.delete(listener)
              mine.delete(listener)
            },
          }
        },
      }
      return {
        tabs,
        life: {
          listen(turned) {
            heard.add(turned)
            return () => heard.delete(turned)
          },
        },
        turn(turn) {
          if (!ended) for (const turned of [...heard]) turned(turn)
        },
        freeze(how) {
          frozen = how
        },
        thaw() {
          frozen = undefined
          const due = waiting.splice(0)
          for (const run of due) clock.after(0, run)
        },
        end() {
          ended = true
          heard.clear()
          for (const listener of mine) listeners.delete(listener)
          for (const [name, queue] of queues)
            queues.set(
              name,
              queue.filter((one) => one.owner !== owner),
            )
          for (const [name, holder] of [...held]) if (holder.owner === owner) release(name, holder)
        },
      }
    },
  }
}
