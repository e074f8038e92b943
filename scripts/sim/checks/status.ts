// Lines 3 and 12: the status says what is true, and when the faults have stopped it comes back to live by itself.
import { type Facts, taken } from '../facts.ts'
import type { Check } from './check.ts'

/** The watchdog barks after 2.5 heartbeats; what is under way and due at that moment may add this much. */
const SLACK_MS = 500
/** A tab that asks for other topics is told of a stream that may have been silent for so long, and begins to wait then. */
const STALE_BEATS = 1.5
/** What one tab hears, another hears so much later, if it is awake. */
const ASIDE_MS = 300
/** A page of the log is held no longer than this where there is nothing to say. */
const POLL_WAIT_MS = 10_000

interface Carried {
  readonly at: number
  readonly topics: readonly string[]
  /** Asked for, and not carried. */
  readonly refused: readonly string[]
}

/** What the last stream or page of the log that a page heard of said that it carries. */
function lastCarried(facts: Facts, page: number): (at: number) => Carried | undefined {
  const said: Carried[] = []
  const add = (at: number, asked: readonly string[] = [], text = '{}') => {
    const { topics } = JSON.parse(text) as { topics: readonly string[] }
    said.push({ at, topics, refused: asked.filter((topic) => !topics.includes(topic)).sort() })
  }
  for (const exchange of facts.exchanges.values()) {
    if (exchange.page !== page) continue
    for (const { at, block } of taken(facts, exchange)) {
      if (block.event === 'hub.sync') add(at, exchange.topics, block.data)
    }
    if (exchange.kind === 'page' && exchange.status === 200 && exchange.clientEnd === 'end') {
      add(exchange.clientEndedAt ?? 0, exchange.topics, exchange.answer)
    }
  }
  said.sort((a, b) => a.at - b.at)
  return (at) => said.findLast((one) => one.at <= at)
}

/** What may be granted again must be heard of so soon after the hub has looked: a page of the log may be held, a network hold everything back, an attempt wait its turn. */
const REGRANT_MS = 20_000

/** Since when a user has been granted a topic without a break up to a moment; undefined where that is not so. */
function grantedSince(facts: Facts, user: string, topic: string, until: number): number | undefined {
  const grants = (facts.grants.get(user) ?? []).filter(({ at }) => at <= until)
  const lastNot = grants.findLastIndex(({ read }) => !read.has(topic))
  return grants[lastNot + 1]?.at
}

