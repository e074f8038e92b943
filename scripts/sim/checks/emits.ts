// Lines 7 and 8: what was acknowledged is in the log once, what was refused is not, and each producer's emits stand in their order.
import type { Facts, True } from '../facts.ts'
import type { Check } from './check.ts'

const byId = (facts: Facts): Map<string, True[]> => {
  const map = new Map<string, True[]>()
  for (const events of facts.truth.values())
    for (const event of events) map.set(event.id, [...(map.get(event.id) ?? []), event])
  return map
}
/** Whether an id stands twice in an epoch, the second time while the log still held, and so remembered, the first. */
const twice = (facts: Facts, events: readonly True[]) =>
  events.some((second) =>
    events.some((first) => {
      if (first.epoch !== second.epoch || first.position >= second.position) return false
      const between = (facts.truth.get(first.epoch) ?? []).filter(
        ({ position }) => position > first.position && position < second.position,
      )
      return between.length < facts.config.logEvents
    }),
  )

/** Line 7. */
export const publishes: Check = {
  name: 'acknowledged means kept, once',
  line: '7',
  run(facts, found) {
    const kept = byId(facts)
    const published = facts.all('published')
    for (const { at, id, cursor } of published) {
      const places = (kept.get(id) ?? []).map((event) => `${event.epoch}:${event.position}`)
      if (cursor !== undefined && !places.includes(cursor))
        found({
          at,
          what: `publish ${id} was answered ${cursor}, and the log has it at ${places.join(', ') || 'no place'}`,
        })
    }
    for (const [id, events] of kept)
      if (twice(facts, events))
        found({ at: events[1]?.at ?? 0, what: `${id} is in the log at ${events.map((event) => event.position)}` })
    const answered = new Map(published.map((entry) => [entry.id, entry]))
    for (const { at, id, durable } of facts.all('publish')) {
      const answer = answered.get(id)
      if (answer && durable !== (answer.cursor !== undefined))
        found({ at, what: `publish ${id} is ${durable ? 'durable' : 'ephemeral'} and its answer says otherwise` })
    }
    return published.length + kept.size
  },
}

/** Line 8. */
export const emits: Check = {
  name: 'emits exactly once, in order, answered truthfully',
  line: '8',
  run(facts, found) {
    const kept = byId(facts)
    const handled = facts.all('handled')
    const outcomes = new Map(facts.all('emitted').map((entry) => [entry.id, entry]))
    const alive = new Set(facts.final?.pages.map(({ page }) => page))
    const ups = facts.all('hub up')
    const epochAt = (at: number) => ups.findLast((up) => up.at <= at)?.epoch
    const emitted = facts.all('emit')
    for (const { at, id, page, type, seqed } of emitted) {
      const wrong = (what: string) => found({ at, what: `${type} ${id} of page ${page}: ${what}` })
      const events = kept.get(id) ?? []
      const outcome = outcomes.get(id)
      if (!outcome) {
        if (alive.has(page)) wrong('never settled')
        continue
      }
      if (type === 'button.clicked') {
        const calls = handled.filter((one) => one.id === id)
        if (outcome.ok && !calls.some((one) => !one.refused && one.at <= outcome.at))
          wrong('accepted, and no handler had heard it')
        if (!outcome.ok && outcome.code === 'refused' && !calls.some((one) => one.refused))
          wrong('refused, and no handler refused it')
        continue
      }
      const durable = seqed && type !== 'pointer.moved'
      if (!durable) {
        if (events.length > 0) wrong('is ephemeral, and in the log')
      } else if (outcome.ok) {
        if (!events.some((event) => `${event.epoch}:${event.position}` === outcome.cursor))
          wrong(`accepted at ${outcome.cursor}, and in the log at ${events.map((event) => event.position)}`)
      } else if (
        outcome.code !== 'uncertain' &&
        outcome.code !== 'closed' &&
        events.some(({ epoch }) => epoch === epochAt(outcome.at))
      ) {
        // A log that is lost takes with it what was accepted; the hub of the next one judges anew.
        wrong(`answered ${outcome.code}, and in the log at ${events.map((event) => event.position)}`)
      }
    }
    // Order: along the log, each producer's seqs grow; along each page's emits, so do their places in an epoch.
    for (const events of facts.truth.values()) {
      const last = new Map<string, number>()
      for (const event of events) {
        if (event.producer === undefined || event.seq === undefined) continue
        if (event.seq <= (last.get(event.producer) ?? 0))
          found({
            at: event.at,
            what: `${event.id} at ${event.position}: seq ${event.seq} of ${event.producer} after ${last.get(event.producer)}`,
          })
        last.set(event.producer, event.seq)
      }
    }
    const order = new Map<string, number>()
    for (const { id, page, at } of emitted) {
      // What was given up may still arrive, from a producer that is no more.
      if (!outcomes.get(id)?.ok) continue
      for (const event of kept.get(id) ?? []) {
        const key = `${page}/${event.epoch}`
        if (event.position < (order.get(key) ?? 0))
          found({
            at,
            what: `${id} of page ${page} stands at ${event.position}, before an earlier one at ${order.get(key)}`,
          })
        order.set(key, Math.max(event.position, order.get(key) ?? 0))
      }
    }
    return emitted.length
  },
}
