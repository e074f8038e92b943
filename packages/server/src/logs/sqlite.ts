// The log that lives in a SQLite file: the embedded, durable default, whose events can commit together with the application's own state.
import type { DatabaseSync } from 'node:sqlite'
import { HubError } from '@sse-hub/core/contract'
import type { Appended, EventLog, NewEvent } from '../log.ts'
import { type Clock, complain, platform, type Random } from '../ports.ts'
import { type Bounds, settleBounds, wholeNumber } from './bounds.ts'
import { freshEpoch } from './epoch.ts'
import { MAX_PRODUCERS, MAX_PRODUCERS_PER_USER } from './settled.ts'
import { createCommits } from './sqlite/commits.ts'
import { locationOf, openLogFile } from './sqlite/file.ts'
import { createFollow } from './sqlite/follow.ts'
import { prepareInsert } from './sqlite/insert.ts'
import { prepareReads } from './sqlite/read.ts'
import { prepareSettle } from './sqlite/settle.ts'
import { inTransaction, whole } from './sqlite/transaction.ts'
import { prepareTrim } from './sqlite/trim.ts'

/** What {@link sqliteLog} takes. */
export interface SqliteLogOptions {
  /** The database file; it is made if it is missing. It may be the application's own: all tables of the log begin with `hub_`. */
  readonly path: string
  /** The most events that are kept. Default 1,000,000. */
  readonly maxEvents?: number
  /** The most bytes of encoded payload that are kept. Default 1,073,741,824 (1 GiB). */
  readonly maxBytes?: number
  /** How long an event is kept, in milliseconds. Default 604,800,000 (a week). */
  readonly maxAgeMs?: number
  /**
   * The most producers that are remembered, each for 48 hours after its last emit. Default 100,000. Beyond it the one that was idle longest is
   * forgotten.
   */
  readonly maxProducers?: number
  /**
   * The most producers of one user that are remembered, anonymous users counted together. Default 10,000. Beyond it the longest idle of that user's own
   * is forgotten: nobody pushes out what others emit.
   */
  readonly maxProducersPerUser?: number
  /**
   * `full` (the default): what is acknowledged survives a power failure. `normal`: it survives the end of the process, and appends that come one by
   * one are several times faster; but after any end other than `close()` the log begins a new epoch, so every client reads anew.
   */
  readonly synchronous?: 'full' | 'normal'
  /** How often to look for what other connections committed, while somebody follows, in milliseconds: 1 to 50. Default 20. */
  readonly pollMs?: number
  /** Hears what a follower of the log throws, and what fails in the background. Default: `console.error`. */
  readonly onError?: (error: unknown) => void
  /** Time and chance, for tests. Default: the platform's. */
  readonly clock?: Clock
  readonly random?: Random
}

/** A log in a SQLite file. */
export interface SqliteLog extends EventLog {
  /**
   * Keeps events as part of the application's own transaction on the same file: they are there when it commits, and never were when it is rolled
   * back. Followers hear of them within 50 ms of the commit. Synchronous. It is as durable as that connection's `synchronous` pragma says.
   * @param tx the application's connection, with an open transaction
   * @param events what `hub.prepare` answered
   * @throws HubError `invalid_option` if `tx` has no open transaction, or another file; `closed`
   */
  appendIn(tx: DatabaseSync, events: readonly NewEvent[]): Appended
  /**
   * Rejects while the log cannot keep what it is given: its last append failed, and to write as much again fails too; or its file was removed or
   * replaced. `/health` asks it.
   */
  check(): Promise<void>
  /** Commits what waits, and lets go of the file. May be called twice. */
  close(): Promise<void>
}

const defaults: Bounds = { maxEvents: 1_000_000, maxBytes: 1_073_741_824, maxAgeMs: 604_800_000 }

