// createTestHub: a hub for an application's own tests, which can be reached without a port, and made to fail in every way that a client must survive.
import { type Contract, HubError, isTopic, kindOf } from '@sse-hub/core/contract'
import type { Hub } from './api.ts'
import { createHub } from './hub.ts'
import type { EventLog, TailListener } from './log.ts'
import { memoryLog } from './logs/memory.ts'
import type { HubOptions } from './options.ts'
import { type Clock, platform, type Random } from './ports.ts'
import { lazyBody, type Outlet, type Sink, takeOutlet } from './wire/body.ts'

/** What {@link createTestHub} takes: the contract, and whatever should not be as it is by default. */
export interface TestHubOptions<C extends Contract>
  extends Partial<Pick<HubOptions<C>, 'authorize' | 'heartbeatMs' | 'recheckMs' | 'limits' | 'onReport'>> {
  /** The topics and events. */
  readonly contract: C
  /** How long clients wait before they come back, in milliseconds; half to one and a half times as long. Default 20. */
  readonly retryMs?: number
  /** Time and chance. Default: the platform's. */
  readonly clock?: Clock
  readonly random?: Random
}

/** A hub for tests. */
export interface TestHub<C extends Contract>
  extends Pick<Hub<C>, 'prefix' | 'publish' | 'on' | 'cursor' | 'disable' | 'enable' | 'close'> {
  /** Where a client finds it that is given `fetch`, too. */
  readonly url: string
  /** Stands in for the platform's `fetch`: pass it to a client. Given a whole request, it answers like a hub's: pass the test hub to `toNodeHandler`. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** The hub behind it; another one after `restart()`. */
  readonly hub: Hub<C>
  /**
   * Resolves when exactly so many streams are live, and those of clients that were given `fetch` have been read. Rejects, and says how many there are,
   * when that has not happened in `withinMs` (default 5,000, real time).
   */
  connected(count: number, withinMs?: number): Promise<void>
  /** Cuts every stream, as a network does: without a good-bye. Clients come back. */
  cut(): void
  /** Cuts every stream, and lets no request through until `up()`. */
  down(): void
  /** Undoes `down()`. */
  up(): void
  /** Crashes the hub and puts a new one in its place, at once: on the same log, or, with `log: 'lost'`, on a new one. Handlers of `on` stay. */
  restart(options?: { readonly log?: 'kept' | 'lost' }): Promise<void>
  /** The log drops all that it holds, and an event that nobody has had: who is connected, and who comes back, is told a gap (`trimmed`). */
  trim(): Promise<void>
  /** Takes away the grant of a topic, of everybody, within the moment; of `user:<id>`: signs the user out (401). Only with the default `authorize`. */
  revoke(topic: string): void
  /** Undoes `revoke`. Clients that were refused ask again when they next connect: call `client.start()`, or `cut()`. */
  grant(topic: string): void
}

const ORIGIN = 'http://hub.test'
const CONNECTED_MS = 5_000

/**
 * Makes a hub for tests: on a log in memory, and granting to everybody what they ask for. The user is the one that the request's `x-user` header names, else `u1`.
 *
 * @example
 * ```ts
 * import { createHubClient } from '@sse-hub/core'
 * import { createTestHub } from '@sse-hub/server/testing'
 * import { contract } from './contract.ts'
 *
 * const hub = createTestHub({ contract })
 * const client = createHubClient<typeof contract>({ url: hub.url, fetch: hub.fetch })
 * client.subscribe({ topic: 'board:7', on: { 'card.deleted': ({ data }) => console.log(data.id) } })
 *
 * await hub.connected(1)
 * await hub.publish({ type: 'card.deleted', topic: 'board:7', data: { id: 'c1' } })
 * hub.cut() // the client comes back, and has missed nothing
 * ```
 */
