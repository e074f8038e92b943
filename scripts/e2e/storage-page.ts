// Runs in the browser: the storage of emits by itself, and what may stand in its way.
import { platform } from '../../packages/core/src/platform.ts'
import type { KeptEmit } from '../../packages/core/src/ports.ts'
import { browserStorage } from '../../packages/core/src/storage.ts'

const OWNER = 'somebody'
const create = () => {
  const storage = browserStorage(platform.clock)
  if (!storage) throw new Error('There is no storage here.')
  return storage
}
const storage = create()
const today = Date.now().toString(36)

/** An emit of the line `a` of today. */
const emit = (seq: number, more: Partial<KeptEmit> = {}): KeptEmit => ({
  ...{ producer: `${today}-a`, seq, owner: OWNER, user: 'u1', id: `n${seq}`, json: '}', at: Date.now(), sent: false },
  ...more,
})
const names = () => Object.keys(localStorage).filter((name) => name.startsWith('sse-hub emits '))

/** What the test calls. */
const page = {
  emit,
  today,
  storage,
  names,
  hasKept: platform.hasKept,
  /** Leaves this behind, as a page did. */
  left: (name: string, what: unknown) => localStorage.setItem(`sse-hub emits ${name}`, JSON.stringify(what)),
  /** What is kept. */
  kept: async () => (await storage.read(OWNER)).map(({ id, sent }) => `${id}${sent ? ' sent' : ''}`).join(),
  hide: () => dispatchEvent(new Event('pagehide')),
  /** Has all other transactions wait, until the answer is called. */
  busy: () =>
    new Promise<() => void>((resolve) => {
      indexedDB.open('sse-hub').onsuccess = ({ target }) => {
        const database = (target as IDBOpenDBRequest).result
        const store = database.transaction('emits', 'readwrite').objectStore('emits')
        let isBusy = true
        const stop = () => {
          isBusy = false
        }
        const goOn = () => {
          resolve(stop)
          if (isBusy) store.count().onsuccess = goOn
          else database.close()
        }
        store.count().onsuccess = goOn
      }
    }),
}
Object.assign(globalThis, { page })

export type StoragePage = typeof page
