// Line 3's sharp edge: a gap where the log held the range and the topic was covered is a violation; so is a gap that nobody announced.
import { cursorOf, type ExchangeFacts, type Facts, fits, type ScreenFacts } from '../facts.ts'
import { type Marks, marksOf } from '../marks.ts'
import type { Check, Finding } from './check.ts'

type Place = NonNullable<ReturnType<typeof cursorOf>>

interface Gap {
  readonly topics: readonly string[]
  readonly from?: string
  readonly to: string
  readonly reason: string
}

/** What asking for a grant may take besides. */
const GRANT_MS = 3_000

/** Whether the log still held everything after a cursor at a moment: it keeps a known number of the newest events, for a known time. */
function held(facts: Facts, cursor: { readonly epoch: string; readonly position: number }, at: number): boolean {
  const newer = (facts.truth.get(cursor.epoch) ?? []).filter(
    (event) => event.position > cursor.position && event.at <= at,
  )
  const { logEvents, logAgeMs } = facts.config
  return newer.length <= logEvents && newer.every((event) => event.at >= at - logAgeMs)
}

/** What the hub announces is true. */
export const hubGaps: Check = {
  name: 'the hub says a gap only where the log lost something',
  line: '2, 3',
  run(facts, found) {
    let looked = 0
    const judge = (number: number, at: number, from: string | undefined, gap: Gap) => {
      looked++
      const wrong = (why: string) =>
        found({ at, what: `exchange ${number}: gap ${JSON.stringify(gap)} from ${from}: ${why}` })
      const start = cursorOf(from)
      const to = cursorOf(gap.to)
      if (!to) return wrong('`to` is no cursor')
      if (gap.reason === 'schema') {
        const event = facts.at(gap.to)
        if (!event || fits(event)) wrong('the event there fits the contract')
      } else if (!start) wrong('nobody sends cursors that cannot be read')
      else if (gap.reason === 'epoch') {
        if (start.epoch === to.epoch) wrong('the epoch is the same')
      } else if (gap.reason === 'trimmed') {
        if (start.epoch !== to.epoch) wrong('the epoch is another')
        else if (held(facts, start, at)) wrong('the log held everything after it')
      } else wrong('unknown reason')
    }
    for (const exchange of facts.exchanges.values()) {
      let last: string | undefined = exchange.after
      for (const { at, block } of exchange.said) {
        if (block.event === 'hub.sync')
          for (const gap of (JSON.parse(block.data ?? '{}') as { gaps: Gap[] }).gaps)
            judge(exchange.number, at, exchange.after, gap)
        if (block.event === 'hub.gap') judge(exchange.number, at, last, JSON.parse(block.data ?? '{}') as Gap)
        last = block.id ?? last
      }
      if (exchange.kind === 'page' && exchange.status === 200 && exchange.answer) {
        const page = JSON.parse(exchange.answer) as { gaps: Gap[] }
        for (const gap of page.gaps) judge(exchange.number, exchange.answeredAt ?? 0, exchange.after, gap)
      }
    }
    return looked
  },
}

/**
 * Where a screen stands that brought a cursor older than its topic's mark, until it has been told up to that mark, or a stream that began no later than it stands
 * has come that far; undefined for any other, and from then on.
 */
function catchingUp(facts: Facts, screen: ScreenFacts, marks: Marks | undefined, at: number): Place | undefined {
  const own = cursorOf(screen.after)
  const isAsking = ({ page, topics, requestedAt }: ExchangeFacts) =>
    page === screen.page && topics?.includes(screen.topic) && requestedAt >= screen.mountedAt
  // Until a stream begins where it stands, the others go on without it.
  const first = [...facts.exchanges.values()].find((one) => isAsking(one) && one.kind !== 'emit')
  const markThen = marks?.before(screen.topic, Math.min(first?.requestedAt ?? at, at))
  if (!own || own.epoch !== markThen?.epoch || own.position >= markThen.position) return undefined
  const last = screen.told.findLast((told) => told.at < at && (told.what === 'gap' || told.cursor !== undefined))
  const place = (last && cursorOf(last.what === 'gap' ? last.gap.to : last.cursor)) ?? own
  if (place.epoch !== own.epoch || place.position >= markThen.position) return undefined
  const isPast = (id: string | undefined) => (cursorOf(id)?.position ?? 0) >= markThen.position
  for (const exchange of facts.exchanges.values()) {
    const { after, heard } = exchange
    const start = cursorOf(after)
    if (!isAsking(exchange)) continue
    if (start?.epoch !== own.epoch || start.position > place.position) continue
    // For the sake of a gap a client may leave a stream, and with it what follows.
    const gap = heard.findIndex(({ block: { event, data = '' } }) => event === 'hub.gap' || data.includes('"gaps":[{'))
    const whole = heard.slice(0, gap < 0 ? heard.length : gap).filter(({ block }) => block.event !== 'hub.sync')
    if (whole.some((one) => one.at < at && isPast(one.block.id))) return undefined
  }
  return place
}

