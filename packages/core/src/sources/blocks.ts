// Bytes of a `text/event-stream` into blocks, batch by batch, whoever sends them.
import { createParser } from 'eventsource-parser'
import type { Block } from '../contract/wire.ts'

// Characters that one block may hold before the stream counts as broken: far above what a hub lets an event be.
const MAX_BLOCK = 4_194_304

/**
 * Reads a stream's blocks, one batch per chunk of bytes. A batch may be empty. A `retry:`, and the id of a block that has nothing else, come as blocks
 * without data; a `retry:` comes again with the event that follows it.
 * @throws whatever the connection breaks with, and an Error for a block without end
 */
export async function* readBlocks(response: Response): AsyncGenerator<readonly Block[]> {
  let blocks: Block[] = []
  let retry: Block = {}
  const parser = createParser({
    // Past it, the parser refuses to be fed.
    maxBufferSize: MAX_BLOCK,
    onRetry(retryMs) {
      retry = { retryMs }
      blocks.push(retry)
    },
    onId: (id) => void blocks.push({ id }),
    onEvent(message) {
      blocks.push({ ...retry, ...message } as Block)
      retry = {}
    },
  })
  // The parser strips the one BOM that the standard allows; were the decoder to strip one too, two would pass.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = response.body?.getReader()
  while (reader) {
    const { done, value } = await reader.read()
    if (done) return
    parser.feed(decoder.decode(value, { stream: true }))
    yield blocks
    blocks = []
  }
}
