// The newest events, as the tail has handed them out: however many readers catch up at one place, the log is not asked, and each event is encoded once.
import type { Cursor } from '../log.ts'
import type { PlacedEvent } from '../publishing/vetting.ts'
import { Ring } from '../ring.ts'
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
// An event's own objects, about.
const ENTRY_BYTES = 256
// One reader's scan is over after so many, so that a narrow one keeps nobody waiting.
const MOST_SCANNED = 5_000

/** Makes an empty one, bounded in bytes. `encode` makes what nobody has asked for until now. */
export function createRecent(
  mostBytes: number,
  encode: (epoch: string, event: PlacedEvent) => Framed['frame'],
): Recent {
  // Everything after this place is kept.
  let from: Cursor | undefined
  const events = new Ring<PlacedEvent>()
  // By position, of those that somebody has asked for.
  const frames = new Map<number, Framed['frame']>()
  let bytes = 0

  /** The index of the first event after a place. */
  const after = (position: number): number => {
    let low = 0
    for (let high = events.length; low < high; ) {
      const middle = (low + high) >> 1
      if ((events.at(middle) as PlacedEvent).position <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  const framed = (epoch: string, event: PlacedEvent): Framed => {
    const { topic, position } = event
    const known = frames.get(position)
    if (known) return { topic, position, frame: known }
    const frame = encode(epoch, event)
    // It may have been let go meanwhile.
    if (from && position > from.position) frames.set(position, frame)
    return { topic, position, frame }
  }

  return {
    get bytes() {
      return bytes
    },
    begin(at) {
      from = at
      events.clear()
      frames.clear()
      bytes = 0
    },
    keep(event) {
      if (!from) return
      events.push(event)
      bytes += sizeOf(event)
      for (let oldest = events.at(0); oldest && bytes > mostBytes; oldest = events.at(0)) {
        from = { epoch: from.epoch, position: oldest.position }
        bytes -= sizeOf(oldest)
        events.shift()
        frames.delete(oldest.position)
      }
    },
    page({ epoch, position }, topics, limit) {
      const newest = events.at(events.length - 1)?.position ?? from?.position ?? 0
      if (from?.epoch !== epoch || position < from.position || position > newest) return undefined
      const found: PlacedEvent[] = []
      let through = position
      const start = after(position)
      const end = Math.min(events.length, start + MOST_SCANNED)
      for (let index = start; index < end && found.length < limit; index++) {
        const event = events.at(index) as PlacedEvent
        through = event.position
        if (topics.has(event.topic)) found.push(event)
      }
      // Only now: a validator may publish, and what is kept then moves on.
      return { epoch, events: found.map((event) => framed(epoch, event)), through }
    },
  }
}

const sizeOf = ({ json }: PlacedEvent) => json.length * COPIES + ENTRY_BYTES
