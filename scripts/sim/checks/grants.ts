// Lines 9 and 11: not a byte of a topic that was not granted at that time, give or take the interval of the re-check.
import type { Facts } from '../facts.ts'
import type { Check } from './check.ts'

/** What an answer of `authorize` may add to the interval, with the time that it takes. */
const SLACK_MS = 1_000

function grantedWithin(facts: Facts, user: string, topic: string, from: number, to: number): boolean {
  if (topic === `user:${user}`) return true
  const grants = facts.grants.get(user) ?? []
  return grants.some((grant, index) => {
    const until = grants[index + 1]?.at ?? Number.POSITIVE_INFINITY
    return grant.read.has(topic) && grant.at <= to && until >= from
  })
}

/** Whether a topic was granted at every moment between two; what was asked in the very moment in which that changed was asked before or after it. */
function grantedThroughout(facts: Facts, user: string, topic: string, from: number, to: number): boolean {
  if (topic === `user:${user}`) return true
  const grants = facts.grants.get(user) ?? []
  return grants.every((grant, index) => {
    const until = grants[index + 1]?.at ?? Number.POSITIVE_INFINITY
    return grant.read.has(topic) || grant.at > to || until < from
  })
}

/** A grant that runs out sooner than this is not asked about again before it does. */
const UNCONFIRMED_MS = 5_000
/** What `authorize` may take, asked up to three times, until the grant is there that then runs out. */
const ASKING_MS = 700

/** A grant that runs out ends its stream then. */
export const expiry: Check = {
  name: 'a grant that runs out ends its stream',
  line: '11',
  run(facts, found) {
    let looked = 0
    const changes = facts.all('expiring')
    for (const { kind, user, number, acceptedAt, said } of facts.exchanges.values()) {
      if (kind !== 'stream' || acceptedAt === undefined) continue
      const rule = changes.findLast((one) => one.user === user && one.at <= acceptedAt)
      const next = changes.find((one) => one.user === user && one.at > acceptedAt)
      // Whoever is asked about while the rule changes may be under either.
      if (rule?.afterMs === undefined || rule.afterMs >= UNCONFIRMED_MS || (next?.at ?? 1e9) <= acceptedAt + ASKING_MS)
        continue
      looked++
      const until = acceptedAt + rule.afterMs + ASKING_MS
      const late = said.find(({ at, heldMs, block }) => at - heldMs > until && block.event !== 'hub.bye')
      if (late)
        found({ at: late.at, what: `stream ${number} of ${user} speaks on after its grant ran out at ${until}` })
    }
    return looked
  },
}

/** See above. */
export const authorization: Check = {
  name: 'authorization is continuous',
  line: '11',
  run(facts, found) {
    let looked = 0
    const disconnects = facts.all('disconnected')
    for (const exchange of facts.exchanges.values()) {
      const { user, acceptedAt = 0, number } = exchange
      const look = (at: number, topic: string) => {
        looked++
        // A disconnect makes the hub forget what it once was told: from then on only a fresh answer counts.
        const forgotten = disconnects.findLast((one) => one.user === user && one.at < at)?.at ?? 0
        const since = Math.max(
          acceptedAt,
          at - facts.config.recheckMs - SLACK_MS,
          forgotten > acceptedAt ? Math.min(forgotten, at - SLACK_MS) : 0,
        )
        if (!grantedWithin(facts, user, topic, since, at))
          found({
            at,
            what: `exchange ${number} of ${user} was sent something of ${topic}, not granted since ${since.toFixed(0)}`,
          })
      }
      for (const { at: takenAt, block, heldMs } of exchange.said) {
        // What the kernel held was sent before: nobody can take it back.
        const at = takenAt - heldMs
        if (block.event === undefined || (block.event.startsWith('hub.') && block.event !== 'hub.sync')) continue
        const data = JSON.parse(block.data ?? '{}') as { topic?: string; topics?: string[] }
        for (const topic of data.topics ?? [data.topic ?? '']) look(at, topic)
        if (!data.topics) continue
        // Nor is anything held back that was granted all the while.
        for (const topic of exchange.topics ?? [])
          if (!data.topics.includes(topic) && grantedThroughout(facts, user, topic, acceptedAt, at))
            found({ at, what: `exchange ${number} of ${user} was refused ${topic}, which was granted` })
      }
      if (exchange.kind === 'page' && exchange.status === 200 && exchange.answer) {
        const page = JSON.parse(exchange.answer ?? '{}') as { events?: { topic: string }[]; topics: readonly string[] }
        for (const topic of exchange.topics ?? [])
          if (
            !page.topics.includes(topic) &&
            grantedThroughout(facts, user, topic, acceptedAt, exchange.answeredAt ?? 0)
          )
            found({
              at: exchange.answeredAt ?? 0,
              what: `page ${number} of ${user} was refused ${topic}, which was granted`,
            })
        for (const { topic } of page.events ?? []) look(exchange.answeredAt ?? 0, topic)
      }
    }
    // What is not kept was written by somebody all the same.
    const written = new Map(facts.all('emit').map((emit) => [emit.id, emit]))
    for (const exchange of facts.exchanges.values()) {
      for (const { at, block } of exchange.said) {
        if (block.id !== undefined || block.event === undefined || block.event.startsWith('hub.')) continue
        const { id, user, topic } = JSON.parse(block.data ?? '{}') as { id: string; user?: string; topic: string }
        const emit = written.get(id)
        const by = emit && facts.pages.get(emit.page)?.user
        looked++
        if (by !== user) found({ at, what: `${id} was sent as ${user}'s, and it is ${by}'s` })
        const grants = facts.grants.get(user ?? '') ?? []
        const granted = grants.some(
          (grant, index) =>
            grant.write.has(topic) &&
            (grants[index + 1]?.at ?? Number.POSITIVE_INFINITY) >= (emit?.at ?? 0) &&
            grant.at <= at,
        )
        if (user !== undefined && !granted) found({ at, what: `${user} wrote ${id} to ${topic} without a grant` })
      }
    }
    const posts = [...facts.exchanges.values()].filter(({ kind }) => kind === 'emit')
    for (const event of [...facts.truth.values()].flat()) {
      if (event.producer === undefined) continue
      looked++
      const user = event.producer.slice(0, event.producer.indexOf('/'))
      // Asked when the request came in; a batch takes as long as its log does.
      const carriers = posts.filter(({ body }) => body?.includes(`"${event.id}"`))
      const since = Math.min(...carriers.map(({ acceptedAt = 0 }) => acceptedAt))
      const grants = facts.grants.get(user) ?? []
      const granted =
        event.topic === `user:${user}` ||
        grants.some(
          (grant, index) =>
            grant.write.has(event.topic) &&
            (grants[index + 1]?.at ?? Number.POSITIVE_INFINITY) >= since &&
            grant.at <= event.at,
        )
      if (!granted) found({ at: event.at, what: `${user} wrote ${event.id} to ${event.topic} without a grant` })
    }
    return looked
  },
}
