// The source for any other server that speaks standard Server-Sent Events and knows nothing of a hub.
import type { EventSourceMessage } from 'eventsource-parser'
import type { HubEvent } from '../contract/contract.ts'
import type { Frame, Gap } from '../contract/wire.ts'
import { readChunks } from './chunks.ts'
import type { Source } from './source.ts'

/** What {@link plainSource} takes. */
export interface PlainOptions {
  /** The server sends something at least this often, in milliseconds; after 2.5 times as much silence the client connects again. Default: it may be silent for ever. */
  readonly heartbeatMs?: number
}

/**
 * Reads an SSE server that is no hub. The client's `url` is the URL of its stream.
 *
 * Such a server has one stream and no topics: whatever topics are subscribed to, each hears the whole of it, as events without a cursor whose `type` is the
 * `event:` field (`message` without one), `data` the parsed JSON (or the text where it is not JSON), `id` the `id:` field, and `at` 0. After a cut the client sends `Last-Event-ID`;
 * if the server never sent an id, what it said meanwhile is lost, and told as a gap.
 *
 * One source serves one client.
 *
 * @example
 * ```ts
 * import { createHubClient, plainSource } from '@sse-hub/core'
 * import type { contract } from './contract.ts'
 *
 * export const client = createHubClient<typeof contract>({ url: 'https://example.com/stream', source: plainSource() })
 * ```
 */
export function plainSource({ heartbeatMs = 0 }: PlainOptions = {}): Source {
  let lastId = ''
  let retryMs: number | undefined
  // The incarnation of the "log": as long as the server can be asked for what was missed, it stays the same one.
  let epoch = 0

  return {
    via: 'sse',
    async open({ url, topics, after, get, take, signal }) {
      const response = await get(url, 'text/event-stream', {
        headers: lastId === '' ? {} : { 'last-event-id': lastId },
      })
      if (lastId === '') epoch++
      const cursor = `plain-${epoch}:0`
      const lost = after !== undefined && after !== cursor
      const gaps: Gap[] = lost ? [{ topics, to: cursor, reason: 'epoch' }] : []
      const sync = (): Frame => ({
        kind: 'sync',
        cursor,
        topics,
        gaps,
        user: null,
        heartbeatMs,
        ...(retryMs === undefined ? {} : { retryMs }),
      })
      take([sync()])
      // The last one that came, taken or not.
      let newestId = lastId
      const batches: { readonly frames: readonly Frame[]; readonly id?: string | undefined }[] = []
      return readChunks(response, {
        signal,
        onRetry(ms) {
          retryMs = ms
          batches.push({ frames: [sync()] })
        },
        // Called before the event that it belongs to; it counts when that has been taken.
        onId(id) {
          newestId = id
          batches.push({ frames: [], id })
        },
        onEvent(message) {
          const { id } = message
          if (id !== undefined) batches.pop()
          newestId = id ?? newestId
          const frames = topics.map((topic): Frame => ({ kind: 'event', event: eventOf(message, topic, newestId) }))
          batches.push({ frames, id })
        },
        onChunk() {
          take([])
          for (const { frames, id } of batches.splice(0)) {
            for (const frame of frames) {
              // What was not taken to its end must come again.
              if (signal.aborted) return
              take([frame])
            }
            lastId = id ?? lastId
          }
        },
      })
    },
  }
}

function eventOf({ event = 'message', data, id }: EventSourceMessage, topic: string, lastId: string): HubEvent {
  return { type: event, topic, data: parsed(data), at: 0, id: id ?? lastId }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}
