// Lines 1, 2 and 14, at the application's end: every screen gets every event once, in order, without a hole that nobody announced, and ends up right.
import { cursorOf, type Facts, fits, type ScreenFacts } from '../facts.ts'
import type { Check, Finding } from './check.ts'

const name = ({ screen, page, topic }: ScreenFacts) => `screen ${screen} (page ${page}, ${topic})`

/** The ephemeral emits that reached the hub twice. */
function doubledEmits(facts: Facts): ReadonlySet<string> {
  const copies = facts.all('accepted').filter(({ copyOf }) => copyOf !== undefined)
  const bodies = copies.map(({ exchange }) => facts.exchanges.get(exchange)?.body ?? '')
  const ephemeral = facts.all('emit').filter(({ seqed }) => !seqed)
  return new Set(ephemeral.map(({ id }) => id).filter((id) => bodies.some((body) => body.includes(`"${id}"`))))
}

/**
 * Whether a tab that hung has heard something on the stream by which it led before, which held it back, and a tab that leads now on another: what has no cursor
 * it may then hear twice, and nobody could tell but by the id, which proves nothing.
 */
function hung(facts: Facts, { page }: ScreenFacts, id: string): boolean {
  const pauses = facts.pages.get(page)?.frozen.filter(({ how }) => how === 'hangs') ?? []
  const company = new Set(facts.company(page).map((one) => one.page))
  const bringers = [...facts.exchanges.values()].filter(
    (one) => company.has(one.page) && one.heard.some(({ block }) => block.data?.includes(`"id":"${id}"`)),
  )
  return (
    bringers.some((one) => one.page !== page) &&
    bringers.some(
      ({ page: by, requestedAt, clientEndedAt = Number.POSITIVE_INFINITY }) =>
        by === page && pauses.some(({ from }) => requestedAt <= from && clientEndedAt >= from),
    )
  )
}

/** Line 1. */
export const once: Check = {
  name: 'once and in order',
  line: '1',
  run(facts, found) {
    let looked = 0
    const doubled = doubledEmits(facts)
    const ephemeral = new Map<string, number>()
    for (const { id, durable } of facts.all('publish')) if (!durable) ephemeral.set(id, Number(id.slice(1)))
    for (const { id, seqed, n } of facts.all('emit')) if (!seqed) ephemeral.set(id, n)
    for (const screen of facts.screens.values()) {
      const seen = new Set<string>()
      let last: { epoch: string; position: number } | undefined
      let gapped = false
      for (const told of screen.told) {
        looked++
        const wrong = (what: string) => found({ at: told.at, what: `${name(screen)}: ${what}` })
        if (screen.unmountedAt !== undefined && told.at > screen.unmountedAt)
          wrong(`told ${told.what} after it was unmounted`)
        const cursor = cursorOf(told.what === 'gap' ? told.gap.to : told.cursor)
        if (told.what === 'gap') {
          // A gap leads on, never back, apart from a schema gap, which stands for the event at its place.
          if (cursor && last && cursor.epoch === last.epoch && cursor.position < last.position)
            wrong(`a gap leads back from ${last.position} to ${told.gap.to}`)
          if (cursor && last && facts.epochs.indexOf(cursor.epoch) < facts.epochs.indexOf(last.epoch))
            wrong(`a gap leads back to the epoch ${cursor.epoch}`)
          last = cursor ?? last
          gapped = true
          continue
        }
        const key = told.cursor ?? told.id
        // A network that doubles a request doubles what has no seq.
        if (seen.has(key) && !doubled.has(told.id) && (cursor || !hung(facts, screen, told.id)))
          wrong(`${told.type} ${told.id} at ${told.cursor} came twice`)
        seen.add(key)
        if (!cursor) {
          if (!ephemeral.has(told.id) || told.type !== 'pointer.moved')
            wrong(`${told.type} ${told.id} came without a cursor, and is durable or nobody's`)
          const { data, topic } = JSON.parse(told.json) as { data: { n: number }; topic: string }
          if (data.n !== ephemeral.get(told.id) || topic !== screen.topic) wrong(`${told.id} came as ${told.json}`)
          continue
        }
        const event = facts.at(`${cursor.epoch}:${cursor.position}`)
        if (!event) wrong(`${told.type} at ${told.cursor} is not in the log`)
        else if (event.type !== told.type || event.json !== told.json || event.topic !== screen.topic)
          wrong(`the event at ${told.cursor} is not what the log holds`)
        if (last && cursor.epoch === last.epoch && cursor.position <= last.position)
          wrong(`${told.cursor} came after ${last.epoch}:${last.position}`)
        if (last && cursor.epoch !== last.epoch && !gapped)
          wrong(`${told.cursor} is of another epoch, and no gap was said`)
        last = cursor
        gapped = false
      }
    }
    return looked
  },
}

