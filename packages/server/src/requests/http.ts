// From a request to the part of the hub that answers it: paths, methods, origins, and the headers that every answer has.
import { HubError } from '@sse-hub/core/contract'
import type { Report } from '../options.ts'
import { answerError } from './answers.ts'

/** Answers one method of one path. It may reject with a HubError, which becomes its documented answer. */
type Answerer = (request: Request, url: URL) => Promise<Response>

/** What the hub answers, by path below the prefix, then by method. */
export type Routes = Readonly<Record<string, Readonly<Record<string, Answerer>>>>

const PREFLIGHT_SECONDS = '600'

/** Makes the hub's `fetch`. It never rejects. */
export function createHttp({
  prefix,
  routes,
  origins,
  awayMs,
  report,
}: {
  readonly prefix: string
  readonly routes: Routes
  /** Whether an origin other than the hub's own is allowed. */
  readonly origins: (origin: string) => boolean
  /** The `Retry-After` of a 503 that has none, in milliseconds. */
  readonly awayMs: () => number
  readonly report: (report: Report) => void
}): (request: Request) => Promise<Response> {
  const respond = async (request: Request, url: URL, isAllowed: boolean): Promise<Response> => {
    // A router may have stripped the prefix.
    const path =
      prefix !== '' && url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : url.pathname
    const methods = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (!methods)
      throw new HubError(
        'not_found',
        `The hub has no ${url.pathname}: it answers ${Object.keys(routes).join(', ')} below ${prefix}.`,
      )
    const { method } = request
    const origin = request.headers.get('origin')
    if (method === 'OPTIONS' || (origin !== null && !isAllowed)) {
      if (origin !== null && !isAllowed)
        throw forbiddenOrigin(`The origin ${origin.slice(0, 80)} is not allowed: add it to \`origins\`.`)
      return answerPreflight(request, methods)
    }
    const answerer = Object.hasOwn(methods, method) ? methods[method] : undefined
    if (!answerer) {
      throw new HubError('method_not_allowed', `${path} does not take ${method}.`, {
        details: { allow: allowed(methods) },
      })
    }
    if (method === 'POST') {
      if (origin === null)
        throw forbiddenOrigin('A POST needs an `Origin` header: browsers send it; elsewhere, send that of the hub.')
      if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
        throw new HubError('unsupported_media_type', 'Send `Content-Type: application/json`.')
      }
    }
    return answerer(request, url)
  }

  const refuse = (error: unknown): Response => {
    if (!(error instanceof HubError)) {
      report({ during: 'stream', error })
      return answerError(new HubError('internal', 'The hub failed. Try again later.', { retryable: true }))
    }
    const isAway = error.code === 'overloaded' || error.code === 'disabled' || error.code === 'draining'
    if (!isAway || 'retryAfterMs' in error.details) return answerError(error)
    const { code, message, retryable } = error
    return answerError(new HubError(code, message, { retryable, details: { retryAfterMs: awayMs() } }))
  }

  return async (request) => {
    const url = new URL(request.url)
    const origin = request.headers.get('origin')
    let isAllowed = false
    let response: Response
    try {
      isAllowed = origin !== null && (isSameHost(origin, url) || origins(origin) === true)
      response = await respond(request, url, isAllowed)
    } catch (error) {
      response = refuse(error)
    }
    response.headers.set('cache-control', 'no-store, no-transform')
    // A stream may have said more.
    response.headers.append('vary', 'Origin, Cookie, Authorization, Last-Event-ID')
    if (origin !== null && isAllowed) {
      response.headers.set('access-control-allow-origin', origin)
      response.headers.set('access-control-allow-credentials', 'true')
      response.headers.set('access-control-expose-headers', 'Retry-After, Hub-Cursor')
    }
    return response
  }
}

// By host and not by scheme: behind a proxy that ends TLS, the hub sees http.
function isSameHost(origin: string, url: URL): boolean {
  return URL.canParse(origin) && withoutDefaultPort(new URL(origin).host) === withoutDefaultPort(url.host)
}

const withoutDefaultPort = (host: string) => host.replace(/:(80|443)$/, '')

function answerPreflight(request: Request, methods: Readonly<Record<string, Answerer>>): Response {
  const allow = allowed(methods)
  return new Response(null, {
    status: 204,
    headers: {
      allow,
      'access-control-allow-methods': allow,
      // The application may send headers of its own; the origin is one that it trusts.
      'access-control-allow-headers':
        request.headers.get('access-control-request-headers') ?? 'Content-Type, Authorization, Last-Event-ID',
      'access-control-max-age': PREFLIGHT_SECONDS,
    },
  })
}

const allowed = (methods: Readonly<Record<string, Answerer>>) => [...Object.keys(methods), 'OPTIONS'].join(', ')

const forbiddenOrigin = (message: string) => new HubError('forbidden_origin', message)
