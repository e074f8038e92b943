// Which place in the log an HTTP answer reflects, carried from the `Hub-Cursor` header to the query that asked.
import { HubError, isAfter } from '@sse-hub/core'
import type { QueryClient, QueryKey } from '@tanstack/query-core'
import { WATCHED } from './activity.ts'
import { noteParts } from './mistakes.ts'

const cursors = new WeakMap<object, string>()

/** The cursor of an answer: `null` where it says none, undefined where no query function of ours has answered. */
export type Answer = string | null | undefined

/** What the query function has answered so far in one fetch. */
interface Notes {
  /** The cursor of all of it: structural sharing may replace the answer itself. */
  cursor?: Answer
}

// A key array is shared by all caches that are given the same options.
const answers = new WeakMap<QueryClient, WeakMap<QueryKey, Notes>>()

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
  // What a header says is not ours: two layers may have written it (`e:1, e:1`). What cannot be read compares with nothing, itself included, and is as good as none.
  if (cursor && !isAfter(cursor, cursor)) cursors.set(Object(value), cursor)
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
  const { status } = response
  if (!response.ok) {
    throw new HubError('http', `${response.url} answered ${status}`, {
      retryable: status >= 500 || status === 429,
      details: { status },
    })
  }
  return withCursor((await response.json()) as T, response.headers.get('hub-cursor'))
}

/** The cursor that a value reflects, if it is the very one that was read. */
export const cursorOf = (value: unknown): string | undefined => cursors.get(value as object)

/** Whether two cursors, where both are known, are of different logs. */
export const isForeign = (a: Answer, b: Answer): boolean => !!a && !!b && isAfter(a, b) && isAfter(b, a)

/** Whether a cursor is after another, where both are known and of the same log. */
export const isLater = (a: Answer, b: Answer): boolean => !!a && !!b && isAfter(a, b) && !isAfter(b, a)

/** What is in two parts of one whole: the older of their cursors; none where one has none, or they are of two logs. */
export function inBoth(a: Answer, b: Answer): Answer {
  if (!a || !b || isForeign(a, b)) return null
  return isAfter(a, b) ? b : a
}

/** What is noted of the last fetch of a query; `anew`: of one that begins now. What earlier ones are answered is no part of it. */
export function notesOf(client: QueryClient, queryKey: QueryKey, anew?: boolean): Notes {
  const all = answers.get(client) ?? new WeakMap<QueryKey, Notes>()
  const notes = anew ? {} : (all.get(queryKey) ?? {})
  answers.set(client, all.set(queryKey, notes))
  return notes
}

/** Notes what a query function has returned for a query, or for one page of it. */
export function noteAnswer(notes: Notes, data: unknown): void {
  const answer = cursorOf(data)
  const { cursor = answer } = notes
  notes.cursor = inBoth(cursor, answer)
}