/** The end of the log at a moment. */
function headAt(facts: Facts, at: number): { readonly epoch: string; readonly position: number } | undefined {
  const epoch = facts.all('hub up').findLast((up) => up.at <= at)?.epoch
  if (epoch === undefined) return undefined
  const last = (facts.truth.get(epoch) ?? []).findLast((event) => event.at <= at)
  return { epoch, position: last?.position ?? 0 }
}

/** The pieces of a screen's life in which it should have missed nothing: from a cursor, to the next announced gap or the end. */
function holes(facts: Facts, screen: ScreenFacts, found: (finding: Finding) => void): number {
  const topics = new Set([screen.topic])
  // Who brought nothing, and was told nothing, joined a stream that carried its topic: it misses nothing that came after that.
  let whole = cursorOf(screen.after) ?? (screen.told[0]?.what === 'gap' ? undefined : headAt(facts, screen.mountedAt))
  let looked = 0
  const demand = (at: number, upTo: number, what: string) => {
    if (!whole) return
    looked++
    const missing = facts.between(whole.epoch, whole.position, upTo, topics)
    if (missing.length > 0)
      found({
        at,
        what: `${name(screen)}: ${what}, and never got ${missing.map((event) => event.position)} (${missing.map((event) => event.id)})`,
      })
  }
  for (const told of screen.told) {
    if (told.what === 'event') {
      const cursor = cursorOf(told.cursor)
      if (!cursor) continue
      if (whole?.epoch === cursor.epoch)
        demand(
          told.at,
          cursor.position - 1,
          `was whole up to ${whole.epoch}:${whole.position}, then got ${told.cursor}`,
        )
      whole = cursor
      continue
    }
    const from = cursorOf(told.gap.from)
    const to = cursorOf(told.gap.to)
    if (from && whole && from.epoch === whole.epoch && true)
      demand(told.at, from.position, `was told of a gap that begins at ${told.gap.from}`)
    whole = to ?? whole
  }
  const last = facts.final?.pages.flatMap((page) => page.screens).find((one) => one.screen === screen.screen)
  if (last?.granted) demand(facts.endedAt, Number.MAX_SAFE_INTEGER, `is mounted at the end`)
  return looked
}

/** Line 2. */
export const neverSilently: Check = {
  name: 'nothing lost without a word',
  line: '2',
  run: (facts, found) => [...facts.screens.values()].reduce((sum, screen) => sum + holes(facts, screen, found), 0),
}

/** Line 14. */
export const convergence: Check = {
  name: 'convergence',
  line: '14',
  run(facts, found) {
    const screens =
      facts.final?.pages.flatMap((page) =>
        page.screens.filter((screen) => screen.granted).map((screen) => ({ ...screen, page: page.page })),
      ) ?? []
    for (const { screen, page, topic, missing, surplus } of screens) {
      if (missing.length + surplus.length === 0) continue
      found({
        at: facts.endedAt,
        what: `screen ${screen} (page ${page}, ${topic}) ends without ${missing.join(', ') || 'nothing'} and with ${surplus.join(', ') || 'nothing'} too much`,
      })
    }
    return screens.length
  },
}

