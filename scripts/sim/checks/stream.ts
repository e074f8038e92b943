// Lines 5 and 6, at the hub's end of the wire: after every block, everything of the stream's topics up to its cursor has been sent, once and in order.
import { cursorOf, type ExchangeFacts, type Facts, fits } from '../facts.ts'
import type { Block } from '../tap.ts'
import type { Check, Finding } from './check.ts'

interface Gap {
  readonly topics: readonly string[]
  readonly from?: string
  readonly to: string
  readonly reason: string
}

/** Walks one stream; answers how many claims it looked at. */
function walk(facts: Facts, stream: ExchangeFacts, found: (finding: Finding) => void): number {
  let topics: ReadonlySet<string> = new Set()
  let position: { epoch: string; position: number } | undefined
  let bye = false
  let looked = 0
  const wrong = (at: number, what: string) =>
    found({ at, what: `stream ${stream.number} of page ${stream.page}: ${what}` })
  const unsent = (epoch: string, from: number, to: number, skip: readonly string[] = []) =>
    facts.between(epoch, from, to, topics).filter(({ topic }) => !skip.includes(topic))
  // Nobody can have scanned what is not there yet.
  const ahead = (at: number, cursor: { epoch: string; position: number }) => {
    const events = facts.truth.get(cursor.epoch) ?? []
    const head = events.findLast((event) => event.at <= at)?.position ?? 0
    if (cursor.position > head) wrong(at, `says ${cursor.epoch}:${cursor.position}, and the log ends at ${head}`)
  }
  const list = (events: readonly { position: number; topic: string }[]) =>
    events.map((event) => `${event.position} (${event.topic})`).join(', ')

  const sync = (at: number, block: Block) => {
    const data = JSON.parse(block.data ?? '{}') as {
      cursor: string
      topics: string[]
      gaps: Gap[]
      user: string | null
    }
    const start = cursorOf(data.cursor)
    if (!start || data.cursor !== block.id)
      return wrong(at, `hub.sync has the id ${block.id} and the cursor ${data.cursor}`)
    ahead(at, start)
    for (const gap of data.gaps)
      for (const topic of gap.topics)
        if (!data.topics.includes(topic)) wrong(at, `a gap of ${topic}, which is not carried`)
    if (data.user !== stream.user) wrong(at, `hub.sync is for ${data.user}, and ${stream.user} asked`)
    topics = new Set(data.topics)
    if ([...topics].sort().join() !== data.topics.join())
      wrong(at, `hub.sync's topics are not sorted and distinct: ${data.topics}`)
    for (const topic of topics)
      if (stream.topics && !stream.topics.includes(topic)) wrong(at, `${topic} was not asked for`)
    const asked = cursorOf(stream.after)
    const excused = data.gaps.flatMap((gap) => gap.topics)
    if (asked && asked.epoch === start.epoch) {
      const missing = unsent(asked.epoch, asked.position, start.position, excused)
      if (missing.length > 0)
        wrong(at, `starts at ${data.cursor} after ${stream.after} without a gap, and skips ${list(missing)}`)
      if (data.gaps.length === 0 && topics.size > 0 && asked.position !== start.position)
        wrong(at, `starts at ${data.cursor}, not after ${stream.after}`)
    } else if (stream.after !== undefined && [...topics].some((topic) => !excused.includes(topic))) {
      wrong(at, `starts in another epoch than ${stream.after} without a gap for all of ${[...topics]}`)
    }
    position = start
  }

  for (const { at, block } of stream.said) {
    looked++
    if (bye) wrong(at, `says ${block.event} after hub.bye`)
    if (block.event === 'hub.bye') {
      bye = true
      continue
    }
    if (block.event === 'hub.sync') {
      if (position) wrong(at, 'says hub.sync twice')
      sync(at, block)
      continue
    }
    if (!position) {
      if (block.event !== undefined || block.id !== undefined) wrong(at, `says ${block.event} before hub.sync`)
      continue
    }
    if (block.id === undefined) {
      if (block.event?.startsWith('hub.') && block.event !== 'hub.presence')
        wrong(at, `says ${block.event} without an id`)
      else if (block.event !== undefined) {
        const { topic } = JSON.parse(block.data ?? '{}') as { topic: string }
        if (!topics.has(topic)) wrong(at, `${topic} is not carried by this stream`)
      }
      continue
    }
    const cursor = cursorOf(block.id)
    if (!cursor) {
      wrong(at, `the id ${block.id} is no cursor`)
      continue
    }
    ahead(at, cursor)
    if (block.event === 'hub.gap') {
      const gap = JSON.parse(block.data ?? '{}') as Gap
      if (gap.to !== block.id) wrong(at, `hub.gap has the id ${block.id} and ends at ${gap.to}`)
      for (const topic of gap.topics) if (!topics.has(topic)) wrong(at, `a gap of ${topic}, which is not carried`)
      const from = cursorOf(gap.from)
      const skipped = gap.reason === 'schema' ? [] : gap.topics
      if (cursor.epoch === position.epoch) {
        const missing = unsent(cursor.epoch, position.position, cursor.position, skipped).filter(
          (event) => gap.reason !== 'schema' || fits(event),
        )
        if (missing.length > 0) wrong(at, `the gap up to ${gap.to} (${gap.reason}) skips ${list(missing)}`)
        if (from && from.epoch === position.epoch && unsent(from.epoch, position.position, from.position).length > 0)
          wrong(at, `the gap begins at ${gap.from}, after something unsent`)
        if (cursor.position < position.position)
          wrong(at, `the gap goes back from ${position.position} to ${cursor.position}`)
      } else if (gap.reason !== 'epoch') wrong(at, `a gap of reason ${gap.reason} leads to another epoch`)
      position = cursor
      continue
    }
    if (cursor.epoch !== position.epoch) wrong(at, `${block.event} at ${block.id}: another epoch without a gap`)
    else if (cursor.position < position.position)
      wrong(at, `${block.event} goes back from ${position.position} to ${cursor.position}`)
    else if (block.event === 'hub.beat') {
      const missing = unsent(cursor.epoch, position.position, cursor.position)
      if (missing.length > 0) wrong(at, `the beat claims ${block.id}, but ${list(missing)} was not sent`)
      if (block.data !== '') wrong(at, 'a beat with data')
    } else {
      const due = unsent(cursor.epoch, position.position, cursor.position)
      const event = facts.at(block.id)
      if (!event) wrong(at, `${block.event} at ${block.id} is not in the log`)
      else if (event.type !== block.event || event.json !== block.data)
        wrong(at, `the event at ${block.id} is not what the log holds`)
      else if (!topics.has(event.topic)) wrong(at, `${event.topic} is not carried by this stream`)
      else if (cursor.position === position.position) wrong(at, `the event at ${block.id} was sent before`)
      else if (due.length !== 1)
        wrong(
          at,
          `before ${block.id}, these were not sent: ${list(due.filter((one) => one.position !== cursor.position))}`,
        )
    }
    position = cursor
  }
  if (facts.final?.pages.some((page) => page.streams.includes(stream.number)) && position) {
    const missing = unsent(position.epoch, position.position, Number.MAX_SAFE_INTEGER)
    if (missing.length > 0) wrong(facts.endedAt, `never sent ${list(missing)}`)
    looked++
  }
  return looked
}

