// Writes events into the tables on whichever connection holds the transaction: the log's own, or the application's.
import type { DatabaseSync } from 'node:sqlite'
import type { Appended, NewEvent } from '../../log.ts'
import { byteLength } from '../../wire/bytes.ts'

/** Writes events within the open transaction of its connection. */
export type Insert = (events: readonly NewEvent[], published: boolean, now: number) => Appended

/** Prepares the statements on a connection. */
export function prepareInsert(db: DatabaseSync): Insert {
  const find = db.prepare('SELECT position FROM hub_events WHERE id = ? AND published = 1')
  const insert = db.prepare(
    'INSERT INTO hub_events (published, kept, type, topic, id, at, json) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const count = db.prepare('UPDATE hub_log SET bytes = bytes + ? RETURNING epoch')
  return (events, published, now) => {
    let bytes = 0
    const positions = events.map((event) => {
      const first = published ? find.get(event.id)?.position : undefined
      if (first !== undefined) return Number(first)
      bytes += byteLength(event.json)
      const { type, topic, id, at, json } = event
      return Number(insert.run(published ? 1 : 0, now, type, topic, id, at, json).lastInsertRowid)
    })
    return { epoch: String(count.get(bytes)?.epoch), positions }
  }
}
