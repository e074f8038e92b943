// Runs in the browser: a client whose emits are notes with numbers, and a look at what the browser keeps of them.
import { createHubClient } from '@sse-hub/core'
import type { contract } from './outbox-contract.ts'

const options = new URLSearchParams(location.search)
// Plain http has no Web Locks; this is what is left there.
if (options.has('lockless')) Object.defineProperty(navigator, 'locks', { value: undefined })
const identity = options.get('identity')

/** What the page emits on and on: no more than the hub takes at once of five such pages. */
const MOST = 60

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
  /** Emits one number after the other until it ends, or has emitted enough; how far it has come, the origin's pages can see. */
  emitOn(by: string): void {
    const { port1, port2 } = new MessageChannel()
    let n = 0
    port1.onmessage = () => {
      page.emit(by, [++n])
      localStorage.setItem(by, String(n))
      // The storage is mostly at one before.
      if (n % 4) port2.postMessage(null)
      else if (n < MOST) setTimeout(() => port2.postMessage(null), 8)
    }
    port2.postMessage(null)
  },
  close: () => client.close(),
  phase: () => client.status.get().phase,
  reports,
  outcomes,
  /** How many emits the browser keeps. */
  kept: () =>
    new Promise<number>((resolve, reject) => {
      const request = indexedDB.open('sse-hub')
      request.onerror = () => reject(request.error)
      request.onupgradeneeded = () => request.transaction?.abort()
      request.onsuccess = () => {
        const count = request.result.transaction('emits').objectStore('emits').index('owner').count()
        count.onsuccess = () => {
          request.result.close()
          resolve(count.result)
        }
      }
    }),
}

/** What the test calls. */
export type OutboxPage = typeof page

Object.assign(globalThis, { page })
