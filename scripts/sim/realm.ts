// Gives the code of each page globals of its own: TanStack Query keeps its timers, its focus and whether it is online in one place per module,
// and takes time, timers and chance from the platform, so each page loads modules of its own that find the page's platform instead.
import { registerHooks } from 'node:module'
import type { openBoard } from './board.ts'
import type { Chance } from './random.ts'
import type { ProcessClock } from './time.ts'

/** One page's own modules, and the platform that they find. */
export interface Realm {
  readonly board: { readonly openBoard: typeof openBoard }
  /** From now on they belong to this page. Answers the window that they see. */
  enter(clock: ProcessClock, chance: Chance): EventTarget
}

const REALMS = Symbol.for('the realms of the simulated world')
const NAMES = 'Date, setTimeout, clearTimeout, setInterval, clearInterval, performance, crypto, window'
// What has a copy per page; all else is shared.
const OWN =
  /\/sim\/board\.ts$|\/packages\/react-query\/src\/|\/packages\/core\/src\/(index|platform)\.ts$|\/@tanstack\/query-core\//

const platforms: object[] = []
Object.defineProperty(globalThis, REALMS, { value: platforms })

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    const realm = /\?realm=\d+$/.exec(context.parentURL ?? '')?.[0]
    return realm && OWN.test(resolved.url) ? { ...resolved, url: resolved.url + realm } : resolved
  },
  load(url, context, next) {
    const loaded = next(url, context)
    const realm = /\?realm=(\d+)$/.exec(url)?.[1]
    if (realm === undefined) return loaded
    const prelude = `const { ${NAMES} } = globalThis[Symbol.for(${JSON.stringify(REALMS.description)})][${realm}];`
    return { ...loaded, source: prelude + String(loaded.source) }
  },
})

const realms: Promise<Realm>[] = []

/** The realm of a place: the page there is always but one. */
export function realmOf(place: number): Promise<Realm> {
  realms[place] ??= load(place)
  return realms[place]
}

async function load(place: number): Promise<Realm> {
  let clock: ProcessClock
  let chance: Chance
  // One for all pages of the place, since modules keep what they are given; whoever listened is gone with the page before.
  const window = new EventTarget()
  let timers = new Map<number, () => void>()
  let named = 0
  const clear = (timer: number) => {
    timers.get(timer)?.()
    timers.delete(timer)
  }
  const setTimeout = (callback: () => void, ms = 0) => {
    const timer = ++named
    const mine = timers
    const fire = () => {
      mine.delete(timer)
      callback()
    }
    // No timer of a platform waits longer.
    timers.set(timer, clock.after(Math.min(ms, 2 ** 31 - 1), fire))
    return timer
  }
  const setInterval = (callback: () => void, ms: number) => {
    const timer = ++named
    const mine = timers
    const tick = () => {
      mine.set(timer, clock.after(ms, tick))
      callback()
    }
    timers.set(timer, clock.after(ms, tick))
    return timer
  }
  const now = () => clock.now()
  const getRandomValues = (numbers: Uint32Array) => numbers.map(() => chance.between(0, 2 ** 32 - 1))
  platforms[place] = {
    Date: { now },
    setTimeout,
    clearTimeout: clear,
    setInterval,
    clearInterval: clear,
    performance: { now },
    crypto: { getRandomValues },
    window,
  }
  // Its specifier has to be made: that is what makes it another module.
  const board = (await import(`./board.ts?realm=${place}`)) as Realm['board']
  // What the page loads later must not take real time then.
  await import(`../../packages/react-query/src/fallback.ts?realm=${place}`)
  return {
    board,
    enter(ofPage, dice) {
      clock = ofPage
      chance = dice
      timers = new Map()
      return window
    },
  }
}
