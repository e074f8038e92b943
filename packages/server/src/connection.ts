// The hub's side of one open stream: it reads on from its cursor until it has caught up with the tail, then lives off the tail.
import { type ByeReason, formatCursor, type Gap, parseCursor } from '@sse-hub/core/contract'
import { Ahead } from './ahead.ts'
import { openingGap } from './asked.ts'
import type { Outlet, Sink } from './body.ts'
import type { Counters } from './counters.ts'
import { byeText, type Frame, frameOf, gapText, joinFrames, syncText } from './frames.ts'
import type { Cursor, EventLog, LogGap, LogPage } from './log.ts'
import type { Report } from './options.ts'
import type { Clock } from './ports.ts'
import type { Attendance, Guest, Stay } from './presence.ts'
import { Queue, type QueueHub, type QueueOwner } from './queue.ts'
import type { Framed, FramedPage, Recent } from './recent.ts'
import type { Member } from './roster.ts'
import type { Rounds } from './rounds.ts'
import type { Listener, Tail } from './tail.ts'
import type { TakeTurn } from './turns.ts'
import type { Passing, Vetting } from './vetting.ts'
import { within } from './within.ts'

/**
 * `waiting`: nobody reads it yet, or its first block is not written yet; `reading`: it reads the log on from its position, and keeps
 * apart, while it waits for an answer, what the tail hands out; `live`: it has caught up, and queues what the tail hands out; `ending`: it has said good-bye; `gone`.
 */
type Phase = 'waiting' | 'reading' | 'live' | 'ending' | 'gone'

/** What a connection takes from its hub. */
export interface ConnectionHub extends QueueHub {
  readonly log: EventLog
  readonly tail: Tail
  readonly recent: Recent
  readonly vetting: Vetting
  readonly clock: Clock
  readonly attendance: Attendance
  readonly counters: Counters
  /** Resolves when it is one's turn to read on. */
  readonly turn: TakeTurn
  /** Calls `beat` of those who have begun, again and again. */
  readonly heartbeats: Rounds<Connection>
  readonly beat: (epoch: string, position: number) => Frame
  readonly report: (report: Report) => void
  readonly heartbeatMs: number
  readonly retryMs: number
  /** How long a client should stay away when the hub cannot serve it now, in milliseconds. */
  readonly awayMs: () => number
}

/** Whose connection it is. */
export interface ConnectionOwner {
  /** Nothing is left of it. Called once. */
  gone(): void
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
  readonly owner: ConnectionOwner
}

// A Response that nobody reads, or a log that does not answer, must not hold a place for ever.
const LEASE_MS = 10_000
const READ_MS = 10_000
// From good-bye to the end, for a reader that does not take it: the kill switch promises a second.
const GRACE_MS = 500
const PAGE_EVENTS = 500
// Before another node's epoch has come round to this node's tail, or the other way round.
const CATCH_UP_MS = 50

const nothing = () => {}

/** One open stream. It begins when a sink is attached. */
export class Connection implements Member, Listener, Outlet, QueueOwner, Required<Guest> {
  readonly user: string | null
  readonly topics: readonly string[]
  readonly present: readonly string[]
  readonly #hub: ConnectionHub
  readonly #owner: ConnectionOwner
  readonly #queue: Queue
  #after: string | undefined

  #phase: Phase = 'waiting'
  // Scanned and queued up to here. Only `live` may claim more: all that the tail has handed out.
  #epoch = ''
  #position = 0
  // The same without what waits in the queue and could be read again.
  #sent = 0
  #flushed = 0

  #isAttached = false
  // Of all that was read, to judge by how much to ask for.
  #readBytes = 0
  #readEvents = 0
  // While it waits for the log.
  #ahead: Ahead | undefined
  #stay: Stay | undefined
  #stopPause = nothing
  #stopLease: () => void

  constructor({ user, topics, present, after, owner }: Visit, hub: ConnectionHub) {
    this.user = user
    this.topics = topics
    this.present = present
    this.#after = after
    this.#owner = owner
    this.#hub = hub
    this.#queue = new Queue(hub, this)
    this.#stopLease = hub.clock.after(LEASE_MS, () => this.#vanish(true))
  }

  get phase(): Phase {
    return this.#phase
  }

  get buffered(): number {
    return this.#queue.buffered + (this.#ahead?.bytes ?? 0)
  }

