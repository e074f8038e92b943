// What the hub counts since it was made.

/** Counts since the hub was made. */
export interface Counters {
  /** Durable and ephemeral events that this hub published or accepted from clients. */
  published: number
  /** Emits settled: accepted or refused. */
  emits: number
  /** Events queued for readers: one for each event and reader. Some may still be dropped. */
  delivered: number
  /** Ephemeral events that a reader did not get since its buffer was full, or, of low priority, gave way in it to others. */
  dropped: number
  /** Ephemeral events replaced by a newer one of their key before they were sent. */
  coalesced: number
  /** Gaps told. */
  gaps: number
  /** How often a live connection's buffer was full, so that it went on from the log. */
  fellBehind: number
  /** How often what waited for a connection was dropped, to be read from the log again. */
  flushed: number
}

/** All zero. */
export function createCounters(): Counters {
  return { published: 0, emits: 0, delivered: 0, dropped: 0, coalesced: 0, gaps: 0, fellBehind: 0, flushed: 0 }
}
