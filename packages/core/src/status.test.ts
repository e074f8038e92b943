// Proves that a status changes when something has changed, and only then, as a table over all pairs.
import { describe, expect, test } from 'vitest'
import { HubError } from './errors.ts'
import { reduce, type Status } from './status.ts'

const error = new HubError('network', 'away', { retryable: true })
const each: readonly Status[] = [
  { phase: 'idle' },
  { phase: 'connecting', attempt: 1, via: 'sse' },
  { phase: 'connecting', attempt: 2, via: 'sse' },
  { phase: 'live', via: 'sse', user: 'u1', topics: ['board:7'], refused: [] },
  { phase: 'live', via: 'sse', user: 'u1', topics: ['board:7', 'board:8'], refused: [] },
  { phase: 'down', reason: 'network', error, attempt: 1, retryInMs: 500 },
  { phase: 'down', reason: 'network', error, attempt: 2, retryInMs: 500 },
  { phase: 'stopped', error },
  { phase: 'closed' },
]

describe.each(each)('from $phase', (before) => {
  test.each(each)('to $phase', (next) => {
    const copy = { ...next }
    expect(reduce(before, copy)).toBe(before === next ? before : copy)
  })
})
