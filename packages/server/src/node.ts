// `@sse-hub/server/node`: the hub on node:http, http2 and Express-like frameworks, writing streams to the socket itself.
import { type IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Socket } from 'node:net'
import { platform } from './ports.ts'
import { createTurns, type TakeTurn } from './time/turns.ts'
import { type Outlet, type Sink, takeOutlet } from './wire/body.ts'
import type { Frame } from './wire/frames.ts'

/** A request as node:http, http2 and Express-like frameworks hand it on. */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The URL before a router stripped the mount point. */
  readonly originalUrl?: string
  /** A body that a middleware has read already. */
  readonly body?: unknown
}

/** A response of node:http or http2. */
export type NodeResponse = ServerResponse | Http2ServerResponse

// A thousand who come at once must not hold up what is live.
const REQUESTS_A_TURN = 32

/** What the handler needs of a hub. */
export interface Fetcher {
  /** Where it is mounted. */
  readonly prefix: string
  readonly fetch: (request: Request) => Promise<Response>
}

/**
 * Makes a handler of node:http, http2 or an Express-like framework. Mounted at the root of such a framework, it passes on what is not below the hub's prefix.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { createHub } from '@sse-hub/server'
 * import { toNodeHandler } from '@sse-hub/server/node'
 * import { contract } from './contract.ts'
 *
 * const hub = createHub({ contract, authorize: () => ({ user: 'u1' }) })
 * createServer(toNodeHandler(hub)).listen(3000)
 * ```
 */
export function toNodeHandler(
  hub: Fetcher,
): (req: NodeRequest, res: NodeResponse, next?: (error?: unknown) => void) => void {
  const turn = createTurns(platform.clock, () => REQUESTS_A_TURN)
  return (req, res, next) => {
    const url = req.url ?? '/'
    const asked = req.originalUrl ?? url
    const target = targetOf(asked)
    const isOurs = target.path.startsWith(`${hub.prefix}/`)
    // Nothing was stripped, so this is the root of a framework, and the request is somebody else's.
    if (next && !isOurs && asked === url) return next()
    // What http2's compatibility layer hands on is, in all that is used here, a response of node:http.
    const out = res as ServerResponse
    handle(hub, req, out, isOurs ? target : targetOf(url), turn).catch((error: unknown) => {
      if (next && !out.headersSent) next(error)
      else out.destroy()
    })
  }
}

/** What a request is for, as its first line says. */
interface Target {
  /** In the absolute form, its host, which then counts instead of the header (RFC 9112, §3.2.2). */
  readonly host?: string
  /** The path with its query. */
  readonly path: string
}

function targetOf(text: string): Target {
  const [, host, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(text) ?? []
  if (host === undefined) return { path: text }
  return { host, path: rest.startsWith('/') ? rest : `/${rest}` }
}

async function handle(
  hub: Fetcher,
  req: NodeRequest,
  res: ServerResponse,
  target: Target,
  turn: TakeTurn,
): Promise<void> {
  // A failed write ends this connection, not the process.
  res.on('error', ignore)
  const gone = new AbortController()
  const abort = () => gone.abort()
  res.on('close', abort)
  // What stands behind an answer on the same socket waits for it: behind a stream, it is nobody that the hub should know of.
  if (res.socket === null) await new Promise((resolve) => res.once('socket', resolve))
  await turn()
  if (gone.signal.aborted) return
  const request = toRequest(req, target, gone.signal)
  // A middleware has said that it compresses: the hub must not do so too.
  if (res.hasHeader('content-encoding')) request?.headers.delete('accept-encoding')
  if (!request) {
    res.writeHead(400, { 'content-length': '0' })
    res.end()
    return
  }
  await writeTo(res, await hub.fetch(request))
  // Nobody listens any more, and a stream may last for days.
  res.off('close', abort)
}

/**
 * Writes a Response of a hub, streams included: for frameworks that have called `hub.fetch` themselves. Resolves when it is written, or, for a stream, when it has begun.
 */
export function writeResponse(response: Response, res: NodeResponse): Promise<void> {
  return writeTo(res as ServerResponse, response)
}

async function writeTo(res: ServerResponse, response: Response): Promise<void> {
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 1) headers['set-cookie'] = cookies
  const outlet = takeOutlet(response.body)
  if (!outlet) {
    const body = Buffer.from(await response.arrayBuffer())
    if (res.destroyed || res.writableEnded) return
    if (response.body) headers['content-length'] = String(body.length)
    res.writeHead(response.status, headers)
    res.end(body)
    return
  }
  // It may have closed while the hub thought, and will not say so again.
  if (res.destroyed || res.closed || isReset(res)) return outlet.closed()
  try {
    res.writeHead(response.status, headers)
    res.flushHeaders()
  } catch (error) {
    outlet.closed()
    throw error
  }
  outlet.attach(directSink(res, outlet) ?? responseSink(res, outlet))
}

