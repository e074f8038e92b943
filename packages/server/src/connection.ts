// The hub's side of one open stream: it reads on from its cursor until it has caught up with the tail, then lives off the tail.
import { type ByeReason, formatCursor, type Gap, parseCursor } from '@sse-hub/core/contract'
import { createAhead } from './ahead.ts'
import { openingGap } from './asked.ts'
import type { Outlet } from './body.ts'
import type { Counters } from './counters.ts'
import { byeText, type Frame, frameOf, gapText, joinFrames, syncText } from './frames.ts'
import type { Cursor, EventLog, LogGap, LogPage } from './log.ts'
import type { Report } from './options.ts'
import type { Clock } from './ports.ts'
import type { Attendance, Guest, Stay } from './presence.ts'
import { createQueue, type QueueHub } from './queue.ts'
import type { Framed, FramedPage, Recent } from './recent.ts'
import type { Member } from './roster.ts'
import type { Listener, Tail } from './tail.ts'
import type { TakeTurn } from './turns.ts'
import type { Vetting } from './vetting.ts'
import { within } from './within.ts'

/**
 * `waiting`: nobody reads it yet, or its first block is not written yet; `reading`: it reads the log on from its position, and keeps
 * apart, while it waits for an answer, what the tail hands out; `live`: it has caught up, and queues what the tail hands out; `ending`: it has said good-bye; `gone`.
 */
type Phase = 'waiting' | 'reading' | 'live' | 'ending' | 'gone'

/** One open stream. */
export interface Connection extends Member, Listener, Outlet, Required<Guest> {
  readonly phase: Phase
}

/** What a connection takes from its hub. */
export interface ConnectionHub extends QueueHub {
  readonly log: EventLog
  readonly tail: Tail
  readonly recent: Recent
  readonly vetting: Vetting
  readonly attendance: Attendance
  readonly clock: Clock
  readonly counters: Counters
  /** Resolves when it is one's turn to read on. */
  readonly turn: TakeTurn
  readonly beat: (epoch: string, position: number) => Frame
  readonly report: (report: Report) => void
  readonly heartbeatMs: number
  readonly retryMs: number
  /** How long a client should stay away when the hub cannot serve it now, in milliseconds. */
  readonly awayMs: () => number
}

/** What makes one connection differ from another. */
export interface Visit {
  readonly user: string | null
  /** What it carries: granted, sorted, without duplicates. */
  readonly topics: readonly string[]
  /** Those of them that were asked for by name: it is there where it says so. */
  readonly present: readonly string[]
  /** Where it starts; left out: at the head. */
  readonly after?: string
  /** Called once, when nothing is left of it. */
  readonly onGone: () => void
}

// A Response that nobody reads, or a log that does not answer, must not hold a place for ever.
const LEASE_MS = 10_000
const READ_MS = 10_000
// From good-bye to the end, for a reader that does not take it: the kill switch promises a second.
const GRACE_MS = 500
const PAGE_EVENTS = 500
// Before another node's epoch has come round to this node's tail, or the other way round.
const CATCH_UP_MS = 50