/** Durable or not: at the end, when nothing is in the way, whoever is there hears what is not kept; but not by pages. */
export const present: Check = {
  name: 'who is there hears what is not kept',
  line: '6, 10',
  run(facts, found) {
    let looked = 0
    // Whoever reads pages for want of a stream is back at it by then.
    const restAt = facts.all('at rest')[0]?.at ?? facts.settlingAt
    const last = facts.all('publish').filter(({ durable, at }) => !durable && at > restAt)
    // What a burst of the plan still says may be dropped.
    const alone = last.filter(
      ({ at }) => !facts.all('publish').some((one) => one.at !== at && Math.abs(one.at - at) < 1_000),
    )
    for (const { page, status, screens } of facts.final?.pages ?? []) {
      if (status.phase !== 'live' || (status.via === 'poll' && !status.degraded)) continue
      for (const { screen, topic, granted } of screens) {
        for (const { id, topic: on, at } of alone) {
          if (on !== topic || !granted) continue
          looked++
          const times = facts.screens.get(screen)?.told.filter((told) => told.what === 'event' && told.id === id).length
          if (times !== 1) found({ at, what: `screen ${screen} (page ${page}, ${topic}) heard ${id} ${times} times` })
        }
      }
    }
    return looked
  },
}

/** How long an event may take to a screen when nothing is in the way but a slow disk and the longest way. */
const PROMPT_MS = 3_000
/** A page of the log that died unseen is given up only after 2.5 times what it may be held. */
const POLL_PATIENCE_MS = 25_000

/** When all is well, what happens is seen soon. */
export const prompt: Check = {
  name: 'what happens is seen soon',
  line: '10, 12',
  run(facts, found) {
    let looked = 0
    // The one last event for everybody.
    const durable = facts.all('publish').filter((one) => one.durable && one.at > facts.settlingAt)
    const last = durable.at(-1)?.at
    const ids = new Set(durable.filter(({ at }) => at === last).map(({ id }) => id))
    const events = [...facts.truth.values()].flat().filter(({ id }) => ids.has(id))
    for (const { screens, page } of facts.final?.pages ?? []) {
      // A page that was under way then, and is never answered, or refused when it comes at last, to this tab or to the one that reads for it.
      const company = new Set(facts.company(page).map((one) => one.page))
      const hasDied = [...facts.exchanges.values()].some(
        (one) =>
          company.has(one.page) &&
          one.kind === 'page' &&
          one.requestedAt <= (last ?? 0) &&
          (one.clientEndedAt ?? facts.endedAt) > (last ?? 0) &&
          (one.clientEnd !== 'end' || one.status !== 200),
      )
      const limit = PROMPT_MS + (hasDied ? POLL_PATIENCE_MS : 0)
      for (const { screen, topic, granted } of screens) {
        for (const { id, topic: on, at, epoch, position } of events) {
          if (on !== topic || !granted) continue
          looked++
          const told = facts.screens.get(screen)?.told.find((one) => {
            if (one.what === 'event') return one.id === id
            const to = cursorOf(one.gap.to)
            return to?.epoch === epoch && to.position >= position
          })
          if (!told || told.at > at + limit)
            found({
              at,
              what: `${id} came to screen ${screen} (page ${page}) ${told ? `after ${told.at - at} ms` : 'never'}`,
            })
        }
      }
    }
    return looked
  },
}

/** Whether every event that does not fit the contract was told as a gap to those who were whole there. */
export const misfits: Check = {
  name: 'an event that does not fit is announced',
  line: '2',
  run(facts, found) {
    let looked = 0
    for (const screen of facts.screens.values()) {
      for (const told of screen.told) {
        if (told.what !== 'event') continue
        looked++
        const event = told.cursor === undefined ? undefined : facts.at(told.cursor)
        if (event && !fits(event))
          found({ at: told.at, what: `${name(screen)}: got ${told.cursor}, which does not fit the contract` })
      }
    }
    return looked
  },
}
