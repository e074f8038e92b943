// The source that a client uses by default: the hub's stream, read by fetch.
import { decodeBlock, type Frame } from '../contract/wire.ts'
import { readBlocks } from './blocks.ts'
import { queryOf, type Source } from './source.ts'

/** Reads the hub's stream, `GET {url}/events`. */
export const sseSource: Source = {
  via: 'sse',
  async *open({ url, topics, after, get }) {
    // The cursor goes into the query: a `Last-Event-ID` header would cost a preflight on another origin.
    const response = await get(`${url}/events${queryOf(topics, after)}`, 'text/event-stream')
    for await (const blocks of readBlocks(response)) {
      const frames: Frame[] = []
      try {
        for (const block of blocks) {
          const frame = block.data === undefined ? undefined : decodeBlock(block)
          if (frame) frames.push(frame)
        }
      } finally {
        // What came whole before a broken block counts, or the same chunk would hold it back at every attempt.
        yield frames
      }
    }
  },
}
