// A connection's queue, which stands at a place in the log: what is queued moves it on, and what is dropped, to be read again, moves it back.

import type { Cursor } from '../log.ts'
import type { Frame } from '../wire/frames.ts'
import { Queue } from './queue.ts'

/** What waits for the reader of one stream, and up to where of the log that is. */
export class PlacedQueue extends Queue {
  // Scanned and queued up to here. Only a connection that is live may claim more: all that the tail has handed out.
  #epoch = ''
  #position = 0
  // The same without what waits here and could be read again.
  #sent = 0
  // Of all that was read.
  #readBytes = 0
  #readEvents = 0

  /** Where it stands. In no epoch before it was moved. */
  get at(): Cursor {
    return { epoch: this.#epoch, position: this.#position }
  }

  get position(): number {
    return this.#position
  }

  /** How large events are, in bytes, judged by those that were read for it; 1 before the first. */
  get averageBytes(): number {
    return this.#readEvents > 0 ? this.#readBytes / this.#readEvents : 1
  }

  /** Goes to another place. */
  moveTo({ epoch, position }: Cursor) {
    this.#epoch = epoch
    this.#position = position
  }

  /** Moves on to a place that the tail has reached: all of it that was to be queued is. */
  reach(at: Cursor | undefined) {
    if (at && at.epoch === this.#epoch) this.#position = Math.max(this.#position, at.position)
  }

  /** Queues an event behind all others, whether there is room or not. */
  deliver(frame: Frame, position: number) {
    this.show(frame)
    this.#position = position
  }

  /** Queues an event that was read. Answers whether there was room for it. */
  take(frame: Frame, position: number): boolean {
    this.#readBytes += frame.length
    this.#readEvents++
    if (!this.hasRoom(frame)) return false
    this.deliver(frame, position)
    return true
  }

  /** Queues a sign of life, which may be dropped as an event may. */
  show(frame: Frame) {
    if (!this.holds) this.#sent = this.#position
    this.push(frame)
  }

  /** Whether the frame fits, now or when what only waits for its turn is gone. */
  makeRoom(frame: Frame): boolean {
    if (!this.hasRoom(frame)) this.flush()
    return this.hasRoom(frame)
  }

  /** Drops what waits and can be read again, and goes back to where that began. */
  goBack() {
    this.drop()
    this.#position = this.#sent
  }
}
