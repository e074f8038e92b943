// Faults to order, for development: stands between a client and its network, and does to its requests what a bad day would.
import type { Fetch } from '@sse-hub/core'

/** What goes on for as long as it is wanted: nothing gets through, in either direction; or the hub says that it is switched off. */
export type Fault = 'silent' | 'disabled'

/** What the error of a connection says that was cut to order. */
export const CUT = 'cut with the devtools of sse-hub'

/** The faults of one client. */
export interface Faults {
  /** What the client is given for its own. */
  readonly fetch: Fetch
  /** What goes on at present. */
  current(): Fault | undefined
  /** Has one go on, or none any more. */
  set(fault: Fault | undefined): void
  /** Breaks what is being read, as a network does that drops a connection. */
  cut(): void
  /** Cuts, and has the next question come from a place that the hub's log does not know: the hub itself answers with a gap. */
  gap(): void
}

const AFTER = /([?&]after=)[^&]*/
// A cursor of a log that no hub has.
const NOWHERE = 'devtools:1'
// How soon a client that is sent away may ask again.
const RETRY_MS = 2_000

/** Makes the faults of one client; none at first. */
export function createFaults(real: Fetch): Faults {
  let fault: Fault | undefined
  let isLost = false
  // What is under way, or being read: how to break each.
  const reading = new Set<(error: Error) => void>()
  // Who waits for silence to end.
  const waiting = new Set<() => void>()

  const whileSilent = (signal?: AbortSignal | null) =>
    new Promise<void>((resolve, reject) => {
      if (fault !== 'silent') return resolve()
      waiting.add(resolve)
      signal?.addEventListener('abort', () => {
        waiting.delete(resolve)
        reject(signal.reason)
      })
    })

  const cut = (why = CUT) => {
    for (const fail of [...reading]) fail(new TypeError(why))
  }

  /** An answer that is waited for, until it is there or cut off. */
  const breakable = (answer: Promise<Response>) =>
    new Promise<Response>((resolve, reject) => {
      reading.add(reject)
      answer.then(resolve, reject).finally(() => reading.delete(reject))
    })

  /** The same answer, through a pipe that can be held back and broken. */
  const through = (response: Response, signal?: AbortSignal | null) => {
    const { body, status, statusText, headers } = response
    if (!body) return response
    const reader = body.getReader()
    let fail = (_: Error) => {}
    const piped = new ReadableStream<Uint8Array>({
      start(controller) {
        fail = (error) => {
          reading.delete(fail)
          controller.error(error)
          reader.cancel().catch(() => {})
        }
        reading.add(fail)
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          await whileSilent(signal)
          if (!reading.has(fail)) return
          if (!done) return controller.enqueue(value)
          reading.delete(fail)
          controller.close()
        } catch (error) {
          if (reading.delete(fail)) controller.error(error)
        }
      },
      cancel(reason) {
        reading.delete(fail)
        return reader.cancel(reason)
      },
    })
    return new Response(piped, { status, statusText, headers })
  }

  return {
    async fetch(url, init) {
      const { signal } = init
      await whileSilent(signal)
      const isStream = /\/events(\?|$)/.test(url) && init.method !== 'POST'
      const isPage = /\/page(\?|$)/.test(url)
      // As the hub does it: what clients emit is taken all the same.
      if (!isStream && !isPage) return real(url, init)
      if (fault === 'disabled') return isStream ? farewell() : refusal()
      const from = isLost ? url.replace(AFTER, `$1${NOWHERE}`) : url
      if (from !== url) isLost = false
      const response = await breakable(real(from, init))
      await whileSilent(signal)
      return isStream ? through(response, signal) : response
    },
    current: () => fault,
    set(next) {
      fault = next
      if (fault === 'disabled') cut('switched off with the devtools of sse-hub')
      if (fault === 'silent') return
      for (const go of waiting) go()
      waiting.clear()
    },
    cut: () => cut(),
    gap() {
      isLost = true
      cut()
    },
  }
}

const farewell = () =>
  new Response(`retry: ${RETRY_MS}\nevent: hub.bye\ndata: {"reason":"disabled","retryMs":${RETRY_MS}}\n\n`, {
    headers: { 'content-type': 'text/event-stream' },
  })

const refusal = () =>
  Response.json({ error: { code: 'disabled', message: 'switched off with the devtools' } }, { status: 503 })
