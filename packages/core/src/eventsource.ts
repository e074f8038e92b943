// The door of `@sse-hub/core/eventsource`: a class of the shape of `EventSource`, so that code which has one gets the client without being rewritten.
import type { HubEvent } from './contract/contract.ts'
import { feedOf, type HubEventSourceInit } from './eventsource/feed.ts'
import { platform } from './platform.ts'

export type { HubEventSourceInit } from './eventsource/feed.ts'

const CONNECTING = 0
const OPEN = 1
const CLOSED = 2

/** The three handlers that are attributes. */
type Handled = 'open' | 'message' | 'error'
type Handler<T extends Handled> = EventSource[`on${T}`]
/** A handler, registered once: who replaces it stands where it stood. */
interface Slot {
  handler: (event: never) => unknown
  handleEvent(event: Event): void
}

// The listeners know their events, as those of the native one.
const Target = EventTarget as new () => Pick<EventSource, keyof EventTarget>

/**
 * An `EventSource` over a hub's client: in place of `new EventSource('/api/sse/events?topics=board:7')`, all of a page share one
 * connection, a connection that has died in silence is noticed, headers can be sent, and what cannot be replayed is told as `hub.gap`.
 *
 * A URL whose path ends in `/events` and that names `topics` is a hub's. Any other is read as the standard says, over a connection of its own.
 * docs/eventsource.md compares the two behaviour by behaviour.
 *
 * @example
 * ```ts
 * import { HubEventSource } from '@sse-hub/core/eventsource'
 *
 * const source = new HubEventSource('/api/sse/events?topics=board:7')
 * source.addEventListener('card.moved', ({ data }) => console.log(JSON.parse(data).data))
 * source.addEventListener('hub.gap', ({ data }) => console.log('read these again:', JSON.parse(data).topics))
 * ```
 */
export class HubEventSource extends Target {
  /** `readyState` while it is being asked for, or waits to be. */
  static readonly CONNECTING = CONNECTING
  /** `readyState` while events come. */
  static readonly OPEN = OPEN
  /** `readyState` for good: after `close()`, or when asking again would not help. */
  static readonly CLOSED = CLOSED
  readonly CONNECTING = CONNECTING
  readonly OPEN = OPEN
  readonly CLOSED = CLOSED
  /** The URL, absolute. */
  readonly url: string
  /** Whether cookies go to another origin. */
  readonly withCredentials: boolean
  #readyState: 0 | 1 | 2 = CONNECTING
  #slots: { [T in Handled]?: Slot } = {}
  readonly #stops: (() => void)[]

  /**
   * Begins at once.
   * @throws DOMException `SyntaxError` for a URL that cannot be read; outside of a page that is every relative one
   */
  constructor(url: string | URL, init: HubEventSourceInit = {}) {
    super()
    try {
      // The one way to the environment's base URL that pages and workers have in common.
      this.url = new Request(String(url)).url
    } catch {
      throw new DOMException(`Cannot open '${url}': write an absolute URL.`, 'SyntaxError')
    }
    this.withCredentials = !!init.withCredentials

    const feed = feedOf(new URL(this.url), init)
    const { client, topics, after } = feed
    let seen = client.status.get()
    // Until it was open once, it has nothing that could be missing a part.
    let hasBeenOpen = after !== null
    let lastEventId = ''
    // What comes before `open`: a gap that the stream begins with, and what a stream that is about to be exchanged still brings.
    const waiting: Event[] = []

    const tell = () => {
      while (this.readyState === OPEN && waiting[0]) this.dispatchEvent(waiting.shift() as Event)
    }
    const add = (type: string, data: string, id = lastEventId) => {
      lastEventId = id
      waiting.push(new MessageEvent(type, { data, lastEventId, origin: feed.origin() }))
      tell()
    }
    const turn = (state: 0 | 1 | 2, type: 'open' | 'error', error?: unknown) => {
      this.#readyState = state
      this.dispatchEvent(Object.assign(new Event(type), error && { error }))
    }
    const fail = (error: unknown) => {
      this.close()
      turn(CLOSED, 'error', error)
    }
    const watch = () => {
      const status = client.status.get()
      const isNew = status !== seen
      seen = status
      // Whoever was told before us may have closed us.
      if (this.readyState === CLOSED) return
      if (status.phase === 'stopped') fail(status.error)
      else if (status.phase === 'down') {
        if (isNew) turn(CONNECTING, 'error', status.error)
      } else if (this.readyState === CONNECTING && topics.every((topic) => client.status.topic(topic) !== 'pending')) {
        hasBeenOpen = true
        turn(OPEN, 'open')
        tell()
      }
    }
    // Of two topics that turn out to be one (`user` and `user:u1`) each brings the event.
    let last: unknown
    const listen = (topic: (typeof topics)[number]) =>
      client.subscribe({
        topic,
        ...(after !== null && { after }),
        onEvent(event: HubEvent) {
          if (event !== last) add(event.type, ...feed.read(event))
          last = event
        },
        onGap({ topic, from, to, reason }) {
          if (hasBeenOpen || reason !== 'added') {
            add('hub.gap', JSON.stringify({ topics: [topic], from, to, reason }), to)
          } else lastEventId = to
        },
      })
    // Not now: whoever makes it has not said yet what to call.
    const cancel = platform.clock.after(0, () => {
      try {
        for (const topic of topics) this.#stops.push(listen(topic))
      } catch (error) {
        return fail(error)
      }
      this.#stops.push(client.status.subscribe(watch))
      watch()
    })
    this.#stops = [cancel, feed.leave]
  }

  /** `CONNECTING`, `OPEN` or `CLOSED`. */
  get readyState(): number {
    return this.#readyState
  }

  /** Ends it, at once and for good. The connection ends with the last that uses it. */
  close(): void {
    this.#readyState = CLOSED
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** Hears that events come, or come again. */
  get onopen(): Handler<'open'> {
    return this.#handler('open')
  }
  set onopen(handler: Handler<'open'>) {
    this.#handle('open', handler)
  }

  /** Hears events of type `message`: those of a server that gives no type. A hub's have types; use `addEventListener`. */
  get onmessage(): Handler<'message'> {
    return this.#handler('message')
  }
  set onmessage(handler: Handler<'message'>) {
    this.#handle('message', handler)
  }

  /** Hears that the connection is lost (`CONNECTING`: it will be tried again) or over (`CLOSED`). The event's `error` is a `HubError` that says why. */
  get onerror(): Handler<'error'> {
    return this.#handler('error')
  }
  set onerror(handler: Handler<'error'>) {
    this.#handle('error', handler)
  }

  #handler<T extends Handled>(type: T): Handler<T> {
    return (this.#slots[type]?.handler ?? null) as Handler<T>
  }

  #handle(type: Handled, handler: unknown): void {
    const slot = this.#slots[type]
    if (typeof handler !== 'function') {
      if (slot) this.removeEventListener(type, slot)
      delete this.#slots[type]
    } else if (slot) slot.handler = handler as Slot['handler']
    else {
      const made: Slot = {
        handler: handler as Slot['handler'],
        handleEvent: (event) => void made.handler.call(this, event as never),
      }
      this.#slots[type] = made
      this.addEventListener(type, made)
    }
  }
}
