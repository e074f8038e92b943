// Runs in the browser: reads a stream by the native EventSource, and by fetch and our own source, and keeps what each heard.
import type { Block, Frame } from '@sse-hub/core/contract'
import { createParser } from 'eventsource-parser'
import { platform } from '../../packages/core/src/platform.ts'
import { sseSource } from '../../packages/core/src/sources/sse.ts'

/** What a native EventSource hears of one event. */
export interface Heard {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/** What the test calls. */
export interface BlocksPage {
  /** Reads a stream with listeners for these types, until a block of the type `end`. */
  native(url: string, types: readonly string[], end: string): Promise<Heard[]>
  /** Reads all blocks of a stream by fetch and the parser that our client uses. */
  blocks(url: string): Promise<Block[]>
  /** Reads all frames of a hub's stream. */
  frames(url: string): Promise<Frame[]>
}

const page: BlocksPage = {
  native(url, types, end) {
    return new Promise((resolve, reject) => {
      const heard: Heard[] = []
      const source = new EventSource(url)
      const hear = (event: Event): void => {
        // The source's own `open` and `error` carry no message; a stream's events of these names do.
        if (!(event instanceof MessageEvent)) {
          if (event.type === 'error') reject(new Error(`EventSource failed after ${heard.length} events`))
          return
        }
        heard.push({ type: event.type, data: event.data, lastEventId: event.lastEventId })
        if (event.type !== end) return
        source.close()
        resolve(heard)
      }
      for (const type of new Set([...types, 'message', 'open', 'error', end])) source.addEventListener(type, hear)
    })
  },
  async blocks(url) {
    const blocks: Block[] = []
    const parser = createParser({ onEvent: (block) => blocks.push(block) })
    const reader = (await fetch(url)).body?.pipeThrough(new TextDecoderStream()).getReader()
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) parser.feed(next.value)
    return blocks
  },
  async frames(url) {
    const frames: Frame[] = []
    await sseSource.open({
      url: '',
      topics: [],
      after: undefined,
      get: () => fetch(url),
      take: (batch) => void frames.push(...batch),
      clock: platform.clock,
      signal: new AbortController().signal,
    })
    return frames
  },
}

Object.assign(globalThis, { page })
