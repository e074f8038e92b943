// Line 13, and good manners at all times: disabled streams end within a second, nobody hammers, and nothing is left behind.
import type { ExchangeFacts, Facts } from '../facts.ts'
import type { Check } from './check.ts'

const WINDOW_MS = 10_000
/** Requests that a page may make in a window for no reason that is known here: a few attempts of its backoff. */
const FREE = 10

/** Line 13. */
export const killSwitch: Check = {
  name: 'the kill switch ends everything within a second',
  line: '13',
  run(facts, found) {
    const counts = facts.all('still connected')
    for (const { at, connections } of counts) {
      if (connections > 0) found({ at, what: `${connections} connections are left a second after the switch` })
    }
    return counts.length
  },
}

/** What may explain a request: a cut, a change of topics, a restart … */
function reasons(facts: Facts, page: number, user: string): number[] {
  const times: number[] = []
  for (const entry of facts.entries) {
    if (
      entry.what === 'hub up' ||
      entry.what === 'hub down' ||
      entry.what === 'switched' ||
      (entry.what === 'fault' && (entry.page ?? page) === page) ||
      (entry.what === 'granted' && entry.user === user) ||
      (entry.what === 'disconnected' && entry.user === user) ||
      ((entry.what === 'mounted' || entry.what === 'started' || entry.what === 'closed' || entry.what === 'emit') &&
        entry.page === page) ||
      (entry.what === 'unmounted' && facts.screens.get(entry.screen)?.page === page)
    ) {
      times.push(entry.at)
    }
  }
  return times
}

/**
 * A page that leads on, by events or by a gap, is work, and the next one follows at once: behind bursts over a log that keeps little, each page may be a gap.
 * It must lead on to somewhere else, though: a page that says the same again is no work.
 */
const ledOn = ({ kind, status, answer = '', after }: ExchangeFacts) =>
  kind === 'page' && status === 200 && /"(events|gaps)":\[\{/.test(answer) && !answer.includes(`"through":"${after}"`)

/** No client hammers. */
export const requestRate: Check = {
  name: 'nobody hammers',
  line: '12, 13',
  run(facts, found) {
    let looked = 0
    for (const { page, user } of facts.pages.values()) {
      const requests = [...facts.exchanges.values()]
        .filter((one) => one.page === page && one.requestedAt > 0 && !ledOn(one))
        .map((one) => one.requestedAt)
      const known = reasons(facts, page, user)
      requests.forEach((from, index) => {
        looked++
        const count = requests.slice(index).filter((at) => at <= from + WINDOW_MS).length
        const excused = known.filter((at) => at >= from - 3_000 && at <= from + WINDOW_MS).length
        if (count > FREE + 2 * excused)
          found({
            at: from,
            what: `page ${page} makes ${count} requests in ${WINDOW_MS / 1000} s, with ${excused} reasons for any`,
          })
      })
    }
    return looked
  },
}

/** Nothing is left behind. */
export const leftovers: Check = {
  name: 'nothing is left behind',
  line: '10',
  run(facts, found) {
    const { final, endedAt } = facts
    if (!final) return 0
    const open = final.pages.reduce((sum, page) => sum + page.streams.length, 0)
    if (final.connections !== open)
      found({ at: endedAt, what: `the hub counts ${final.connections} connections, and ${open} streams are open` })
    for (const { page, streams, status } of final.pages) {
      // A client that polls may be between two pages.
      const right = status.phase === 'live' ? 1 : 0
      if (streams.length > right || (streams.length < right && status.via === 'sse'))
        found({ at: endedAt, what: `page ${page} is ${status.phase} and holds ${streams.length} streams` })
    }
    for (const what of final.leftovers) found({ at: endedAt, what })
    return final.pages.length
  },
}

/** What broke where nobody could catch it. */
export const reports: Check = {
  name: 'nothing breaks inside',
  line: 'all',
  run(facts, found) {
    for (const { at, why } of facts.all('broken')) found({ at, what: why })
    const said = facts.all('report')
    for (const { at, from, during, error, expected } of said)
      if (!expected) found({ at, what: `${from} reports, during ${during}: ${error}` })
    return said.length
  },
}
