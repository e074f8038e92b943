// A stream in gzip whose blocks stand alone: each batch is compressed once, for all connections that send it; a connection keeps only its checksum.
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

/** The outlet of a connection, in gzip. */
export function compressing({ attach, drained, closed }: Outlet, { deflate, crc32 }: Compression): Outlet {
  const compress = (bytes: Uint8Array) => (bytes.length < SMALL_BYTES ? stored(bytes) : deflate(bytes))
  const wrap = (sink: Sink): Sink => {
    let isBegun = false
    let crc = 0
    let length = 0
    // In one write with what comes first.
    const write = (frame: Frame) => {
      const sent = isBegun ? frame : joinFrames([header, frame])
      isBegun = true
      return sink.write(sent)
    }
    return {
      write(frame) {
        crc = crc32(frame.bytes, crc)
        length += frame.bytes.length
        return write(frame.compressed(compress))
      },
      end() {
        write(frameOfBytes(trailer(crc, length)))
        sink.end()
      },
      destroy: sink.destroy,
      get pending() {
        return sink.pending
      },
    }
  }
  return { attach: (sink) => attach(wrap(sink)), drained, closed }
}

/** One stored block, which is not the last and begins and ends at a whole byte (RFC 1951, §3.2.4). */
function stored(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(5 + bytes.length)
  const view = new DataView(block.buffer)
  view.setUint16(1, bytes.length, true)
  view.setUint16(3, ~bytes.length, true)
  block.set(bytes, 5)
  return block
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
