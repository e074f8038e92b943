// One request to the hub, and what each kind of answer means: a Response that is worth reading, or a HubError that says what to do.
import { retryAfterMs } from './backoff.ts'
import type { WireError } from './contract/wire.ts'
import { HubError, type HubErrorCode } from './errors.ts'
import type { Settings } from './settings.ts'

// What a status means when the answer does not say.
const CODES: Readonly<Record<number, HubErrorCode>> = {
  200: 'protocol',
  204: 'stopped',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
}
// After these, the same question has the same answer. A 404 may be a deployment that is under way.
const FINAL = [204, 400, 401, 403]

/** What a request adds to the settings. */
export interface Ask extends RequestInit {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/**
 * Asks, and answers only what can be read: a 2xx of the content type `expect`. After a 401 or 403 it asks once more, with fresh headers.
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
  const { headers: given, credentials } = settings
  const headers = new Headers(typeof given === 'function' ? await given({ refresh }) : given)
  for (const [name, value] of Object.entries({ accept: expect, ...init.headers })) headers.set(name, value)
  const response = await settings.fetch(url, {
    ...(credentials && { credentials }),
    cache: 'no-store',
    ...init,
    headers,
  })
  const { ok, status } = response
  const header = (name: string) => response.headers.get(name)
  const type = header('content-type')
  if (ok && type?.startsWith(expect)) return response
  if ((status === 401 || status === 403) && !refresh && typeof given === 'function') {
    return ask(settings, url, expect, init, true)
  }
  const { error }: { error?: WireError } = ok ? {} : await response.json().catch(() => ({}))
  throw new HubError(
    (error?.code ?? CODES[status] ?? 'http') as HubErrorCode,
    `${url} answered ${status} (${type}): ${error?.message ?? 'is a hub mounted there?'}`,
    {
      retryable: !FINAL.includes(status),
      details: { status, retryAfterMs: retryAfterMs(header('retry-after'), header('date')) },
    },
  )
}

/** What was thrown, as the error of a connection that could not be made, or broke. */
export function asHubError(url: string, thrown: unknown): HubError {
  if (thrown instanceof HubError) return thrown
  return new HubError('network', `${url} cannot be reached, or broke off: ${thrown}`, {
    retryable: true,
    cause: thrown,
  })
}
