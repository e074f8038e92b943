// The events that every bench publishes: of one size, numbered, with the moment when they were due.

/** Whatever JSON can say. */
type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

/** What is published. */
export interface BenchEvent {
  /** Counts from 0. */
  readonly n: number
  /** When it was due, by the machine's monotonic clock. */
  readonly due: number
  /** Makes it as large as it is to be; holds the mark. */
  readonly pad: string
  /** What else it holds: something like what applications say. */
  readonly more?: Json
}

/** Stands once in every event, and nowhere else in what a server sends: so that events can be counted without being read. */
export const MARK = '~'.charCodeAt(0)

/** One event whose JSON has so many bytes. */
export function makeEvent(n: number, dueMs: number, bytes: number): BenchEvent {
  const due = Math.round(dueMs * 1_000) / 1_000
  const bare = JSON.stringify({ n, due, pad: '~' }).length
  return { n, due, pad: `~${'x'.repeat(Math.max(0, bytes - bare))}` }
}

/** The name of the n-th topic. */
export const topicOf = (n: number): string => `board:${n}`
