// The stream of any SSE server as the HTML standard has it read: each event its text as it came, and the last id that was seen.
import type { Frame } from '../contract/wire.ts'
import { readChunks } from '../sources/chunks.ts'
import type { Source } from '../sources/source.ts'

/** Reads the stream at `address`, whatever the client's `url`, for one topic. An event's `data` is its text, its `id` the last id seen. */
export function textSource(address: string): Source {
  let lastId = ''
  let retryMs: number | undefined
  return {
    via: 'sse',
    async open({ topics, get, take, signal }) {
      // A header's characters are bytes; the standard wants those of UTF-8.
      const id = Array.from(new TextEncoder().encode(lastId), (byte) => String.fromCharCode(byte)).join('')
      const response = await get(address, 'text/event-stream', {
        headers: id === '' ? {} : { 'last-event-id': id },
      })
      // There is no log, so nothing is ever told to be missing: a native reader does not learn of it either.
      const sync = (): Frame => ({
        ...{ kind: 'sync', cursor: 'text:0', topics, gaps: [], user: null, heartbeatMs: 0 },
        ...(retryMs !== undefined && { retryMs }),
      })
      const frames = [sync()]
      take(frames.splice(0))
      return readChunks(response, {
        signal,
        onRetry(ms) {
          retryMs = ms
          frames.push(sync())
        },
        onId(id) {
          lastId = id
        },
        onEvent({ event: type = 'message', data }) {
          for (const topic of topics) frames.push({ kind: 'event', event: { type, topic, data, at: 0, id: lastId } })
        },
        onChunk: () => take(frames.splice(0)),
      })
    },
  }
}
