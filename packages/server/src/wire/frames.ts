// What a connection sends: blocks encoded once, whose bytes every connection shares.
import { type ByeReason, encodeBlock, formatCursor, type Gap, type Sync } from '@sse-hub/core/contract'
import { byteLength } from './bytes.ts'

/** Something to send, shared by whoever sends it: nobody may change its bytes. */
export interface Frame {
  /** How many bytes it has. */
  readonly length: number
  /** The bytes as they stand in the stream; built when first asked for, then shared. */
  readonly bytes: Uint8Array
  /**
   * The same as one chunk of HTTP/1.1's chunked encoding: perhaps as text, in ASCII, to the first who asks; as bytes, which are shared, to all others, in the form that
   * sockets take, which `wrap` gives them without a copy. All who ask have the same `wrap`.
   */
  chunk(wrap: (bytes: Uint8Array) => Uint8Array): Uint8Array | string
  /** The same compressed; made when first asked for, then shared too. All who ask have the same `compress`. */
  compressed(compress: (bytes: Uint8Array) => Uint8Array): Frame
}

const encoder = new TextEncoder()
// What frames a chunk: its size in hexadecimal and a line end before the bytes, a line end after them.
const END = '\r\n'
const BEFORE = 8 + END.length
const before = ' '.repeat(BEFORE)
const end = encoder.encode(END)

class FramedBytes implements Frame {
  readonly bytes: Uint8Array
  // The bytes with room for the framing around them, so that one buffer does for both.
  readonly #roomy: Uint8Array
  #chunk: Uint8Array | undefined
  #compressed: Frame | undefined

  constructor(roomy: Uint8Array) {
    this.bytes = roomy.subarray(BEFORE, roomy.length - END.length)
    this.#roomy = roomy
  }

  get length(): number {
    return this.bytes.length
  }

  chunk(wrap: (bytes: Uint8Array) => Uint8Array): Uint8Array {
    if (!this.#chunk) {
      const head = `${this.bytes.length.toString(16)}${END}`
      const start = BEFORE - head.length
      for (let at = 0; at < head.length; at++) this.#roomy[start + at] = head.charCodeAt(at)
      this.#chunk = wrap(this.#roomy.subarray(start))
    }
    return this.#chunk
  }

  compressed(compress: (bytes: Uint8Array) => Uint8Array): Frame {
    this.#compressed ??= frameOfBytes(compress(this.bytes))
    return this.#compressed
  }
}

// A buffer costs more than all else that is done for an event that one connection hears: what has one reader stays text.
class FramedText implements Frame {
  readonly length: number
  #text: string
  #isTaken = false
  #shared: Frame | undefined

  constructor(text: string) {
    this.length = byteLength(text)
    this.#text = text
  }

  get bytes(): Uint8Array {
    return this.#share().bytes
  }

  chunk(wrap: (bytes: Uint8Array) => Uint8Array): Uint8Array | string {
    // A socket counts by characters what it holds as text.
    const isAscii = this.length === this.#text.length
    if (this.#isTaken || this.#shared || !isAscii) return this.#share().chunk(wrap)
    this.#isTaken = true
    return `${this.length.toString(16)}${END}${this.#text}${END}`
  }

  compressed(compress: (bytes: Uint8Array) => Uint8Array): Frame {
    return this.#share().compressed(compress)
  }

  #share(): Frame {
    if (!this.#shared) {
      this.#shared = new FramedBytes(encoder.encode(`${before}${this.#text}${END}`))
      this.#text = ''
    }
    return this.#shared
  }
}

/** One frame of a block's text. */
export function frameOf(text: string): Frame {
  return new FramedText(text)
}

/** One frame of bytes. */
export function frameOfBytes(bytes: Uint8Array): Frame {
  return concatenate([bytes])
}

/** Several frames as one. */
export function joinFrames(frames: readonly Frame[]): Frame {
  const [first] = frames
  return first && frames.length === 1 ? first : concatenate(frames.map(({ bytes }) => bytes))
}

function concatenate(parts: readonly Uint8Array[]): Frame {
  const roomy = new Uint8Array(parts.reduce((sum, { length }) => sum + length, BEFORE + end.length))
  let at = BEFORE
  for (const part of [...parts, end]) {
    roomy.set(part, at)
    at += part.length
  }
  return new FramedBytes(roomy)
}

/** Frames that follow each other, and what came of joining them. */
interface Run {
  joined?: Frame
  readonly next: Map<Frame, Run>
}

/**
 * Joins, and remembers every join: connections that are in step have the same run of frames to send, and share one concatenation, and
 * whatever else is made of it. Make one per turn of the event loop, so that it holds nothing afterwards.
 */
export function createJoiner(): (frames: readonly Frame[]) => Frame {
  const start: Run = { next: new Map() }
  let last: readonly Frame[] = []
  let joined: Frame | undefined
  return (frames) => {
    if (frames.length < 2) return joinFrames(frames)
    // Mostly everybody is in step.
    if (joined && frames.length === last.length && frames.every((frame, index) => frame === last[index])) return joined
    let run = start
    for (const frame of frames) {
      let longer = run.next.get(frame)
      if (!longer) {
        longer = { next: new Map() }
        run.next.set(frame, longer)
      }
      run = longer
    }
    run.joined ??= joinFrames(frames)
    last = frames
    joined = run.joined
    return joined
  }
}

/** The first block of a stream. */
export function syncText(sync: Sync, retryMs: number): string {
  return encodeBlock({ retryMs, event: 'hub.sync', id: sync.cursor, data: JSON.stringify(sync) })
}

/** The block that says what is missing. */
export function gapText(gap: Gap): string {
  return encodeBlock({ event: 'hub.gap', id: gap.to, data: JSON.stringify(gap) })
}

/** The last block of a stream. */
export function byeText(reason: ByeReason, retryMs: number): string {
  return encodeBlock({ retryMs, event: 'hub.bye', data: JSON.stringify({ reason, retryMs }) })
}

/** A maker of heartbeats that remembers its last: idle connections in step share one frame. */
export function createBeats(): (epoch: string, position: number) => Frame {
  let lastEpoch = ''
  let lastPosition = -1
  let last: Frame | undefined
  return (epoch, position) => {
    if (!last || position !== lastPosition || epoch !== lastEpoch) {
      lastEpoch = epoch
      lastPosition = position
      last = frameOf(encodeBlock({ event: 'hub.beat', id: formatCursor({ epoch, position }), data: '' }))
    }
    return last
  }
}
