// Bytes of a `text/event-stream` into the calls of a parser, chunk by chunk, whoever sends them.
import { createParser, type ParserCallbacks } from 'eventsource-parser'

/**
 * Reads a stream, a chunk of bytes at each call of the answer: calls back with what it completes, and resolves with whether there was one. A call throws
 * whatever the connection breaks with, and an Error for a block without end.
 */
export function readChunks(response: Response, callbacks: ParserCallbacks): () => Promise<boolean> {
  // Characters that one block may hold: far above what a hub lets an event be. Past that the parser refuses to be fed.
  const parser = createParser({ ...callbacks, maxBufferSize: 4_194_304 })
  // The parser strips the one BOM that the standard allows; were the decoder to strip one too, two would pass.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = response.body?.getReader()
  return async () => {
    const { value } = (await reader?.read()) ?? {}
    if (!value) return false
    parser.feed(decoder.decode(value, { stream: true }))
    return true
  }
}
