// Reads what is committed, in snapshots: pages for those who catch up, steps for the tail, and what is remembered of producers.
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { EmitResult } from '@sse-hub/core/contract'
import type { Cursor, LogEvent, LogGap, LogPage, ProducerState } from '../../log.ts'
import { READ_BYTES, READ_EVENTS } from '../bounds.ts'

/** The committed log. */
export interface Reads {
  /** The newest place. */
  head(): Cursor
  /** What stands after a cursor, of these topics, or of all; ends after `limit` events or a bounded amount of work. */
  page(after: Cursor, limit: number, topics?: ReadonlySet<string>): LogPage | LogGap
  /** What is remembered of a producer. */
  producer(user: string, producer: string, seq: number): ProducerState
}

const EVENT = 'SELECT position, type, topic, id, at, json FROM hub_events WHERE position > ? AND position <= ?'

/** Prepares the statements on a connection. */
export function prepareReads(db: DatabaseSync): Reads {
  const state = db.prepare(
    "SELECT epoch, trimmed, (SELECT seq FROM sqlite_sequence WHERE name = 'hub_events') AS head FROM hub_log",
  )
  const all = db.prepare(`${EVENT} ORDER BY position`)
  const some = db.prepare(`${EVENT} AND topic IN (SELECT value FROM json_each(?)) ORDER BY position`)
  const last = db.prepare('SELECT last FROM hub_producers WHERE user = ? AND producer = ?')
  const result = db.prepare('SELECT result FROM hub_results WHERE user = ? AND producer = ? AND seq = ?')

  const snapshot = <T>(read: () => T): T => {
    db.exec('BEGIN')
    try {
      return read()
    } finally {
      db.exec('COMMIT')
    }
  }

  const now = () => {
    const row = state.get()
    // A log without events has no row in sqlite_sequence; its value is null or undefined, as the driver likes.
    return { epoch: String(row?.epoch), trimmed: Number(row?.trimmed), position: Number(row?.head ?? 0) }
  }

  return {
    head() {
      const { epoch, position } = now()
      return { epoch, position }
    },
    page: (after, limit, topics) =>
      snapshot(() => {
        const { epoch, trimmed, position: head } = now()
        const gap = (reason: LogGap['gap']['reason']): LogGap => ({ gap: { reason, to: { epoch, position: head } } })
        if (after.epoch !== epoch || after.position > head) return gap('epoch')
        if (after.position < trimmed) return gap('trimmed')
        const end = Math.min(head, after.position + READ_EVENTS)
        const rows = topics
          ? some.iterate(after.position, end, JSON.stringify([...topics]))
          : all.iterate(after.position, end)
        const events: Placed[] = []
        let room = READ_BYTES
        for (const row of rows) {
          const event = placed(row)
          events.push(event)
          room -= event.json.length
          if (events.length >= limit || room <= 0) return { epoch, events, through: event.position }
        }
        return { epoch, events, through: end }
      }),
    producer: (user, producer, seq) =>
      snapshot(() => ({
        last: Number(last.get(user, producer)?.last ?? 0),
        result: parsed(result, user, producer, seq),
      })),
  }
}

type Placed = LogEvent & { readonly position: number }

function placed(row: Record<string, SQLOutputValue>): Placed {
  return {
    position: Number(row.position),
    type: String(row.type),
    topic: String(row.topic),
    id: String(row.id),
    at: Number(row.at),
    json: String(row.json),
  }
}

function parsed(statement: StatementSync, user: string, producer: string, seq: number): EmitResult | undefined {
  const text = statement.get(user, producer, seq)?.result
  return typeof text === 'string' ? (JSON.parse(text) as EmitResult) : undefined
}
