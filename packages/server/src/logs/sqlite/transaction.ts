// What the log asks of transactions, on its own connections and on the application's.
import type { DatabaseSync } from 'node:sqlite'
import { HubError } from '@sse-hub/core/contract'

/** Runs a part of a transaction so that it happens as a whole or not at all, whatever becomes of the rest. */
export function whole<T>(db: DatabaseSync, part: () => T): T {
  db.exec('SAVEPOINT hub_part')
  try {
    const value = part()
    db.exec('RELEASE hub_part')
    return value
  } catch (error) {
    // A full disk makes SQLite undo the whole transaction by itself, and the savepoint with it.
    if (inTransaction(db)) db.exec('ROLLBACK TO hub_part; RELEASE hub_part')
    throw error
  }
}

/** Whether the connection has an open transaction. */
export function inTransaction(db: DatabaseSync): boolean {
  // Node 22.13 to 22.15 do not say: there, only one more BEGIN tells.
  return (db.isTransaction as boolean | undefined) ?? !canBegin(db)
}

function canBegin(db: DatabaseSync): boolean {
  try {
    db.exec('BEGIN')
  } catch {
    return false
  }
  db.exec('ROLLBACK')
  return true
}

const SQLITE_BUSY = 5

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  // The low byte is the primary result code.
  const code = (error as { readonly errcode?: unknown } | null)?.errcode
  return typeof code === 'number' && (code & 0xff) === SQLITE_BUSY
}

/** What those who wait for a write are told when it fails. */
export function writeFailed(cause: unknown): HubError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HubError(
    'internal',
    `The log could not write to its file: ${reason}. Look at the disk; the same id may be published again.`,
    {
      retryable: true,
      cause,
    },
  )
}
