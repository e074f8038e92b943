// What the server of the application does: it publishes, durably or not, alone or in bursts, and once in a while something that does not fit.
import { action } from './action.ts'

const publish = action({
  name: 'publish',
  weight: 30,
  plan: (chance, config) => ({
    topic: chance.maybe(0.15) ? `user:${chance.pick(config.pages).user}` : chance.pick(config.topics),
    count: chance.pick([1, 1, 1, 1, 2, 3, 8, 25]),
    apartMs: chance.pick([0, 0, 1, 10, 50, 100]),
    letters: chance.pick([0, 10, 10, 120]),
    // Those who retry until they are answered, and those who give up.
    stubborn: chance.maybe(0.7),
  }),
  run: ({ application }, params) => application.publish({ ...params, ephemeral: false }),
})

const say = action({
  name: 'publish an ephemeral event',
  weight: 7,
  plan: (chance, config) => ({
    topic: chance.pick(config.topics),
    count: chance.pick([1, 5]),
    apartMs: chance.pick([0, 5]),
    letters: 10,
    stubborn: false,
  }),
  run: ({ application }, params) => {
    if (params.topic.startsWith('board')) application.publish({ ...params, ephemeral: true })
  },
})

const misfit = action({
  name: 'append an event that does not fit',
  weight: 2,
  plan: (chance, config) => ({ topic: chance.pick(config.topics) }),
  run: ({ application }, { topic }) => application.publishMisfit(topic),
})

/** What the application's server does. */
export const publishing = [publish, say, misfit]
