// What happens to the tabs of a browser: they are opened, closed, reloaded and looked at, they crash, and the browser freezes them.
import type { Freeze } from '../browser.ts'
import { action, someTab } from './action.ts'

const needsTabs = true

const open = action({
  name: 'open a tab',
  weight: 10,
  needsTabs,
  plan: (chance, config) => ({ page: someTab(chance, config), topic: chance.pick(config.topics) }),
  run(world, { page, topic }) {
    if (!world.pages[page]?.gone()) return
    world.open(page)
    world.pages[page]?.mount(topic, 'query')
  },
})

const close = action({
  name: 'close a tab',
  weight: 3,
  needsTabs,
  plan: (chance, config) => ({ page: someTab(chance, config) }),
  run: ({ pages }, { page }) => pages[page]?.crash(true),
})

const crash = action({
  name: 'crash a tab',
  weight: 3,
  needsTabs,
  plan: (chance, config) => ({ page: someTab(chance, config) }),
  run: ({ pages }, { page }) => pages[page]?.crash(false),
})

const reload = action({
  name: 'reload a tab',
  weight: 3,
  needsTabs,
  plan: (chance, config) => ({
    page: someTab(chance, config),
    gently: chance.maybe(0.7),
    topic: chance.pick(config.topics),
  }),
  run(world, { page, gently, topic }) {
    world.reload(page, gently)
    world.pages[page]?.mount(topic, 'cursor')
  },
})

const freeze = action({
  name: 'freeze a tab',
  weight: 6,
  needsTabs,
  plan: (chance, config) => ({
    page: someTab(chance, config),
    how: chance.weighted<Freeze>({ told: 3, untold: 2, hangs: 2 }),
    forMs: chance.pick([50, 600, 3_000, 8_000, 20_000]),
  }),
  run({ pages, clock }, { page: place, how, forMs }) {
    const page = pages[place]
    page?.freeze(how)
    clock.after(forMs, () => page?.thaw())
  },
})

const hang = action({
  name: 'hang the leading tab',
  weight: 3,
  needsTabs,
  plan: (chance, config) => ({
    // Whose stream, if two users share the browser.
    user: chance.pick(config.pages.filter(({ browser }) => browser !== undefined)).user,
    forMs: chance.pick([4_500, 6_000, 9_000]),
    topic: chance.pick(config.topics),
  }),
  run({ pages, clock, application }, { user, forMs, topic }) {
    const leading = pages.find((page) => page.user === user && page.leads())
    leading?.freeze('hangs')
    clock.after(forMs, () => leading?.thaw())
    // What it would have said is said by another, before and after it comes back.
    const burst = { count: 30, apartMs: 400, letters: 0, stubborn: false, ephemeral: false }
    if (leading) application.publish({ topic, ...burst })
  },
})

const look = action({
  name: 'look at a tab',
  weight: 2,
  needsTabs,
  plan: (chance, config) => ({ page: someTab(chance, config), turn: chance.pick(['seen', 'online'] as const) }),
  run: ({ pages }, { page, turn }) => pages[page]?.turn(turn),
})

const lag = action({
  name: 'hold the leading tab back',
  weight: 2,
  needsTabs,
  plan: (chance, config) => ({
    user: chance.pick(config.pages.filter(({ browser }) => browser !== undefined)).user,
    page: someTab(chance, config),
    forMs: chance.pick([2_000, 4_000]),
    topic: chance.pick(config.topics),
    events: config.logEvents,
  }),
  run({ pages, clock, application, fault }, { user, page, forMs, topic, events }) {
    const link = pages.find((one) => one.user === user && one.leads())?.link
    if (!link) return
    link.hold(forMs)
    fault('hold', link.page)
    clock.after(forMs, () => fault('hold ends', link.page))
    // Another tab reads further than the stream, and the log drops what the stream still has to send.
    application.publish({ topic, count: 20, apartMs: forMs / 25, letters: 60, stubborn: false, ephemeral: false })
    clock.after(forMs / 2, () => pages[page]?.mount(topic, 'cursor'))
    if (events <= 100) clock.after(forMs - 100, () => application.flood(Math.ceil(events / 2)))
  },
})

const comeLate = action({
  name: 'come late while a grant is away',
  weight: 2,
  needsTabs,
  plan: (chance, config) => ({
    page: someTab(chance, config),
    topic: chance.pick(config.topics),
    forMs: chance.pick([3_000, 6_000]),
  }),
  run({ pages, host, clock, application }, { page: place, topic, forMs }) {
    const page = pages[place]
    if (!page) return
    // It reads now, and subscribes seconds later with the cursor of then; the hub may not have noticed meanwhile that the grant was away.
    page.mount(topic, 'old cursor')
    application.publish({ topic, count: 12, apartMs: 500, letters: 0, stubborn: false, ephemeral: false })
    clock.after(1_000, () => {
      const { read, write } = host.granted(page.user)
      if (!read.includes(topic)) return
      host.grant(
        page.user,
        read.filter((one) => one !== topic),
        write,
      )
      clock.after(forMs, () => {
        const now = host.granted(page.user)
        host.grant(page.user, [...new Set([...now.read, topic])].sort(), now.write)
      })
    })
  },
})

const hide = action({
  name: 'hide a tab',
  weight: 4,
  needsTabs,
  plan: (chance, config) => ({ page: someTab(chance, config), forMs: chance.pick([500, 4_000, 15_000]) }),
  run({ pages, clock }, { page: place, forMs }) {
    const page = pages[place]
    page?.turn('hidden')
    clock.after(forMs, () => page?.turn('seen'))
  },
})

/** What happens to tabs. */
export const tabbing = [open, close, crash, reload, freeze, hang, lag, comeLate, hide, look]
