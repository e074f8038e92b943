// The server's REST API, as functions. Reads go through `hubJson`, which keeps the cursor that tells what an answer already reflects.
import { hubJson } from '@sse-hub/react-query'
import type { Card, Message, Theme } from '../contract.ts'
import type { Place } from '../rank.ts'
import { identity } from './me.ts'

/** Thrown when the server refuses (`status` set) or cannot be reached (`status` 0). The message is for a person. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export const api = {
  me: (signal: AbortSignal) => read<{ user: string | null }>('/api/me', signal),
  cards: (signal: AbortSignal) => read<Card[]>('/api/cards', signal),
  messages: (cardId: string, signal: AbortSignal) => read<Message[]>(`/api/cards/${cardId}/messages`, signal),
  theme: (signal: AbortSignal) => read<{ theme: Theme | null }>('/api/theme', signal),

  // `key` names the request: asked again under the same name, the server does nothing twice.
  createCard: (card: Pick<Card, 'column' | 'title'> & { text?: string | undefined }, key: string) =>
    write<Card>('POST', '/api/cards', key, card),
  editCard: (id: string, edit: { title: string; text: string }, key: string) =>
    write<Card>('PATCH', `/api/cards/${id}`, key, edit),
  moveCard: (id: string, to: Place, key: string) => write<Card>('PATCH', `/api/cards/${id}`, key, to),
  async deleteCard(id: string, key: string) {
    try {
      await write<undefined>('DELETE', `/api/cards/${id}`, key)
    } catch (error) {
      // Somebody was faster: as it should be.
      if (!(error instanceof ApiError && error.status === 404)) throw error
    }
  },
  postMessage: (cardId: string, text: string, key: string) =>
    write<Message>('POST', `/api/cards/${cardId}/messages`, key, { text }),
}

async function read<T>(path: string, signal: AbortSignal): Promise<T> {
  return hubJson<T>(await request(path, { signal }))
}

async function write<T>(method: string, path: string, key: string, body?: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key }
  const response = await request(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}

async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { ...init, headers: { ...init.headers, ...identity } })
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    throw new ApiError(0, 'The server cannot be reached.', { cause })
  }
  if (response.ok) return response
  const { error } = (await response.json().catch(() => ({}))) as { error?: { message?: string } }
  throw new ApiError(response.status, error?.message ?? `The server answered ${response.status}.`)
}
