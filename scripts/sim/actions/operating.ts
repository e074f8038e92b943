// What those do who run the hub: they restart it, with and without its log, switch it off and on, and change what people may see.
import { action } from './action.ts'

const restart = action({
  name: 'restart the hub',
  weight: 4,
  plan: (chance, config) => ({
    how: chance.weighted({ killed: 4, unplugged: 1, closed: 2 }),
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
    read: config.topics.filter(() => chance.maybe(0.75)),
    write: config.topics.filter(() => chance.maybe(0.75)),
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

/** What operators do. */
export const operating = [restart, disable, grant, disconnect, authorizeFails]
