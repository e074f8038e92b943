// Which place in the log an HTTP answer reflects, carried from the `Hub-Cursor` header to the query that asked.
import { HubError, isAfter } from '@sse-hub/core'
import type { QueryClient, QueryKey } from '@tanstack/query-core'
import { WATCHED } from './activity.ts'
import { noteParts } from './mistakes.ts'

// What a header says is not ours: two layers may have written it (`e:1, e:1`). What cannot be read as a cursor is as good as none.
const CURSOR = /^[\w-]{1,64}:(0|[1-9]\d{0,14})$/

const cursors = new WeakMap<object, string>()

/** The cursor of an answer: `null` where it says none, undefined where no query function of ours has answered. */
export type Answer = string | null | undefined

// A key array is shared by all caches that are given the same options.
const answers = new WeakMap<QueryClient, WeakMap<QueryKey, Answer>>()

const answersOf = (client: QueryClient) => {
  const known = answers.get(client) ?? new WeakMap<QueryKey, Answer>()
  answers.set(client, known)
  return known
}

/**
 * Remembers which cursor a value reflects, and returns the value: for what is built from an answer, or comes without a
 * `Response`. Only objects and arrays can be remembered; text that is no cursor counts as none.
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
  if (cursor && CURSOR.test(cursor)) cursors.set(Object(value), cursor)
  if (WATCHED) noteParts(cursor && value)
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
    throw new HubError('http', `${url} answered ${status}`, { retryable: status >= 500, details: { status } })
  }
  return withCursor((await response.json()) as T, response.headers.get('hub-cursor'))
}

/** The cursor that a value reflects, if it is the very one that was read. */
export const cursorOf = (value: unknown): string | undefined => cursors.get(value as object)

/** Whether two cursors are of different logs. */
export const isForeign = (a: string, b: string): boolean => isAfter(a, b) && isAfter(b, a)

/** What is in two parts of one whole: the older of their cursors; none where one has none, or they are of two logs. */
export function inBoth(a: Answer, b: Answer): Answer {
  if (!a || !b || isForeign(a, b)) return null
  return isAfter(a, b) ? b : a
}

/** Notes what a query function has returned for a query, or for one page of it. */
export function noteAnswer(client: QueryClient, queryKey: QueryKey, data: unknown): void {
  const notes = answersOf(client)
  const cursor = cursorOf(data) ?? null
  const others = notes.get(queryKey)
  notes.set(queryKey, others === undefined ? cursor : inBoth(others, cursor))
}

/** A fetch begins: what earlier ones have answered is no part of it. */
export function forgetAnswer(client: QueryClient, queryKey: QueryKey): void {
  answersOf(client).delete(queryKey)
}

/** The cursor of all that the last fetch was answered: structural sharing may have replaced the answer itself. */
export function lastAnswer(client: QueryClient, queryKey: QueryKey): Answer {
  return answersOf(client).get(queryKey)
}