/** Phases are truthful: nobody is live on a wire that has been silent for too long. */
export const truthful: Check = {
  name: 'live means hearing something',
  line: '12',
  run(facts, found) {
    let looked = 0
    const bytes = new Map<number | string, number[]>()
    for (const entry of facts.all('bytes')) {
      // What reaches one of the tabs that share a stream reaches them all.
      const { page = -1 } = facts.exchanges.get(entry.exchange) ?? {}
      const whose = facts.pages.get(page)?.shares ?? page
      const times = bytes.get(whose) ?? []
      times.push(entry.at)
      bytes.set(whose, times)
    }
    for (const page of facts.pages.values()) {
      const carried = lastCarried(facts, page.page)
      const company = new Set(facts.company(page.page).map((one) => one.page))
      const changes = [...facts.screens.values()]
        .filter((screen) => screen.page === page.page)
        .flatMap((screen) => [screen.mountedAt, screen.unmountedAt ?? facts.endedAt])
      const mine = bytes.get(page.shares ?? page.page) ?? []
      page.statuses.forEach(({ status, at }, index) => {
        // Who shares a stream hears of more than it has asked for, and of it elsewhere.
        if (status.phase === 'live' && page.shares === undefined) {
          const { topics = [], refused = [] } = carried(at) ?? {}
          const says = (status.refused as readonly string[]).map((topic) =>
            topic === 'user' ? `user:${page.user}` : topic,
          )
          if (String(status.topics) !== String(topics))
            found({ at, what: `page ${page.page} says that it is live for ${status.topics}, and heard of ${topics}` })
          if (String(says.sort()) !== String(refused))
            found({ at, what: `page ${page.page} says that ${says} are refused, and it is ${refused}` })
        }
        if (status.phase === 'live') {
          const until = Math.min(page.statuses[index + 1]?.at ?? facts.endedAt, page.crashedAt ?? facts.endedAt)
          const isAwake = page.frozen.every(({ from, to }) => to < at || from > until)
          for (const topic of isAwake ? (status.refused as readonly string[]) : []) {
            looked++
            const since = grantedSince(facts, page.user, topic, until)
            if (since !== undefined && until - Math.max(since, at) > facts.config.recheckMs + REGRANT_MS)
              found({ at, what: `page ${page.page} says that ${topic} is refused, and it is granted since ${since}` })
          }
        }
        if (status.phase === 'live' && status.user !== page.user)
          found({ at, what: `page ${page.page} of ${page.user} says that it is ${status.user}` })
        if (status.phase === 'stopped') {
          looked++
          // Who was told by another tab may have heard of it while it stood still.
          const pause = page.frozen.findLast(({ to }) => to <= at && to > at - ASIDE_MS)
          const since = (pause?.from ?? at) - (page.shares ? ASIDE_MS : 1)
          const answered = [...facts.exchanges.values()].some(
            (one) =>
              company.has(one.page) &&
              one.status === 401 &&
              (one.clientEndedAt ?? 0) > since &&
              (one.clientEndedAt ?? 0) < at + 1,
          )
          if (!answered) found({ at, what: `page ${page.page} has stopped (${status.error}), and nobody shut it out` })
        }
        if (status.phase !== 'live') return
        const until = Math.min(page.statuses[index + 1]?.at ?? facts.endedAt, page.crashedAt ?? facts.endedAt)
        // Who follows somebody that reads pages hears no more often than that one does.
        const byPages = facts.company(page.page).flatMap(({ statuses }) =>
          statuses.flatMap((one, place) => {
            const to = statuses[place + 1]?.at ?? facts.endedAt
            return one.status.via === 'poll' && one.at <= until && to >= at ? { from: one.at, to } : []
          }),
        )
        let last = at
        for (const heard of [...mine.filter((one) => one > at && one < until), until]) {
          looked++
          const stood = page.frozen.some(({ from, to }) => from <= heard && to + ASIDE_MS >= last)
          const asks = page.shares !== undefined && changes.some((one) => one > last && one < heard)
          const isByPages = Boolean(status.degraded) || byPages.some(({ from, to }) => from <= heard && to >= last)
          const limit = SLACK_MS + 2.5 * (isByPages ? POLL_WAIT_MS : facts.config.heartbeatMs)
          if (heard - last > limit + (asks ? STALE_BEATS * facts.config.heartbeatMs : 0) && !stood)
            found({
              at: last,
              what: `page ${page.page} says live, and hears nothing for ${(heard - last).toFixed(0)} ms`,
            })
          last = heard
        }
      })
    }
    return looked
  },
}

/** When the faults have stopped, everybody comes back, and says exactly what is covered and what is refused. */
export const comesBack: Check = {
  name: 'everybody comes back',
  line: '3, 12, 13',
  run(facts, found) {
    if (!facts.final) {
      found({ at: facts.endedAt, what: 'the world never settled' })
      return 1
    }
    for (const { page, user, status, screens } of facts.final.pages) {
      const shares = facts.pages.get(page)?.shares !== undefined
      const wrong = (what: string) => found({ at: facts.endedAt, what: `page ${page} of ${user}: ${what}` })
      const granted = new Set(facts.grants.get(user)?.at(-1)?.read).add(`user:${user}`)
      const wanted = [...new Set(screens.map(({ topic }) => topic))].sort()
      const expected = {
        topics: wanted.filter((topic) => granted.has(topic)),
        refused: wanted.filter((topic) => !granted.has(topic)),
      }
      if (wanted.length === 0) {
        if (status.phase !== 'idle') wrong(`nothing is subscribed, and its status is ${JSON.stringify(status)}`)
        continue
      }
      if (status.phase !== 'live') wrong(`ends as ${JSON.stringify(status)}`)
      else {
        if (status.degraded) wrong('still reads pages, long after its stream gets through again')
        const said = {
          // Who shares a stream says of all that it carries, for others, too.
          topics: [...(status.topics as string[])].filter((topic) => !shares || wanted.includes(topic)).sort(),
          refused: [...(status.refused as string[])].sort(),
        }
        if (JSON.stringify(said) !== JSON.stringify(expected))
          wrong(`says ${JSON.stringify(said)}, and it is ${JSON.stringify(expected)}`)
      }
      for (const { topic, state } of screens) {
        const right = granted.has(topic) ? 'live' : 'refused'
        if (state !== right) wrong(`says that ${topic} is ${state}, and it is ${right}`)
      }
    }
    return facts.final.pages.length
  },
}
