// Line 13, and good manners at all times: disabled streams end within a second, nobody hammers, and nothing is left behind.
import type { ExchangeFacts, Facts } from '../facts.ts'
import type { Check } from './check.ts'

const WINDOW_MS = 10_000
/** Requests that a page may make in a window for no reason that is known here: a few attempts of its backoff. */
const FREE = 8

/** Line 13. */
export const killSwitch: Check = {
  name: 'the kill switch ends everything within a second',
  line: '13',
  run(facts, found) {
    const counts = facts.all('still connected')
    for (const { at, connections } of counts) {
      if (connections > 0) found({ at, what: `${connections} connections are left a second after the switch` })
    }
    // Nor is anything said any more; what the kernel held was said before.
    const switches = facts.all('switched')
    const isOff = (at: number) => {
      const last = switches.findLast((one) => one.at <= at)
      return last?.on === false && at > last.at + 1_000
    }
    let looked = counts.length
    for (const { kind, number, said, status, answer = '', answeredAt = 0 } of facts.exchanges.values()) {
      for (const { at, heldMs, block } of said) {
        looked++
        if (isOff(at - heldMs) && block.event !== 'hub.bye' && block.event !== undefined)
          found({ at, what: `stream ${number} says ${block.event} while the hub is off` })
      }
      if (kind === 'page' && status === 200 && answer !== '' && isOff(answeredAt))
        found({ at: answeredAt, what: `page ${number} is answered while the hub is off` })
    }
    return looked
  },
}

/** What may explain a request: a cut, a change of topics, a restart … */
function reasons(facts: Facts, page: number, user: string): { readonly at: number; readonly emit: boolean }[] {
  // What befalls a tab concerns all that share a stream with it.
  const company = new Set(facts.company(page).map((one) => one.page))
  const isOurs = (one: { readonly page?: number }) => company.has(one.page ?? page)
  const isUsers = (one: { readonly user: string }) => one.user === user
  const all = facts.all
  const times = [
    ...[...all('hub up'), ...all('hub down'), ...all('switched')],
    ...[...all('fault'), ...all('mounted'), ...all('started'), ...all('closed')].filter(isOurs),
    ...all('unmounted').filter(({ screen }) => isOurs({ page: facts.screens.get(screen)?.page ?? -1 })),
    ...[...all('granted'), ...all('disconnected'), ...all('expiring'), ...all('signed'), ...all('rotated')].filter(
      isUsers,
    ),
    ...(company.size > 1
      ? [...all('opened'), ...all('crashed'), ...all('froze'), ...all('thawed')].filter(isOurs)
      : []),
  ]
  return [
    ...times.map(({ at }) => ({ at, emit: false })),
    // It asks at once, and begins its backoff anew: one more attempt comes soon. How often that may be polls.ts knows.
    // Of a tab that does so in vain, whoever leads hears each time that its topics are wanted, and are not any more.
    ...all('hurried')
      .filter(isOurs)
      .flatMap(({ at }) => [at, at].map((at) => ({ at, emit: false }))),
    ...all('emit')
      .filter((one) => one.page === page)
      .map(({ at }) => ({ at, emit: true })),
  ]
}

/**
 * A page that leads on, by events or by a gap, is work, and the next one follows at once: behind bursts over a log that keeps little, each page may be a gap.
 * It must lead on to somewhere else, though: a page that says the same again is no work.
 */
