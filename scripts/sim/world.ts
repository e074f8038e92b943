// The simulated world, put together: pages, network, hub, log and application under one clock, driven by one plan.
import { type VirtualClock, virtualClock } from '../../packages/core/src/testing/virtual-clock.ts'
import { actions } from './actions/index.ts'
import { createApplication } from './application.ts'
import { createBrowser } from './browser.ts'
import { createDatabase } from './database.ts'
import { type History, startHistory } from './history.ts'
import { createHost, type Host } from './host.ts'
import { createLists } from './lists.ts'
import { createNetwork } from './network.ts'
import { openPage } from './page.ts'
import type { Plan } from './plan.ts'
import { takeLeaks } from './purity.ts'
import { chance } from './random.ts'
import type { World } from './reach.ts'
import { realmOf } from './realm.ts'
import { createStorage, type Storage } from './storage.ts'
import { processClock, runUntil } from './time.ts'

/** The world begins at a round moment. */
const GENESIS_MS = 1_800_000_000_000
/** How long it may take, after the last fault, until everything is at rest. */
const PATIENCE_MS = 120_000
/** How long whoever reads pages for want of a stream may take to find the way back: a probe comes at the latest every half minute. */
const WAY_BACK_MS = 45_000
/** How long it must stay at rest to be believed. */
const REST_MS = 6_000
// For so long a user counts as there who has left, until all are told.
const LEASE_MS = 6_000

/** Lives through a plan. What is thrown where nobody catches it ends the world, and is in its history. */
export async function live(plan: Plan): Promise<History> {
  const virtual = virtualClock(GENESIS_MS)
  const history = startHistory(() => virtual.now() - GENESIS_MS)
  try {
    await liveOn(plan, virtual, history)
  } catch (error) {
    history.record({ what: 'broken', why: `the world ended: ${error instanceof Error ? error.stack : String(error)}` })
  }
  return history
}

