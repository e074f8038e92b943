// Drops the oldest events beyond the bounds, a step at a time, and remembers up to where, so that an empty table still knows what it held.
import type { DatabaseSync } from 'node:sqlite'
import type { Bounds } from '../bounds.ts'

/**
 * Drops a few events within the open transaction of the log's own connection, none beyond `heard`: what the tail has not handed on yet waits for the
 * next commit. Answers whether there may be more.
 */
export type Trim = (now: number, heard: number) => boolean

// A step must not hold up the event loop. A commit writes less than this, so that trimming keeps up.
const TRIM_STEP = 2_000

/** Prepares the statements on a connection. */
export function prepareTrim(db: DatabaseSync, { maxEvents, maxBytes, maxAgeMs }: Bounds): Trim {
  const held = db.prepare(
    "SELECT trimmed, bytes, (SELECT seq FROM sqlite_sequence WHERE name = 'hub_events') AS head FROM hub_log",
  )
  const oldest = db.prepare(
    'SELECT position, kept, octet_length(json) AS size FROM hub_events WHERE position > ? ORDER BY position LIMIT ?',
  )
  const drop = db.prepare('DELETE FROM hub_events WHERE position <= ?')
  const note = db.prepare('UPDATE hub_log SET trimmed = ?, bytes = ?')
  return (now, heard) => {
    const before = held.get()
    const head = Number(before?.head ?? 0)
    let trimmed = Number(before?.trimmed)
    let bytes = Number(before?.bytes)
    let steps = 0
    for (const row of oldest.iterate(trimmed, TRIM_STEP)) {
      const position = Number(row.position)
      const tooMany = head - position >= maxEvents || (bytes > maxBytes && position < head)
      if (position > heard || (!tooMany && Number(row.kept) >= now - maxAgeMs)) break
      trimmed = position
      bytes -= Number(row.size)
      steps += 1
    }
    if (steps === 0) return false
    drop.run(trimmed)
    note.run(trimmed, bytes)
    return steps === TRIM_STEP
  }
}
