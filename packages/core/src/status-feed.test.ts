// Proves that a feed keeps the last steps of a status, in order, and says of each why.
import { expect, test } from 'vitest'
import { HubError } from './errors.ts'
import type { Status } from './status.ts'
import { statusFeed } from './status-feed.ts'

/** A store that a test leads. */
function store(first: Status) {
  let now = first
  const listeners = new Set<() => void>()
  return {
    status: {
      get: () => now,
      topic: () => 'live' as const,
      subscribe(listener: () => void) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    become(next: Status) {
      now = next
      for (const listener of [...listeners]) listener()
    },
  }
}

const error = new HubError('network', '/api/sse failed: TypeError', { retryable: true })
const live = { phase: 'live', via: 'sse', user: 'u1', topics: ['board:7'], refused: [] } as const
const degraded = { code: 'timeout', message: 'The stream of /api/sse is held back' } as const

const rows: readonly [from: Status, to: Status, reason: string][] = [
  [live, { phase: 'idle' }, 'Nothing is subscribed, so there is no connection.'],
  [{ phase: 'idle' }, { phase: 'connecting', attempt: 0, via: 'sse' }, 'Asks the hub.'],
  [{ phase: 'idle' }, { phase: 'connecting', attempt: 1, via: 'sse' }, 'Asks the hub again, after 1 in vain.'],
  [{ phase: 'idle' }, { phase: 'connecting', attempt: 3, via: 'sse' }, 'Asks the hub again, after 3 in vain.'],
  [
    { phase: 'paused' },
    { phase: 'connecting', attempt: 0, via: 'sse' },
    'The page is back, and asks from where it left.',
  ],
  [{ phase: 'connecting', attempt: 0, via: 'sse' }, live, 'The stream is open.'],
  [
    { phase: 'connecting', attempt: 0, via: 'sse' },
    { ...live, refused: ['board:9'] },
    'The stream is open. The hub does not grant board:9.',
  ],
  [live, { ...live, topics: ['board:8'] }, 'The stream carries board:8 now.'],
  [{ phase: 'idle' }, { ...live, via: 'tab' }, 'Another tab of this browser reads the stream, for this one as well.'],
  [{ phase: 'idle' }, { ...live, via: 'poll' }, 'Reads pages, as it was told to.'],
  [
    live,
    { ...live, via: 'poll', degraded },
    'Reads pages instead of the stream: The stream of /api/sse is held back. Durable events come within a second or so, ephemeral ones do not. It goes back by itself.',
  ],
  [{ ...live, via: 'poll', degraded }, live, 'The stream gets through again: pages are read no more.'],
  [
    live,
    { phase: 'down', reason: 'network', error, attempt: 1, retryInMs: 1_250 },
    '/api/sse failed: TypeError. Tries again in 1.3 s.',
  ],
  [
    live,
    { phase: 'stopped', error },
    '/api/sse failed: TypeError. Does not try again by itself: mend that, and call client.start().',
  ],
  [
    live,
    { phase: 'paused' },
    'The page was put away or hidden, and has let go of its stream. It asks again when it is back.',
  ],
  [live, { phase: 'closed' }, 'The application has closed the client.'],
]

test.each(rows)('from $phase to $phase: %3$s', (from, to, reason) => {
  const { status, become } = store(from)
  const feed = statusFeed({ status }, { now: () => 7 })
  become(to)
  expect(feed.get()).toEqual([{ at: 7, from, to, reason }])
})

test('it keeps the last steps, the same list until there is another, and tells of each', () => {
  const { status, become } = store({ phase: 'idle' })
  let now = 0
  const feed = statusFeed({ status }, { limit: 2, now: () => ++now })
  const seen: number[] = []
  feed.subscribe(() => void seen.push(feed.get().length))
  expect(feed.get()).toEqual([])
  for (let attempt = 0; attempt < 4; attempt++) become({ phase: 'connecting', attempt, via: 'sse' })
  expect(feed.get().map(({ at, to }) => [at, to.phase === 'connecting' && to.attempt])).toEqual([
    [3, 2],
    [4, 3],
  ])
  expect(seen).toEqual([1, 2, 2, 2])
  const list = feed.get()
  become(status.get())
  expect(feed.get()).toBe(list)
  feed.stop()
  become({ phase: 'closed' })
  expect(feed.get()).toBe(list)
})
