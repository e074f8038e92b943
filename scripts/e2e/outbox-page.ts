// Runs in the browser: a client whose emits are notes with numbers, and a look at what the browser keeps of them.
import { createHubClient } from '@sse-hub/core'
import type { contract } from './outbox-contract.ts'

const options = new URLSearchParams(location.search)
// Plain http has no Web Locks; this is what is left there.
if (options.has('lockless')) Object.defineProperty(navigator, 'locks', { value: undefined })
const identity = options.get('identity')

const reports: string[] = []
const outcomes: string[] = []
const client = createHubClient<typeof contract>({
  url: '/api/sse',
  ...(identity && { identity }),
  onReport: ({ during, error }) => void reports.push(`${during}: ${error}`),
})
client.subscribe({ topic: 'user' })

/** What the test calls. */
const page = {
  /** Emits these numbers, as this page. */
  emit(by: string, numbers: readonly number[]): void {
    for (const n of numbers) {
      const { accepted } = client.emit({ type: 'note.written', data: { by, n } })
      void accepted.then((outcome) => outcomes.push(outcome.ok ? 'ok' : outcome.error.code))
    }
  },
  phase: () => client.status.get().phase,
  reports,
  outcomes,
  /** How many emits the browser keeps. */
  kept: () => look((emits) => emits.count()),
  /** Those of them that a page has made: `by n`. */
  written: async (by: string) => {
    const all = await look<{ json: string }[]>((emits) => emits.getAll())
    const notes = all.map(({ json }) => (JSON.parse(`{${json}`) as { data: { by: string; n: number } }).data)
    return notes.filter((note) => note.by === by).map(({ n }) => `${by} ${n}`)
  },
}

/** Asks the browser's storage for the emits that it keeps. */
function look<T>(ask: (emits: IDBIndex) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('sse-hub')
    request.onerror = () => reject(request.error)
    request.onupgradeneeded = () => request.transaction?.abort()
    request.onsuccess = () => {
      const answer = ask(request.result.transaction('emits').objectStore('emits').index('owner'))
      answer.onsuccess = () => {
        request.result.close()
        resolve(answer.result)
      }
    }
  })
}

/** What the test calls. */
export type OutboxPage = typeof page

Object.assign(globalThis, { page })
