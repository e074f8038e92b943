// What must not compile does not, and what should does: a HubEventSource stands wherever an EventSource did.
import { HubEventSource, type HubEventSourceInit } from './eventsource.ts'

export function asBefore(): EventSource {
  const source = new HubEventSource('/api/sse/events?topics=board:7', { withCredentials: true })
  source.onmessage = ({ data, lastEventId }) => [data, lastEventId.trim()]
  source.onerror = null
  source.addEventListener('open', (event) => event.type)
  source.addEventListener('card.moved', ({ data, origin }) => [JSON.parse(data), origin.trim()], { once: true })
  source.addEventListener('hub.gap', { handleEvent: (event) => event.type })
  if (source.readyState === HubEventSource.CLOSED || source.readyState === source.OPEN) source.close()
  return source
}

export const factory: (url: string | URL, init?: EventSourceInit) => EventSource = (url, init) =>
  new HubEventSource(url, init)
export const swapped: Pick<typeof EventSource, 'CONNECTING' | 'OPEN' | 'CLOSED'> &
  (new (
    url: string | URL,
    init?: EventSourceInit,
  ) => EventSource) = HubEventSource

export const inits: readonly HubEventSourceInit[] = [
  { headers: { authorization: 'Bearer x' } },
  {
    headers: async ({ refresh }) => ({ authorization: refresh ? 'new' : 'old' }),
    fetch: (url, init) => fetch(url, init),
  },
]

export function wrong(source: HubEventSource): void {
  // @ts-expect-error: nobody writes it
  source.readyState = 1
  // @ts-expect-error: a handler is a function
  source.onopen = 'open'
  // @ts-expect-error: there is no such option
  new HubEventSource('/events', { credentials: 'include' })
}
