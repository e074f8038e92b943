// Where emits outlive their page: IndexedDB for what they say, Web Locks for whose they are. Loaded on demand, with the outbox.
import { createLeftBehind } from './left-behind.ts'
import type { Clock, EmitStorage, KeptEmit } from './ports.ts'

// What nobody came back for is forgotten, whoever it is of: a shared computer must not keep it for ever.
const FORGET_MS = 30 * 24 * 60 * 60_000
// Where there are no locks (plain http), a page that is there says so this often; the timers of a hidden one run once a minute.
const RENEW_MS = 60_000
const LEASE_MS = 3 * RENEW_MS
// A browser that takes longer for a step will not do it: what was asked of it is not kept.
const HUNG_MS = 5_000

/** The storage of this browser; undefined where there is none, as on a server. */
export function browserStorage(clock: Clock): EmitStorage | undefined {
  if (!('indexedDB' in globalThis)) return undefined
  const leftBehind = createLeftBehind(() => localStorage)
  let opening: Promise<IDBDatabase> | undefined

  const open = () =>
    new Promise<IDBDatabase>((resolve, reject) => {
      leftBehind.mark()
      const request = indexedDB.open('sse-hub', 1)
      request.onupgradeneeded = () => {
        request.result.createObjectStore('emits', { keyPath: ['producer', 'seq'] }).createIndex('owner', 'owner')
      }
      request.onsuccess = () => {
        const { result } = request
        // A newer version of us, or a user who clears the site's data, must not wait for this page.
        result.onversionchange = result.onclose = () => {
          opening = undefined
          result.close()
        }
        resolve(result)
      }
      request.onerror = () => {
        opening = undefined
        reject(request.error)
      }
    })

  /** One step: all of it, or none. */
  const step = async <T>(work: (store: IDBObjectStore) => IDBRequest<T> | undefined) => {
    opening ??= open()
    const transaction = (await opening).transaction('emits', 'readwrite')
    return new Promise<T | undefined>((resolve, reject) => {
      transaction.onabort = () => reject(transaction.error)
      const request = work(transaction.objectStore('emits'))
      transaction.oncomplete = () => resolve(request?.result)
    })
  }

  /** Holds a line for a while, again and again, with a record that no emit has. */
  const lease = async (producer: string) => {
    const key = [producer, 0]
    let cancel = () => {}
    const renew = async (isMine: boolean) => {
      let isFree = isMine
      await step((store) => {
        const seen = store.get(key)
        seen.onsuccess = () => {
          isFree ||= !(seen.result?.until > Date.now())
          if (isFree) store.put({ producer, seq: 0, until: Date.now() + LEASE_MS })
        }
        return undefined
      })
      return isFree
    }
    const wait = () => {
      cancel = clock.after(RENEW_MS, () => {
        wait()
        renew(true).catch(() => {})
      })
    }
    if (!(await renew(false))) return undefined
    wait()
    return () => {
      cancel()
      step((store) => store.delete(key)).catch(() => {})
    }
  }

  // What is being written, by its key.
  const writing = new Map<string, KeptEmit>()
  const keyOf = ({ producer, seq }: KeptEmit) => `${producer} ${seq}`
  /** Chromium takes a transaction back that is not over when its page ends, though all of it was asked for. */
  const leave = () => leftBehind.leave([...writing.values()])

  /** Moves to where it belongs what pages have left behind. Where there is no room, it stays where it is. */
  const gather = async (oldest: string) => {
    const { emits, forget } = leftBehind.find(oldest)
    if (!emits[0]) return forget()
    const moved = step((store) => {
      for (const emit of emits) {
        // What is there may know more of it: that it was sent is never unsaid.
        if (emit.sent) store.put(emit)
        else store.add(emit).onerror = (event) => event.preventDefault()
      }
      return undefined
    })
    await moved.then(forget, () => {})
  }

  return {
    now: Date.now,
    async read(owner) {
      const oldest = (Date.now() - FORGET_MS).toString(36)
      await gather(oldest)
      const found = await step<KeptEmit[]>((store) => {
        store.delete(IDBKeyRange.upperBound([oldest]))
        return store.index('owner').getAll(owner)
      })
      return found ?? []
    },
    async write(kept, gone) {
      for (const emit of gone) writing.delete(keyOf(emit))
      for (const emit of kept) writing.set(keyOf(emit), emit)
      const over = () => {
        for (const emit of kept) if (writing.get(keyOf(emit)) === emit) writing.delete(keyOf(emit))
        if (writing.size === 0) removeEventListener('pagehide', leave)
      }
      addEventListener('pagehide', leave)
      const cancel = clock.after(HUNG_MS, over)
      const done = step((store) => {
        for (const { producer, seq } of gone) store.delete([producer, seq])
        for (const emit of kept) store.put(emit)
        // A page that is about to end must not wait for the answers.
        store.transaction.commit()
        return undefined
      })
      await done.finally(() => {
        cancel()
        over()
      })
    },
    hold(producer) {
      const { locks } = navigator
      if (!locks) return lease(producer)
      return new Promise((resolve, reject) => {
        locks
          .request(`sse-hub ${producer}`, { ifAvailable: true }, (lock) =>
            lock ? new Promise<void>(resolve) : resolve(undefined),
          )
          .catch(reject)
      })
    },
    onHide(callback) {
      const hide = () => {
        callback()
        leave()
      }
      addEventListener('pagehide', hide)
      return () => removeEventListener('pagehide', hide)
    },
  }
}
