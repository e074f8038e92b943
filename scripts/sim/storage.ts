// Where one browser keeps emits beyond the life of its pages: slow, in whole steps, with a lock for each line, and now and then out of order.
import type { EmitStorage, KeptEmit } from '../../packages/core/src/ports.ts'
import type { History } from './history.ts'
import type { Chance } from './random.ts'
import { type ProcessClock, sleep } from './time.ts'

/** How a storage fails: it refuses each step (there is no room), or never answers. */
export type Failing = 'refuses' | 'hangs'

/** What one page has of its browser's storage. */
export interface Drawer {
  readonly storage: EmitStorage
  /** The page is put away, perhaps for good. */
  hide(): void
  /** The page is gone: others may take over what it held. A step that it has begun is done or not, all of it. */
  end(): void
}

/** The storage of one browser. */
export interface Storage {
  open(page: number, clock: ProcessClock): Drawer
  /** From now on it fails; undefined: no more. */
  fail(how: Failing | undefined): void
  /** Whose emits are kept: the users as the hub knows them. */
  owners(): ReadonlySet<string>
}

/** Makes the storage of the browser that is called so. */
export function createStorage({
  clock,
  chance,
  history,
}: {
  readonly clock: Pick<ProcessClock, 'now' | 'after'>
  readonly chance: Chance
  readonly history: History
}): Storage {
  const kept = new Map<string, KeptEmit>()
  const holders = new Map<string, number>()
  let failing: Failing | undefined
  // When the last step is done: what is asked for later is done later.
  let doneAt = 0

  const keyOf = ({ producer, seq }: KeptEmit) => `${producer} ${String(seq).padStart(9, '0')}`
  const letGo = (producer: string, page: number, afterMs: number) =>
    clock.after(afterMs, () => {
      if (holders.get(producer) === page) holders.delete(producer)
    })
  return {
    fail(how) {
      failing = how
    },
    owners: () => new Set([...kept.values()].map(({ user }) => String(user))),
    open(page, own) {
      const hiding = new Set<() => void>()
      let ended = false
      /** One step: it takes time there and back, and only a page that is there, and awake, hears of it. */
      const step = async <T>(work: () => T): Promise<T> => {
        const { promise, resolve, reject } = Promise.withResolvers<T>()
        const how = failing
        doneAt = Math.max(doneAt, clock.now() + chance.pick([0, 1, 4, 15]))
        clock.after(doneAt - clock.now(), () => {
          if (how === 'hangs' || (ended && chance.maybe(0.5))) return
          if (how === 'refuses') return void own.after(0, () => reject(new DOMException('Full', 'QuotaExceededError')))
          const done = work()
          own.after(chance.pick([0, 1, 4]), () => resolve(done))
        })
        return promise
      }
      return {
        hide() {
          for (const callback of [...hiding]) callback()
        },
        end() {
          ended = true
          hiding.clear()
          for (const [producer, holder] of holders) if (holder === page) letGo(producer, page, chance.between(3, 31))
        },
        storage: {
          now: clock.now,
          read: (owner) =>
            step(() => {
              const keys = [...kept.keys()].sort()
              return keys.flatMap((key) => kept.get(key) ?? []).filter((emit) => emit.owner === owner)
            }),
          write: (put, away) =>
            step(() => {
              for (const emit of away) {
                if (kept.delete(keyOf(emit))) history.record({ what: 'forgotten', page, id: emit.id })
              }
              for (const emit of put) {
                const key = keyOf(emit)
                if (!kept.has(key)) history.record({ what: 'kept', page, id: emit.id })
                kept.set(key, structuredClone(emit))
              }
            }),
          async hold(producer) {
            await sleep(own, chance.between(1, 5))
            if (ended || holders.has(producer)) return undefined
            holders.set(producer, page)
            let released = false
            return () => {
              if (released || ended) return
              released = true
              letGo(producer, page, chance.between(0, 5))
            }
          },
          onHide(callback) {
            hiding.add(callback)
            return () => hiding.delete(callback)
          },
        },
      }
    },
  }
}
