// What the network does to people. Each fault tells the history that it struck, for the checks to know what may excuse a request.
import type { ClientSees, HubSees, Trap } from '../exchange.ts'
import { action, somePage } from './action.ts'

const cut = action({
  name: 'cut a connection',
  weight: 8,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    client: chance.weighted<ClientSees>({ error: 5, end: 3, nothing: 3 }),
    hub: chance.weighted<HubSees>({ told: 3, nothing: 1 }),
    // At once, or in the middle of what comes next.
    afterBytes: chance.pick([0, 0, 1, 10, 30, 60, 100]),
  }),
  run({ pages, fault }, { page, client, hub, afterBytes }) {
    const link = pages[page]?.link
    for (const exchange of link?.exchanges() ?? []) exchange.cut(client, hub, afterBytes)
    fault(`cut: the client sees ${client}, the hub ${hub}`, link?.page)
  },
})

const hold = action({
  name: 'hold everything back',
  weight: 5,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    forMs: chance.pick([100, 1_000, 4_000, 7_000, 15_000]),
  }),
  run({ pages, fault, clock }, { page, forMs }) {
    const link = pages[page]?.link
    link?.hold(forMs)
    fault('hold', link?.page)
    clock.after(forMs, () => fault('hold ends', link?.page))
  },
})

const refuse = action({
  name: 'go offline',
  weight: 3,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    forMs: chance.pick([200, 2_000, 10_000]),
    cut: chance.maybe(0.7),
  }),
  run({ pages, fault, clock }, { page, forMs, cut }) {
    const link = pages[page]?.link
    link?.refuse(forMs)
    if (cut) for (const exchange of link?.exchanges() ?? []) exchange.cut('error', 'nothing')
    fault('offline', link?.page)
    clock.after(forMs, () => fault('offline ends', link?.page))
  },
})

const slow = action({
  name: 'slow the network down',
  weight: 3,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    byMs: chance.pick([100, 900, 3_000]),
    forMs: chance.pick([1_000, 8_000]),
  }),
  run({ pages, fault, clock }, { page, byMs, forMs }) {
    const link = pages[page]?.link
    link?.slow(byMs, forMs)
    fault('slow', link?.page)
    clock.after(forMs, () => fault('slow ends', link?.page))
  },
})

const trap = action({
  name: 'spoil the next request',
  weight: 6,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    method: chance.weighted({ GET: 1, POST: 2 }),
    trap: chance.weighted<Trap>({
      'lose the answer': 3,
      'mute the answer': 1,
      'late answer': 1,
      'double the request': 3,
      'double the request later': 2,
    }),
  }),
  run({ pages, fault }, { page, method, trap }) {
    const link = pages[page]?.link
    link?.trap(method, trap)
    fault(trap, link?.page)
  },
})

const buffer = action({
  name: 'a proxy buffers streams',
  weight: 2,
  plan: (chance, config) => ({ page: somePage(chance, config), forMs: chance.pick([1_000, 6_000, 15_000]) }),
  run({ pages, fault, clock }, { page, forMs }) {
    const link = pages[page]?.link
    link?.buffer(forMs)
    // It stands in the way of those that are open by cutting them.
    for (const exchange of link?.exchanges() ?? []) exchange.cut('error', 'told')
    fault('a proxy buffers', link?.page)
    clock.after(forMs, () => fault('no proxy buffers', link?.page))
  },
})

const wayBack = action({
  name: 'trim the log beside a way back',
  weight: 2,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    forMs: chance.pick([1_000, 4_000]),
    topic: chance.pick(config.topics),
    events: config.logEvents,
  }),
  run({ pages, application, clock, fault }, { page: place, forMs, topic, events }) {
    const page = pages[place]
    // A log that keeps everything loses nothing.
    if (!page || events > 100) return
    page.mount(topic, 'query')
    page.link.buffer(forMs)
    for (const exchange of page.link.exchanges()) exchange.cut('error', 'told')
    fault('a proxy buffers', page.link.page)
    clock.after(forMs, () => fault('no proxy buffers', page.link.page))
    // Whoever reads pages by now lacks something after each of them, while the stream is tried beside them.
    const burst = { topic, count: 2, apartMs: 100, letters: 0, stubborn: false, ephemeral: false }
    for (let round = 0; round < 6; round++) {
      clock.after(3_000 + round * 1_500, () => application.publish(burst))
      clock.after(3_300 + round * 1_500, () => application.flood(events))
    }
  },
})

/** What the network does. */
export const faults = [cut, hold, refuse, slow, buffer, wayBack, trap]
