// What those do who run the hub: they restart it, with and without its log, switch it off and on, and change what people may see.
import { action } from './action.ts'

const isGeneral = true

const restart = action({
  name: 'restart the hub',
  weight: 4,
  isGeneral,
  plan: (chance, config) => ({
    how: chance.weighted({ killed: 4, unplugged: 1, closed: 1, drained: 2 }),
    log: chance.weighted({ kept: 3, lost: 1 }),
    downMs: chance.pick([0, 50, 1_000, 6_000]),
    // Some are restarted in the middle of traffic, which does not wait for anybody.
    traffic: chance.maybe(0.5) ? chance.pick(config.topics) : undefined,
  }),
  run({ host, application, clock }, { how, log, downMs, traffic }) {
    void host.restart(how, log, downMs)
    const burst = { count: 50, apartMs: 20, letters: 0, stubborn: false, ephemeral: false }
    if (traffic) clock.after(downMs, () => application.publish({ topic: traffic, ...burst }))
  },
})

const disable = action({
  name: 'throw the kill switch',
  weight: 2,
  isGeneral,
  plan: (chance) => ({ forMs: chance.pick([10, 1_500, 9_000]) }),
  run({ host, clock }, { forMs }) {
    host.switchTo(false)
    clock.after(forMs, () => host.switchTo(true))
  },
})

const grant = action({
  name: 'change a grant',
  weight: 4,
  plan: (chance, config) => ({
    user: chance.pick(config.pages).user,
    read: [...config.topics, ...config.lists].filter(() => chance.maybe(0.75)),
    write: [...config.topics, ...config.lists].filter(() => chance.maybe(0.75)),
    tell: chance.maybe(0.5),
  }),
  run({ host }, { user, read, write, tell }) {
    host.grant(user, read, write)
    if (tell) host.disconnect(user)
  },
})

const disconnect = action({
  name: 'disconnect a user',
  weight: 1,
  plan: (chance, config) => ({ user: chance.pick(config.pages).user }),
  run: ({ host }, { user }) => host.disconnect(user),
})

const authorizeFails = action({
  name: 'break the authorization service',
  weight: 1,
  isGeneral,
  plan: (chance) => ({ forMs: chance.pick([500, 6_000]) }),
  run({ host, clock, fault }, { forMs }) {
    host.breakAuthorize(true)
    fault('authorize fails')
    clock.after(forMs, () => {
      host.breakAuthorize(false)
      fault('authorize works')
    })
  },
})

const rollOver = action({
  name: 'roll over to a new node',
  weight: 2,
  isGeneral,
  plan: (chance) => ({ overMs: chance.pick([0, 500, 5_000]) }),
  run: ({ host }, { overMs }) => void host.rollOver(overMs),
})

const takeAway = action({
  name: 'take a grant away for a while',
  weight: 2,
  plan: (chance, config) => ({
    user: chance.pick(config.pages).user,
    topics: [...config.topics, ...config.lists].filter(() => chance.maybe(0.6)),
    forMs: chance.pick([20, 900, 7_000, 15_000]),
    tell: chance.maybe(0.6),
  }),
  run({ host, clock }, { user, topics, forMs, tell }) {
    const { read, write } = host.granted(user)
    const without = (all: readonly string[]) => all.filter((topic) => !topics.includes(topic))
    host.grant(user, without(read), without(write))
    if (tell) host.disconnect(user)
    clock.after(forMs, () => {
      host.grant(user, read, write)
      if (tell) host.disconnect(user)
    })
  },
})

const expire = action({
  name: 'let grants expire',
  weight: 2,
  plan: (chance, config) => ({
    user: chance.pick(config.pages).user,
    afterMs: chance.pick([300, 2_000, 4_000, 12_000]),
    forMs: chance.pick([3_000, 15_000]),
  }),
  run({ host, clock }, { user, afterMs, forMs }) {
    host.expire(user, afterMs)
    clock.after(forMs, () => host.expire(user, undefined))
  },
})

const signOut = action({
  name: 'sign a user out, and in later',
  weight: 1,
  plan: (chance, config) => ({ user: chance.pick(config.pages).user, forMs: chance.pick([100, 2_000, 12_000]) }),
  run({ host, pages, clock }, { user, forMs }) {
    host.sign(user, false)
    clock.after(forMs, () => {
      host.sign(user, true)
      for (const page of pages) if (page.user === user) page.start()
    })
  },
})

const rotate = action({
  name: 'rotate the credentials',
  weight: 2,
  plan: (chance, config) => ({ user: chance.pick(config.pages).user, tell: chance.maybe(0.7) }),
  run({ host }, { user, tell }) {
    host.rotate(user)
    if (tell) host.disconnect(user)
  },
})

const trim = action({
  name: 'trim the log',
  weight: 1,
  plan: (_, config) => ({ events: config.logEvents }),
  run({ application }, { events }) {
    // So many as it keeps push all others out; a log that keeps everything is left alone.
    if (events <= 100) application.flood(events)
  },
})

/** What operators do. */
export const operating = [
  restart,
  trim,
  rollOver,
  disable,
  grant,
  takeAway,
  expire,
  signOut,
  rotate,
  disconnect,
  authorizeFails,
]
