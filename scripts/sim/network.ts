// The network between pages and hub: a `fetch` for each page that delays, splits, cuts, holds back, half-opens and doubles what passes.
import type { Fetch } from '@sse-hub/core'
import { type Exchange, type ExchangeWorld, openExchange, type Trap } from './exchange.ts'
import type { Chance } from './random.ts'

/** The way between one page and the hub. */
export interface Link {
  readonly page: number
  readonly fetch: Fetch
  /** The open exchanges, oldest first. */
  exchanges(): readonly Exchange[]
  /** Nothing moves for so long; then it all arrives, late. */
  hold(forMs: number): void
  /** New requests fail at once for so long: offline. */
  refuse(forMs: number): void
  /** Every piece takes this much longer for so long. */
  slow(byMs: number, forMs: number): void
  /** A proxy holds back whatever streams are opened for so long, each until it is over. */
  buffer(forMs: number): void
  /** Does this to the next request of that method. */
  trap(method: string, trap: Trap): void
  /** The page takes nothing from the network, until it is thawed; if its streams die of that, nobody is told. */
  freeze(streamsDie: boolean): void
  thaw(): void
  /** The page's process is gone. */
  crash(): void
}

/** The network. */
export interface Network {
  link(page: number, latencyMs: readonly [number, number]): Link
  /** Every exchange that the hub holds. */
  exchanges(): readonly Exchange[]
  /** No more faults from now on; what is held back moves, and what is dead is found to be. */
  heal(): void
}

/** Makes a network. */
export function createNetwork(world: ExchangeWorld & { readonly chance: Chance }): Network {
  const all = new Set<Exchange>()
  const { clock } = world
  const healing: (() => void)[] = []
  let exchanges = 0
  return {
    exchanges: () => [...all],
    heal() {
      for (const heal of healing) heal()
      for (const exchange of [...all]) exchange.heal()
    },
    link(page, [low, high]) {
      const mine = new Set<Exchange>()
      const traps: { readonly method: string; readonly trap: Trap }[] = []
      let requests = 0
      let heldUntil = 0
      let refusedUntil = 0
      let bufferedUntil = 0
      let slow = { byMs: 0, until: 0 }
      let crashed = false
      let frozen = false
      let untaken: (() => void)[] = []

      const open = (url: string, init: RequestInit, trap: Trap | undefined, copyOf?: number) => {
        const chance = world.chance.fork(`page ${page} request ${++requests}`)
        const exchange = openExchange(world, {
          number: ++exchanges,
          page,
          url,
          init,
          chance,
          trap,
          copyOf,
          delayMs: () => chance.between(low, high) + (clock.now() < slow.until ? slow.byMs : 0),
          heldUntil: () => heldUntil,
          refused: () => clock.now() < refusedUntil,
          buffered: () => clock.now() < bufferedUntil,
          take(run) {
            if (frozen) untaken.push(run)
            else run()
          },
          closed: () => {
            all.delete(exchange)
            mine.delete(exchange)
          },
        })
        all.add(exchange)
        mine.add(exchange)
        return exchange
      }

      healing.push(() => {
        traps.length = 0
        heldUntil = refusedUntil = bufferedUntil = 0
        slow = { byMs: 0, until: 0 }
      })
      return {
        page,
        exchanges: () => [...mine],
        hold(forMs) {
          heldUntil = Math.max(heldUntil, clock.now() + forMs)
        },
        refuse(forMs) {
          refusedUntil = clock.now() + forMs
        },
        buffer(forMs) {
          bufferedUntil = clock.now() + forMs
        },
        slow(byMs, forMs) {
          slow = { byMs, until: clock.now() + forMs }
        },
        trap: (method, trap) => void traps.push({ method, trap }),
        freeze(streamsDie) {
          frozen = true
          if (streamsDie) for (const exchange of mine) exchange.muteStream()
        },
        thaw() {
          frozen = false
          const due = untaken
          untaken = []
          for (const run of due) run()
        },
        crash() {
          crashed = true
          for (const exchange of [...mine]) exchange.pageDied()
        },
        fetch(url, init) {
          if (crashed) return new Promise(() => {})
          // No browser sends what nobody waits for any more.
          if (init.signal?.aborted) return Promise.reject(init.signal.reason)
          const method = init.method ?? 'GET'
          const index = traps.findIndex((trap) => trap.method === method)
          const trap = index < 0 ? undefined : traps.splice(index, 1)[0]?.trap
          const exchange = open(url, init, trap)
          if (trap?.startsWith('double')) open(url, { ...init, signal: null }, trap, exchange.number)
          return exchange.response
        },
      }
    },
  }
}
