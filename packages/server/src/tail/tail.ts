// The fan-out: follows the end of the log once for the whole hub, and hands each event to those who read its topic.

import type { Cursor, EventLog, LogEvent } from '../log.ts'
import type { Report } from '../options.ts'
import type { Clock } from '../ports.ts'
import type { Passing, PlacedEvent, Vetting } from '../publishing/vetting.ts'
import { within } from '../time/within.ts'
import type { Frame } from '../wire/frames.ts'
import type { Recent } from './recent.ts'

/** Who hears of new events: a connection, or a page that waits. */
export interface Listener {
  /** What it hears of. */
  readonly topics: readonly string[]
  /** A durable event of its topics, in log order. `at` of the tail is still the place before it. */
  durable(frame: Frame, position: number): void
  /** An ephemeral event of its topics. */
  ephemeral(passing: Passing): void
  /** The tail has left out something, and goes on elsewhere: only the log can tell what. `at` of the tail is still the place before. */
  reset(): void
}

/** The hub's end of the log. */
export interface Tail {
  /** Joins the log's tail if that has not happened. Rejects when the log cannot be followed; the next call tries again. */
  join(): Promise<void>
  /** Every durable event up to here has been handed out. Undefined before it has joined. */
  readonly at: Cursor | undefined
  /** Begins to hand events to the listener. */
  add(listener: Listener): void
  /** Ends that. May be called twice. */
  remove(listener: Listener): void
  /** Leaves the log's tail for good. */
  close(): void
}

/** Those who read one topic. */
type Hearers = ReadonlySet<Listener> | undefined

const JOIN_MS = 10_000

/** Makes the tail of a log. */
export function createTail({
  log,
  vetting,
  recent,
  clock,
  report,
}: {
  readonly log: EventLog
  readonly vetting: Vetting
  /** Is given every durable event that is handed out. */
  readonly recent: Recent
  readonly clock: Clock
  readonly report: (report: Report) => void
}): Tail {
  const all = new Set<Listener>()
  const listeners = new Map<string, Set<Listener>>()
  let joining: Promise<void> | undefined
  let stop: (() => void) | undefined
  let closed = false
  let at: Cursor | undefined
  // Durable events behind one whose validator is asynchronous wait for it, or their order would be lost.
  const waiting: { readonly event: PlacedEvent; readonly frame: Frame | Promise<Frame> | undefined }[] = []

  const handOut = (epoch: string, event: PlacedEvent, frame: Frame | undefined, hearers: Hearers) => {
    if (frame) tell(hearers, (listener) => listener.durable(frame, event.position))
    recent.keep(event)
    at = { epoch, position: event.position }
  }

  const durable = (event: PlacedEvent) => {
    if (!at || event.position <= at.position) return
    const hearers = listeners.get(event.topic)
    const frame = hearers && vetting.frame(at.epoch, event)
    if (waiting.length === 0 && !(frame instanceof Promise)) return handOut(at.epoch, event, frame, hearers)
    waiting.push({ event, frame })
    if (waiting.length === 1) void pump()
  }

  const pump = async () => {
    for (let next = waiting[0]; next; next = waiting[0]) {
      let frame = await next.frame
      // Somebody may read its topic by now, and stand before it.
      while (!frame && listeners.has(next.event.topic)) frame = await vetting.frame(at?.epoch ?? '', next.event)
      // A reset has emptied it meanwhile.
      if (waiting[0] !== next || !at) continue
      waiting.shift()
      handOut(at.epoch, next.event, frame, listeners.get(next.event.topic))
    }
  }

  const ephemeral = (event: LogEvent) => {
    const hearers = listeners.get(event.topic)
    if (!hearers) return
    const deliver = (passing: Passing | undefined) => {
      if (passing) tell(listeners.get(event.topic), (listener) => listener.ephemeral(passing))
    }
    const passing = vetting.passing(event)
    if (passing instanceof Promise) void passing.then(deliver)
    else deliver(passing)
  }

  const tell = (hearers: Hearers, say: (listener: Listener) => void) => {
    for (const listener of hearers ?? []) {
      try {
        say(listener)
      } catch (error) {
        // One listener's failure is not another's.
        report({ during: 'tail', error })
      }
    }
  }

  const join = async () => {
    let failed = false
    // The log may speak before it has answered where we joined: what it says then is after that place, and must not vanish.
    const early: (() => void)[] = []
    const hear = (handle: () => void) => {
      if (closed || failed) return
      if (at) handle()
      else early.push(handle)
    }
    const answer = log.tail({
      events: (events) =>
        hear(() => {
          for (const event of events) {
            if (isPlaced(event)) durable(event)
            else ephemeral(event)
          }
        }),
      reset: ({ to }) =>
        hear(() => {
          waiting.length = 0
          tell(all, (listener) => listener.reset())
          recent.begin(to)
          at = to
        }),
    })
    // One that comes too late must not stay.
    answer.then(
      ({ stop }) => {
        if (closed || failed) stop()
      },
      () => {},
    )
    try {
      const joined = await within(clock, JOIN_MS, 'The tail of the log', answer)
      recent.begin(joined.from)
      at = joined.from
      stop = joined.stop
      for (const handle of early) handle()
    } catch (error) {
      failed = true
      joining = undefined
      report({ during: 'tail', error })
      throw error
    }
  }

  return {
    join() {
      joining ??= join()
      return joining
    },
    get at() {
      return at
    },
    add(listener) {
      all.add(listener)
      for (const topic of listener.topics) listeners.set(topic, (listeners.get(topic) ?? new Set()).add(listener))
    },
    remove(listener) {
      all.delete(listener)
      for (const topic of listener.topics) {
        const some = listeners.get(topic)
        some?.delete(listener)
        if (some?.size === 0) listeners.delete(topic)
      }
    },
    close() {
      closed = true
      waiting.length = 0
      stop?.()
    },
  }
}

function isPlaced(event: LogEvent): event is PlacedEvent {
  return event.position !== undefined
}
