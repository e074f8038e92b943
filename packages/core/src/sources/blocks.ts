// Bytes of a `text/event-stream` into blocks, batch by batch, whoever sends them.
import { createParser } from 'eventsource-parser'
import type { Block } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { unreachable } from '../http.ts'

// Characters that one block may hold before the stream counts as broken: far above what a hub lets an event be.
const MAX_BLOCK = 4_194_304

/**
 * Reads a stream's blocks, one batch per chunk of bytes. A batch may be empty. A `retry:`, and the id of a block that has nothing else, come as blocks
 * without data; a `retry:` comes again with the event that follows it.
 * @throws HubError `network` when the connection breaks, `protocol` for a block without end
 */
export async function* readBlocks(response: Response): AsyncGenerator<readonly Block[]> {
  let blocks: Block[] = []
  let retryMs: number | undefined
  let overflow: HubError | undefined
  const parser = createParser({
    maxBufferSize: MAX_BLOCK,
    onRetry(ms) {
      retryMs = ms
      blocks.push({ retryMs })
    },
    onId: (id) => void blocks.push({ id }),
    onEvent({ event, id, data }) {
      // Its id was just pushed by itself.
      if (id !== undefined) blocks.pop()
      blocks.push({
        data,
        ...(event === undefined ? {} : { event }),
        ...(id === undefined ? {} : { id }),
        ...(retryMs === undefined ? {} : { retryMs }),
      })
      retryMs = undefined
    },
    onError({ type }) {
      if (type === 'max-buffer-size-exceeded') {
        overflow = new HubError('protocol', `${response.url} sent a block of more than ${MAX_BLOCK} characters.`, {
          retryable: true,
        })
      }
    },
  })
  // The parser strips the one BOM that the standard allows; were the decoder to strip one too, two would pass.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = response.body?.getReader()
  while (reader) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw unreachable(response.url, cause)
    })
    if (done) return
    parser.feed(decoder.decode(value, { stream: true }))
    yield blocks
    if (overflow) throw overflow
    blocks = []
  }
}
