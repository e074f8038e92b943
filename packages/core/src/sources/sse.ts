// The source that a client uses by default: the hub's stream, read by fetch.
import { decodeBlock, type Frame } from '../contract/wire.ts'
import { readChunks } from './chunks.ts'
import { queryOf, type Source } from './source.ts'

/** Reads the hub's stream, `GET {url}/events`. */
export const sseSource: Source = {
  via: 'sse',
  async open({ url, topics, after, get, take, signal }) {
    // The cursor goes into the query: a `Last-Event-ID` header would cost a preflight on another origin.
    const response = await get(`${url}/events${queryOf(topics, after)}`, 'text/event-stream')
    let frames: Frame[] = []
    let retryMs: number | undefined
    const onChunk = () => {
      take(frames)
      frames = []
    }
    const reading = readChunks(response, {
      signal,
      onChunk,
      onRetry(ms) {
        retryMs = ms
      },
      onEvent(message) {
        const frame = decodeBlock(message, retryMs)
        if (frame) frames.push(frame)
        retryMs = undefined
      },
    })
    // What came whole before a broken block counts, or the same chunk would hold it back at every attempt.
    return reading.finally(() => frames[0] && onChunk())
  },
}