/** Whether what the user of a screen may see has changed between two moments, or may have been refused or lost meanwhile. */
const changed = (facts: Facts, screen: ScreenFacts, from: number, to: number) => {
  const user = facts.pages.get(screen.page)?.user
  const late = facts.config.recheckMs + GRANT_MS
  return facts.entries.some(
    (entry) =>
      (entry.what === 'granted' || entry.what === 'signed' || entry.what === 'expiring') &&
      entry.user === user &&
      entry.at >= from - late &&
      entry.at <= to,
  )
}

/**
 * How far a screen was told, at the least, before it was told a gap; undefined where a grant may have come in between. Who shares a stream keeps marks that
 * cannot be read from its own wire: they are no less than this.
 */
function toldBefore(facts: Facts, screen: ScreenFacts, index: number): Place | undefined {
  const { at } = screen.told[index] ?? { at: 0 }
  const last = screen.told.slice(0, index).findLast((told) => told.what === 'gap' || told.cursor !== undefined)
  if (!last || changed(facts, screen, last.at, at)) return undefined
  return cursorOf(last.what === 'gap' ? last.gap.to : last.cursor)
}

/** Looks at every gap that a screen is told; `brought` chooses those told to a screen that has only the cursor that it brought. */
function judgeScreens(facts: Facts, brought: boolean, found: (finding: Finding) => void): number {
  let looked = 0
  const marks = new Map([...facts.pages.keys()].map((page) => [page, marksOf(facts, page)]))
  for (const screen of facts.screens.values()) {
    const shares = facts.pages.get(screen.page)?.shares !== undefined
    screen.told.forEach((told, index) => {
      if (told.what === 'event' || brought !== (index === 0 && screen.after !== undefined)) return
      const { gap, at } = told
      const wrong = (why: string) =>
        found({
          at,
          what: `screen ${screen.screen} (page ${screen.page}, ${screen.topic}): gap ${JSON.stringify(gap)}: ${why}`,
        })
      const page = marks.get(screen.page)
      // A cursor that was brought counts, unless the hub refused the topic in between.
      const own = (
        shares
          ? changed(facts, screen, screen.mountedAt, at)
          : page?.refused(screen.topic, screen.mountedAt, at)
      )
        ? undefined
        : cursorOf(screen.after)
      const mark = shares ? toldBefore(facts, screen, index) : page?.before(screen.topic, at)
      const whole = brought ? own : ((own && !shares ? catchingUp(facts, screen, page, at) : undefined) ?? mark)
      const to = cursorOf(gap.to)
      const from = cursorOf(gap.from)
      // A gap told to whoever had nothing, or had something of another epoch, cannot be wrong.
      if (gap.reason === 'schema' || whole?.epoch === to?.epoch) looked++
      if (!to) wrong('`to` is no cursor')
      else if (gap.from !== undefined && !facts.epochs.includes(from?.epoch ?? ''))
        wrong('`from` is of no epoch that there was')
      else if (gap.reason === 'schema') {
        const event = facts.at(gap.to)
        if (!event || fits(event)) wrong('the event there fits the contract')
      } else if (whole && whole.epoch === to.epoch && held(facts, whole, at)) {
        wrong(`whole up to ${whole.epoch}:${whole.position}, after which the log held everything`)
      }
    })
  }
  return looked
}

/** What a screen is told is true, judged by marks that are kept here and not by the client. */
export const screenGaps: Check = {
  name: 'a screen hears of a gap only where it was not covered',
  line: '3',
  run: (facts, found) => judgeScreens(facts, false, found),
}

/** Whoever read state and cursor needs no second read while the log holds what came after. */
export const broughtCursors: Check = {
  name: 'a cursor that was brought is honoured',
  line: '3',
  run: (facts, found) => judgeScreens(facts, true, found),
}
