// What the tail hands out while a connection waits for the log's answer, so that a log that answers more slowly than its tail runs is caught up with.

import type { Cursor } from '../log.ts'
import type { Frame } from '../wire/frames.ts'

/** An event that came while the log was being read, ready to send. */
export interface EarlyFrame {
  readonly frame: Frame
  readonly position: number
}

/** How many events are kept at most, however small they are. */
export const MOST_AHEAD = 1_000

/** The events that came during one read of the log, bounded in bytes and in count. */
export class Ahead {
  readonly #from: Cursor
  readonly #mostBytes: () => number
  #frames: EarlyFrame[] | undefined = []
  #bytes = 0

  /** Keeps what comes after this place of the tail. */
  constructor(from: Cursor, mostBytes: () => number) {
    this.#from = from
    this.#mostBytes = mostBytes
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keeps an event, while there is room. Past that, the log alone can tell, and all is forgotten. */
  keep(frame: Frame, position: number) {
    if (!this.#frames) return
    this.#bytes += frame.length
    if (this.#bytes <= this.#mostBytes() && this.#frames.length < MOST_AHEAD) this.#frames.push({ frame, position })
    else {
      this.#frames = undefined
      this.#bytes = 0
    }
  }

  /** All that came after a place, in order; undefined when only the log can tell. */
  after(epoch: string, position: number): readonly EarlyFrame[] | undefined {
    if (this.#from.epoch !== epoch || position < this.#from.position) return undefined
    return this.#frames?.filter((early) => early.position > position)
  }
}
