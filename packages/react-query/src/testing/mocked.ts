// A hub and its REST API as MSW serves them to a page: what a test sends arrives as a real stream through the real client.
import { type HttpHandler, HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { sse } from 'msw/sse'

export const origin = 'http://localhost:3000'

interface Stream {
  readonly topics: readonly string[]
  readonly after: string | null
  readonly send: (type: string, data: unknown, id: string) => void
  readonly end: () => void
}

/** What MSW serves. */
export interface Mocked {
  readonly url: string
  /** The streams that are open. */
  readonly streams: Stream[]
  /** Every stream that was asked for. */
  readonly asked: string[]
  /** Every other request. */
  readonly requests: string[]
  /** The body of `/api/cards`, and its cursor. */
  cards: unknown
  cursor: string | undefined
  position: number
  refuse: readonly string[]
  /** Publishes an event. */
  publish(topic: string, type: string, data: unknown, eventId?: string): void
  listen(): void
  close(): void
}

export function createMocked(): Mocked {
  // MSW asks whether the platform has one; what it serves is read with `fetch`.
  globalThis.EventSource ??= class {} as unknown as typeof EventSource
  const handlers: HttpHandler[] = [
    sse<Record<'message' | 'hub.sync', unknown>>(`${origin}/api/sse/events`, ({ client, request }) => {
      const query = new URL(request.url).searchParams
      const topics = query.get('topics')?.split(',') ?? []
      const after = query.get('after')
      mocked.asked.push(`${topics.join(',')}${after ? ` after ${after}` : ''}`)
      const granted = topics.filter((topic) => !mocked.refuse.includes(topic))
      const stream: Stream = {
        topics: granted,
        after,
        send: (type, data, id) => client.send({ event: type as 'hub.sync', data, id }),
        end: () => client.close(),
      }
      const cursor = after ?? `e:${mocked.position}`
      stream.send('hub.sync', { cursor, topics: granted, gaps: [], user: 'u1', heartbeatMs: 15_000 }, cursor)
      mocked.streams.push(stream)
      request.signal.addEventListener('abort', () => mocked.streams.splice(mocked.streams.indexOf(stream), 1))
    }),
    http.get(`${origin}/api/cards`, () => {
      mocked.requests.push('/api/cards')
      return HttpResponse.json(
        mocked.cards as object,
        mocked.cursor ? { headers: { 'hub-cursor': mocked.cursor } } : {},
      )
    }),
  ]
  const server = setupServer(...handlers)
  const mocked: Mocked = {
    url: `${origin}/api/sse`,
    streams: [],
    asked: [],
    requests: [],
    cards: [],
    cursor: 'e:0',
    position: 0,
    refuse: [],
    publish(topic, type, data, eventId) {
      const cursor = `e:${++mocked.position}`
      for (const { topics, send } of mocked.streams) {
        if (topics.includes(topic)) send(type, { data, topic, at: 1, id: eventId ?? cursor }, cursor)
      }
    },
    listen: () => server.listen(),
    close: () => server.close(),
  }
  return mocked
}
