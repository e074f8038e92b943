// Settles the seqs of producers in the tables, and forgets the producers that have been idle for long.
import type { DatabaseSync } from 'node:sqlite'
import type { Cursor, ProducerMark } from '../../log.ts'
import { checkNext, PRODUCER_AGE_MS, RESULTS_KEPT, settledResult } from '../settled.ts'

/** Producers, within an open transaction of the log's own connection. */
export interface Settle {
  /** Throws `out_of_order` unless the mark is the next one of its producer. */
  check(mark: ProducerMark): void
  /** Settles a mark that was checked. */
  settle(mark: ProducerMark, cursor: Cursor | undefined, now: number): void
  /** Forgets a few of those that are too many or too old. Answers whether there may be more. */
  forget(now: number): boolean
  /** Writes this many bytes among the results, of no producer; with none, lets go of them. */
  probe(bytes: number): void
}

// A producer may have 256 results: a step must not hold up the event loop.
const FORGET_STEP = 20

/** Prepares the statements on a connection. */
export function prepareSettle(
  db: DatabaseSync,
  { maxProducers, maxPerUser }: { readonly maxProducers: number; readonly maxPerUser: number },
): Settle {
  const last = db.prepare('SELECT last FROM hub_producers WHERE user = ? AND producer = ?')
  const keep = db.prepare(
    'INSERT INTO hub_producers (user, producer, last, at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = excluded.last, at = excluded.at',
  )
  const keepResult = db.prepare('INSERT INTO hub_results (user, producer, seq, result) VALUES (?, ?, ?, ?)')
  const dropResult = db.prepare('DELETE FROM hub_results WHERE user = ? AND producer = ? AND seq <= ?')
  const count = db.prepare('UPDATE hub_log SET producers = producers + ? RETURNING producers')
  const counted = db.prepare('SELECT producers FROM hub_log')
  const idle = db.prepare('SELECT user, producer, at FROM hub_producers ORDER BY at LIMIT ?')
  const drop = db.prepare('DELETE FROM hub_producers WHERE user = ? AND producer = ?')
  // All but the newest, of which the one that is being settled is one.
  const idleOwn = db.prepare(
    'SELECT user, producer FROM hub_producers WHERE user = ? AND producer <> ? ORDER BY at DESC LIMIT ? OFFSET ?',
  )

  const dropAll = (gone: readonly Record<string, unknown>[]) => {
    for (const { user, producer } of gone) {
      drop.run(String(user), String(producer))
      dropResult.run(String(user), String(producer), Number.MAX_SAFE_INTEGER)
    }
    if (gone.length > 0) count.get(-gone.length)
  }

  return {
    check: (mark) => checkNext(mark, Number(last.get(mark.user, mark.producer)?.last ?? 0)),
    settle(mark, cursor, now) {
      const { user, producer, seq } = mark
      // Only a first seq can be that of a producer that is not counted yet.
      if (seq === 1) count.get(1)
      keep.run(user, producer, seq, now)
      keepResult.run(user, producer, seq, JSON.stringify(settledResult(mark, cursor)))
      dropResult.run(user, producer, seq - RESULTS_KEPT)
      // Only a new producer can be one too many; to look costs a step for each that the user has.
      if (seq === 1) dropAll(idleOwn.all(user, producer, FORGET_STEP, maxPerUser - 1))
    },
    probe(bytes) {
      dropResult.run('', '', Number.MAX_SAFE_INTEGER)
      if (bytes > 0) keepResult.run('', '', 1, ' '.repeat(bytes))
    },
    forget(now) {
      const excess = Number(counted.get()?.producers) - maxProducers
      const gone: Record<string, unknown>[] = []
      for (const row of idle.iterate(FORGET_STEP)) {
        if (gone.length >= excess && Number(row.at) >= now - PRODUCER_AGE_MS) break
        gone.push(row)
      }
      dropAll(gone)
      return gone.length === FORGET_STEP
    },
  }
}
