// What the tail hands out while a connection waits for the log's answer, so that a log that answers more slowly than its tail runs is caught up with.
import type { Frame } from './frames.ts'
import type { Cursor } from './log.ts'

/** An event that came while the log was being read, ready to send. */
export interface EarlyFrame {
  readonly frame: Frame
  readonly position: number
}

/** The events that came during one read of the log. */
export interface Ahead {
  /** Bytes that are kept. */
  readonly bytes: number
  /** Forgets everything, and keeps what comes after this place of the tail; without one, nothing. */
  begin(from: Cursor | undefined): void
  /** Keeps an event, while there is room. Past that, the log alone can tell, and all is forgotten. */
  keep(frame: Frame, position: number): void
  /** All that came after a place, in order; undefined when only the log can tell. */
  after(epoch: string, position: number): readonly EarlyFrame[] | undefined
}

/** How many events are kept at most, however small they are. */
export const MOST_AHEAD = 1_000

/** Makes an empty one, bounded in bytes and in count. */
export function createAhead(mostBytes: () => number): Ahead {
  let from: Cursor | undefined
  let frames: EarlyFrame[] = []
  let bytes = 0

  const ahead: Ahead = {
    get bytes() {
      return bytes
    },
    begin(place) {
      from = place
      frames = []
      bytes = 0
    },
    keep(frame, position) {
      if (!from) return
      bytes += frame.bytes.length
      if (bytes > mostBytes() || frames.length >= MOST_AHEAD) return ahead.begin(undefined)
      frames.push({ frame, position })
    },
    after(epoch, position) {
      if (from?.epoch !== epoch || position < from.position) return undefined
      return frames.filter((early) => early.position > position)
    },
  }
  return ahead
}
