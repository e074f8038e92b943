// How a connection catches up: it reads on from its place, page by page as its reader takes them, until nothing is left between it and the tail.
import { formatCursor, type Gap, parseCursor } from '@sse-hub/core/contract'
import type { Counters } from '../counters.ts'
import type { Cursor, EventLog, LogGap, LogPage } from '../log.ts'
import type { Clock } from '../ports.ts'
import type { Vetting } from '../publishing/vetting.ts'
import type { Framed, FramedPage, Recent } from '../tail/recent.ts'
import type { Tail } from '../tail/tail.ts'
import type { TakeTurn } from '../time/turns.ts'
import { within } from '../time/within.ts'
import { type Frame, frameOf, gapText } from '../wire/frames.ts'
import { Ahead } from './ahead.ts'
import { openingGap } from './opening-gap.ts'
import type { PlacedQueue } from './placed-queue.ts'

/** What catching up takes from the hub. */
export interface CatchUpHub {
  readonly log: EventLog
  readonly tail: Tail
  readonly recent: Recent
  readonly vetting: Vetting
  readonly clock: Clock
  readonly counters: Counters
  /** Resolves when it is one's turn to read on. */
  readonly turn: TakeTurn
  /** What one may have waiting at present, in bytes. */
  readonly bufferBytes: () => number
  /** Has all that waits leave at the end of this turn, however soon that is after the last write: the next page is read when this one has left. */
  readonly hurry: () => void
}

/** Who catches up. */
export interface CatchUpOwner {
  readonly topics: readonly string[]
  /** It starts here, and lacks this. */
  begin(at: Cursor, gaps: readonly Gap[]): void
  /** It has caught up. */
  live(): void
}

const READ_MS = 10_000
const PAGE_EVENTS = 500
// Before another node's epoch has come round to this node's tail, or the other way round.
const CATCH_UP_MS = 50

const nothing = () => {}

/** One connection, catching up. Made when it begins to, and let go when it is live. */
export class CatchUp {
  readonly #hub: CatchUpHub
  readonly #owner: CatchUpOwner
  readonly #queue: PlacedQueue
  readonly #filter: ReadonlySet<string>
  // While it waits for the log.
  #ahead: Ahead | undefined
  #flushed = 0
  #isOver = false
  #stopPause = nothing

  constructor(hub: CatchUpHub, owner: CatchUpOwner, queue: PlacedQueue) {
    this.#hub = hub
    this.#owner = owner
    this.#queue = queue
    this.#filter = new Set(owner.topics)
  }

  /** Bytes that are kept apart. */
  get bytes(): number {
    return this.#ahead?.bytes ?? 0
  }

  /** Has its owner begin after this cursor, or else where it can, and reads on. */
  async open(after: string | undefined) {
    const { log, clock, turn } = this.#hub
    const { topics } = this.#owner
    const cursor = after === undefined ? undefined : parseCursor(after)
    if (cursor) await turn()
    const head = await within(clock, READ_MS, 'The log', log.head())
    // Another log may stand there by now, of which the tail has not heard yet.
    const first = cursor && (await this.#ask(cursor, cursor.epoch === head.epoch))
    if (this.#isOver) return
    let start = cursor ?? head
    const gaps: Gap[] = []
    if (isGap(first)) start = first.gap.to
    const missed = isGap(first)
      ? first.gap
      : after !== undefined && !cursor
        ? { reason: 'epoch' as const, to: head }
        : undefined
    if (after !== undefined && missed && topics.length > 0) gaps.push(openingGap(after, topics, missed))
    this.#owner.begin(start, gaps)
    if (first && !isGap(first)) await this.#take(first)
    this.#join()
    this.#hub.hurry()
    if (!this.#hasMet()) await this.read()
  }

  /** Reads on, pulled by the reader: a page is read when what came before it has been taken, so that nothing is held for one who does not read. */
  async read() {
    const queue = this.#queue
    while (!this.#isOver) {
      await queue.empty()
      if (this.#isOver) return
      const page = await this.#ask(queue.at)
      if (this.#isOver) return
      const before = queue.position
      if (isGap(page)) this.#miss(page.gap)
      else await this.#take(page)
      this.#join()
      this.#hub.hurry()
      if (this.#hasMet()) return
      // A log that has nothing new for us while the tail is elsewhere is about to learn, or to tell, of a new epoch.
      await (isGap(page) || queue.position > before ? this.#hub.turn() : this.#pause(CATCH_UP_MS))
    }
  }

  /** Keeps apart, while it waits for the log, what the tail hands out. */
  keep(frame: Frame, position: number) {
    this.#ahead?.keep(frame, position)
  }

  /** Forgets that: the tail has left out something. */
  reset() {
    this.#ahead = undefined
  }

  /** What was taken of the page at hand has been dropped: the rest must not follow it. */
  flushed() {
    this.#flushed++
  }

  /** Reads no more. May be called twice. */
  stop() {
    this.#isOver = true
    this.#ahead = undefined
    this.#stopPause()
  }

  async #ask(from: Cursor, isOfTail = true): Promise<FramedPage | LogGap> {
    const { log, tail, recent, clock, bufferBytes } = this.#hub
    const filter = this.#filter
    // About as many as fit, judged by those before: what does not fit is read again.
    const limit = Math.max(1, Math.min(PAGE_EVENTS, Math.ceil(bufferBytes() / this.#queue.averageBytes)))
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

  async #take(page: FramedPage) {
    const flushes = this.#flushed
    for (const { topic, position, frame: framed } of page.events) {
      // The log filters; what a user sees must not hang on that alone.
      if (!this.#filter.has(topic)) continue
      const frame = framed instanceof Promise ? await framed : framed
      if (this.#isOver || flushes !== this.#flushed) return
      if (!this.#queue.take(frame, position)) return
      this.#hub.counters.delivered++
    }
    this.#queue.moveTo({ ...this.#queue.at, position: page.through })
  }

  #miss({ reason, to }: LogGap['gap']) {
    const { topics } = this.#owner
    const queue = this.#queue
    this.#hub.counters.gaps++
    if (topics.length > 0) {
      queue.push(frameOf(gapText({ topics, from: formatCursor(queue.at), to: formatCursor(to), reason })), true)
    }
    queue.moveTo(to)
  }

  // An answer that reaches the place where the tail was at the question leaves nothing between itself and what came meanwhile.
  #join() {
    const { counters, tail } = this.#hub
    const queue = this.#queue
    const { epoch, position } = queue.at
    const early = this.#ahead?.after(epoch, position)
    // A reader that takes its time costs its queue, and no more.
    this.#ahead = undefined
    if (!early) return
    for (const { frame, position } of early) {
      if (!queue.makeRoom(frame)) return
      queue.deliver(frame, position)
      counters.delivered++
    }
    queue.reach(tail.at)
  }

  // Asked right after a page, in the same breath: in the next, the tail may have moved on.
  #hasMet() {
    const { at: end } = this.#hub.tail
    const { epoch, position } = this.#queue.at
    if (!this.#isOver && end?.epoch === epoch && position >= end.position) {
      this.#isOver = true
      this.#owner.live()
    }
    return this.#isOver
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
}

function isGap(page: FramedPage | LogGap | undefined): page is LogGap {
  return page !== undefined && 'gap' in page && page.gap !== undefined
}
