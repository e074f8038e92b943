// The machine that the hub runs on: it starts, kills, unplugs and restarts the real hub over its log, and holds what operators decide.
import { createHub, type EventLog, type Grant, type Hub, memoryLog, type NewEvent } from '@sse-hub/server'
import type { VirtualClock } from '../../packages/core/src/testing/virtual-clock.ts'
import type { Config } from './config.ts'
import { contract } from './contract.ts'
import type { Database } from './database.ts'
import { openDisk } from './disk.ts'
import type { ExchangeWorld } from './exchange.ts'
import type { History } from './history.ts'
import type { Chance } from './random.ts'
import { type ProcessClock, processClock, sleep } from './time.ts'

/** The hub, as the contract of the simulated application types it. */
export type SimHub = Hub<typeof contract>

/** How a hub goes down: its process dies, its machine loses power (nobody is told), or it is closed in order, perhaps after it has sent everybody away. */
export type Downfall = 'killed' | 'unplugged' | 'closed' | 'drained'

/** What a host needs of the world. */
export interface HostOptions {
  readonly config: Config
  readonly clock: VirtualClock
  readonly chance: Chance
  readonly history: History
  readonly database: Database
  /** Every exchange that the network knows. */
  readonly exchanges: () => readonly {
    servedBy(): number | undefined
    hubDied(client: 'error' | 'nothing'): void
  }[]
}

/** The machine. */
export interface Host {
  /** The hub that accepts connections now. */
  readonly door: ExchangeWorld['door']
  /** Calls the hub as its own application would; rejects while it is down, and when it dies meanwhile. */
  call<T>(ask: (hub: SimHub) => Promise<T>): Promise<T>
  /** The head of the log, as whoever shares it with the hub reads it. */
  head(): Promise<string>
  /** Another deployment writes to the same log. */
  appendRaw(...events: readonly NewEvent[]): Promise<void>
  restart(how: Downfall, log: 'kept' | 'lost', downMs: number): Promise<void>
  /** A new process takes over on the same log; the old one sends everybody there, over so long, and goes. */
  rollOver(overMs: number): Promise<void>
  switchTo(on: boolean): void
  grant(user: string, read: readonly string[], write: readonly string[]): void
  granted(user: string): { readonly read: readonly string[]; readonly write: readonly string[] }
  mayRead(user: string, topic: string): boolean
  disconnect(user: string): void
  /** The user's grants run out so long after they were given; undefined: never. */
  expire(user: string, afterMs: number | undefined): void
  /** Lets a user in, or not: 401. */
  sign(user: string, isIn: boolean): void
  /** Credentials of before are worth nothing: 401 until the page has fetched fresh ones. */
  rotate(user: string): void
  /** The credentials that a user's page fetches. */
  token(user: string): string
  breakAuthorize(broken: boolean): void
  /** Ends all faults, and starts the hub if it is down. */
  heal(): void
  /** Notes what waits for slow readers, if anything does. */
  weigh(): void
  /** The open connections, as the hub counts them. */
  connections(): number
  /** Who is on a topic, as the hub says. */
  present(topic: string): readonly string[]
  /** Closes the hub for good. Answers how many of its callbacks still wait. */
  close(): Promise<number>
}

interface Running {
  readonly number: number
  readonly hub: SimHub
  readonly clock: ProcessClock
  readonly died: Promise<never>
  readonly die: () => void
}

