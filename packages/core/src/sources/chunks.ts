// Bytes of a `text/event-stream` into the calls of a parser, chunk by chunk, whoever sends them.
import { createParser, type ParserCallbacks } from 'eventsource-parser'

/**
 * Reads a stream: calls back with what each chunk of bytes completes, then yields.
 * @throws whatever the connection breaks with, and an Error for a block without end
 */
export async function* readChunks(response: Response, callbacks: ParserCallbacks): AsyncGenerator<undefined> {
  // Characters that one block may hold: far above what a hub lets an event be. Past that the parser refuses to be fed.
  const parser = createParser({ ...callbacks, maxBufferSize: 4_194_304 })
  // The parser strips the one BOM that the standard allows; were the decoder to strip one too, two would pass.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = response.body?.getReader()
  while (reader) {
    const { done, value } = await reader.read()
    if (done) return
    parser.feed(decoder.decode(value, { stream: true }))
    yield
  }
}
