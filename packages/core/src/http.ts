// One request to the hub, and what each kind of answer means: a Response that is worth reading, or a HubError that says what to do.
import { retryAfterMs } from './backoff.ts'
import { HubError, type HubErrorCode } from './errors.ts'
import type { Fetch } from './ports.ts'

/** Headers for a request: as they are, or asked for at each attempt; `refresh` is true once after a 401 or 403. */
export type HeadersOption =
  | HeadersInit
  | ((context: { readonly refresh: boolean }) => HeadersInit | Promise<HeadersInit>)

/** What every request of a client has in common. */
export interface HttpOptions {
  readonly fetch: Fetch
  readonly headers?: HeadersOption | undefined
  readonly credentials?: RequestCredentials | undefined
}

/** One request. */
export interface Ask {
  readonly url: string
  readonly signal: AbortSignal
  /** Whether `headers` is to be asked for fresh ones. */
  readonly refresh: boolean
  /** Headers of this kind of request. */
  readonly headers: Readonly<Record<string, string>>
  /** What to POST; without it, the request is a GET. */
  readonly body?: string
  /** The content type that the answer must have. */
  readonly expect: string
}

const REMEDY: Readonly<Record<number, string>> = {
  400: 'The hub did not understand the question: check the topics, and the versions on both sides.',
  401: 'Not authorized: sign in (or mend `headers`), then call client.start().',
  403: "Not allowed: check the hub's `origins` and grant, then call client.start().",
  404: 'There is no hub at this URL: check `url` against where the server mounts it.',
}

const CODE: Readonly<Record<number, HubErrorCode>> = {
  400: 'malformed',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  429: 'rate_limited',
}

/**
 * Asks, and answers only what can be read.
 * @throws HubError `network`; `stopped` for a 204; `protocol` for a wrong content type; the hub's own code, or one that fits the status, for any other
 * answer, with `details.status` and `details.retryAfterMs`
 */
export async function ask(
  { fetch, headers, credentials = 'same-origin' }: HttpOptions,
  question: Ask,
): Promise<Response> {
  const { url, signal, body, expect } = question
  const all = new Headers(typeof headers === 'function' ? await headers({ refresh: question.refresh }) : headers)
  all.set('accept', expect)
  for (const [name, value] of Object.entries(question.headers)) all.set(name, value)
  signal.throwIfAborted()
  const init: RequestInit = { headers: all, credentials, signal, cache: 'no-store' }
  const response = await fetch(url, body === undefined ? init : { ...init, method: 'POST', body }).catch(
    (cause: unknown) => {
      throw unreachable(url, cause)
    },
  )
  const { status } = response
  const type = response.headers.get('content-type') ?? ''
  if (response.ok && status !== 204) {
    if (type.startsWith(expect)) return response
    throw new HubError(
      'protocol',
      `${url} answered with the content type "${type}" instead of "${expect}": something other than a hub answers there (a page, a proxy, a login?).`,
      { retryable: true, details: { status } },
    )
  }
  if (status === 204)
    throw new HubError('stopped', `${url} answered 204: the server asks not to connect again.`, { details: { status } })
  const said = type.startsWith('application/json')
    ? await response.json().then(
        (json) => json?.error,
        () => undefined,
      )
    : undefined
  throw new HubError(
    said?.code ?? CODE[status] ?? 'http',
    `${url} answered ${status}. ${said?.message ?? REMEDY[status] ?? ''}`,
    {
      retryable: said?.retryable ?? (status >= 500 || status === 429),
      details: {
        status,
        retryAfterMs: retryAfterMs(response.headers.get('retry-after'), response.headers.get('date')),
      },
    },
  )
}

/** The error of a connection that could not be made, or broke. */
export function unreachable(url: string, cause: unknown): HubError {
  return new HubError(
    'network',
    `${url} cannot be reached, or the connection broke. Is the server up? On another origin, does it allow this one?`,
    { retryable: true, cause },
  )
}
