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
      }
      if (exchange.kind === 'page' && exchange.status === 200) {
        const page = JSON.parse(exchange.answer ?? '{}') as { events?: { topic: string }[] }
        for (const { topic } of page.events ?? []) look(exchange.answerAt ?? 0, topic)
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
