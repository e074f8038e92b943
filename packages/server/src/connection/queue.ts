// What waits for one reader: a queue bounded in bytes, in front of the sink that takes it.

import type { Passing } from '../publishing/vetting.ts'
import type { Sink } from '../wire/body.ts'
import { type Frame, joinFrames } from '../wire/frames.ts'
import { LowPriority } from './low-priority.ts'

/** What queues take from their hub. */
export interface QueueHub {
  /** What one may have waiting at present, in bytes. */
  readonly bufferBytes: () => number
  /** Has `flush` called at the end of this turn, or in one that follows. */
  readonly flushSoon: (queue: Queue) => void
  /** Joins what somebody is to be written who has been promised that; what is joined is shared with others who are in step. */
  readonly join: (frames: readonly Frame[]) => Frame
  /** So many bytes more wait, or fewer. */
  readonly held: (bytes: number) => void
}

/** Whose queue it is. */
export interface QueueOwner {
  /** A write threw. */
  failed(error: unknown): void
  /** An ephemeral event of low priority that had been queued was dropped, to make room for another. */
  displaced(): void
}

// Shared by all queues, of which most are empty most of the time.
const NOTHING: readonly Frame[] = []
const nobody = () => {}

/** What waits for one reader. */
export class Queue {
  readonly #hub: QueueHub
  readonly #owner: QueueOwner
  #sink: Sink | undefined
  #isBlocked = true
  #waiting = NOTHING as Frame[]
  // So many of them stay.
  #staying = 0
  // Ephemeral events apart, by their key or a number of their own: they are unordered, and may be replaced.
  #passing: Map<string | number, Frame> | undefined
  #unkeyed = 0
  // Those of them that give way.
  #low: LowPriority | undefined
  #bytes = 0
  #isDirty = false
  #phase: 'open' | 'finishing' | 'ended' | 'closed' = 'open'
  #emptied = nobody

  constructor(hub: QueueHub, owner: QueueOwner) {
    this.#hub = hub
    this.#owner = owner
  }

  /** Bytes that wait, here and in the sink. */
  get buffered(): number {
    return this.#bytes + (this.#sink?.pending ?? 0)
  }

  /** Whether the sink has said that it can take no more for now, or there is none yet. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Whether the sink holds what the system has not taken: ending in order would still send that. */
  get isStuck(): boolean {
    return this.#sink !== undefined && this.#sink.pending > 0
  }

  /** Whether something waits that may be dropped by {@link drop}. */
  get holds(): boolean {
    return this.#waiting.length > this.#staying
  }

  /** Whether the frame fits. Into an empty queue, any does: or it would never leave. */
  hasRoom(frame: Frame): boolean {
    return this.#fits(frame, this.#bytes)
  }

  /** Queues a frame behind all others. One that only this stream knows of (not: an event or a heartbeat) stays whatever happens. */
  push(frame: Frame, stays = false) {
    if (this.#phase === 'closed') return
    // A list that is made with its first element has room for no more than that one.
    if (this.#waiting === NOTHING) this.#waiting = [frame]
    else this.#waiting.push(frame)
    this.#count(frame.length)
    if (stays) this.#staying = this.#waiting.length
    this.#touch()
  }

  /** Drops what waits, and could be read again, behind the last that stays. */
  drop() {
    for (const frame of this.#waiting.splice(this.#staying)) this.#count(-frame.length)
  }

  /**
   * Queues an ephemeral event: in no order, in place of the one that waits under its key, and only if it fits. Those of low priority
   * give way to one that is not, if that is enough; one that is dropped has changed nothing.
   */
  pass({ frame, key, priority }: Passing): 'queued' | 'replaced' | 'dropped' {
    if (this.#phase === 'closed') return 'dropped'
    const isLow = priority === 'low'
    const name = key ?? this.#unkeyed++
    const replaced = this.#passing?.get(name)
    const others = this.#bytes - (replaced?.length ?? 0)
    const staying = isLow ? others : others - (this.#low?.bytes ?? 0)
    if (!this.#fits(frame, staying)) return 'dropped'
    this.#remove(name)
    while (this.#low?.oldest !== undefined && !this.hasRoom(frame)) {
      this.#remove(this.#low.oldest)
      this.#owner.displaced()
    }
    this.#passing ??= new Map()
    this.#passing.set(name, frame)
    this.#count(frame.length)
    if (isLow) {
      this.#low ??= new LowPriority()
      this.#low.add(name, frame.length)
    }
    this.#touch()
    return replaced ? 'replaced' : 'queued'
  }

  /** Drops all that waits here. */
  forget() {
    this.#waiting = NOTHING as Frame[]
    this.#staying = 0
    this.#passing = undefined
    this.#low = undefined
    this.#count(-this.#bytes)
  }

  /** Resolves when all has been taken, or when it is closed. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#emptied = () => {
        if (this.#phase === 'open' && (this.#isBlocked || this.#bytes > 0)) return
        this.#emptied = nobody
        resolve()
      }
      this.#emptied()
    })
  }

  /** Writes all that waits, in one write, if the sink can take it. */
  flush(join = this.#hub.join) {
    this.#isDirty = false
    const sink = this.#sink
    if (!sink || this.#isBlocked || this.#phase === 'ended' || this.#phase === 'closed') return
    try {
      if (this.#bytes > 0) {
        const frames = this.#passing ? [...this.#waiting, ...this.#passing.values()] : this.#waiting
        this.forget()
        this.#isBlocked = !sink.write(join(frames))
      }
      if (this.#phase === 'finishing') {
        this.#phase = 'ended'
        sink.end()
      } else this.#emptied()
    } catch (error) {
      // One reader's fault is not another's, who is flushed next.
      this.#owner.failed(error)
    }
  }

  /** Gives it its sink. */
  attach(sink: Sink) {
    this.#sink = sink
    this.resume()
  }

  /** The sink can take more. */
  resume() {
    this.#isBlocked = false
    this.flush(joinFrames)
  }

  /** Queues the last frame, and ends the sink when that is written. */
  finish(last: Frame) {
    // The last word: what passes by leaves before it.
    this.#waiting = [...this.#waiting, ...(this.#passing?.values() ?? []), last]
    this.#passing = undefined
    this.#low = undefined
    this.#count(last.length)
    this.#phase = 'finishing'
    this.#emptied()
    // A reader that has taken all, and has only not asked for more, gets it at once.
    if (this.#sink?.pending === 0) this.#isBlocked = false
    this.flush(joinFrames)
  }

  /** Lets go of everything; `cut` also of what the sink holds. May be called twice. */
  close(cut: boolean) {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.forget()
    this.#emptied()
    if (cut) this.#sink?.destroy()
  }

  #fits(frame: Frame, waiting: number) {
    return waiting === 0 || waiting + frame.length <= this.#hub.bufferBytes()
  }

  #remove(name: string | number) {
    this.#low?.delete(name)
    const frame = this.#passing?.get(name)
    if (!frame) return
    this.#passing?.delete(name)
    this.#count(-frame.length)
  }

  #count(more: number) {
    this.#bytes += more
    this.#hub.held(more)
  }

  // The sum of a turn leaves in one write.
  #touch() {
    if (this.#isBlocked || this.#isDirty) return
    this.#isDirty = true
    this.#hub.flushSoon(this)
  }
}