/**
 * Opens a log in a SQLite file (Node 22.13 or later). What is appended in one turn of the event loop is committed together. Run one hub process per
 * file: what a second one appends is seen here within 50 ms, but ephemeral events do not reach it. When you restore the file from a backup, say
 * `UPDATE hub_log SET epoch = hex(randomblob(6))` before you open it, so that clients know.
 * @throws HubError `invalid_option`
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { sqliteLog } from '@sse-hub/server/sqlite'
 *
 * const log = sqliteLog({ path: 'app.db' })
 * const db = new DatabaseSync('app.db')
 *
 * function move(card: string, column: string, events: Parameters<typeof log.appendIn>[1]) {
 *   db.exec('BEGIN IMMEDIATE')
 *   try {
 *     db.prepare('UPDATE cards SET "column" = ? WHERE id = ?').run(column, card)
 *     log.appendIn(db, events) // from `await hub.prepare(…)`, before the transaction
 *     db.exec('COMMIT')
 *   } catch (error) {
 *     db.exec('ROLLBACK')
 *     throw error
 *   }
 * }
 * ```
 */
export function sqliteLog(options: SqliteLogOptions): SqliteLog {
  const { path, synchronous = 'full', clock = platform.clock, random = platform.random } = options
  const { onError = (error) => complain('sse-hub: the log failed in the background', error) } = options
  const bounds = settleBounds(options, defaults)
  const maxProducers = wholeNumber('maxProducers', options.maxProducers ?? MAX_PRODUCERS)
  const maxPerUser = wholeNumber('maxProducersPerUser', options.maxProducersPerUser ?? MAX_PRODUCERS_PER_USER)
  const pollMs = wholeNumber('pollMs', options.pollMs ?? 20, 50)
  if (synchronous !== 'full' && synchronous !== 'normal') {
    throw new HubError(
      'invalid_option',
      `A log's \`synchronous\` must be "full" or "normal", not ${JSON.stringify(synchronous)}.`,
    )
  }

  const file = openLogFile({ path, synchronous, freshEpoch: () => freshEpoch(random) })
  const reads = prepareReads(file.reader)
  const insert = prepareInsert(file.writer)
  const producers = prepareSettle(file.writer, { maxProducers, maxPerUser })
  const trim = prepareTrim(file.writer, bounds)
  const follow = createFollow({ reads, clock, pollMs, onError })
  const commits = createCommits({
    db: file.writer,
    clock,
    onError,
    committed: follow.catchUp,
    probe: producers.probe,
    housekeep() {
      const moreEvents = trim(clock.now(), follow.at?.position ?? Number.POSITIVE_INFINITY)
      return producers.forget(clock.now()) || moreEvents
    },
  })
  let closing: Promise<void> | undefined

  const open = () => {
    if (closing !== undefined) throw new HubError('closed', 'This log is closed: make another one with sqliteLog().')
  }

  return {
    append(events, mark) {
      const size = events.reduce((sum, { json }) => sum + json.length, 0)
      return commits.add(size, () => {
        if (mark) producers.check(mark)
        const appended = insert(events, !mark, clock.now())
        if (mark) {
          const position = appended.positions.at(-1)
          producers.settle(mark, position === undefined ? undefined : { epoch: appended.epoch, position }, clock.now())
        }
        return appended
      })
    },
    appendIn(tx, events) {
      open()
      if (!inTransaction(tx)) {
        throw new HubError(
          'invalid_option',
          'appendIn joins a transaction, and this connection has none open: exec("BEGIN IMMEDIATE") first, or use hub.publish().',
        )
      }
      if (locationOf(tx) !== file.location) {
        throw new HubError(
          'invalid_option',
          `appendIn joins a transaction on the log's own file, ${file.location}, and this connection has ${locationOf(tx) || 'a database in memory'} open.`,
        )
      }
      const appended = whole(tx, () => prepareInsert(tx)(events, true, clock.now()))
      // Trims, and tells followers, as soon as the application's transaction lets us.
      commits.tidy()
      return appended
    },
    async producer(user, producer, seq) {
      open()
      return reads.producer(user, producer, seq)
    },
    async announce(events) {
      open()
      if (events.length > 0)
        follow.tails.events(events.map(({ type, topic, id, at, json }) => ({ type, topic, id, at, json })))
    },
    async head() {
      open()
      return reads.head()
    },
    async read(after, { topics, limit }) {
      open()
      return reads.page(after, Math.max(1, limit), topics)
    },
    async tail(listener) {
      open()
      return follow.add(listener)
    },
    async check() {
      open()
      await file.check()
      await commits.check()
    },
    close() {
      closing ??= commits.end().then(() => {
        follow.close()
        file.close()
      })
      return closing
    },
  }
}
