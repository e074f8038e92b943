// One request to the hub, and what each kind of answer means: a Response that is worth reading, or a HubError that says what to do.
import { retryAfterMs } from './backoff.ts'
import type { WireError } from './contract/wire.ts'
import { HubError, type HubErrorCode } from './errors.ts'
import type { Settings } from './settings.ts'

// After these, the same question has the same answer; what they mean where the answer does not say. A 404 may be a deployment that is under way.
const FINAL: Readonly<Record<number, HubErrorCode>> = {
  204: 'stopped',
  400: 'http',
  401: 'unauthorized',
  403: 'forbidden',
}

/** What a request adds to the settings. */
export interface Ask extends RequestInit {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/**
 * Asks, and answers only what can be read: a 200 of the content type `expect`. After a 401 or 403 it asks once more, with fresh headers.
 * @throws HubError with the hub's own code, or one that fits the status, and `details.status` and `details.retryAfterMs`; whatever
 * `headers` or `fetch` throws
 */
export async function ask(
  settings: Settings,
  url: string,
  expect: string,
  init: Ask,
  refresh = false,
): Promise<Response> {
  // Called by itself: the browser's own refuses to be somebody's method.
  const { headers: given, credentials, fetch } = settings
  const isAsked = typeof given === 'function'
  const own = Object.fromEntries(new Headers(isAsked ? await given({ refresh }) : given))
  const headers = { ...own, accept: expect, ...init.headers }
  const response = await fetch(url, { cache: 'no-store', credentials, ...init, headers } as RequestInit)
  const { status } = response
  const header = (name: string) => response.headers.get(name) ?? ''
  const type = header('content-type')
  if (status === 200 && type.startsWith(expect)) return response
  if (status > 400 && status in FINAL && isAsked && !refresh) return ask(settings, url, expect, init, true)
  const body: { error?: WireError } | undefined =
    status < 300 ? undefined : await response.json().catch(() => undefined)
  const { code = FINAL[status] ?? 'http', message = 'is a hub there?' } = body?.error ?? {}
  throw new HubError(code as HubErrorCode, `${url} answered ${status} (${type}): ${message}`, {
    retryable: !(status in FINAL),
    details: { status, retryAfterMs: retryAfterMs(header('retry-after'), header('date')) },
  })
}

/** A stream has come to its end. */
export function ended(url: string): HubError {
  return new HubError('ended', `${url} ended the stream`, { retryable: true })
}

/** What was thrown, as the error of a connection that could not be made, or broke. */
export function asHubError(url: string, thrown: unknown): HubError {
  if (thrown instanceof HubError) return thrown
  return new HubError('network', `${url} failed: ${thrown}`, {
    retryable: true,
    cause: thrown,
  })
}
