// Where emits outlive their page: IndexedDB for what they say, localStorage for the page's last moment, Web Locks for whose they are. Loaded on demand, with the
// outbox.
import type { Clock, EmitStorage, KeptEmit } from './ports.ts'

// What nobody came back for is forgotten, whoever it is of: a shared computer must not keep it for ever.
const FORGET_MS = 30 * 24 * 60 * 60_000
// Where there are no locks (plain http), a page that is there says so this often; the timers of a hidden one run once a minute.
const RENEW_MS = 60_000
const LEASE_MS = 3 * RENEW_MS
// The name of what a page leaves behind, before that of a line.
const LEFT = 'sse-hub '

/** The storage of this browser; undefined where there is none, as on a server. */
export function browserStorage(clock: Clock): EmitStorage | undefined {
  if (!('indexedDB' in globalThis)) return undefined
  let opening: Promise<IDBDatabase> | undefined

  const open = () =>
    new Promise<IDBDatabase>((resolve, reject) => {
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
  /** Leaves that behind, at once. Chromium takes a transaction back that is not over when its page ends, though all of it was asked for. */
  const leave = () => {
    const all = [...writing.values()]
    try {
      if (all[0]) localStorage.setItem(LEFT + all[0].producer, JSON.stringify(all))
    } catch {
      // It is full, or denied. Most of the time the transaction is enough.
    }
  }
  /** Writes down what pages have left behind. Answers how to forget that. */
  const gather = (store: IDBObjectStore) => {
    const names: string[] = []
    try {
      for (const name of Object.keys(localStorage).filter((name) => name.startsWith(LEFT))) {
        names.push(name)
        for (const emit of JSON.parse(localStorage.getItem(name) as string)) store.put(emit)
      }
    } catch {
      // It is denied, or what is there is not ours: then that is forgotten, and the next look takes the rest.
    }
    return () => {
      for (const name of names) localStorage.removeItem(name)
    }
  }

  return {
    now: Date.now,
    async read(owner) {
      let forget = () => {}
      const found = await step<KeptEmit[]>((store) => {
        forget = gather(store)
        store.delete(IDBKeyRange.upperBound([(Date.now() - FORGET_MS).toString(36)]))
        return store.index('owner').getAll(owner)
      })
      forget()
      return found ?? []
    },
    async write(kept, gone) {
      for (const emit of kept) writing.set(keyOf(emit), emit)
      for (const emit of gone) writing.delete(keyOf(emit))
      const done = step((store) => {
        for (const { producer, seq } of gone) store.delete([producer, seq])
        for (const emit of kept) store.put(emit)
        // A page that is about to end must not wait for the answers.
        store.transaction.commit()
        return undefined
      })
      await done.finally(() => {
        for (const emit of kept) if (writing.get(keyOf(emit)) === emit) writing.delete(keyOf(emit))
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
