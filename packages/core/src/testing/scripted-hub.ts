// hubHandlers: a hub for the tests of a page, which says what a test lets it say; MSW (or a client, by `fetch`) carries it.
import { type Contract, definitionOf, isDurable, type Publication } from '../contract/contract.ts'
import type { PageBody } from '../contract/page.ts'
import { isTopic, kindOf } from '../contract/topic.ts'
import {
  type ByeReason,
  type EmitEntry,
  type EmitRequest,
  type EmitResponse,
  type EmitResult,
  encodeBlock,
  encodeEvent,
  type Gap,
  type Sync,
  type WireError,
} from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { check } from '../validate.ts'

/** What is needed of `http` of MSW 2 or later: hand over that object itself. */
export interface MockHttp<Handler> {
  all(path: string, resolver: (info: { readonly request: Request }) => Promise<Response>): Handler
}

/** What {@link hubHandlers} takes. */
export interface HubHandlersOptions<C extends Contract, Handler> {
  /** `http` of `msw`. */
  readonly http: MockHttp<Handler>
  /** Where the client finds the hub. In Node MSW wants it whole: `http://localhost/api/sse`. */
  readonly url: string
  /** The topics and events: what is published must fit. */
  readonly contract: C
  /** Who the client is; null for an anonymous user. Default `u1`. */
  readonly user?: string | null
  /** The heartbeat that is promised to clients, in milliseconds. None is ever sent: after 2.5 times as much silence a client comes back. Default 60,000. */
  readonly heartbeatMs?: number
  /** How long clients wait before they come back, in milliseconds. Default 10. */
  readonly retryMs?: number
  /** Hears each emit before it is answered; an error that it answers refuses the emit. */
  readonly onEmit?: (emit: EmitEntry) => WireError | undefined
}

/** A stream that is open. */
export interface ScriptedStream {
  /** What it carries. */
  readonly topics: readonly string[]
  /** The cursor that was asked for; null for none. */
  readonly after: string | null
}

/** A hub that says what a test lets it say. */
export interface ScriptedHub<C extends Contract, Handler> {
  /** For `setupServer(...hub.handlers)` or `setupWorker(...hub.handlers)`. */
  readonly handlers: readonly Handler[]
  /** The same without MSW: pass it to a client as its `fetch`. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** The streams that are open. */
  readonly streams: readonly ScriptedStream[]
  /** Everything that clients have emitted, in order, once each. */
  readonly emitted: readonly EmitEntry[]
  /** The head of the log: what an answer of your API would carry as `Hub-Cursor`. */
  cursor(): string
  /**
   * Publishes an event. Who is away hears it on coming back, unless it is ephemeral.
   * @throws HubError for what does not fit the contract
   */
  publish(publication: Publication<C>): void
  /** Tells everybody of a gap, who is there now, and who comes back: the log has dropped what it held, or (`epoch`) is another one. */
  gap(reason?: 'trimmed' | 'epoch'): void
  /** Says good-bye and ends every stream. Clients come back after `retryMs`. */
  bye(reason: ByeReason, retryMs?: number): void
  /** Ends every stream without a word. */
  cut(): void
  /** Ends every stream, and lets no request through until `up()`. */
  down(): void
  /** Undoes `down()`. */
  up(): void
  /** Grants a topic no longer; streams that carry it are told to come back. */
  refuse(topic: string): void
}

interface Kept {
  readonly position: number
  readonly topic: string
  readonly type: string
  readonly json: string
}

interface Open extends ScriptedStream {
  send(text: string): void
  end(): void
}

/**
 * A scripted hub as handlers for [MSW](https://mswjs.io): it speaks docs/PROTOCOL.md to the real client, and says only what the test lets it say. It keeps what was
 * published, so that a client that comes back is whole. For a real hub in a test, see `createTestHub` of `@sse-hub/server/testing`.
 *
 * @example
 * ```ts
 * import { hubHandlers } from '@sse-hub/core/testing'
 * import { http } from 'msw'
 * import { setupServer } from 'msw/node'
 * import { contract } from './contract.ts'
 *
 * const hub = hubHandlers({ http, url: 'http://localhost/api/sse', contract })
 * const server = setupServer(...hub.handlers)
 * server.listen()
 *
 * hub.publish({ type: 'card.deleted', topic: 'board:7', data: { id: 'c1' } })
 * hub.gap() // the page must read again
 * hub.bye('draining') // and come back
 * ```
 */