/** Whether an http2 stream is gone, which its response does not say. */
function isReset(res: object): boolean {
  return 'stream' in res && (res as Http2ServerResponse).stream?.destroyed === true
}

/**
 * Past the response, to the socket: each frame carries its HTTP chunk framing, built once for all. Half as costly as `res.write`. Only on HTTP/1.1,
 * with a response that has its socket (a pipelined one may have to wait) and whose `write` nobody has wrapped (to compress, say).
 */
function directSink(res: ServerResponse, outlet: Outlet): Sink | undefined {
  if (!res.chunkedEncoding || res.write !== OutgoingMessage.prototype.write) return undefined
  const { socket } = res
  if (!(socket instanceof Socket)) return undefined
  socket.setNoDelay(true)
  const drained = () => outlet.drained()
  socket.on('drain', drained)
  res.on('close', () => {
    // The socket outlives the response.
    socket.off('drain', drained)
    outlet.closed()
  })
  return new DirectSink(socket, res, outlet)
}

// What a socket would make of any other bytes, at every write.
const asBuffer = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length)

class DirectSink implements Sink {
  readonly #socket: Socket
  readonly #res: ServerResponse
  readonly #outlet: Outlet

  constructor(socket: Socket, res: ServerResponse, outlet: Outlet) {
    this.#socket = socket
    this.#res = res
    this.#outlet = outlet
  }

  get pending(): number {
    return this.#socket.writableLength
  }

  write(frame: Frame): boolean {
    if (!this.#res.writableEnded) return this.#socket.write(frame.chunk(asBuffer))
    // Somebody else has ended the response: what is written now would stand in the next one.
    this.#outlet.closed()
    return false
  }

  end() {
    this.#res.end()
  }

  destroy() {
    this.#socket.destroy()
  }
}

function responseSink(res: ServerResponse, outlet: Outlet): Sink {
  const closed = () => outlet.closed()
  res.on('close', closed)
  res.on('finish', closed)
  res.on('drain', () => outlet.drained())
  return new ResponseSink(res, outlet)
}

class ResponseSink implements Sink {
  readonly #res: ServerResponse & { readonly flush?: () => void }
  readonly #outlet: Outlet

  constructor(res: ServerResponse, outlet: Outlet) {
    this.#res = res
    this.#outlet = outlet
  }

  get pending(): number {
    return this.#res.writableLength
  }

  write(frame: Frame): boolean {
    if (this.#res.writableEnded) {
      this.#outlet.closed()
      return false
    }
    const more = this.#res.write(frame.bytes)
    // A compressing middleware holds back what it is not told to let go.
    this.#res.flush?.()
    return more
  }

  end() {
    this.#res.end()
  }

  destroy() {
    this.#res.destroy()
  }
}

function toRequest(req: NodeRequest, target: Target, signal: AbortSignal): Request | undefined {
  const { headers, method = 'GET', socket } = req
  const { path, host = headers[':authority'] ?? headers.host ?? 'localhost' } = target
  const scheme = 'encrypted' in socket && socket.encrypted ? 'https' : 'http'
  try {
    // Pasted into a URL, a host with a path in it, or none at all, would name another path than the one that was asked for.
    if (!/^[^/?#@\\]+$/.test(String(host))) return undefined
    // A target like `//host/…` must not pass for a host, and `*` is no path.
    const url = new URL(`${scheme}://${String(host)}${path.startsWith('/') ? path : '/'}`)
    const fetchHeaders = new Headers()
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined || name.startsWith(':')) continue
      for (const one of Array.isArray(value) ? value : [value]) fetchHeaders.append(name, one)
    }
    const init: RequestInit & { duplex?: 'half' } = { method, headers: fetchHeaders, signal }
    if (method !== 'GET' && method !== 'HEAD') {
      init.body = bodyOf(req)
      init.duplex = 'half'
    }
    return new Request(url, init)
  } catch {
    return undefined
  }
}

/** The body: what a middleware has made of it if it was read already, else the bytes as they come. */
function bodyOf(req: NodeRequest): string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  const { body } = req
  if (body !== undefined && (req.readableDidRead || req.readableEnded)) {
    if (typeof body === 'string') return body
    return body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body)
  }
  // Not Readable.toWeb: cancelling that destroys the socket, over which the refusal must still go.
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        req.on('data', (bytes: Uint8Array) => {
          controller.enqueue(bytes)
          req.pause()
        })
        req.once('end', () => close(() => controller.close()))
        req.once('close', () => close(() => controller.error(new Error('The request ended early.'))))
        req.pause()
        let closed = false
        const close = (how: () => void) => {
          if (closed) return
          closed = true
          how()
        }
      },
      pull: () => void req.resume(),
      // Node discards the rest when the answer is finished.
      cancel: () => void req.removeAllListeners('data'),
    },
    { highWaterMark: 0 },
  )
}

const ignore = () => {}
