// Lines 7 and 8: what was acknowledged is in the log once, what was refused is not, and each producer's emits stand in their order.
import { type ExchangeFacts, type Facts, fits, type True } from '../facts.ts'
import type { EntryOf } from '../history.ts'
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
      if (first.at < second.at - facts.config.logAgeMs) return false
      const between = (facts.truth.get(first.epoch) ?? []).filter(
        ({ position }) => position > first.position && position < second.position,
      )
      return between.length < facts.config.logEvents
    }),
  )

/** What an event says that the hub wrote down. */
const payload = (event: True) => JSON.parse(event.json) as { readonly data: { n: number }; readonly user?: string }

/**
 * Whether a copy of a POST, made by the network, came so late that the hub could not know it for one: its memory was lost in between, or what was refused
 * as a whole before, or turned away for the moment, is allowed by then. Whoever sends such copies does what the sender could have done, too.
 */
function strayed(facts: Facts, id: string): boolean {
  if (!facts.all('accepted').some(({ copyOf }) => copyOf !== undefined)) return false
  const outcome = facts.all('emitted').find((one) => one.id === id)
  return [...facts.exchanges.values()].some(({ page, copyOf, body, requestedAt, acceptedAt = 0 }) => {
    if (copyOf === undefined || !body?.includes(`"${id}"`)) return false
    // A copy may be taken in while the original, behind it in line, is asked who it is once more.
    if (outcome?.ok === false) return acceptedAt > requestedAt + 900 || outcome.code === 'unauthorized'
    if (acceptedAt < (outcome?.at ?? 0)) return false
    const ups = facts.all('hub up').filter(({ at }) => at <= acceptedAt)
    const openedAt = facts.pages.get(page)?.openedAt ?? 0
    const lost = ups.some(({ at, epoch }, index) => at >= openedAt && index > 0 && epoch !== ups[index - 1]?.epoch)
    return lost
  })
}

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
      if (twice(facts, events) && !strayed(facts, id))
        found({ at: events[1]?.at ?? 0, what: `${id} is in the log at ${events.map((event) => event.position)}` })
    for (const event of [...kept.values()].flat()) {
      if (!event.id.startsWith('p') || !fits(event)) continue
      const { data, user } = payload(event)
      if (`p${data.n}` !== event.id || user !== undefined)
        found({ at: event.at, what: `${event.id} is in the log as ${event.json}` })
    }
    const answered = new Map(published.map((entry) => [entry.id, entry]))
    for (const { at, id, durable } of facts.all('publish')) {
      const answer = answered.get(id)
      if (answer && durable !== (answer.cursor !== undefined))
        found({ at, what: `publish ${id} is ${durable ? 'durable' : 'ephemeral'} and its answer says otherwise` })
    }
    return published.length + kept.size
  },
}

