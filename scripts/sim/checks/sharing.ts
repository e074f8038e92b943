// What tabs promise that share a stream: one stream per browser and identity, no requests of the others in peace, and nothing from anybody else's stream.
import { cursorOf, type Facts, type PageFacts } from '../facts.ts'
import type { Check } from './check.ts'

/** So long after the last disturbance there is peace: a stream that is dead is noticed within 2.5 heartbeats, and asked for again. */
const CALM_MS = 7_000

/** The tabs that share a stream, together. */
function sharers(facts: Facts): readonly (readonly [name: string, tabs: readonly PageFacts[]])[] {
  const groups = new Map<string, PageFacts[]>()
  for (const page of facts.pages.values()) {
    if (page.shares === undefined) continue
    groups.set(page.shares, [...(groups.get(page.shares) ?? []), page])
  }
  return [...groups]
}

/** One connection per browser: DESIGN §1. */
export const oneStream: Check = {
  name: 'the tabs of a browser share one stream',
  line: '1',
  run(facts, found) {
    let looked = 0
    for (const [name, tabs] of sharers(facts)) {
      const numbers = new Set(tabs.map(({ page }) => page))
      const streams = [...facts.exchanges.values()].filter(
        ({ kind, page, copyOf }) => kind === 'stream' && copyOf === undefined && numbers.has(page),
      )
      const disturbances: number[] = streams.flatMap((one) => [one.requestedAt, one.clientEndedAt ?? facts.endedAt])
      for (const tab of tabs) {
        disturbances.push(tab.openedAt, tab.crashedAt ?? facts.endedAt, ...tab.statuses.map(({ at }) => at))
        for (const { from, to } of [...tab.frozen, ...tab.closed]) disturbances.push(from, to)
      }
      for (const screen of facts.screens.values())
        if (numbers.has(screen.page)) disturbances.push(screen.mountedAt, screen.unmountedAt ?? facts.endedAt)
      const times = [...new Set(disturbances)].filter((at) => at <= facts.endedAt).sort((a, b) => a - b)
      times.forEach((from, index) => {
        const at = times[index + 1] ?? facts.endedAt
        if (at - from < CALM_MS) return
        const there = tabs.filter((tab) => tab.openedAt < at && (tab.crashedAt ?? at) >= at)
        const statuses = there.map((tab) => tab.statuses.findLast((one) => one.at < at)?.status)
        // Beside pages there is a stream now and then.
        const isByPages = statuses.some((status) => status?.degraded || status?.via === 'poll')
        const phases = statuses.map((status) => status?.phase)
        const isAwake = there.every((tab) => tab.frozen.every((pause) => pause.from >= at || pause.to < at))
        if (!isAwake || !phases.includes('live')) return
        if (phases.some((phase) => phase !== 'live' && phase !== 'idle' && phase !== 'closed')) return
        looked++
        const open = streams.filter((one) => one.requestedAt < at && (one.clientEndedAt ?? at) >= at)
        if (open.length > 1 || (open.length < 1 && !isByPages))
          found({
            at,
            what: `${name}: ${there.length} tabs are calm, and hold the streams ${open.map((one) => one.number)} of pages ${open.map((one) => one.page)}`,
          })
      })
    }
    return looked
  },
}

/** In steady state nobody who follows asks for anything of the stream. */
export const peaceful: Check = {
  name: 'who follows asks for nothing in peace',
  line: '1',
  run(facts, found) {
    const from = facts.all('at rest')[0]?.at
    if (from === undefined || !facts.final?.atRest) return 0
    const until = facts.all('closed').find(({ at }) => at > from)?.at ?? facts.endedAt
    let looked = 0
    for (const [name, tabs] of sharers(facts)) {
      for (const { page, statuses, crashedAt } of tabs) {
        if (crashedAt !== undefined || statuses.findLast(({ at }) => at <= from)?.status.via !== 'tab') continue
        looked++
        for (const one of facts.exchanges.values())
          if (one.page === page && one.kind !== 'emit' && one.requestedAt > from && one.requestedAt < until)
            found({
              at: one.requestedAt,
              what: `page ${page} follows in ${name}, and asks for ${one.kind} ${one.number}`,
            })
      }
    }
    return looked
  },
}

/** So soon must reach all tabs what one of them has heard: a message takes 20 ms, and a tab that is asked for other topics asks anew. */
const SOON_MS = 2_000
/** Who reads more than the stream was asked for waits so long for a stream that carries it, and then asks by itself. */
const ALONE_MS = 2_000
/** A tab that hangs may be given the lead by whoever gives it up, and is deposed after 1.5 heartbeats and half a second. */
const DEPOSE_MS = 3_500
/** A screen that has been there for so long is known to whoever leads. */
const KNOWN_MS = 3_000

