// Bytes of a `text/event-stream` into the calls of a parser, chunk by chunk, whoever sends them.
import { createParser, type ParserCallbacks } from 'eventsource-parser'

/** What is called while a stream is read, and what ends that. */
export interface ChunkCallbacks extends ParserCallbacks {
  /** Nothing is called any more once it has aborted, and the stream is let go of: not every `fetch` does that by itself. */
  readonly signal: AbortSignal
  /** A chunk of bytes was read; what it completes has been told. */
  readonly onChunk: () => void
}

/** Reads a stream to its end. Rejects with whatever the connection breaks with, and with an Error for a block without end. */
export async function readChunks(response: Response, callbacks: ChunkCallbacks): Promise<void> {
  // Characters that one block may hold: far above what a hub lets an event be. Past that the parser refuses to be fed.
  const parser = createParser({ ...callbacks, maxBufferSize: 4_000_000 })
  // The parser strips the one BOM that the standard allows; were the decoder to strip one too, two would pass.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = response.body?.getReader()
  for (;;) {
    const { value } = (await reader?.read()) ?? {}
    if (!value || callbacks.signal.aborted) return reader?.cancel()
    parser.feed(decoder.decode(value, { stream: true }))
    callbacks.onChunk()
  }
}
