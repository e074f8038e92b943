// The ways of reading a stream that are compared: the parser and JSON.parse alone, the same over a response's body, and the whole client.
import { createHubClient, type HubEvent } from '@sse-hub/core'
import type { Contract } from '@sse-hub/core/contract'
import { createParser } from 'eventsource-parser'
import type { Corpus, Part } from './corpus.ts'

/** Somebody who reads one stream, part by part. */
export interface Reader {
  /** Reads a part; resolves when the last of its events was heard. */
  read(part: Part): Promise<void>
  close(): void
}

/** Begins to read a stream, of which `hear` is told every event. */
export type Open = (corpus: Corpus, hear: (event: HubEvent) => void) => Promise<Reader>

/** What every reader of Server-Sent Events does, and no more. */
export const parserAlone: Open = async ({ head }, hear) => {
  const feed = parsing(hear)
  feed(head)
  return {
    async read({ chunks }) {
      for (const chunk of chunks) feed(chunk)
    },
    close() {},
  }
}

/** The same, with the bytes as `fetch` brings them. */
export const parserOverBody: Open = async ({ head }, hear) => {
  const counter = counting(hear)
  const pipe = createPipe(head)
  const feed = parsing(counter.hear)
  const pump = async () => {
    const reader = pipe.response().body?.getReader()
    while (reader) {
      const { done, value } = await reader.read()
      if (done) return
      feed(value)
    }
  }
  void pump().catch(counter.fail)
  return { read: (part) => counter.until(part, pipe.write), close: pipe.end }
}

/** The client of `@sse-hub/core`, with one subscription for each topic: one client, as a page has it. */
export const wholeClient: Open = async ({ head, topics }, hear) => {
  const counter = counting(hear)
  const pipe = createPipe(head)
  const client = createHubClient<Contract>({
    url: 'http://hub.bench/api/sse',
    fetch: async () => pipe.response(),
    onReport: ({ error }) => counter.fail(error),
  })
  const on = { 'card.moved': counter.hear, 'card.created': counter.hear }
  for (const topic of topics) client.subscribe({ topic, on })
  await new Promise<void>((resolve) => {
    client.status.subscribe(() => client.status.get().phase === 'live' && resolve())
  })
  return {
    read: (part) => counter.until(part, pipe.write),
    close() {
      client.close()
      pipe.end()
    },
  }
}

function parsing(hear: (event: HubEvent) => void): (chunk: Uint8Array) => void {
  const parser = createParser({
    onEvent({ event, data }) {
      if (!event?.startsWith('hub.')) hear(JSON.parse(data))
    },
  })
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return (chunk) => parser.feed(decoder.decode(chunk, { stream: true }))
}

/** Counts what is heard, so that the end of a part is noticed. */
function counting(hear: (event: HubEvent) => void) {
  let left = 0
  let settle = { resolve: () => {}, reject: (_: unknown) => {} }
  return {
    hear(event: HubEvent) {
      hear(event)
      left--
      if (left === 0) settle.resolve()
    },
    fail: (error: unknown) => settle.reject(error),
    until: ({ events, chunks }: Part, write: (chunks: Part['chunks']) => void) =>
      new Promise<void>((resolve, reject) => {
        left = events
        settle = { resolve, reject }
        write(chunks)
      }),
  }
}

/** A stream of bytes that goes on when it is written to. */
function createPipe(head: Uint8Array<ArrayBuffer>) {
  let chunks: readonly Uint8Array<ArrayBuffer>[] = [head]
  let next = 0
  let wake = () => {}
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        const chunk = chunks[next++]
        if (chunk) return controller.enqueue(chunk)
        // Until more is written.
        return new Promise<void>((resolve) => {
          wake = () => {
            const first = chunks[next++]
            if (first) controller.enqueue(first)
            else controller.close()
            resolve()
          }
        })
      },
      cancel() {
        wake = () => {}
      },
    },
    // A network has more ready than what was asked for.
    { highWaterMark: 16 },
  )
  const write = (more: readonly Uint8Array<ArrayBuffer>[]): void => {
    chunks = more
    next = 0
    wake()
  }
  return {
    response: () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    write,
    end: () => write([]),
  }
}
