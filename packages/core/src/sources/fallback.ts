// The source that a client uses by default: the hub's stream; at the first trouble with it, the way round is loaded, and takes over.
import { HubError } from '../errors.ts'
import { asHubError } from '../http.ts'
import { platform } from '../platform.ts'
import type { Random } from '../ports.ts'
import type { Detour } from './detour.ts'
import { FLOWED_MS, type Source } from './source.ts'
import { sseSource } from './sse.ts'

// A stream that has said nothing for so long may be held back by a proxy: a page that is asked for beside it tells.
const FIRST_MS = 3_000

/**
 * Reads the hub's stream; and where it does not get through (a proxy buffers it, or cuts it again and again), pages of the same log, from the same cursor. Beside
 * them it probes the stream, and goes back to it once it is seen to flow. A client does so by default: say it where another source wants to be told.
 *
 * One source serves one client.
 *
 * @example
 * ```ts
 * import { createHubClient, fallbackSource } from '@sse-hub/core'
 * import { sharedSource } from '@sse-hub/core/tabs'
 * import type { contract } from './contract.ts'
 *
 * export const client = createHubClient<typeof contract>({ url: '/api/sse', source: sharedSource({ hub: fallbackSource() }) })
 * ```
 */
export function fallbackSource({ random }: { readonly random: Random } = platform): Source {
  let detour: Detour | undefined
  // What the way round is told when it is there.
  const troubles: ((detour: Detour) => void)[] = []

  const load = async () => {
    const { createDetour } = await import('./detour.ts')
    if (detour) return
    detour = createDetour(random)
    for (const tell of troubles) tell(detour)
  }
  const told = (tell: (typeof troubles)[number]) => {
    if (detour) tell(detour)
    else troubles.push(tell)
  }

  return {
    get via() {
      return detour?.via ?? 'sse'
    },
    async *open(question) {
      const { url, clock, signal, get } = question
      // Where it cannot be had, there is still the stream.
      if (troubles[0] && !detour) await load().catch(() => {})
      if (signal.aborted) return
      if (!detour) {
        const ending = new AbortController()
        const own = ending.signal
        let firstAt: number | undefined
        let lastAt = 0
        const blame = (thrown: unknown) => {
          const error = asHubError(url, thrown)
          told((way) => way.blame(error, lastAt - (firstAt ?? lastAt) >= FLOWED_MS, clock))
        }
        const aborted = () => {
          // The client gives a reason where it heard nothing. Otherwise it wants something else, or nothing any more.
          if (signal.reason instanceof HubError) blame(signal.reason)
          ending.abort()
        }
        signal.addEventListener('abort', aborted)
        const cancel = clock.after(FIRST_MS, async () => {
          // Where it cannot be had, a slow stream is better than none.
          await load().catch(() => {})
          if (firstAt !== undefined) return
          detour?.suspect()
          if (detour) ending.abort()
        })
        try {
          const stream = sseSource.open({ ...question, get: (to, as, init) => get(to, as, { signal: own, ...init }) })
          for await (const batch of stream) {
            cancel()
            lastAt = clock.now()
            firstAt ??= lastAt
            yield batch
          }
          return blame('it has ended')
        } catch (thrown) {
          if (!own.aborted) blame(thrown)
          if (!own.aborted || signal.aborted) throw thrown
        } finally {
          cancel()
          signal.removeEventListener('abort', aborted)
          // Nothing may be left of it: an answer that was not read to its end holds a connection.
          ending.abort()
        }
      }
      if (detour) yield* detour.open(question)
    },
    learn(error, flowed, clock) {
      if (error) return told((way) => way.blame(error, flowed, clock))
      troubles.length = 0
      detour?.trust()
    },
  }
}
