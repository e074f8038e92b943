// What people do in their browsers: they open and leave screens, emit, reload, close and start again.
import type { Failing } from '../storage.ts'
import { action, somePage } from './action.ts'

const mount = action({
  name: 'mount a screen',
  weight: 9,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    topic: chance.maybe(0.2) ? 'user' : chance.pick(config.topics),
    // Reads its state after it subscribed, or before and brings the cursor; at once, or long before.
    style: chance.weighted({ query: 5, cursor: 4, 'old cursor': 1 }),
  }),
  run: ({ pages }, { page, topic, style }) => pages[page]?.mount(topic, style),
})

const unmount = action({
  name: 'unmount a screen',
  weight: 6,
  plan: (chance, config) => ({ page: somePage(chance, config), which: chance.next() }),
  run: ({ pages }, { page, which }) => pages[page]?.unmount(which),
})

const flip = action({
  name: 'go to another screen',
  weight: 4,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    which: chance.next(),
    topic: chance.pick(config.topics),
    style: chance.weighted({ query: 1, cursor: 1 }),
  }),
  run({ pages }, { page, which, topic, style }) {
    pages[page]?.unmount(which)
    pages[page]?.mount(topic, style)
  },
})

const emit = action({
  name: 'emit',
  weight: 9,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    type: chance.weighted({ 'note.added': 6, 'theme.changed': 2, 'pointer.moved': 2, 'button.clicked': 3 }),
    topic: chance.pick(config.topics),
    count: chance.pick([1, 1, 2, 5]),
    bad: chance.maybe(0.08),
  }),
  run: ({ pages }, { page, ...params }) => pages[page]?.emit(params),
})

const reload = action({
  name: 'reload the page',
  weight: 2,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    gently: chance.maybe(0.5),
    topic: chance.maybe(0.2) ? undefined : chance.pick(config.topics),
  }),
  run(world, { page, gently, topic }) {
    world.reload(page, gently)
    if (topic) world.pages[page]?.mount(topic, 'query')
  },
})

const close = action({
  name: 'close the client, start it later',
  weight: 2,
  plan: (chance, config) => ({ page: somePage(chance, config), forMs: chance.pick([0, 50, 1_000, 8_000]) }),
  run({ pages, clock }, { page: index, forMs }) {
    const page = pages[index]
    page?.close()
    clock.after(forMs, () => page?.start())
  },
})

const nudge = action({
  name: 'press "try again"',
  weight: 2,
  plan: (chance, config) => ({ page: somePage(chance, config) }),
  run: ({ pages }, { page }) => pages[page]?.start(),
})

const emitAndLeave = action({
  name: 'emit and leave',
  weight: 4,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    type: chance.weighted({ 'note.added': 1, 'pointer.moved': 2 }),
    topic: chance.pick(config.topics),
    afterMs: chance.pick([0, 5, 10, 20, 40, 80]),
  }),
  run(world, { page, type, topic, afterMs }) {
    world.pages[page]?.emit({ type, topic, count: 2, bad: false })
    world.clock.after(afterMs, () => {
      world.reload(page, true)
      world.pages[page]?.mount(topic, 'query')
    })
  },
})

const storageFails = action({
  name: 'break the storage',
  weight: 2,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    how: chance.weighted<Failing>({ refuses: 2, hangs: 1 }),
    forMs: chance.pick([100, 2_000, 9_000]),
  }),
  run({ storage, clock }, { page, how, forMs }) {
    storage(page)?.fail(how)
    clock.after(forMs, () => storage(page)?.fail(undefined))
  },
})

/** What people do in their browsers, and what their browsers do to them. */
export const browsing = [mount, unmount, flip, emit, emitAndLeave, reload, close, nudge, storageFails]
