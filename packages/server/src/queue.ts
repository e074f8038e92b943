// What waits for one reader: a queue bounded in bytes, in front of the sink that takes it.
import type { Sink } from './body.ts'
import { type Frame, joinFrames } from './frames.ts'
import type { Passing } from './vetting.ts'

/** What waits for one reader. */
export interface Queue {
  /** Bytes that wait, here and in the sink. */
  readonly buffered: number
  /** Whether the sink has said that it can take no more for now, or there is none yet. */
  readonly isBlocked: boolean
  /** Whether the frame fits. Into an empty queue, any does: or it would never leave. */
  hasRoom(frame: Frame): boolean
  /** Queues a frame behind all others. One that only this stream knows of (not: an event or a heartbeat) stays whatever happens. */
  push(frame: Frame, stays?: boolean): void
  /** Whether something waits that may be dropped by {@link drop}. */
  readonly holds: boolean
  /** Drops what waits, and could be read again, behind the last that stays. */
  drop(): void
  /** Queues an ephemeral event: in no order, in place of the one that waits under its key, and only if it fits. */
  pass(passing: Passing): 'queued' | 'replaced' | 'dropped'
  /** Drops all that waits here. */
  forget(): void
  /** Resolves when all has been taken, or when it is closed. */
  empty(): Promise<void>
  /** Writes all that waits, in one write, if the sink can take it. */
  flush(join: (frames: readonly Frame[]) => Frame): void
  /** Gives it its sink. */
  attach(sink: Sink): void
  /** The sink can take more. */
  resume(): void
  /** Queues the last frame, and ends the sink when that is written. */
  finish(last: Frame): void
  /** Whether the sink holds what the system has not taken: ending in order would still send that. */
  readonly isStuck: boolean
  /** Lets go of everything; `cut` also of what the sink holds. May be called twice. */
  close(cut: boolean): void
}

/** What queues take from their hub. */
export interface QueueHub {
  /** What one may have waiting at present, in bytes. */
  readonly bufferBytes: () => number
  /** Has `flush` called at the end of this turn. */
  readonly flushSoon: (queue: Queue) => void
  /** So many bytes more wait, or fewer. */
  readonly held: (bytes: number) => void
}

/** Makes a queue. `failed` hears of a write that threw. */
export function createQueue({ bufferBytes, flushSoon, held }: QueueHub, failed: (error: unknown) => void): Queue {
  let sink: Sink | undefined
  let isBlocked = true
  let waiting: Frame[] = []
  // So many of them stay.
  let staying = 0
  // Ephemeral events apart, by their key or a number of their own: they are unordered, and may be replaced.
  const passing = new Map<string | number, Frame>()
  let unkeyed = 0
  let bytes = 0
  let isDirty = false
  let phase: 'open' | 'finishing' | 'ended' | 'closed' = 'open'
  let emptied = () => {}

  const count = (more: number) => {
    bytes += more
    held(more)
  }

  // The sum of a turn leaves in one write.
  const touch = () => {
    if (isBlocked || isDirty) return
    isDirty = true
    flushSoon(queue)
  }

  const queue: Queue = {
    get buffered() {
      return bytes + (sink?.pending ?? 0)
    },
    get isBlocked() {
      return isBlocked
    },
    get isStuck() {
      return sink !== undefined && sink.pending > 0
    },
    hasRoom: (frame) => bytes === 0 || bytes + frame.bytes.length <= bufferBytes(),
    push(frame, stays = false) {
      waiting.push(frame)
      if (stays) staying = waiting.length
      count(frame.bytes.length)
      touch()
    },
    get holds() {
      return waiting.length > staying
    },
    drop() {
      for (const frame of waiting.splice(staying)) count(-frame.bytes.length)
    },
    pass({ frame, key }) {
      const name = key ?? unkeyed++
      const replaced = passing.get(name)
      if (replaced) {
        passing.delete(name)
        count(-replaced.bytes.length)
      }
      if (!queue.hasRoom(frame)) return 'dropped'
      passing.set(name, frame)
      count(frame.bytes.length)
      touch()
      return replaced ? 'replaced' : 'queued'
    },
    forget() {
      waiting = []
      staying = 0
      passing.clear()
      count(-bytes)
    },
    empty: () =>
      new Promise((resolve) => {
        emptied = () => {
          if (phase === 'open' && (isBlocked || bytes > 0)) return
          emptied = () => {}
          resolve()
        }
        emptied()
      }),
    flush(join) {
      isDirty = false
      if (!sink || isBlocked || phase === 'ended' || phase === 'closed') return
      if (bytes > 0) {
        const batch = join(passing.size > 0 ? [...waiting, ...passing.values()] : waiting)
        queue.forget()
        try {
          isBlocked = !sink.write(batch)
        } catch (error) {
          return failed(error)
        }
      }
      if (phase === 'finishing') {
        phase = 'ended'
        sink.end()
      } else emptied()
    },
    attach(to) {
      sink = to
      queue.resume()
    },
    resume() {
      isBlocked = false
      queue.flush(joinFrames)
    },
    finish(last) {
      // The last word: what passes by leaves before it.
      waiting.push(...passing.values(), last)
      passing.clear()
      count(last.bytes.length)
      phase = 'finishing'
      emptied()
      // A reader that has taken all, and has only not asked for more, gets it at once.
      if (sink?.pending === 0) isBlocked = false
      queue.flush(joinFrames)
    },
    close(cut) {
      if (phase === 'closed') return
      phase = 'closed'
      queue.forget()
      emptied()
      if (cut) sink?.destroy()
    },
  }
  return queue
}
