// The newest events, as the tail has handed them out: however many readers catch up at one place, the log is not asked, and each event is encoded once.

import type { Cursor } from '../log.ts'
import type { PlacedEvent } from '../publishing/vetting.ts'
import type { Frame } from '../wire/frames.ts'

/** A durable event, ready to send. A promise only where a validator is asynchronous. */
export interface Framed {
  readonly topic: string
  readonly position: number
  readonly frame: Frame | Promise<Frame>
}

/** What follows a cursor. */
export interface FramedPage {
  readonly epoch: string
  readonly events: Iterable<Framed>
  /** What was scanned. */
  readonly through: number
}

/** The newest events. */
export interface Recent {
  /** Bytes that are kept, counted as in {@link COPIES}. */
  readonly bytes: number
  /** Forgets everything: what is kept next stands after this place. */
  begin(at: Cursor): void
  /** Keeps an event that stands after all others. What was sent of it when it was new is not kept: few ask again, and then it is made once for all. */
  keep(event: PlacedEvent): void
  /** Reads on from a cursor; undefined where only the log can tell. */
  page(after: Cursor, topics: ReadonlySet<string>, limit: number): FramedPage | undefined
}

// An event's text, its block, and that block as a chunk of HTTP/1.1: as much of it may be kept.
const COPIES = 3
// An entry's own objects, about.
const ENTRY_BYTES = 256
// One reader's scan is over after so many, so that a narrow one keeps nobody waiting.
const MOST_SCANNED = 5_000

interface Entry {
  readonly event: PlacedEvent
  readonly bytes: number
  frame: Framed['frame'] | undefined
}

/** Makes an empty one, bounded in bytes. `encode` makes what nobody has asked for until now. */
export function createRecent(
  mostBytes: number,
  encode: (epoch: string, event: PlacedEvent) => Framed['frame'],
): Recent {
  // Everything after this place is kept. What is before `first` in the array has been let go.
  let from: Cursor | undefined
  let entries: (Entry | undefined)[] = []
  let first = 0
  let bytes = 0

  /** The index of the first entry after a place. */
  const after = (position: number): number => {
    let low = first
    for (let high = entries.length; low < high; ) {
      const middle = (low + high) >> 1
      if ((entries[middle] as Entry).event.position <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  const trim = () => {
    while (bytes > mostBytes && first < entries.length) {
      const { event, bytes: size } = entries[first] as Entry
      from = { epoch: (from as Cursor).epoch, position: event.position }
      bytes -= size
      entries[first++] = undefined
    }
    // Seldom, so that each entry is moved about once.
    if (first > 64 && first * 2 > entries.length) {
      entries = entries.slice(first)
      first = 0
    }
  }

  return {
    get bytes() {
      return bytes
    },
    begin(at) {
      from = at
      entries = []
      first = 0
      bytes = 0
    },
    keep(event) {
      if (!from) return
      const size = event.json.length * COPIES + ENTRY_BYTES
      entries.push({ event, bytes: size, frame: undefined })
      bytes += size
      trim()
    },
    page({ epoch, position }, topics, limit) {
      const newest = entries.at(-1)?.event.position ?? from?.position ?? 0
      if (from?.epoch !== epoch || position < from.position || position > newest) return undefined
      const events: Framed[] = []
      let through = position
      const start = after(position)
      const end = Math.min(entries.length, start + MOST_SCANNED)
      for (let index = start; index < end && events.length < limit; index++) {
        const entry = entries[index] as Entry
        const { topic, position } = entry.event
        through = position
        if (!topics.has(topic)) continue
        entry.frame ??= encode(epoch, entry.event)
        events.push({ topic, position, frame: entry.frame })
      }
      return { epoch, events, through }
    },
  }
}
