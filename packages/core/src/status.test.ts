// Proves which status may follow which, as a table over all pairs.
import { describe, expect, test } from 'vitest'
import { HubError } from './errors.ts'
import { reduce, type Status } from './status.ts'

const error = new HubError('network', 'away', { retryable: true })
const each = {
  idle: { phase: 'idle' },
  connecting: { phase: 'connecting', attempt: 1, via: 'sse' },
  live: { phase: 'live', via: 'sse', user: 'u1', topics: ['board:7'], refused: [] },
  down: { phase: 'down', reason: 'network', error, attempt: 1, retryInMs: 500 },
  stopped: { phase: 'stopped', error },
  closed: { phase: 'closed' },
} as const satisfies { readonly [P in Status['phase']]: Status }

/** What may not follow: only beginning again (`connecting`, `idle`) leaves a client that is closed or stopped. */
const refused: Readonly<Record<string, readonly string[]>> = {
  closed: ['live', 'down', 'stopped'],
  stopped: ['live', 'down'],
}

describe.each(Object.values(each) as Status[])('from $phase', (before) => {
  test.each(Object.values(each) as Status[])('to $phase', (next) => {
    const kept = before.phase === next.phase || refused[before.phase]?.includes(next.phase)
    const copy = { ...next }
    expect(reduce(before, copy)).toBe(kept ? before : copy)
  })
})

test('what changes within a phase is a change', () => {
  const more: Status = { ...each.live, topics: ['board:7', 'board:8'] }
  expect(reduce(each.live, more)).toBe(more)
  const later: Status = { ...each.down, attempt: 2 }
  expect(reduce(each.down, later)).toBe(later)
})
