// Which place in the log an HTTP answer reflects, carried from the `Hub-Cursor` header to the query that asked.
import { HubError } from '@sse-hub/core'
import type { QueryKey } from '@tanstack/query-core'

const cursors = new WeakMap<object, string>()
const answers = new WeakMap<QueryKey, string>()

/**
 * Remembers which cursor a value reflects, and returns the value: for what is built from an answer, or comes without a
 * `Response`. Only objects and arrays can be remembered.
 *
 * @example
 * ```ts
 * import { withCursor } from '@sse-hub/react-query'
 *
 * async function loadCards() {
 *   const response = await fetch('/api/cards')
 *   const { cards } = (await response.json()) as { cards: { id: string }[] }
 *   return withCursor(cards, response.headers.get('hub-cursor'))
 * }
 * ```
 */
export function withCursor<T>(value: T, cursor: string | null | undefined): T {
  if (cursor && typeof value === 'object' && value !== null) cursors.set(value, cursor)
  return value
}

/**
 * Reads the JSON of an answer and remembers its `Hub-Cursor`, so that a live query that returns this very value starts its
 * stream there and needs no second fetch. From another origin the header is readable only if the API exposes it
 * (`Access-Control-Expose-Headers: Hub-Cursor`).
 *
 * @throws HubError `http` if the status is not 2xx; `details.status` says which
 * @example
 * ```ts
 * import { hubJson } from '@sse-hub/react-query'
 *
 * const loadCards = () => hubJson<{ id: string; title: string }[]>(fetch('/api/cards'))
 * ```
 */
export async function hubJson<T>(answer: Response | Promise<Response>): Promise<T> {
  const response = await answer
  const { ok, status, url } = response
  if (!ok) {
    throw new HubError('http', `${url} answered ${status}.`, { retryable: status >= 500, details: { status } })
  }
  return withCursor((await response.json()) as T, response.headers.get('hub-cursor'))
}

/** Notes what a query function has returned for a query: its key array is the query's own, so it names the query. */
export function noteAnswer(queryKey: QueryKey, data: unknown): void {
  const cursor = typeof data === 'object' && data !== null ? cursors.get(data) : undefined
  if (cursor === undefined) answers.delete(queryKey)
  else answers.set(queryKey, cursor)
}

/**
 * Takes the cursor of a query's last answer: structural sharing may have replaced the answer itself. It is taken once, since the next data
 * may come from elsewhere, such as a persister.
 */
export function takeAnswer(queryKey: QueryKey): string | undefined {
  const cursor = answers.get(queryKey)
  answers.delete(queryKey)
  return cursor
}
