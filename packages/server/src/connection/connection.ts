// The hub's side of one open stream: once it has caught up it lives off the tail, until it ends or its reader falls behind.
import { type ByeReason, formatCursor, type Gap } from '@sse-hub/core/contract'
import type { Cursor } from '../log.ts'
import type { Report } from '../options.ts'
import type { Passing } from '../publishing/vetting.ts'
import type { Listener } from '../tail/tail.ts'
import type { Rounds } from '../time/rounds.ts'
import type { Outlet, Sink } from '../wire/body.ts'
import { byeText, type Frame, frameOf, syncText } from '../wire/frames.ts'
import { CatchUp, type CatchUpHub, type CatchUpOwner } from './catching-up.ts'
import { PlacedQueue } from './placed-queue.ts'
import type { Attendance, Guest, Stay } from './presence.ts'
import type { QueueHub, QueueOwner } from './queue.ts'
import type { Member } from './roster.ts'

/**
 * `waiting`: nobody reads it yet, or its first block is not written yet; `reading`: it is catching up; `live`: it has caught up, and
 * queues what the tail hands out; `ending`: it has said good-bye; `gone`.
 */
type Phase = 'waiting' | 'reading' | 'live' | 'ending' | 'gone'

/** What a connection takes from its hub. */
export interface ConnectionHub extends QueueHub, CatchUpHub {
  readonly attendance: Attendance
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
// From good-bye to the end, for a reader that does not take it: the kill switch promises a second.
const GRACE_MS = 500

const nothing = () => {}

/** One open stream. It begins when a sink is attached. */
export class Connection implements Member, Listener, Outlet, QueueOwner, CatchUpOwner, Required<Guest> {
  readonly user: string | null
  readonly topics: readonly string[]
  readonly present: readonly string[]
  readonly #hub: ConnectionHub
  readonly #owner: ConnectionOwner
  readonly #queue: PlacedQueue
  #after: string | undefined

  #phase: Phase = 'waiting'
  #isAttached = false
  // Until it is live.
  #catchUp: CatchUp | undefined
  #stay: Stay | undefined
  #stopLease: () => void

  constructor({ user, topics, present, after, owner }: Visit, hub: ConnectionHub) {
    this.user = user
    this.topics = topics
    this.present = present
    this.#after = after
    this.#owner = owner
    this.#hub = hub
    this.#queue = new PlacedQueue(hub, this)
    this.#stopLease = hub.clock.after(LEASE_MS, () => this.#vanish(true))
  }

  get phase(): Phase {
    return this.#phase
  }

  get buffered(): number {
    return this.#queue.buffered + (this.#catchUp?.bytes ?? 0)
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
    if (this.#phase !== 'live') return this.#catchUp?.keep(frame, at)
    if (at <= this.#queue.position) return
    if (!this.#queue.makeRoom(frame)) {
      this.#hub.counters.fellBehind++
      return this.#fallBehind()
    }
    this.#queue.deliver(frame, at)
    this.#hub.counters.delivered++
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
    this.#catchUp?.reset()
    if (this.#phase === 'live') this.#fallBehind()
  }

  /** Shows a sign of life. */
  beat() {
    const queue = this.#queue
    // Nobody would read it before what waits already.
    if (queue.isBlocked) return
    if (this.#phase === 'live') queue.reach(this.#hub.tail.at)
    // First: into an empty queue, any snapshot fits.
    this.#stay?.remind()
    const { epoch, position } = queue.at
    queue.show(this.#hub.beat(epoch, position))
  }

  flush(): boolean {
    const queue = this.#queue
    if (!queue.holds || !queue.isBlocked || (this.#phase !== 'live' && this.#phase !== 'reading')) return false
    queue.goBack()
    this.#catchUp?.flushed()
    if (this.#phase === 'live') this.#read()
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

  begin(at: Cursor, gaps: readonly Gap[]) {
    const { attendance, counters, heartbeats, heartbeatMs, retryMs } = this.#hub
    const { user, topics } = this
    counters.gaps += gaps.length
    this.#after = undefined
    this.#queue.moveTo(at)
    const sync = syncText({ cursor: formatCursor(at), topics, gaps, user, heartbeatMs }, retryMs)
    this.#queue.push(frameOf(sync), true)
    this.#phase = 'reading'
    this.#endLease()
    heartbeats.enter(this)
    this.#stay = attendance.enter(this)
  }

  live() {
    this.#phase = 'live'
    this.#catchUp = undefined
  }

  // The tail was joined before anything is read: an event appended between the two must not vanish.
  async #open() {
    const { tail } = this.#hub
    await tail.join()
    if (this.#phase !== 'waiting') return
    tail.add(this)
    this.#catchUp = new CatchUp(this.#hub, this, this.#queue)
    await this.#catchUp.open(this.#after)
  }

  #fallBehind() {
    this.#queue.reach(this.#hub.tail.at)
    this.#read()
  }

  #read() {
    this.#phase = 'reading'
    this.#catchUp = new CatchUp(this.#hub, this, this.#queue)
    this.#catchUp.read().catch((error) => this.#fail(error))
  }

  #fail(error: unknown) {
    if (this.#phase === 'ending' || this.#phase === 'gone') return
    const { at } = this.#queue
    this.#hub.report({
      during: 'replay',
      error,
      ...(at.epoch === '' ? {} : { cursor: formatCursor(at) }),
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
    this.#catchUp?.stop()
    this.#catchUp = undefined
    this.#hub.heartbeats.leave(this)
    this.#endLease()
  }

  #endLease() {
    this.#stopLease()
    // It would hold on to its timer.
    this.#stopLease = nothing
  }
}

function isWithdrawal(reason: ByeReason): boolean {
  return reason === 'revoked' || reason === 'changed' || reason === 'expired'
}