/** See above. */
export const streams: Check = {
  name: 'a cursor means scanned and sent',
  line: '5, 6',
  run: (facts, found) =>
    [...facts.exchanges.values()]
      .filter(({ kind }) => kind === 'stream')
      .reduce((sum, stream) => sum + walk(facts, stream, found), 0),
}

/** The same for pages of the log. */
export const logPages: Check = {
  name: 'a page is what the log holds',
  line: '6, 12',
  run(facts, found) {
    const pages = [...facts.exchanges.values()].filter(
      ({ kind, status, answer }) => kind === 'page' && status === 200 && answer,
    )
    for (const page of pages) {
      const at = page.answerAt ?? 0
      const wrong = (what: string) => found({ at, what: `page ${page.number} of page ${page.page}: ${what}` })
      const body = JSON.parse(page.answer ?? '{}') as {
        after: string
        through: string
        topics: string[]
        events: { cursor: string; topic: string }[]
        gaps: Gap[]
      }
      const after = cursorOf(body.after)
      const through = cursorOf(body.through)
      if (!after || !through || after.epoch !== through.epoch) {
        wrong(`from ${body.after} through ${body.through}`)
        continue
      }
      const lost = body.gaps.some(({ reason }) => reason !== 'schema')
      // Who may see nothing lacks nothing.
      if (body.topics.length > 0 && page.after !== undefined && !lost && body.after !== page.after)
        wrong(`starts at ${body.after}, not after ${page.after}, and says no gap`)
      const due = facts.between(after.epoch, after.position, through.position, new Set(body.topics)).filter(fits)
      const sent = body.events.map(({ cursor }) => cursor)
      if (due.map((event) => `${event.epoch}:${event.position}`).join() !== sent.join())
        wrong(`(${body.after}, ${body.through}] holds ${due.map((event) => event.position)}, not ${sent}`)
    }
    return pages.length
  },
}
