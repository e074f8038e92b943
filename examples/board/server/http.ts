// What plain node:http leaves to its users: JSON in and out, errors that a caller can read, and a guard against other sites.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ZodError } from 'zod'

const bodyLimitBytes = 65_536

/** An error that the caller is told: a status, a code to branch on, and a sentence for a person. */
export class RestError extends Error {
  override readonly name = 'RestError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** What a route answers. */
export interface Answer {
  /** Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Left out: no body. */
  readonly body?: unknown
}

/** One header of a request, as `Headers.get` would give it. */
export function headerOf(req: IncomingMessage): (name: string) => string | undefined {
  return (name) => req.headersDistinct[name.toLowerCase()]?.join(', ')
}

/**
 * Refuses what another site could make a visitor's browser send: a form cannot say `application/json`, and a script of
 * another origin cannot hide its `Origin`.
 */
export function refuseOtherSites(req: IncomingMessage): void {
  const { origin, host } = req.headers
  if (origin !== undefined && URL.parse(origin)?.host !== host) {
    throw new RestError(403, 'forbidden_origin', 'Changes are accepted from this site only.')
  }
  if (!/^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new RestError(415, 'unsupported_media_type', 'Send Content-Type: application/json.')
  }
}

/** Reads the body of a request. An empty one is undefined. */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyLimitBytes) throw new RestError(413, 'too_large', `A body may hold ${bodyLimitBytes} bytes.`)
    chunks.push(chunk)
  }
  if (bytes === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new RestError(400, 'malformed', 'The body is not JSON.')
  }
}

/** Writes an answer. */
export function sendJson(res: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  res.writeHead(status, { 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8', ...headers })
  res.end(body === undefined ? undefined : JSON.stringify(body))
}

/** Writes an error. What the caller cannot mend is told to the console, not to the caller. */
export function sendError(res: ServerResponse, error: unknown): void {
  const { status, code, message } = explain(error)
  if (status === 500) console.error(error)
  if (res.headersSent) res.destroy()
  // The rest of a body that nobody will read must not keep the connection.
  else sendJson(res, { status, headers: { Connection: 'close' }, body: { error: { code, message } } })
}

function explain(error: unknown): Pick<RestError, 'status' | 'code' | 'message'> {
  if (error instanceof RestError) return error
  if (error instanceof ZodError) {
    const message = error.issues
      .map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '))
      .join('; ')
    return { status: 400, code: 'invalid_data', message }
  }
  return { status: 500, code: 'internal', message: 'The server failed. Nothing was changed; try again.' }
}
