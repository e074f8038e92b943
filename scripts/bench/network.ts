// A network in virtual time between many users and one server in this process: it delays, cuts and counts every request and every byte.
import type { Clock } from '@sse-hub/core'

/** What a request and the head of its answer cost in bytes, cookies and all: about what a browser and a proxy send, before compression. */
const HEAD_BYTES = 900

/** What went over the network. */
export interface Traffic {
  /** Requests by kind. */
  readonly requests: Map<string, number>
  /** All bytes, both ways. */
  bytes: number
  /** Bytes of streams, heads included. */
  streamBytes: number
  /** Those of them that are the data of events: what is left is the stream's own. */
  dataBytes: number
}

/** What a network takes. */
export interface NetworkOptions {
  readonly clock: Clock
  /** Each way. */
  readonly latencyMs: number
  /** How long a proxy lets a stream live. */
  readonly cutMs: number
  readonly serve: (request: Request) => Promise<Response>
  readonly kindOf: (url: URL) => string
}

/** Makes a network; `fetch` is what its users call. */
export function createNetwork({ clock, latencyMs, cutMs, serve, kindOf }: NetworkOptions) {
  const traffic: Traffic = { requests: new Map(), bytes: 0, streamBytes: 0, dataBytes: 0 }

  const wait = (signal: AbortSignal | null | undefined) =>
    new Promise<void>((resolve, reject) => {
      const abort = () => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = clock.after(latencyMs, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })

  /** The bytes of a stream, a moment later, until it is cut. */
  const carried = (body: ReadableStream<Uint8Array>, signal: AbortSignal | null | undefined) => {
    const reader = body.getReader()
    let isOver = false
    return new ReadableStream<Uint8Array>({
      start(controller) {
        const end = (act: () => void) => {
          if (isOver) return
          isOver = true
          cancelCut()
          act()
          void reader.cancel().catch(() => {})
        }
        const cancelCut = clock.after(cutMs, () => end(() => controller.close()))
        signal?.addEventListener('abort', () => end(() => controller.error(signal.reason)), { once: true })
        const pump = async () => {
          for (;;) {
            const { done, value } = await reader.read()
            if (isOver) return
            if (done) return void clock.after(latencyMs, () => end(() => controller.close()))
            traffic.bytes += value.length
            traffic.streamBytes += value.length
            traffic.dataBytes += dataOf(value)
            clock.after(latencyMs, () => isOver || controller.enqueue(value))
          }
        }
        pump().catch((error: unknown) => end(() => controller.error(error)))
      },
    })
  }

  const fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const address = new URL(url, 'http://app.test')
    const kind = kindOf(address)
    const { signal } = init
    traffic.requests.set(kind, (traffic.requests.get(kind) ?? 0) + 1)
    traffic.bytes += HEAD_BYTES
    await wait(signal)
    const response = await serve(new Request(address, init))
    const { status, headers, body } = response
    await wait(signal)
    if (headers.get('content-type')?.startsWith('text/event-stream') && body) {
      traffic.streamBytes += HEAD_BYTES
      return new Response(carried(body, signal), { status, headers })
    }
    const bytes = await response.arrayBuffer()
    traffic.bytes += bytes.byteLength
    return new Response(bytes, { status, headers })
  }
  return { traffic, fetch }
}

const text = new TextDecoder()

/** How many bytes of a chunk of a stream are what the application has published. */
function dataOf(chunk: Uint8Array): number {
  let bytes = 0
  for (const block of text.decode(chunk).split('\n\n')) {
    if (/^event: hub\./m.test(block)) continue
    const json = /^data: (.*)$/m.exec(block)?.[1]
    if (json) bytes += Buffer.byteLength(JSON.stringify((JSON.parse(json) as { data: unknown }).data))
  }
  return bytes
}
