// The source that a client uses by default: the hub's stream; at the first trouble with it, the way round is loaded, and takes over.
import { HubError } from '../errors.ts'
import { asHubError, ended } from '../http.ts'
import { platform } from '../platform.ts'
import type { Random } from '../ports.ts'
import type { Detour } from './detour.ts'
import { FLOWED_MS, partOf, type Source } from './source.ts'
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
  const troubles: Parameters<Detour['learn']>[] = []

  // Where it cannot be had, there is still the stream: a slow one is better than none.
  const load = async () => {
    const loaded = await import('./detour.ts').catch(() => undefined)
    if (!loaded || detour) return
    detour = loaded.createDetour(random)
    for (const trouble of troubles) detour.learn(...trouble)
  }
  const learn: Detour['learn'] = (error, ...how) => {
    if (detour) detour.learn(error, ...how)
    else if (error) troubles.push([error, ...how])
    else troubles.length = 0
  }

  return {
    get via() {
      return detour?.via ?? 'sse'
    },
    async open(question) {
      const { url, clock, signal } = question
      // Nor is it waited for as long as its server may like.
      if (troubles[0] && !detour) {
        await Promise.race([load(), new Promise<void>((resolve) => clock.after(FIRST_MS, resolve))])
      }
      if (signal.aborted) return
      if (!detour) {
        let firstAt: number | undefined
        let lastAt = 0
        const stream = partOf(question, (frames) => {
          lastAt = clock.now()
          firstAt ??= lastAt
          question.take(frames)
        })
        const cancel = clock.after(FIRST_MS, async () => {
          if (firstAt !== undefined) return
          await load()
          if (firstAt !== undefined || !detour) return
          detour.suspect()
          stream.end()
        })
        try {
          await sseSource.open(stream)
          throw ended(url)
        } catch (thrown) {
          // The client gives a reason where it heard nothing. Otherwise it wants something else, or nothing any more.
          const { aborted, reason } = stream.signal
          if (!aborted || reason instanceof HubError) {
            learn(asHubError(url, aborted ? reason : thrown), lastAt - (firstAt ?? lastAt) >= FLOWED_MS, clock)
          }
          if (!aborted || signal.aborted) throw thrown
        } finally {
          cancel()
          // Nothing may be left of it: an answer that was not read to its end holds a connection.
          stream.end()
        }
      }
      await detour?.open(question)
    },
    learn,
  }
}