async function liveOn({ seed, config, steps }: Plan, virtual: VirtualClock, history: History): Promise<void> {
  const clock = processClock(virtual)
  const dice = chance(`seed ${seed}`).fork('world')
  const database = createDatabase()
  const host: Host = createHost({
    config,
    clock: virtual,
    chance: dice,
    history,
    database,
    exchanges: () => network.exchanges(),
  })
  const network = createNetwork({
    clock,
    history,
    chance: dice.fork('network'),
    door: host.door,
    windowBytes: config.windowBytes,
  })
  const application = createApplication({ clock, history, host })
  const lists = createLists({ clock: processClock(virtual), history, host })
  const topics = [...config.topics, ...config.lists]
  for (const { user } of config.pages) host.grant(user, topics, topics)
  const realms = await Promise.all(config.lists.length > 0 ? config.pages.map((_, place) => realmOf(place)) : [])

  const browsers = new Map(
    [...new Set(config.pages.map(({ browser }) => browser))].map((name) => {
      const locks = name !== undefined && config.locks.includes(name)
      return [name, createBrowser({ clock, chance: dice.fork(`browser ${name}`), locks })]
    }),
  )
  // A page that is no tab has a browser for itself, and so has whoever is loaded in its place after it.
  const homeOf = (place: number) => config.pages[place]?.browser ?? `place ${place}`
  const storages = new Map(
    [...new Set(config.pages.map((_, place) => homeOf(place)))].map((name) => [
      name,
      createStorage({ clock, chance: dice.fork(`storage of ${name}`), history }),
    ]),
  )
  let numbers = 0
  let screens = 0
  const load = (place: number) => {
    const page = config.pages[place]
    if (!page) throw new RangeError(`There is no page in place ${place}.`)
    const number = ++numbers
    const clientClock = processClock(virtual)
    return openPage({
      number,
      place,
      config: page,
      tab: page.browser === undefined ? undefined : browsers.get(page.browser)?.openTab(),
      clock: processClock(virtual),
      clientClock,
      drawer: (storages.get(homeOf(place)) as Storage).open(number, clientClock),
      chance: dice.fork(`page ${number}`),
      link: network.link(number, page.latencyMs),
      history,
      host,
      database,
      queries: realms[place] && {
        realm: realms[place],
        lists,
        topics: config.lists,
        tagged: config.tagged,
        world: clock,
      },
      nextScreen: () => ++screens,
    })
  }
  const pages = config.pages.map((_, place) => load(place))
  // What somebody does, and what follows from it later.
  const acting = processClock(virtual)
  const world: World = {
    clock: acting,
    history,
    host,
    application,
    lists,
    pages,
    reload(place, gently) {
      pages[place]?.crash(gently)
      pages[place] = load(place)
    },
    open(place) {
      if (pages[place]?.gone()) pages[place] = load(place)
    },
    storage: (place) => storages.get(homeOf(place)),
    fault: (fault, page) => history.record({ what: 'fault', fault, ...(page === undefined ? {} : { page }) }),
  }

  for (const { at, action: name, params } of steps) {
    acting.after(at, () => {
      history.record({ what: 'did', action: name, params })
      actions.find((one) => one.name === name)?.run(world, params)
      host.weigh()
    })
  }
  await runUntil(virtual, GENESIS_MS + config.activeMs)

  // The faults stop. From here on everything must mend by itself; only what a person closed, a person opens.
  history.record({ what: 'settling' })
  acting.stop()
  host.heal()
  network.heal()
  lists.heal()
  // Who may not read a list has no live query of it; at the end everybody may.
  if (config.lists.length > 0)
    for (const user of new Set(config.pages.map(({ user }) => user))) {
      const { read, write } = host.granted(user)
      host.grant(user, [...new Set([...read, ...config.lists])], write)
      host.disconnect(user)
    }
  for (const storage of storages.values()) storage.fail(undefined)
  for (const page of pages) page.thaw()
  // Nobody sees a page in the very moment in which it goes on: it hears first what has come meanwhile.
  await runUntil(virtual, virtual.now() + 100)
  for (const page of pages) {
    page.turn('seen')
    page.board()?.turn('online')
    page.board()?.load()
  }
  const restless = () => {
    if (application.trying() > 0) return 'the application publishes'
    if (lists.busy() > 0) return 'somebody writes to a list'
    for (const page of pages) {
      const why = page.restless()
      if (why) return why
    }
    return undefined
  }
  const rest = async () => {
    const end = virtual.now() + PATIENCE_MS
    let since = virtual.now()
    while (virtual.now() < end) {
      await runUntil(virtual, virtual.now() + 500)
      host.heal()
      for (const page of pages) if (page.restless() === 'closed') page.start()
      if (restless() !== undefined) since = virtual.now()
      else if (virtual.now() - since >= REST_MS) return true
    }
    return false
  }
  let atRest = await rest()
  // Whatever is still kept is of pages that are gone, or of a page that has given its storage up: whoever is loaded next takes it over.
  const heirs = config.pages.flatMap(({ user }, place) =>
    storages.get(homeOf(place))?.owners().has(user) ? place : [],
  )
  for (const place of heirs) pages[place]?.crash(true)
  // Who comes next comes when the browser has let go of the locks of who was there before.
  await runUntil(virtual, virtual.now() + 100)
  for (const place of heirs) {
    pages[place] = load(place)
    pages[place]?.mount('user', 'query')
  }
  atRest = (await rest()) && atRest
  const lateAt = virtual.now() + WAY_BACK_MS
  while (virtual.now() < lateAt && pages.some((page) => page.goesRound())) await runUntil(virtual, virtual.now() + 500)
  for (const [name, storage] of storages)
    for (const user of storage.owners()) history.record({ what: 'left in storage', browser: name, user })
  for (const page of pages) page.board()?.compare()
  history.record({ what: 'at rest' })
  // One more change for every list; what is in it already changes too.
  for (const list of config.lists) {
    const item = lists.state([list])[0]
    if (item) void lists.write({ to: 'edit', list, id: item.id, title: 'the last' })
    void lists.write({ to: 'create', list, title: 'one more', made: `last of ${list}` })
  }
  // One more event for everybody, to see that what looks alive is alive.
  for (const topic of [...config.topics, ...new Set(config.pages.map(({ user }) => `user:${user}`))]) {
    application.publish({ topic, count: 1, apartMs: 0, letters: 0, stubborn: true, ephemeral: false })
  }
  atRest = (await rest()) && atRest
  // And one each that is not kept, one at a time, so that there is no reason to drop it.
  for (const topic of config.topics.filter((one) => one.startsWith('board'))) {
    application.publish({ topic, count: 1, apartMs: 0, letters: 0, stubborn: false, ephemeral: true })
    await runUntil(virtual, virtual.now() + 2_000)
  }
  // A page of the log that died unseen is given up only now, perhaps.
  if (restless() !== undefined) atRest = (await rest()) && atRest
  // Whoever has left is there a little longer.
  await runUntil(virtual, virtual.now() + LEASE_MS)
  const why = restless()
  if (why) history.record({ what: 'broken', why: `never came to rest: ${why}` })
  for (const page of pages) page.board()?.compare()
  const connections = host.connections()
  const present = config.topics.map((topic) => ({ topic, users: host.present(topic) }))
  const final = pages.filter((page) => !page.gone()).map((page) => page.final())

  const leftovers: string[] = []
  for (const page of pages) page.close()
  await runUntil(virtual, virtual.now() + 5_000)
  for (const page of pages)
    if (page.pending() > 0) leftovers.push(`page ${page.number} is closed, and ${page.pending()} of its timers wait`)
  if (host.connections() !== 0)
    leftovers.push(`every client is closed, and the hub counts ${host.connections()} connections`)
  let pending = -1
  const closing = host.close().then((left) => {
    pending = left
  })
  await runUntil(virtual, virtual.now() + 6_000)
  await closing
  if (pending !== 0) leftovers.push(`the hub is closed, and ${pending} of its timers wait`)
  for (const leak of takeLeaks()) history.record({ what: 'broken', why: `reached for the real world: ${leak}` })
  // Their modules are used again, by the pages of another world.
  for (const page of pages) page.board()?.end()
  history.record({ what: 'settled', final: { atRest, connections, present, pages: final, leftovers } })
}