/** Opens a connection. It begins when a sink is attached. */
export function openConnection({ user, topics, present, after, onGone }: Visit, hub: ConnectionHub): Connection {
  const { log, tail, recent, vetting, clock, counters, turn, heartbeatMs, retryMs, bufferBytes } = hub
  const filter: ReadonlySet<string> = new Set(topics)

  let phase: Phase = 'waiting'
  // Scanned and queued up to here. Only `live` may claim more: all that the tail has handed out.
  let epoch = ''
  let position = 0
  // The same without what waits in the queue and could be read again.
  let sent = 0
  let flushed = 0

  let isAttached = false
  let sizes = { bytes: 0, events: 0 }
  let stopPause = () => {}
  let stopBeat = () => {}
  let stay: Stay | undefined
  let stopLease = clock.after(LEASE_MS, () => vanish(true))
  const queue = createQueue(hub, (error) => {
    hub.report({ during: 'stream', error })
    vanish(true)
  })
  const ahead = createAhead(bufferBytes)

  const pause = (delayMs: number) =>
    new Promise<void>((resolve) => {
      const stop = clock.after(delayMs, resolve)
      stopPause = () => {
        stop()
        resolve()
      }
    })

  const release = (atOnce = false) => {
    tail.remove(connection)
    stay?.leave(atOnce)
    ahead.begin(undefined)
    stopBeat()
    stopPause()
    stopLease()
  }

  const vanish = (cut: boolean) => {
    if (phase === 'gone') return
    phase = 'gone'
    release()
    queue.close(cut)
    onGone()
  }

  const fail = (error: unknown) => {
    if (phase === 'ending' || phase === 'gone') return
    hub.report({
      during: 'replay',
      error,
      ...(epoch === '' ? {} : { cursor: formatCursor({ epoch, position }) }),
      ...(user === null ? {} : { user }),
    })
    connection.end('overloaded', hub.awayMs())
  }

  const ask = async (from: Cursor, isOfTail = true): Promise<FramedPage | LogGap> => {
    // About as many as fit, judged by those before: what does not fit is read again.
    const average = sizes.events > 0 ? sizes.bytes / sizes.events : 1
    const limit = Math.max(1, Math.min(PAGE_EVENTS, Math.ceil(bufferBytes() / average)))
    const known = isOfTail ? recent.page(from, filter, limit) : undefined
    // What it knows nothing of may be in the log already.
    if (known && known.through > from.position) return known
    ahead.begin(tail.at)
    const page = await within(clock, READ_MS, 'The log', log.read(from, { topics: filter, limit }))
    return page.gap ? page : { ...page, events: framed(page) }
  }

  // Encoded as they are taken: what does not fit is not.
  const framed = function* ({ epoch, events }: LogPage): Generator<Framed> {
    for (const event of events) {
      yield { topic: event.topic, position: event.position, frame: vetting.frame(epoch, event) }
    }
  }

  // The tail was joined before anything is read: an event appended between the two must not vanish.
  const open = async () => {
    await tail.join()
    if (phase !== 'waiting') return
    tail.add(connection)
    const cursor = after === undefined ? undefined : parseCursor(after)
    if (cursor) await turn()
    const head = await within(clock, READ_MS, 'The log', log.head())
    // Another log may stand there by now, of which the tail has not heard yet.
    const first = cursor && (await ask(cursor, cursor.epoch === head.epoch))
    if (phase !== 'waiting') return
    let start = cursor ?? head
    const gaps: Gap[] = []
    if (isGap(first)) start = first.gap.to
    const missed = isGap(first)
      ? first.gap
      : after !== undefined && !cursor
        ? { reason: 'epoch' as const, to: head }
        : undefined
    if (after !== undefined && missed && topics.length > 0) gaps.push(openingGap(after, topics, missed))
    counters.gaps += gaps.length
    epoch = start.epoch
    position = start.position
    queue.push(frameOf(syncText({ cursor: formatCursor(start), topics, gaps, user, heartbeatMs }, retryMs)), true)
    phase = 'reading'
    stopLease()
    stopBeat = clock.after(heartbeatMs, beat)
    stay = hub.attendance.enter(connection)
    if (first && !isGap(first)) await take(first)
    join()
    if (!isLive()) await read()
  }

  // An answer that reaches the place where the tail was at the question leaves nothing between itself and what came meanwhile.
  const join = () => {
    const early = phase === 'reading' ? ahead.after(epoch, position) : undefined
    // A reader that takes its time costs its queue, and no more.
    ahead.begin(undefined)
    if (!early) return
    for (const { frame, position: at } of early) {
      if (!makeRoom(frame)) return
      deliver(frame, at)
    }
    settlePosition()
  }

  const makeRoom = (frame: Frame) => {
    // What only waits for the end of the turn can go now.
    if (!queue.hasRoom(frame)) queue.flush(joinFrames)
    return queue.hasRoom(frame)
  }

  // What can be read again.
  const push = (frame: Frame) => {
    if (!queue.holds) sent = position
    queue.push(frame)
  }

  const deliver = (frame: Frame, at: number) => {
    push(frame)
    counters.delivered++
    position = at
  }

  // Asked right after a page, in the same breath: in the next, the tail may have moved on.
  const isLive = () => {
    if (phase === 'reading' && tail.at?.epoch === epoch && position >= tail.at.position) phase = 'live'
    return phase === 'live'
  }

  // Pulled by the reader: a page is read when what came before it has been taken, so that nothing is held for one who does not read.
  const read = async () => {
    while (phase === 'reading') {
      await queue.empty()
      if (phase !== 'reading') return
      const page = await ask({ epoch, position })
      if (phase !== 'reading') return
      const before = position
      if (isGap(page)) miss(page.gap)
      else await take(page)
      join()
      if (isLive()) return
      // A log that has nothing new for us while the tail is elsewhere is about to learn, or to tell, of a new epoch.
      await (isGap(page) || position > before ? turn() : pause(CATCH_UP_MS))
    }
  }

  const take = async (page: FramedPage) => {
    const flushes = flushed
    for (const { topic, position: at, frame: framed } of page.events) {
      // The log filters; what a user sees must not hang on that alone.
      if (!filter.has(topic)) continue
      const frame = framed instanceof Promise ? await framed : framed
      if (phase !== 'reading' || flushes !== flushed) return
      sizes = { bytes: sizes.bytes + frame.bytes.length, events: sizes.events + 1 }
      if (!queue.hasRoom(frame)) return
      deliver(frame, at)
    }
    position = page.through
  }

  const miss = ({ reason, to }: LogGap['gap']) => {
    counters.gaps++
    if (topics.length > 0) {
      const gap = { topics, from: formatCursor({ epoch, position }), to: formatCursor(to), reason }
      queue.push(frameOf(gapText(gap)), true)
    }
    epoch = to.epoch
    position = to.position
  }

  // All that the tail has handed out of its topics has been queued.
  const settlePosition = () => {
    if (tail.at && tail.at.epoch === epoch) position = Math.max(position, tail.at.position)
  }

  const goBack = () => {
    phase = 'reading'
    read().catch(fail)
  }

  const fallBehind = () => {
    settlePosition()
    goBack()
  }

  const beat = () => {
    stopBeat = clock.after(heartbeatMs, beat)
    // Nobody would read it before what waits already.
    if (queue.isBlocked) return
    if (phase === 'live') settlePosition()
    // First: into an empty queue, any snapshot fits.
    stay?.remind()
    push(hub.beat(epoch, position))
  }

  const connection: Connection = {
    user,
    topics,
    present,
    get phase() {
      return phase
    },
    get buffered() {
      return queue.buffered + ahead.bytes
    },

    attach(sink) {
      if (isAttached || phase === 'gone') return sink.destroy()
      isAttached = true
      if (phase === 'waiting') {
        stopLease()
        stopLease = clock.after(LEASE_MS, () => fail(new Error('The log did not answer in time.')))
        open().catch(fail)
      }
      queue.attach(sink)
    },
    flush() {
      if (!queue.holds || !queue.isBlocked || (phase !== 'live' && phase !== 'reading')) return false
      queue.drop()
      position = sent
      flushed++
      if (phase === 'live') goBack()
      return true
    },
    drained: queue.resume,
    closed: () => vanish(false),

    durable(frame, at) {
      if (phase !== 'live') return ahead.keep(frame, at)
      if (at <= position) return
      if (!makeRoom(frame)) {
        counters.fellBehind++
        return fallBehind()
      }
      deliver(frame, at)
    },
    ephemeral(passing) {
      if (phase !== 'live' && phase !== 'reading') return
      const outcome = queue.pass(passing)
      if (outcome === 'dropped') counters.dropped++
      else if (outcome === 'replaced') counters.coalesced++
      else counters.delivered++
    },
    tell: (passing) => queue.pass(passing) !== 'dropped',
    reset() {
      ahead.begin(undefined)
      if (phase === 'live') fallBehind()
    },

    end(reason, byeMs) {
      if (phase === 'ending' || phase === 'gone') return
      phase = 'ending'
      release(reason === 'revoked')
      // Who may not see it any more gets no more of it: not what waits here, nor what waits in a socket that is full.
      if (isWithdrawal(reason)) {
        queue.forget()
        if (queue.isStuck) return vanish(true)
      }
      stopLease = clock.after(GRACE_MS, () => vanish(true))
      queue.finish(frameOf(byeText(reason, byeMs)))
    },
  }
  return connection
}

function isGap(page: FramedPage | LogGap | undefined): page is LogGap {
  return page !== undefined && 'gap' in page && page.gap !== undefined
}

function isWithdrawal(reason: ByeReason): boolean {
  return reason === 'revoked' || reason === 'changed' || reason === 'expired'
}
