// Runs in the browser: reads a stream by fetch, and keeps what has come, part by part.

/** What the test calls. */
export interface CompressPage {
  /** Asks for a stream and begins to read it. Answers the `Content-Encoding`. */
  read(url: string): Promise<string | null>
  /** All that has come. */
  text(): string
  /** `end`: as HTTP and gzip end a body; `error`: not so; empty: it goes on. */
  ended(): string
}

let text = ''
let ended = ''

const page: CompressPage = {
  async read(url) {
    text = ''
    ended = ''
    const { headers, body } = await fetch(url)
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
    const readAll = async () => {
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) text += next.value
    }
    readAll().then(
      () => {
        ended = 'end'
      },
      () => {
        ended = 'error'
      },
    )
    return headers.get('content-encoding')
  },
  text: () => text,
  ended: () => ended,
}

Object.assign(globalThis, { page })
