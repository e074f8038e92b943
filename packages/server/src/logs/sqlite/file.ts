// Opens a SQLite file as a log: pragmas, tables, version and epoch, or an error that says what to do.
import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { HubError } from '@sse-hub/core/contract'

/** A log's file, opened twice: what reads never sees what is not committed, and what writes never waits for a reader. */
export interface LogFile {
  /** The connection that writes. It never waits for a lock. */
  readonly writer: DatabaseSync
  /** The connection that reads. */
  readonly reader: DatabaseSync
  /** The file, as SQLite names it. */
  readonly location: string
  /**
   * Whether the file is still the one that was opened.
   * @throws HubError `internal` if it was removed or replaced: what is written goes nowhere then, without any error
   */
  check(): Promise<void>
  /** Closes both. */
  close(): void
}

/** What {@link openLogFile} takes. */
export interface LogFileOptions {
  readonly path: string
  readonly synchronous: 'full' | 'normal'
  /** Names a new incarnation. */
  readonly freshEpoch: () => string
}

const VERSION = 1
// How long opening may wait for another connection's lock. After that, nothing here blocks the event loop for it.
const OPEN_WAIT_MS = 5_000
const READ_WAIT_MS = 50

// AUTOINCREMENT, or a table that was trimmed empty would number from 1 again. The index is of published events only: what a client calls its emit
// must not stand in the way of anything. `risky`: the session that has the file open may lose its last commits in a power failure.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS hub_log (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, epoch TEXT NOT NULL,
    trimmed INTEGER NOT NULL, bytes INTEGER NOT NULL, producers INTEGER NOT NULL, risky INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS hub_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, published INTEGER NOT NULL, kept INTEGER NOT NULL,
    type TEXT NOT NULL, topic TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, json TEXT NOT NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS hub_events_published ON hub_events (id) WHERE published = 1;
  CREATE TABLE IF NOT EXISTS hub_producers (
    user TEXT NOT NULL, producer TEXT NOT NULL, last INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (user, producer)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS hub_producers_at ON hub_producers (at);
  CREATE INDEX IF NOT EXISTS hub_producers_own ON hub_producers (user, at);
  CREATE TABLE IF NOT EXISTS hub_results (
    user TEXT NOT NULL, producer TEXT NOT NULL, seq INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY (user, producer, seq)
  ) WITHOUT ROWID;
`

/**
 * Opens the file, and makes it a log if it is none yet.
 * @throws HubError `invalid_option`
 */
export function openLogFile(options: LogFileOptions): LogFile {
  const { path, synchronous } = options
  if (typeof path !== 'string' || path === '' || path.includes(':memory:')) {
    throw new HubError(
      'invalid_option',
      `sqliteLog keeps events in a file: give it a \`path\`, not ${JSON.stringify(path)}. For a log in memory use memoryLog().`,
    )
  }
  const connections: DatabaseSync[] = []
  const close = () => {
    // The writer last: one that only reads cannot tidy up the write-ahead log.
    for (const db of connections.splice(0).reverse()) db.close()
  }
  try {
    const writer = new DatabaseSync(path)
    connections.push(writer)
    writer.exec(
      `PRAGMA busy_timeout = ${OPEN_WAIT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864`,
    )
    prepare(writer, options)
    writer.exec(`PRAGMA busy_timeout = 0; PRAGMA synchronous = ${synchronous === 'full' ? 'FULL' : 'NORMAL'}`)
    const reader = new DatabaseSync(path, { readOnly: true })
    connections.push(reader)
    reader.exec(`PRAGMA busy_timeout = ${READ_WAIT_MS}`)
    const location = locationOf(writer)
    const opened = statSync(location, { bigint: true })
    return {
      writer,
      reader,
      location,
      async check() {
        const now = await stat(location, { bigint: true }).catch(() => undefined)
        if (now?.ino !== opened.ino || now.dev !== opened.dev) throw fileGone(location, now !== undefined)
      },
      close() {
        if (synchronous === 'normal') calmDown(writer)
        close()
      },
    }
  } catch (cause) {
    close()
    if (cause instanceof HubError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HubError(
      'invalid_option',
      `sqliteLog cannot use ${JSON.stringify(path)}: ${reason}. It must be a SQLite database or a new file, on a local disk, in a folder that exists and may be written to.`,
      { cause },
    )
  }
}

function fileGone(location: string, isReplaced: boolean): HubError {
  return new HubError(
    'internal',
    `The log's file ${location} was ${isReplaced ? 'replaced by another' : 'removed or renamed'} while the hub had it open: what is appended now will be lost. Restart the hub, and never move, restore or delete the file under it.`,
    { retryable: true },
  )
}

/** Syncs all that was committed, after which a power failure takes nothing. If it cannot, the next session begins a new epoch. */
function calmDown(db: DatabaseSync): void {
  try {
    db.exec(`PRAGMA busy_timeout = ${OPEN_WAIT_MS}; PRAGMA synchronous = FULL; UPDATE hub_log SET risky = 0`)
  } catch {
    // It stays risky.
  }
}

/** The file of a connection's main database; empty for one in memory. */
export function locationOf(db: DatabaseSync): string {
  const list = db.prepare('PRAGMA database_list').all()
  return String(list.find(({ name }) => name === 'main')?.file ?? '')
}

function prepare(db: DatabaseSync, { path, synchronous, freshEpoch }: LogFileOptions): void {
  db.exec('BEGIN IMMEDIATE')
  db.exec(SCHEMA)
  db.prepare(
    'INSERT OR IGNORE INTO hub_log (one, version, epoch, trimmed, bytes, producers, risky) VALUES (1, ?, ?, 0, 0, 0, 0)',
  ).run(VERSION, freshEpoch())
  const log = db.prepare('SELECT version, risky FROM hub_log').get()
  if (log?.version !== VERSION) {
    throw new HubError(
      'invalid_option',
      `${JSON.stringify(path)} holds a hub log of version ${log?.version}, and this is for version ${VERSION}: use the release of @sse-hub/server that wrote it, or another file.`,
    )
  }
  if (log.risky === 1) {
    // Positions that were given out may have been lost, and so could be given out again: only a new epoch is safe, and it forgets its producers.
    db.prepare('UPDATE hub_log SET epoch = ?, producers = 0').run(freshEpoch())
    db.exec('DELETE FROM hub_producers; DELETE FROM hub_results')
  }
  db.prepare('UPDATE hub_log SET risky = ?').run(synchronous === 'normal' ? 1 : 0)
  db.exec('COMMIT')
}