export function createTestHub<C extends Contract>(options: TestHubOptions<C>): TestHub<C> {
  const { contract, clock = platform.clock, random = platform.random, retryMs = 20, ...rest } = options
  const known = new Set<string>()
  const revoked = new Set<string>()
  const users = new Set<string>()
  const streams = new Map<() => void, () => boolean>()
  const handlers: { readonly add: (hub: Hub<C>) => () => void; stop: () => void }[] = []
  let unreachable = false

  const meet = (topic: string) => {
    if (isTopic(topic) && contract.topics.includes(kindOf(topic))) known.add(topic)
  }
  const authorize: HubOptions<C>['authorize'] = ({ url, headers }) => {
    const user = headers.get('x-user') ?? 'u1'
    users.add(user)
    if (revoked.has(`user:${user}`)) return null
    for (const topic of new URL(url).searchParams.get('topics')?.split(',') ?? []) meet(topic)
    const topics = [...known].filter((topic) => !revoked.has(topic))
    return { user, read: topics, write: topics }
  }
  const make = () => {
    const made = createHub<C>({ contract, authorize, retryMs, disabledRetryMs: retryMs, clock, random, log, ...rest })
    for (const handler of handlers) handler.stop = handler.add(made)
    return made
  }
  let log = trimmableLog({ clock, random })
  let hub = make()

  const cut = () => {
    for (const end of [...streams.keys()]) end()
  }
  /** The same answer, with a body that can be cut. */
  const cuttable = (response: Response, signal: AbortSignal, isServed: boolean): Response => {
    const outlet = takeOutlet(response.body)
    if (!outlet) return response
    let sink: Sink | undefined
    // What a socket has taken is soon read; a body says when.
    let taken = isServed
    const leave = () => {
      streams.delete(end)
      signal.removeEventListener('abort', end)
      outlet.closed()
    }
    const end = () => {
      leave()
      sink?.destroy()
    }
    const between: Outlet = {
      attach(given) {
        sink = given
        outlet.attach(given)
      },
      drained() {
        // Who asks for more has read what there was.
        taken = true
        outlet.drained()
      },
      closed: leave,
    }
    streams.set(end, () => taken)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    const { status, headers } = response
    return new Response(lazyBody(between, false), { status, headers })
  }
  const answer = async (request: Request, isServed: boolean): Promise<Response> => {
    const asked = request.method === 'POST' ? await meetEmits(request, meet) : request
    if (unreachable) throw new TypeError('The test hub is down: `up()` lets requests through again.')
    return cuttable(await hub.fetch(asked), request.signal, isServed)
  }

  return {
    prefix: hub.prefix,
    url: `${ORIGIN}${hub.prefix}`,
    get hub() {
      return hub
    },
    async fetch(input, init) {
      if (input instanceof Request) return answer(input, true)
      const request = new Request(new URL(input, ORIGIN), init)
      // As a browser does, which lets nobody else say it.
      if (request.method === 'POST') request.headers.set('origin', new URL(request.url).origin)
      const { signal } = request
      signal.throwIfAborted()
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        answer(request, false).then(resolve, reject)
      })
    },
    publish: (async (what: Parameters<Hub<C>['publish']>[0]) => {
      for (const { topic } of [what].flat()) meet(topic)
      return hub.publish(what)
    }) as Hub<C>['publish'],
    on(type, handler) {
      const add = (made: Hub<C>) => made.on(type, handler)
      const entry = { add, stop: add(hub) }
      handlers.push(entry)
      return () => {
        entry.stop()
        if (handlers.includes(entry)) handlers.splice(handlers.indexOf(entry), 1)
      }
    },
    cursor: () => hub.cursor(),
    async connected(count, withinMs = CONNECTED_MS) {
      const until = platform.clock.now() + withinMs
      for (;;) {
        const { phases } = hub.stats()
        const live = phases.live ?? 0
        const read = [...streams.values()].filter((isTaken) => isTaken()).length
        if (live === count && read === count && streams.size === count) return
        if (platform.clock.now() >= until) {
          throw new HubError(
            'timeout',
            `${live} streams are live and ${read} of them read, not ${count}, after ${withinMs} ms (${JSON.stringify(phases)}). Does each client have a subscription?`,
          )
        }
        await new Promise<void>((resolve) => void platform.clock.after(1, resolve))
      }
    },
    cut,
    down() {
      unreachable = true
      cut()
    },
    up() {
      unreachable = false
    },
    async restart({ log: fate = 'kept' } = {}) {
      const crashed = hub
      if (fate === 'lost') log = trimmableLog({ clock, random })
      cut()
      hub = make()
      await crashed.close()
    },
    trim: () => log.trim(),
    disable: () => hub.disable(),
    enable: () => hub.enable(),
    revoke(topic) {
      revoked.add(topic)
      for (const user of users) hub.disconnect(user)
    },
    grant: (topic) => void revoked.delete(topic),
    async close() {
      cut()
      await hub.close()
    },
  }
}

/** Hears of the topics that a batch names, since `authorize` is not shown a body. */
async function meetEmits(request: Request, meet: (topic: string) => void): Promise<Request> {
  const { url, headers, signal } = request
  const body = await request.text()
  for (const topic of topicsOf(body)) if (typeof topic === 'string') meet(topic)
  return new Request(url, { method: 'POST', headers, body, signal })
}

function topicsOf(body: string): unknown[] {
  try {
    return JSON.parse(body).events.map(({ topic }: { topic?: unknown }) => topic)
  } catch {
    // The hub will say what is wrong with it.
    return []
  }
}

/** A log in memory that can be made to forget. */
function trimmableLog(options: { readonly clock: Clock; readonly random: Random }) {
  const log = memoryLog(options)
  const listeners = new Set<TailListener>()
  let trimmed = 0
  const trimmable: EventLog & { trim(): Promise<void> } = {
    ...log,
    async read(after, asked) {
      const to = await log.head()
      const isTrimmed = after.epoch === to.epoch && after.position < trimmed
      return isTrimmed ? { gap: { reason: 'trimmed', to } } : log.read(after, asked)
    },
    async tail(listener) {
      const { from, stop } = await log.tail({
        ...listener,
        events: (events) => listener.events(events.filter(({ type }) => type !== LOST)),
      })
      listeners.add(listener)
      return {
        from,
        stop() {
          listeners.delete(listener)
          stop()
        },
      }
    },
    async trim() {
      const id = options.random.id()
      const { positions } = await log.append([{ type: LOST, topic: LOST, id, at: options.clock.now(), json: '{}' }])
      trimmed = positions[0] ?? trimmed
      const to = await log.head()
      for (const { reset } of listeners) reset({ reason: 'trimmed', to })
    },
  }
  return trimmable
}

// The event that a trimmed log has lost: no topic of a contract, so nobody could have asked for it.
const LOST = 'lost'