  attach(sink: Sink) {
    if (this.#isAttached || this.#phase === 'gone') return sink.destroy()
    this.#isAttached = true
    if (this.#phase === 'waiting') {
      this.#stopLease()
      this.#stopLease = this.#hub.clock.after(LEASE_MS, () => this.#fail(new Error('The log did not answer in time.')))
      this.#open().catch((error) => this.#fail(error))
    }
    this.#queue.attach(sink)
  }

  drained() {
    this.#queue.resume()
  }

  closed() {
    this.#vanish(false)
  }

  failed(error: unknown) {
    this.#hub.report({ during: 'stream', error })
    this.#vanish(true)
  }

  displaced() {
    this.#hub.counters.dropped++
  }

  durable(frame: Frame, at: number) {
    if (this.#phase !== 'live') return this.#ahead?.keep(frame, at)
    if (at <= this.#position) return
    if (!this.#makeRoom(frame)) {
      this.#hub.counters.fellBehind++
      return this.#fallBehind()
    }
    this.#deliver(frame, at)
  }

  ephemeral(passing: Passing) {
    if (this.#phase !== 'live' && this.#phase !== 'reading') return
    const { counters } = this.#hub
    const outcome = this.#queue.pass(passing)
    if (outcome === 'dropped') counters.dropped++
    else if (outcome === 'replaced') counters.coalesced++
    else counters.delivered++
  }

  tell(passing: Passing) {
    return this.#queue.pass(passing) !== 'dropped'
  }

  reset() {
    this.#ahead = undefined
    if (this.#phase === 'live') this.#fallBehind()
  }

  /** Shows a sign of life. */
  beat() {
    // Nobody would read it before what waits already.
    if (this.#queue.isBlocked) return
    if (this.#phase === 'live') this.#settlePosition()
    // First: into an empty queue, any snapshot fits.
    this.#stay?.remind()
    this.#push(this.#hub.beat(this.#epoch, this.#position))
  }

  flush(): boolean {
    const queue = this.#queue
    if (!queue.holds || !queue.isBlocked || (this.#phase !== 'live' && this.#phase !== 'reading')) return false
    queue.drop()
    this.#position = this.#sent
    this.#flushed++
    if (this.#phase === 'live') this.#goBack()
    return true
  }

  end(reason: ByeReason, byeMs: number) {
    if (this.#phase === 'ending' || this.#phase === 'gone') return
    this.#phase = 'ending'
    this.#release(reason === 'revoked')
    // Who may not see it any more gets no more of it: not what waits here, nor what waits in a socket that is full.
    if (isWithdrawal(reason)) {
      this.#queue.forget()
      if (this.#queue.isStuck) return this.#vanish(true)
    }
    this.#stopLease = this.#hub.clock.after(GRACE_MS, () => this.#vanish(true))
    this.#queue.finish(frameOf(byeText(reason, byeMs)))
  }

  // The tail was joined before anything is read: an event appended between the two must not vanish.
  async #open() {
    const { log, tail, clock, counters, turn, heartbeatMs, retryMs } = this.#hub
    const { user, topics } = this
    const after = this.#after
    await tail.join()
    if (this.#phase !== 'waiting') return
    tail.add(this)
    const cursor = after === undefined ? undefined : parseCursor(after)
    if (cursor) await turn()
    const head = await within(clock, READ_MS, 'The log', log.head())
    const filter = new Set(topics)
    // Another log may stand there by now, of which the tail has not heard yet.
    const first = cursor && (await this.#ask(cursor, filter, cursor.epoch === head.epoch))
    if (this.#phase !== 'waiting') return
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
    this.#epoch = start.epoch
    this.#position = start.position
    this.#after = undefined
    const sync = syncText({ cursor: formatCursor(start), topics, gaps, user, heartbeatMs }, retryMs)
    this.#queue.push(frameOf(sync), true)
    this.#phase = 'reading'
    this.#endLease()
    this.#hub.heartbeats.enter(this)
    this.#stay = this.#hub.attendance.enter(this)
    if (first && !isGap(first)) await this.#take(first, filter)
    this.#join()
    if (!this.#isLive()) await this.#read()
  }

  // Pulled by the reader: a page is read when what came before it has been taken, so that nothing is held for one who does not read.
  async #read() {
    const filter = new Set(this.topics)
    while (this.#phase === 'reading') {
      await this.#queue.empty()
      if (this.#phase !== 'reading') return
      const page = await this.#ask({ epoch: this.#epoch, position: this.#position }, filter)
      if (this.#phase !== 'reading') return
      const before = this.#position
      if (isGap(page)) this.#miss(page.gap)
      else await this.#take(page, filter)
      this.#join()
      if (this.#isLive()) return
      // A log that has nothing new for us while the tail is elsewhere is about to learn, or to tell, of a new epoch.
      await (isGap(page) || this.#position > before ? this.#hub.turn() : this.#pause(CATCH_UP_MS))
    }
  }

  async #ask(from: Cursor, filter: ReadonlySet<string>, isOfTail = true): Promise<FramedPage | LogGap> {
    const { log, tail, recent, clock, bufferBytes } = this.#hub
    // About as many as fit, judged by those before: what does not fit is read again.
    const average = this.#readEvents > 0 ? this.#readBytes / this.#readEvents : 1
    const limit = Math.max(1, Math.min(PAGE_EVENTS, Math.ceil(bufferBytes() / average)))
    const known = isOfTail ? recent.page(from, filter, limit) : undefined
    // What it knows nothing of may be in the log already.
    if (known && known.through > from.position) return known
    this.#ahead = tail.at && new Ahead(tail.at, bufferBytes)
    const page = await within(clock, READ_MS, 'The log', log.read(from, { topics: filter, limit }))
    return page.gap ? page : { ...page, events: this.#framed(page) }
  }

  // Encoded as they are taken: what does not fit is not.
  *#framed({ epoch, events }: LogPage): Generator<Framed> {
    for (const event of events) {
      yield { topic: event.topic, position: event.position, frame: this.#hub.vetting.frame(epoch, event) }
    }
  }

  async #take(page: FramedPage, filter: ReadonlySet<string>) {
    const flushes = this.#flushed
    for (const { topic, position: at, frame: framed } of page.events) {
      // The log filters; what a user sees must not hang on that alone.
      if (!filter.has(topic)) continue
      const frame = framed instanceof Promise ? await framed : framed
      if (this.#phase !== 'reading' || flushes !== this.#flushed) return
      this.#readBytes += frame.length
      this.#readEvents++
      if (!this.#queue.hasRoom(frame)) return
      this.#deliver(frame, at)
    }
    this.#position = page.through
  }

  #miss({ reason, to }: LogGap['gap']) {
    const { topics } = this
    this.#hub.counters.gaps++
    if (topics.length > 0) {
      const from = formatCursor({ epoch: this.#epoch, position: this.#position })
      this.#queue.push(frameOf(gapText({ topics, from, to: formatCursor(to), reason })), true)
    }
    this.#epoch = to.epoch
    this.#position = to.position
  }

  // An answer that reaches the place where the tail was at the question leaves nothing between itself and what came meanwhile.
  #join() {
    const early = this.#phase === 'reading' ? this.#ahead?.after(this.#epoch, this.#position) : undefined
    // A reader that takes its time costs its queue, and no more.
    this.#ahead = undefined
    if (!early) return
    for (const { frame, position: at } of early) {
      if (!this.#makeRoom(frame)) return
      this.#deliver(frame, at)
    }
    this.#settlePosition()
  }

  // Asked right after a page, in the same breath: in the next, the tail may have moved on.
  #isLive() {
    const { at } = this.#hub.tail
    if (this.#phase === 'reading' && at?.epoch === this.#epoch && this.#position >= at.position) this.#phase = 'live'
    return this.#phase === 'live'
  }

  #fallBehind() {
    this.#settlePosition()
    this.#goBack()
  }

  #goBack() {
    this.#phase = 'reading'
    this.#read().catch((error) => this.#fail(error))
  }

  // All that the tail has handed out of its topics has been queued.
  #settlePosition() {
    const { at } = this.#hub.tail
    if (at && at.epoch === this.#epoch) this.#position = Math.max(this.#position, at.position)
  }

  #makeRoom(frame: Frame) {
    // What only waits for the end of the turn can go now.
    if (!this.#queue.hasRoom(frame)) this.#queue.flush(joinFrames)
    return this.#queue.hasRoom(frame)
  }

  #deliver(frame: Frame, at: number) {
    this.#push(frame)
    this.#hub.counters.delivered++
    this.#position = at
  }

  // What can be read again.
  #push(frame: Frame) {
    if (!this.#queue.holds) this.#sent = this.#position
    this.#queue.push(frame)
  }

  #pause(delayMs: number) {
    return new Promise<void>((resolve) => {
      const stop = this.#hub.clock.after(delayMs, resolve)
      this.#stopPause = () => {
        stop()
        resolve()
      }
    })
  }

  #fail(error: unknown) {
    if (this.#phase === 'ending' || this.#phase === 'gone') return
    this.#hub.report({
      during: 'replay',
      error,
      ...(this.#epoch === '' ? {} : { cursor: formatCursor({ epoch: this.#epoch, position: this.#position }) }),
      ...(this.user === null ? {} : { user: this.user }),
    })
    this.end('overloaded', this.#hub.awayMs())
  }

  #vanish(cut: boolean) {
    if (this.#phase === 'gone') return
    this.#phase = 'gone'
    this.#release()
    this.#queue.close(cut)
    this.#owner.gone()
  }

  #release(atOnce = false) {
    this.#hub.tail.remove(this)
    this.#stay?.leave(atOnce)
    this.#ahead = undefined
    this.#hub.heartbeats.leave(this)
    this.#stopPause()
    this.#endLease()
  }

  #endLease() {
    this.#stopLease()
    // It would hold on to its timer.
    this.#stopLease = nothing
  }
}

function isGap(page: FramedPage | LogGap | undefined): page is LogGap {
  return page !== undefined && 'gap' in page && page.gap !== undefined
}

function isWithdrawal(reason: ByeReason): boolean {
  return reason === 'revoked' || reason === 'changed' || reason === 'expired'
}
