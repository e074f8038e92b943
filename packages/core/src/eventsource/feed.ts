// What the URL of an EventSource stands for: topics of a hub, over the one client that the page has for it, or the stream of any other server, over a client of its own.
import { createHubClient, type HubClient } from '../client.ts'
import type { Contract, HubEvent, SubscribableTopic } from '../contract/contract.ts'
import { platform } from '../platform.ts'
import type { Fetch } from '../ports.ts'
import type { HeadersOption } from '../settings.ts'
import { fallbackSource } from '../sources/fallback.ts'
import { sharedSource } from '../tabs.ts'
import { textSource } from './text.ts'

/** A topic, whatever the contract. */
export type Topic = SubscribableTopic<Contract>

/** What a `HubEventSource` takes beside the URL. */
export interface HubEventSourceInit {
  /** Sends cookies to another origin too (`credentials: 'include'`). Default false. */
  readonly withCredentials?: boolean
  /** Headers of every request; a function is asked again at each attempt, and with `refresh: true` once after a 401 or 403. Sources that pass the same one share a connection. */
  readonly headers?: HeadersOption
  /** Instead of the platform's `fetch`. */
  readonly fetch?: Fetch
  /**
   * Who uses this browser, such as the user's id: only tabs of the same identity share a connection. Default: all tabs do, which is right where the identity is
   * in a cookie; with `headers` or `fetch`, which may hold another one, none do.
   */
  readonly identity?: string
  /** Reads the URL as any SSE server's, though it looks like a hub's (`…/events?topics=…`). Default false. */
  readonly plain?: boolean
}

/** What several sources may read at once. */
interface Shared {
  readonly client: HubClient<Contract>
  readonly key: readonly unknown[]
  /** The topics of each that reads. */
  readonly readers: Set<readonly Topic[]>
  /** Where the answers come from. */
  origin: string
}

/** What one source reads. */
export interface Feed {
  readonly client: HubClient<Contract>
  readonly topics: readonly Topic[]
  /** A cursor that the URL brings. */
  readonly after: string | null
  /** Where its events come from. */
  origin(): string
  /** What a native EventSource has as `data` and `lastEventId`; undefined: the last one goes on. */
  read(event: HubEvent): readonly [data: string, id: string | undefined]
  /** To be called once, at the end: the last one closes the client. */
  leave(): void
}

// What a hub lets one stream name by default (`limits.topics`). Sources that come to more share two connections.
const MOST_TOPICS = 100
const hubs = new Set<Shared>()

/** Finds out what a URL stands for, and holds it until `leave`. Nothing is asked yet. */
export function feedOf(url: URL, init: HubEventSourceInit): Feed {
  const { withCredentials, headers, fetch = platform.fetch, identity, plain } = init
  const query = new URLSearchParams(url.search)
  const prefix = plain ? undefined : /^(.*)\/events$/.exec(url.pathname)?.[1]
  const named = query.getAll('topics').flatMap((list) => (list ? list.split(',') : []))
  const isHub = prefix !== undefined && named.length > 0
  const topics = (isHub ? [...new Set(named)] : ['text']) as readonly Topic[]
  const after = isHub ? query.get('after') : null
  query.delete('topics')
  query.delete('after')
  // What else the URL asks of a hub, such as a token.
  const rest = isHub && `${query}` && `&${query}`
  const key = [
    url.origin + prefix,
    rest,
    !!withCredentials,
    identity,
    fetch,
    typeof headers === 'function' ? headers : JSON.stringify([...new Headers(headers)]),
  ]

  // Where it was stopped those that were there are told why; who comes now asks anew.
  const hasKey = (hub: Shared) =>
    key.every((part, at) => part === hub.key[at]) && hub.client.status.get().phase !== 'stopped'
  const others = isHub ? [...hubs].filter(hasKey) : []
  const source = () => {
    // A server may keep its headers back until it has something to say.
    if (!isHub) return { source: textSource(url.href), connectTimeoutMs: Number.POSITIVE_INFINITY }
    // Of what is too much for one connection the tabs cannot make one either.
    if (others.length > 0 || (identity === undefined && (headers || init.fetch))) return { share: false }
    const asks = [identity, rest, withCredentials && 'include'].filter(Boolean)
    return { source: sharedSource({ identity: asks.join(' '), hub: fallbackSource() }) }
  }
  const open = () => {
    const shared: Shared = {
      key,
      readers: new Set(),
      origin: url.origin,
      client: createHubClient<Contract>({
        url: isHub ? url.origin + prefix : url.href,
        credentials: withCredentials ? 'include' : 'same-origin',
        ...(headers && { headers }),
        ...source(),
        async fetch(asked, init) {
          const response = await fetch(rest ? asked + rest : asked, init)
          if (response.url) shared.origin = new URL(response.url).origin
          return response
        },
      }),
    }
    if (isHub) hubs.add(shared)
    return shared
  }
  const shared = others.find(({ readers }) => new Set([...readers, topics].flat()).size <= MOST_TOPICS) ?? open()
  shared.readers.add(topics)

  return {
    client: shared.client,
    topics,
    after,
    origin: () => shared.origin,
    // A hub's text is what JSON.stringify makes, so that it is the same when it has been read and is written again.
    read: ({ type, cursor, ...event }) => (isHub ? [JSON.stringify(event), cursor] : [event.data as string, event.id]),
    leave() {
      shared.readers.delete(topics)
      if (shared.readers.size > 0) return
      hubs.delete(shared)
      shared.client.close()
    },
  }
}