export function hubHandlers<C extends Contract, Handler>({
  http,
  url,
  contract,
  user = 'u1',
  heartbeatMs = 60_000,
  retryMs = 10,
  onEmit = () => undefined,
}: HubHandlersOptions<C, Handler>): ScriptedHub<C, Handler> {
  const prefix = url.replace(/\/+$/, '')
  const streams = new Set<Open>()
  const refused = new Set<string>()
  const settled = new Map<string, EmitResult>()
  const emitted: EmitEntry[] = []
  let kept: Kept[] = []
  let epoch = 1
  let head = 0
  // What lies before it is gone.
  let floor = 0
  let reason: 'trimmed' | 'epoch' = 'trimmed'
  let ids = 0
  let unreachable = false

  const cursor = (position = head) => `e${epoch}:${position}`
  const full = (topic: string) => (topic === 'user' && user !== null ? `user:${user}` : topic)
  const granted = (asked: string | null) => {
    const topics = (asked?.split(',') ?? []).map(full).filter((topic) => isTopic(topic) && !refused.has(topic))
    const known = topics.filter((topic) => topic === full('user') || contract.topics.includes(kindOf(topic)))
    return [...new Set(known)].sort()
  }
  /** Where a stream or page starts that was asked for after a cursor, and what it has missed. */
  const begin = (after: string | null, topics: readonly string[]) => {
    const place = Number(after?.replace(`e${epoch}:`, ''))
    const isHeld = place >= floor && place <= head
    const missed: Gap = { topics, to: cursor(), reason: after?.startsWith(`e${epoch}:`) ? reason : 'epoch' }
    const gaps = after === null || isHeld ? [] : [missed]
    const from = isHeld && after !== null ? place : head
    return { from, gaps, events: kept.filter(({ position, topic }) => position > from && topics.includes(topic)) }
  }
  const blockOf = ({ type, json, position }: Kept) => encodeBlock({ event: type, id: cursor(position), data: json })
  const bye = (why: ByeReason, ms: number) =>
    encodeBlock({ event: 'hub.bye', data: JSON.stringify({ reason: why, retryMs: ms }), retryMs: ms })
  const endAll = (text = '') => {
    for (const stream of [...streams]) {
      if (text) stream.send(text)
      stream.end()
    }
  }

  const append = (
    type: string,
    topic: string,
    data: unknown,
    more: { readonly id: string; readonly user?: string },
  ) => {
    const definition = definitionOf(contract, type)
    const checked = check(contract, type, data)
    if (!checked.ok) throw checked.error
    if (definition?.topic !== kindOf(topic)) {
      throw new HubError(
        'invalid_topic',
        `"${type}" belongs on a topic of kind "${definition?.topic}", not on "${topic}".`,
      )
    }
    const json = encodeEvent({ ...more, data: checked.data, topic, at: Date.now() })
    const durable = isDurable(definition)
    if (durable) head++
    const event = { position: head, topic, type, json }
    if (durable) kept.push(event)
    const block = durable ? blockOf(event) : encodeBlock({ event: type, data: json })
    for (const { topics, send } of streams) if (topics.includes(topic)) send(block)
    return durable ? { cursor: cursor() } : {}
  }

  const openStream = (query: URLSearchParams, signal: AbortSignal): Response => {
    const topics = granted(query.get('topics'))
    const after = query.get('after')
    const { from, gaps, events } = begin(after, topics)
    const encoder = new TextEncoder()
    let open: Open | undefined
    const leave = () => {
      if (open) streams.delete(open)
    }
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        open = {
          topics,
          after,
          send: (text) => controller.enqueue(encoder.encode(text)),
          end() {
            leave()
            controller.close()
          },
        }
        const sync: Sync = { cursor: cursor(from), topics, gaps, user, heartbeatMs }
        open.send(encodeBlock({ event: 'hub.sync', id: sync.cursor, data: JSON.stringify(sync), retryMs }))
        for (const event of events) open.send(blockOf(event))
        streams.add(open)
      },
      cancel: leave,
    })
    signal.addEventListener('abort', leave)
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }

  const page = (query: URLSearchParams): Response => {
    const topics = granted(query.get('topics'))
    const { from, gaps, events } = begin(query.get('after'), topics)
    const read = events.map(({ type, json, position }) => ({ ...JSON.parse(json), type, cursor: cursor(position) }))
    const body: PageBody = { after: cursor(from), through: cursor(), topics, user, events: read, gaps }
    return Response.json(body)
  }

  const settle = (producer: string, emit: EmitEntry): EmitResult => {
    const known = emit.seq === undefined ? undefined : settled.get(`${producer} ${emit.seq}`)
    if (known) return known
    emitted.push(emit)
    const { id, type, data } = emit
    const topic = emit.topic ?? (definitionOf(contract, type)?.topic === 'user' ? 'user' : undefined)
    let error = onEmit(emit)
    let place = {}
    try {
      if (!error && topic !== undefined) place = append(type, full(topic), data, { id, ...(user !== null && { user }) })
    } catch (thrown) {
      if (!(thrown instanceof HubError)) throw thrown
      error = { code: thrown.code, message: thrown.message, retryable: false }
    }
    const result: EmitResult = error ? { id, error } : { id, ...place }
    if (emit.seq !== undefined && !error?.retryable) settled.set(`${producer} ${emit.seq}`, result)
    return result
  }

  const post = async (request: Request): Promise<Response> => {
    const { producer, events } = (await request.json()) as EmitRequest
    const results: EmitResult[] = []
    for (const emit of events) {
      const result = settle(producer, emit)
      results.push(result)
      // The rest must come again, in order.
      if (result.error?.retryable) break
    }
    return Response.json({ user, results } satisfies EmitResponse)
  }

  const answer = async (request: Request): Promise<Response> => {
    if (unreachable) return Response.error()
    const { pathname, searchParams } = new URL(request.url)
    if (pathname.endsWith('/events')) {
      return request.method === 'POST' ? post(request) : openStream(searchParams, request.signal)
    }
    if (pathname.endsWith('/page')) return page(searchParams)
    if (pathname.endsWith('/health')) return Response.json({ status: 'ok' })
    const message = `The scripted hub has no ${pathname}.`
    return Response.json({ error: { code: 'not_found', message, retryable: false } }, { status: 404 })
  }

  return {
    handlers: [http.all(`${prefix}/*`, ({ request }) => answer(request))],
    async fetch(input, init) {
      const response = await answer(
        input instanceof Request ? input : new Request(new URL(input, 'http://hub.test'), init),
      )
      if (response.type === 'error')
        throw new TypeError('The scripted hub is down: `up()` lets requests through again.')
      return response
    },
    get streams() {
      return [...streams].map(({ topics, after }) => ({ topics, after }))
    },
    emitted,
    cursor: () => cursor(),
    publish({ type, topic, data, id = `event-${++ids}` }) {
      append(type, topic, data, { id })
    },
    gap(why = 'trimmed') {
      const before = cursor()
      if (why === 'epoch') {
        epoch++
        head = 0
        // Their marks are of another one, and their topics begin anew.
        floor = 0
      } else {
        // Somebody must have missed something.
        head++
        floor = head
      }
      kept = []
      reason = why
      for (const { topics, send } of streams) {
        const gap: Gap = { topics, ...(why === 'trimmed' && { from: before }), to: cursor(), reason: why }
        send(encodeBlock({ event: 'hub.gap', id: gap.to, data: JSON.stringify(gap) }))
      }
    },
    bye: (why, ms = retryMs) => endAll(bye(why, ms)),
    cut: () => endAll(),
    down() {
      unreachable = true
      endAll()
    },
    up() {
      unreachable = false
    },
    refuse(topic) {
      refused.add(full(topic))
      for (const stream of [...streams]) {
        if (!stream.topics.includes(full(topic))) continue
        stream.send(bye('changed', retryMs))
        stream.end()
      }
    },
  }
}
