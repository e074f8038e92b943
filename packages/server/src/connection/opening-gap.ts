// What a stream or a page lacks that cannot go on from the cursor it was asked for.
import { type Gap, parseCursor } from '@sse-hub/core/contract'
import type { Cursor } from '../log.ts'

/** The gap of a client that asked for `after` and gets what comes after `to`. */
export function openingGap(
  after: string,
  topics: readonly string[],
  { reason, to }: { reason: 'trimmed' | 'epoch'; to: Cursor },
): Gap {
  const cursor = parseCursor(after)
  // A place that this log never reached is none, and so is what cannot be read.
  const known = cursor !== undefined && !(reason === 'epoch' && cursor.epoch === to.epoch)
  const gap = { topics, to: `${to.epoch}:${to.position}`, reason }
  return known ? { ...gap, from: after } : gap
}