/** Why an emit with a seq may have been refused with a code, or undefined if nothing explains it. */
function excuse(facts: Facts, emit: EntryOf<'emit'>, outcome: EntryOf<'emitted'>): string | undefined {
  const { page, id, at, n, type, topic = '' } = emit
  const { user = '', closed = [], openedAt = 0 } = facts.pages.get(page) ?? {}
  const leavings = facts.all('put away').filter((one) => one.page === page && one.at >= at && one.at <= outcome.at)
  const wasClosed = leavings.length > 0 || closed.some(({ from, to }) => from <= outcome.at && to >= at)
  // Whoever is shut out is so with all that waits, also with what was emitted while the answer was under way.
  const refusals = [...facts.exchanges.values()].filter(
    (one) => one.page === page && one.kind === 'emit' && one.status === 401 && (one.clientEndedAt ?? 0) >= at,
  )
  const since = Math.min(at, ...refusals.map(({ requestedAt }) => requestedAt))
  // Fresh credentials may be worth nothing again by the time that they are used.
  const signs = facts.all('signed').filter((one) => one.user === user)
  const wasShutOut =
    signs.some((one, index) => !one.in && one.at <= outcome.at && (signs[index + 1]?.at ?? facts.endedAt) >= since) ||
    facts.all('rotated').some((one) => one.user === user && one.at >= since && one.at <= outcome.at)
  switch (outcome.code) {
    case 'closed':
      return wasClosed ? 'the client was closed' : undefined
    case 'uncertain': {
      // Only what was sent and not answered, and only where it cannot be sent again: the client was closed, its user shut out, or the hub has lost its memory.
      const posts = [...facts.exchanges.values()].filter(
        (one) => one.page === page && one.copyOf === undefined && one.body?.includes(`"${id}"`),
      )
      // What goes out as its page is put away is answered to nobody.
      const isUnheard = ({ status, clientEnd, requestedAt }: ExchangeFacts) =>
        status !== 200 || clientEnd !== 'end' || leavings.some((one) => one.at === requestedAt)
      if (!posts.some(isUnheard)) return undefined
      const lost = facts.all('hub up').some(({ epoch, at: up }, index, ups) => {
        return index > 0 && epoch !== ups[index - 1]?.epoch && up >= openedAt && up <= outcome.at
      })
      return wasClosed || wasShutOut || lost ? 'it cannot be sent again' : undefined
    }
    case 'forbidden': {
      const grants = facts.grants.get(user) ?? []
      const without = grants.some(
        (grant, index) =>
          !grant.write.has(topic) &&
          grant.at <= outcome.at &&
          (grants[index + 1]?.at ?? Number.POSITIVE_INFINITY) >= at,
      )
      return topic !== '' && without ? 'not granted' : undefined
    }
    case 'storage': {
      // It was being numbered anew, and the storage did not say that it had forgotten the old number: it goes out under that one.
      const isBroken = facts.all('did').some((one) => {
        const { forMs = 0 } = one.params as { forMs?: number }
        return one.action === 'break the storage' && one.at <= outcome.at && one.at + forMs >= openedAt
      })
      return outcome.kept && isBroken ? 'left to whoever comes next' : undefined
    }
    case 'invalid_data':
      return n < 0 ? 'it does not fit' : undefined
    case 'unauthorized':
      return wasShutOut ? 'signed out' : undefined
    case 'refused':
      return type === 'button.clicked' && n % 5 === 0 ? 'the handler refuses it' : undefined
    default:
      return undefined
  }
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
    for (const { kind, number, answer, answerAt = 0 } of facts.exchanges.values())
      if (kind === 'emit' && answer?.includes('"code":"disabled"'))
        found({ at: answerAt, what: `POST ${number} was turned away by the kill switch, and emits go on` })
    for (const { id, user, at } of handled) {
      const emit = emitted.find((one) => one.id === id)
      const by = emit && facts.pages.get(emit.page)?.user
      if (by !== user) found({ at, what: `the handler heard ${id} as ${user}'s, and it is ${by}'s` })
    }
    for (const emit of emitted) {
      const { at, id, page, type, seqed, n } = emit
      const wrong = (what: string) => found({ at, what: `${type} ${id} of page ${page}: ${what}` })
      const events = kept.get(id) ?? []
      const outcome = outcomes.get(id)
      if (!outcome) {
        if (alive.has(page)) wrong('never settled')
        continue
      }
      if (seqed && !outcome.ok && excuse(facts, emit, outcome) === undefined)
        wrong(`settled as ${outcome.code} at ${outcome.at}, which nothing explains`)
      for (const event of events) {
        const { data, user } = payload(event)
        if (data.n !== n || user !== facts.pages.get(page)?.user || event.type !== type)
          wrong(`is in the log as ${event.type} ${event.json}`)
      }
      // Whoever lost the answer to a producer's very first batch, and then the log, cannot be told from a newcomer.
      const producers = new Set(events.map(({ producer }) => producer))
      if (outcome.ok && producers.size > 1 && !strayed(facts, id)) wrong(`was accepted from ${[...producers]}`)
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
        !outcome.kept &&
        !strayed(facts, id) &&
        events.some(({ epoch }) => epoch === epochAt(outcome.at))
      ) {
        // A log that is lost takes with it what was accepted; the hub of the next one judges anew.
        wrong(`answered ${outcome.code}, and in the log at ${events.map((event) => event.position)}`)
      }
    }
    // The handler hears a page's accepted emits in their order, whatever it hears twice.
    const firstHeard = new Map<number, { readonly id: string; readonly at: number }>()
    for (const { id, page, type } of emitted) {
      const call = handled.find((one) => one.id === id)
      if (type !== 'button.clicked' || !call || !outcomes.get(id)?.ok) continue
      const before = firstHeard.get(page)
      if (before && before.at > call.at) found({ at: call.at, what: `${id} was handled before ${before.id}` })
      firstHeard.set(page, { id, at: call.at })
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
      // What was given up may still arrive, from a producer that is no more; what could not be struck out in the browser, in an epoch that knows of nothing.
      const outcome = outcomes.get(id)
      if (!outcome?.ok || strayed(facts, id)) continue
      for (const event of kept.get(id) ?? []) {
        if (`${event.epoch}:${event.position}` !== outcome.cursor) continue
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
