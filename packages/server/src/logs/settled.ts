// The rules of docs/PROTOCOL.md §5 that every log shares: which seq is next, what is remembered of it, and for how long.
import { type Cursor, type EmitResult, formatCursor, HubError } from '@sse-hub/core/contract'
import type { ProducerMark } from '../log.ts'

/** How many results of a producer are remembered. */
export const RESULTS_KEPT = 256
/** How long a producer is remembered after its last emit, in milliseconds: 48 hours. */
export const PRODUCER_AGE_MS = 172_800_000
/** How many producers are remembered by default. Beyond it, the one that was idle longest is forgotten, however young. */
export const MAX_PRODUCERS = 100_000
/** How many of them may be one user's by default: whoever makes up producers pushes out only their own. */
export const MAX_PRODUCERS_PER_USER = 10_000

/**
 * Passes if the mark is the next one of its producer.
 * @throws HubError `out_of_order`, retryable; `details.expected` is the next seq
 */
export function checkNext(mark: ProducerMark, last: number): void {
  const expected = last + 1
  if (mark.seq === expected) return
  throw new HubError(
    'out_of_order',
    `The producer ${mark.producer} is to settle seq ${expected} next, not ${mark.seq}: send ${expected}, or ask what ${mark.seq} came to.`,
    {
      retryable: true,
      details: { expected },
    },
  )
}

/** What is remembered for a mark: its result, with the cursor if an event was appended for it. */
export function settledResult({ result }: ProducerMark, cursor: Cursor | undefined): EmitResult {
  return cursor === undefined || result.error ? result : { ...result, cursor: formatCursor(cursor) }
}
