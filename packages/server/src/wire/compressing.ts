// A stream in gzip whose blocks stand alone: each batch is compressed once, for all connections that send it; a connection keeps only its checksum.

import type { Clock } from '../ports.ts'
import type { Outlet, Sink } from './body.ts'
import { type Frame, frameOfBytes, joinFrames } from './frames.ts'

/** What gzip takes of its platform: `sharedGzip()` of `@sse-hub/server/gzip` has it from node:zlib. */
export interface Compression {
  /** Raw deflate of these bytes alone, up to a whole byte (a sync flush), in blocks of which none is marked as the last. */
  readonly deflate: (bytes: Uint8Array) => Uint8Array
  /** The CRC-32 of what had the checksum `before`, followed by these bytes. */
  readonly crc32: (bytes: Uint8Array, before: number) => number
}

// Deflate, no name, no time, an unknown system (RFC 1952, §2.3).
const header = frameOfBytes(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff))
// Below this there is nothing to gain: a beat and a good-bye are longer deflated than stored.
const SMALL_BYTES = 96
// Some 5 ms. What is shared is far from it; a thousand readers of the log, each with 250 kB of its own, would hold up everybody for seconds.
const BYTES_A_TURN = 524_288
const MOST_STORED = 65_535

/** Compression as one hub has it: as much as a turn of the event loop has time for. */
export interface Compressor extends Pick<Compression, 'crc32'> {
  /** Deflates the bytes, or, where there is nothing to gain or no time left, stores them. */
  readonly compress: (bytes: Uint8Array) => Uint8Array
}

/** Makes the compressor of a hub. */
export function createCompressor({ deflate, crc32 }: Compression, { soon }: Pick<Clock, 'soon'>): Compressor {
  let spent = 0
  return {
    crc32,
    compress(bytes) {
      if (bytes.length < SMALL_BYTES || spent >= BYTES_A_TURN) return stored(bytes)
      const isFirst = spent === 0
      spent += bytes.length
      if (isFirst) {
        soon(() => {
          spent = 0
        })
      }
      return deflate(bytes)
    },
  }
}

/** The outlet of a connection, in gzip. */
export function compressing(outlet: Outlet, compressor: Compressor): Outlet {
  return {
    attach: (sink) => outlet.attach(new GzipSink(sink, compressor)),
    drained: () => outlet.drained(),
    closed: () => outlet.closed(),
  }
}

class GzipSink implements Sink {
  readonly #sink: Sink
  readonly #compressor: Compressor
  #isBegun = false
  #crc = 0
  #length = 0

  constructor(sink: Sink, compressor: Compressor) {
    this.#sink = sink
    this.#compressor = compressor
  }

  get pending(): number {
    return this.#sink.pending
  }

  write(frame: Frame): boolean {
    const { compress, crc32 } = this.#compressor
    this.#crc = crc32(frame.bytes, this.#crc)
    this.#length += frame.bytes.length
    return this.#send(frame.compressed(compress))
  }

  end() {
    this.#send(frameOfBytes(trailer(this.#crc, this.#length)))
    this.#sink.end()
  }

  destroy() {
    this.#sink.destroy()
  }

  // In one write with what comes first.
  #send(frame: Frame): boolean {
    const sent = this.#isBegun ? frame : joinFrames([header, frame])
    this.#isBegun = true
    return this.#sink.write(sent)
  }
}

/** Stored blocks, of which none is the last and each begins and ends at a whole byte (RFC 1951, §3.2.4). */
function stored(bytes: Uint8Array): Uint8Array {
  const blocks = new Uint8Array(bytes.length + 5 * Math.ceil(bytes.length / MOST_STORED))
  const view = new DataView(blocks.buffer)
  let at = 0
  for (let from = 0; from < bytes.length; from += MOST_STORED) {
    const part = bytes.subarray(from, from + MOST_STORED)
    view.setUint16(at + 1, part.length, true)
    view.setUint16(at + 3, ~part.length, true)
    blocks.set(part, at + 5)
    at += 5 + part.length
  }
  return blocks
}

/** The last block, which is empty, then the checksum and the length of all that was sent, before it was compressed. */
function trailer(crc: number, length: number): Uint8Array {
  const bytes = new Uint8Array(10)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 3, true)
  view.setUint32(2, crc, true)
  view.setUint32(6, length, true)
  return bytes
}

/** Whether an `Accept-Encoding` asks for gzip, and for nothing at all (`identity`) no more than for it (RFC 9110, §12.5.3). Without the header nobody has asked. */
export function acceptsGzip(header: string | null): boolean {
  const qualities = new Map((header ?? '').toLowerCase().split(',').map(readCoding))
  const gzip = qualities.get('gzip') ?? qualities.get('x-gzip') ?? qualities.get('*') ?? 0
  return gzip > 0 && gzip >= (qualities.get('identity') ?? 0)
}

function readCoding(text: string): [name: string, quality: number] {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1'
  // What is not a quality asks for nothing.
  return [name, /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(quality) ? Number(quality) : 0]
}