/** Line 10, among tabs: nobody is cut off from the stream that the others hear. */
export const soon: Check = {
  name: 'what one tab hears, the others hear soon',
  line: '10',
  run(facts, found) {
    let looked = 0
    for (const [name, tabs] of sharers(facts)) {
      const numbers = new Set(tabs.map(({ page }) => page))
      const exchanges = [...facts.exchanges.values()].filter(
        ({ page, kind, copyOf }) => numbers.has(page) && kind !== 'emit' && copyOf === undefined,
      )
      const screens = [...facts.screens.values()].filter(({ page }) => numbers.has(page))
      const statusAt = ({ statuses }: PageFacts, at: number) => statuses.findLast((one) => one.at <= at)?.status
      for (const { page: leader, kind, heard, topics: carried = [], clientEndedAt: endedAt } of exchanges) {
        if (kind !== 'stream') continue
        const leads = tabs.find(({ page }) => page === leader)
        for (const { at, block } of heard) {
          const cursor = cursorOf(block.id)
          const event = facts.at(block.id ?? '')
          const topic = event?.topic
          if (!leads || !cursor || !event || !topic || block.event?.startsWith('hub.')) continue
          if (statusAt(leads, at)?.via !== 'sse') continue
          for (const tab of tabs) {
            const { phase, via, topics = [] } = statusAt(tab, at) ?? { phase: 'idle' }
            // What it reads is more than its status says, until a stream carries that.
            const reads = screens
              .filter(
                (one) => one.page === tab.page && one.mountedAt <= at + SOON_MS && !((one.unmountedAt ?? at) < at),
              )
              .map(({ topic }) => topic)
            const isCarried = reads.every((one) => carried.includes(one))
            const isGivenUp = endedAt !== undefined && endedAt <= at + SOON_MS
            const hangs = tabs.some((one) => one.frozen.some(({ from, to }) => from <= at + SOON_MS && to >= at))
            const soonMs = SOON_MS + (isCarried ? 0 : ALONE_MS) + (isGivenUp && hangs ? DEPOSE_MS : 0)
            const until = at + soonMs
            // The stream was ended for one that carries more, of which nothing is heard: that is noticed after 2.5 heartbeats, by whoever leads and by the others.
            const isSucceeded = () =>
              exchanges.some(
                (one) =>
                  one.page === leader &&
                  one.requestedAt >= (endedAt ?? until) &&
                  (one.heard[0]?.at ?? until + 1) <= until,
              )
            if (!isCarried && endedAt !== undefined && endedAt <= until && !isSucceeded()) continue
            // It must be there to say what else it was asked.
            if (
              leads.frozen.some(({ from, to }) => from <= until && to >= at) ||
              (leads.crashedAt ?? until + 1) <= until
            )
              continue
            if (tab.page === leader || tab.openedAt > at || (tab.crashedAt ?? facts.endedAt) <= until) continue
            // Whoever else believes to lead, or asks by itself, may be the one that the others listen to, and slower.
            const isAsking = exchanges.some(
              (one) => one.page !== leader && one.requestedAt <= until && (one.clientEndedAt ?? facts.endedAt) >= at,
            )
            if (isAsking) continue
            const isSteady = !tab.statuses.some((one) => one.at > at && one.at <= until)
            const isAwake = !tab.frozen.some(({ from, to }) => from <= until && to >= at - KNOWN_MS)
            if (phase !== 'live' || via !== 'tab' || !(topics as string[]).includes(topic) || !isSteady || !isAwake)
              continue
            for (const screen of screens) {
              if (screen.page !== tab.page || screen.topic !== topic || screen.mountedAt > at - KNOWN_MS) continue
              // A leader that is behind hears what is older than a screen that begins with the present.
              if (screen.after === undefined && event.at < screen.mountedAt) continue
              if ((screen.unmountedAt ?? facts.endedAt) <= until) continue
              looked++
              const brought = { at: screen.mountedAt, cursor: screen.after }
              const isTold = [brought, ...screen.told].some((told) => {
                const place = cursorOf('gap' in told ? told.gap.to : told.cursor)
                if (told.at > until || !place) return false
                return place.epoch === cursor.epoch ? place.position >= cursor.position : told.at >= at
              })
              if (!isTold)
                found({
                  at,
                  what: `${name}: page ${leader} hears ${block.id}, and screen ${screen.screen} of page ${tab.page} does not within ${soonMs} ms`,
                })
            }
          }
        }
      }
    }
    return looked
  },
}

/** Identity is part of the channel: whatever a tab is told came over the wire of a tab of its own browser and user. */
export const fromItsOwn: Check = {
  name: 'a tab hears only what came to its own browser and user',
  line: '8',
  run(facts, found) {
    let looked = 0
    for (const [name, tabs] of sharers(facts)) {
      const numbers = new Set(tabs.map(({ page }) => page))
      // When each event first came, by its id.
      const came = new Map<string, number>()
      const arrive = (id: string, at: number) => came.set(id, Math.min(at, came.get(id) ?? at))
      for (const { page, heard, kind, answer, clientEndedAt = 0, status } of facts.exchanges.values()) {
        if (!numbers.has(page)) continue
        for (const { at, block } of heard) {
          if (block.event === undefined || block.event.startsWith('hub.')) continue
          arrive((JSON.parse(block.data ?? '{}') as { id: string }).id, at)
        }
        if (kind !== 'page' || status !== 200 || answer === undefined) continue
        for (const { id } of (JSON.parse(answer) as { events: { id: string }[] }).events) arrive(id, clientEndedAt)
      }
      for (const screen of facts.screens.values()) {
        if (!numbers.has(screen.page)) continue
        for (const told of screen.told) {
          if (told.what !== 'event') continue
          looked++
          if ((came.get(told.id) ?? Number.POSITIVE_INFINITY) > told.at)
            found({
              at: told.at,
              what: `screen ${screen.screen} (page ${screen.page}) of ${name} is told ${told.id}, which came to none of its tabs`,
            })
        }
      }
    }
    return looked
  },
}
