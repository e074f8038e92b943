// The state of the simulated application: which events have happened to each topic. State and event commit together, as DESIGN §3.9 asks.

import { cursorOf } from './facts.ts'

/** Whether one cursor lies before another of the same epoch. */
export function isBefore(one: string | undefined, other: string | undefined): boolean {
  const [a, b] = [cursorOf(one), cursorOf(other)]
  return a !== undefined && a.epoch === b?.epoch && a.position < b.position
}

/** The application's database. It outlives the hub and its log. */
export interface Database {
  /** An event was kept: the state has it from this moment on. */
  commit(topic: string, id: string, cursor: string): void
  /** The cursor of the newest event of a topic. */
  newest(topic: string): string | undefined
  /** The state of a topic, as a REST answer would give it now. */
  read(topic: string): ReadonlySet<string>
}

/** Makes an empty database. */
export function createDatabase(): Database {
  const topics = new Map<string, Set<string>>()
  const cursors = new Map<string, string>()
  return {
    commit(topic, id, cursor) {
      // A retry is answered with the place of the first try.
      if (!isBefore(cursor, cursors.get(topic))) cursors.set(topic, cursor)
      const ids = topics.get(topic) ?? new Set()
      topics.set(topic, ids.add(id))
    },
    newest: (topic) => cursors.get(topic),
    read: (topic) => new Set(topics.get(topic)),
  }
}