/** Starts the machine, hub included. */
export function createHost({ config, clock, chance, history, database, exchanges }: HostOptions): Host {
  const grants = new Map<string, { read: readonly string[]; write: readonly string[] }>()
  let hubs = 0
  let logs = 0
  let enabled = true
  let switches = 0
  const expiries = new Map<string, number>()
  const signedOut = new Set<string>()
  const tokens = new Map<string, number>()
  /** The hubs that run: the one whose door is open, and those that send everybody there. */
  const alive = new Set<Running>()
  let authorizeBroken = false
  let running: Running | undefined
  let starting: (() => void) | undefined
  let log: EventLog
  const dice = chance.fork('host')

  const newLog = () => {
    const dice = chance.fork(`log ${++logs}`)
    log = memoryLog({
      maxEvents: config.logEvents,
      maxAgeMs: config.logAgeMs,
      clock,
      random: { next: dice.next, id: dice.id },
    })
  }
  const token = (user: string) => String(tokens.get(user) ?? 0)
  const authorize = async (request: Request, processClock: ProcessClock): Promise<Grant | null> => {
    if (dice.maybe(0.3)) await sleep(processClock, dice.between(0, 40))
    if (authorizeBroken) throw new Error('the authorization service is down')
    const user = request.headers.get('x-user') ?? ''
    if (signedOut.has(user) || request.headers.get('x-token') !== token(user)) return null
    const grant = grants.get(user)
    const afterMs = expiries.get(user)
    const expiry = afterMs === undefined ? {} : { expiresAt: clock.now() + afterMs }
    return { user, read: grant?.read ?? [], write: grant?.write ?? [], ...expiry }
  }
  const hearClicks = (hub: SimHub) =>
    hub.on('button.clicked', ({ id, user, data }) => {
      const refused = data.n % 5 === 0
      history.record({ what: 'handled', id, user, refused })
      if (refused) throw new Error('refused on purpose')
    })

  const start = async () => {
    const number = ++hubs
    const own = processClock(clock)
    const dice = chance.fork(`hub ${number}`)
    const disk = openDisk({
      log,
      clock: own,
      chance: dice.fork('disk'),
      history,
      delayMs: config.diskMs,
      kept: database.commit,
    })
    const { epoch } = await log.head()
    history.record({ what: 'hub up', hub: number, epoch })
    const hub = createHub({
      contract,
      log: disk,
      authorize: (request) => authorize(request, own),
      heartbeatMs: config.heartbeatMs,
      recheckMs: config.recheckMs,
      disabledRetryMs: config.disabledRetryMs,
      limits: { bufferBytes: config.bufferBytes },
      disabled: !enabled,
      clock: own,
      random: { next: dice.next, id: dice.id },
      onReport({ during, error }) {
        const expected =
          during === 'schema' || (during === 'authorize' && authorizeBroken) || String(error).includes('on purpose')
        history.record({ what: 'report', from: `hub ${number}`, during, error: String(error), expected })
      },
    })
    hearClicks(hub)
    const { promise: died, reject } = Promise.withResolvers<never>()
    died.catch(() => {})
    running = { number, hub, clock: own, died, die: () => reject(new Error('the hub died')) }
    alive.add(running)
  }
  const end = (was: Running, client: 'error' | 'nothing') => {
    alive.delete(was)
    was.clock.stop()
    was.die()
    for (const exchange of exchanges()) if (exchange.servedBy() === was.number) exchange.hubDied(client)
  }

  const down = async (how: Downfall) => {
    const was = running
    if (!was) return
    running = undefined
    history.record({ what: 'hub down', hub: was.number, how })
    if (how === 'drained') await Promise.race([was.hub.drain({ overMs: 500 }), sleep(clock, 2_000)])
    if (how === 'closed' || how === 'drained') await Promise.race([was.hub.close(), sleep(clock, 2_000)])
    end(was, how === 'unplugged' ? 'nothing' : 'error')
  }

  newLog()
  void start()
  return {
    door: () => running && { hub: running.number, fetch: running.hub.fetch },
    call(ask) {
      if (!running) return Promise.reject(new Error('the hub is down'))
      return Promise.race([ask(running.hub), running.died])
    },
    async head() {
      const { epoch, position } = await log.head()
      return `${epoch}:${position}`
    },
    async appendRaw(...events) {
      const own = openDisk({
        log,
        clock: processClock(clock),
        chance: dice.fork(`raw ${events[0]?.id}`),
        history,
        delayMs: 0,
        kept: database.commit,
      })
      await own.append(events)
    },
    async restart(how, keep, downMs) {
      if (!running) return
      await down(how)
      if (keep === 'lost') {
        // It is lost for those, too, who were about to hand over: nobody may keep anything where nobody will look.
        for (const other of [...alive]) {
          history.record({ what: 'hub down', hub: other.number, how: 'killed' })
          end(other, 'error')
        }
        newLog()
      }
      starting = clock.after(downMs, () => {
        starting = undefined
        void start()
      })
    },
    async rollOver(overMs) {
      const was = running
      if (!was) return
      await start()
      const died = was.died.catch(() => {})
      // Whoever asked it for something meanwhile is answered by it.
      await Promise.race([was.hub.drain({ overMs }), died])
      await Promise.race([was.hub.close(), died])
      // What its disk still does on its own: a burst waits in line there.
      await sleep(clock, 10_000)
      if (!alive.has(was)) return
      const left = was.clock.pending()
      if (left > 0)
        history.record({ what: 'broken', why: `hub ${was.number} is closed, and ${left} of its timers wait` })
      end(was, 'error')
      history.record({ what: 'hub down', hub: was.number, how: 'closed' })
    },
    switchTo(on) {
      if (on === enabled) return
      enabled = on
      const mine = ++switches
      history.record({ what: 'switched', on })
      if (on) for (const { hub } of alive) hub.enable()
      else {
        const was = running
        for (const { hub } of alive) hub.disable()
        clock.after(1_000, () => {
          if (!was || running !== was || switches !== mine) return
          history.record({ what: 'still connected', connections: was.hub.stats().connections })
        })
      }
    },
    grant(user, read, write) {
      grants.set(user, { read, write })
      history.record({ what: 'granted', user, read, write })
    },
    granted: (user) => grants.get(user) ?? { read: [], write: [] },
    mayRead: (user, topic) =>
      !signedOut.has(user) && (topic === `user:${user}` || (grants.get(user)?.read.includes(topic) ?? false)),
    expire(user, afterMs) {
      if (afterMs === expiries.get(user)) return
      if (afterMs === undefined) expiries.delete(user)
      else expiries.set(user, afterMs)
      history.record({ what: 'expiring', user, ...(afterMs === undefined ? {} : { afterMs }) })
    },
    sign(user, isIn) {
      if (isIn !== signedOut.has(user)) return
      if (isIn) signedOut.delete(user)
      else signedOut.add(user)
      history.record({ what: 'signed', user, in: isIn })
    },
    rotate(user) {
      tokens.set(user, (tokens.get(user) ?? 0) + 1)
      history.record({ what: 'rotated', user })
    },
    token,
    disconnect(user) {
      if (!running) return
      history.record({ what: 'disconnected', user })
      for (const { hub } of alive) hub.disconnect(user)
    },
    breakAuthorize(broken) {
      authorizeBroken = broken
    },
    heal() {
      authorizeBroken = false
      for (const user of [...expiries.keys()]) this.expire(user, undefined)
      for (const user of [...signedOut]) this.sign(user, true)
      this.switchTo(true)
      if (running || !starting) return
      starting()
      starting = undefined
      void start()
    },
    weigh() {
      let bytes = 0
      let connections = 0
      for (const { hub } of alive) {
        const stats = hub.stats()
        bytes += stats.bufferedBytes
        connections += stats.connections
      }
      if (bytes > 0) history.record({ what: 'buffered', bytes, connections })
    },
    present: (topic) => running?.hub.presence(topic as 'room').users ?? [],
    connections: () => running?.hub.stats().connections ?? -1,
    async close() {
      const was = running
      running = undefined
      if (!was) return -1
      await Promise.race([was.hub.close(), sleep(clock, 5_000)])
      return was.clock.pending()
    },
  }
}