const ledOn = ({ kind, status, clientEnd, answer = '', after }: ExchangeFacts) =>
  kind === 'page' &&
  status === 200 &&
  clientEnd === 'end' &&
  /"(events|gaps)":\[\{/.test(answer) &&
  !answer.includes(`"through":"${after}"`)

/** No client hammers. */
export const requestRate: Check = {
  name: 'nobody hammers',
  line: '12, 13',
  run(facts, found) {
    let looked = 0
    for (const { page, user, statuses } of facts.pages.values()) {
      const known = reasons(facts, page, user)
      for (const emitting of [false, true]) {
        // Emits are a reason for requests of their own, and for no others.
        const excuses = known.filter(({ emit }) => emitting || !emit).map(({ at }) => at)
        const requests = [...facts.exchanges.values()]
          .filter(
            (one) => one.page === page && one.copyOf === undefined && (one.kind === 'emit') === emitting && !ledOn(one),
          )
          .map((one) => one.requestedAt)
        requests.forEach((from, index) => {
          looked++
          // They are in order of time.
          let after = index
          while ((requests[after] ?? Number.POSITIVE_INFINITY) <= from + WINDOW_MS) after++
          const count = after - index
          if (count <= FREE) return
          const excused = excuses.filter((at) => at >= from - 3_000 && at <= from + WINDOW_MS).length
          // Who reads pages for want of a stream asks three times where others ask once: for a page, for the next one, which waits, and for the stream beside it.
          // So does who follows a tab that does, and that is gone again and again: who it is, for what it lacks, which it gives up, and for a stream of its own.
          const isByPages = statuses.some(
            ({ status, at }, place) =>
              (status.via === 'poll' || status.degraded !== undefined) &&
              at <= from + WINDOW_MS &&
              (statuses[place + 1]?.at ?? facts.endedAt) >= from,
          )
          // Going over to them may have its reason in another tab, whose stream did not get through.
          if (count > FREE + (isByPages && !emitting ? 3 * (excused + 1) : excused))
            found({
              at: from,
              what: `page ${page} makes ${count} requests in ${WINDOW_MS / 1000} s, with ${excused} reasons for any`,
            })
        })
      }
    }
    return looked
  },
}

/** A probe costs the hub a connection, and a page of a busy topic a read for each event. */
const PAUSE_MS = 1_000

/** Whoever reads pages asks for them one by one, and tries the stream beside them now and then. */
export const pauses: Check = {
  name: 'whoever reads pages leaves pauses',
  line: '12',
  run(facts, found) {
    let looked = 0
    for (const { page, statuses, frozen } of facts.pages.values()) {
      const mine = [...facts.exchanges.values()].filter(
        (one) => one.page === page && one.kind !== 'emit' && one.copyOf === undefined,
      )
      const pages = mine.filter(({ kind }) => kind === 'page')
      // Who is asked once more who it is asks twice in one: the first says when, and the second is answered. Of two streams the second counts.
      const isAgain = (index: number) =>
        pages[index - 1]?.status === 401 && pages[index - 1]?.waits === pages[index]?.waits
      pages.forEach(({ requestedAt, number, waits }, index) => {
        const last = pages[index - 1]
        const before = isAgain(index - 1) ? pages[index - 2] : last
        // Whoever is told that there is more is catching up, and may go on at once.
        if (isAgain(index) || !before?.waits || !waits || last?.answer?.includes('"more":true')) return
        looked++
        if (requestedAt < before.requestedAt + PAUSE_MS - 1)
          found({ at: requestedAt, what: `page ${page} asks for page ${number} right after the one before` })
      })
      const streams = mine.filter(({ kind, status }) => kind === 'stream' && status !== 401)
      streams.forEach(({ requestedAt, number }, index) => {
        const before = streams[index - 1]
        const { clientEndedAt: endedAt = Number.POSITIVE_INFINITY } = before ?? {}
        const then = statuses.findLast(({ at }) => at <= requestedAt)
        const isByPages = then?.status.phase === 'live' && then.status.via === 'poll' && then.at <= endedAt
        // A tab that has thawed, and catches up with what another one leads, or leads anew, begins anew: it asks for a first page, which does not wait.
        const isAnew = mine.some(
          (one) =>
            one.kind === 'page' && !one.waits && one.requestedAt > (then?.at ?? 0) && one.requestedAt <= requestedAt,
        )
        // So does one that has thawed only now, and leads once more: what it went on with at once was ended at once.
        const hasThawed = frozen.some(({ to }) => to >= endedAt && to <= requestedAt && requestedAt < to + PAUSE_MS)
        if (!before || !isByPages || isAnew || hasThawed) return
        looked++
        if (requestedAt < endedAt + PAUSE_MS - 1)
          found({
            at: requestedAt,
            what: `page ${page} reads pages, and tries stream ${number} right after the one before`,
          })
      })
    }
    return looked
  },
}

/** Whoever is told how long to wait waits, unless somebody presses "try again". */
export const patience: Check = {
  name: 'a client that is told to wait waits',
  line: '13',
  run(facts, found) {
    let looked = 0
    const exchanges = [...facts.exchanges.values()]
    const starts = facts.all('started')
    for (const { page, heard, number } of exchanges) {
      for (const { at, block } of heard) {
        if (block.event !== 'hub.bye') continue
        looked++
        const { reason, retryMs } = JSON.parse(block.data ?? '{}') as { reason: string; retryMs: number }
        const next = exchanges.find((one) => one.page === page && one.kind !== 'emit' && one.requestedAt > at)
        const pressed = starts.some((one) => one.page === page && one.at >= at && one.at <= (next?.requestedAt ?? 0))
        // Who has slept hears of several waits at once; each is as good as the other.
        const others = exchanges.filter((one) => one.page === page && one.number !== number && one.clientEndedAt === at)
        if (others.some(({ status }) => status === 503)) continue
        if (next && !pressed && next.requestedAt < at + retryMs - 1)
          found({
            at,
            what: `page ${page} was told by stream ${number} to wait ${retryMs} ms (${reason}), and asks after ${next.requestedAt - at}`,
          })
      }
    }
    return looked
  },
}

/** What a connection may hold besides: a frame that goes first whatever its size, a sync with its gaps, a good-bye. */
const BESIDES_BYTES = 2_000

/** Line 10: slow readers cost a known amount, twice over while they are caught up with. */
export const slowReaders: Check = {
  name: 'slow readers cost no more than was agreed',
  line: '10',
  run(facts, found) {
    const weighed = facts.all('buffered')
    const each = 2 * facts.config.bufferBytes + BESIDES_BYTES
    for (const { at, bytes, connections } of weighed)
      if (bytes > connections * each)
        found({ at, what: `${bytes} bytes wait for ${connections} connections, of ${each} bytes each at most` })
    return weighed.length
  },
}

/** What the hub may take to learn who asks. */
const ASKING_MS = 700

/** Nothing is left behind. */
export const leftovers: Check = {
  name: 'nothing is left behind',
  line: '10',
  run(facts, found) {
    const { final, endedAt } = facts
    if (!final) return 0
    const open = final.pages.reduce((sum, page) => sum + page.streams.length, 0)
    // The hub does not count yet whom it is still asking who they are, as it does with every page of the log.
    const countedAt = facts.all('closed').at(-1)?.at ?? endedAt
    const perhaps = final.pages
      .flatMap((page) => page.streams)
      .filter((number) => (facts.exchanges.get(number)?.acceptedAt ?? 0) > countedAt - ASKING_MS).length
    if (final.connections > open || final.connections < open - perhaps)
      found({ at: endedAt, what: `the hub counts ${final.connections} connections, and ${open} streams are open` })
    for (const { page, streams, status } of final.pages) {
      // A client that polls may be between two pages.
      if (facts.pages.get(page)?.shares !== undefined) continue
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
