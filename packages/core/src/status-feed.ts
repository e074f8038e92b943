// The last steps of a client's status, each with its time and its reason in words: for a support page, a log, or somebody tired. Whoever does not import it pays nothing.
import type { StatusStore } from './client.ts'
import { timeOfDay } from './platform.ts'
import type { Status } from './status.ts'

/** One step of a client's status. */
export interface StatusStep {
  /** When, in milliseconds since the epoch of Unix. */
  readonly at: number
  /** How it was. */
  readonly from: Status
  /** How it is since then. */
  readonly to: Status
  /** Why, in words. */
  readonly reason: string
}

/** The last steps, as a store: a snapshot and a subscription, ready for `useSyncExternalStore`. */
export interface StatusFeed {
  /** The steps, oldest first: the same list until there is another one. */
  get(): readonly StatusStep[]
  /** Calls back after every step, and now and then in between. The answer unsubscribes. */
  subscribe(listener: () => void): () => void
  /** Notes no more. */
  stop(): void
}

/** What {@link statusFeed} takes besides the client. */
export interface StatusFeedOptions {
  /** How many steps are kept. Default 20. */
  readonly limit?: number
  /** The time of day, for tests. Default: `Date.now`. */
  readonly now?: () => number
}

/**
 * Notes the steps of a client's status from now on.
 *
 * @example
 * ```ts
 * import { createHubClient, statusFeed } from '@sse-hub/core'
 * import type { contract } from './contract.ts'
 *
 * const client = createHubClient<typeof contract>({ url: '/api/sse' })
 * const feed = statusFeed(client, { limit: 50 })
 * feed.subscribe(() => console.log(feed.get().at(-1)?.reason))
 * ```
 */
export function statusFeed(
  { status }: { readonly status: StatusStore },
  { limit = 20, now = timeOfDay }: StatusFeedOptions = {},
): StatusFeed {
  let from = status.get()
  let steps: readonly StatusStep[] = []
  const stop = status.subscribe(() => {
    const to = status.get()
    if (to === from) return
    steps = [...steps, { at: now(), from, to, reason: inWords(from, to) }].slice(-limit)
    from = to
  })
  return { get: () => steps, subscribe: status.subscribe, stop }
}

function inWords(from: Status, to: Status): string {
  switch (to.phase) {
    case 'idle':
      return 'Nothing is subscribed, so there is no connection.'
    case 'connecting':
      if (from.phase === 'paused') return 'The page is back, and asks from where it left.'
      return to.attempt === 0 ? 'Asks the hub.' : `Asks the hub again, after ${to.attempt} in vain.`
    case 'live': {
      const refused = to.refused[0] ? ` The hub does not grant ${to.refused.join(', ')}.` : ''
      return `${liveInWords(from, to)}${refused}`
    }
    case 'down':
      return `${sentence(to.error.message)} Tries again in ${(to.retryInMs / 1_000).toFixed(1)} s.`
    case 'stopped':
      return `${sentence(to.error.message)} Does not try again by itself: mend that, and call client.start().`
    case 'paused':
      return 'The page was put away or hidden, and has let go of its stream. It asks again when it is back.'
    case 'closed':
      return 'The application has closed the client.'
  }
}

function liveInWords(from: Status, to: Extract<Status, { phase: 'live' }>): string {
  if (to.degraded) {
    return `Reads pages instead of the stream: ${sentence(to.degraded.message)} Durable events come within a second or so, ephemeral ones do not. It goes back by itself.`
  }
  if (from.phase === 'live' && from.degraded) return 'The stream gets through again: pages are read no more.'
  if (from.phase === 'live' && from.via === to.via)
    return `The stream carries ${to.topics.join(', ') || 'nothing'} now.`
  if (to.via === 'tab') return 'Another tab of this browser reads the stream, for this one as well.'
  return to.via === 'poll' ? 'Reads pages, as it was told to.' : 'The stream is open.'
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`)
