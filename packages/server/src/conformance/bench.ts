// What the cases of the conformance suite stand on: a log to try, a clock that can be moved ahead, and the few steps they share.
import assert from 'node:assert/strict'
import { HubError } from '@sse-hub/core/contract'
import type { Cursor, EventLog, LogEvent, LogGap, LogPage, NewEvent, ProducerMark } from '../log.ts'
import { type Clock, platform } from '../ports.ts'

/** How the suite wants a log to be made. Pass on what your log has an option for. */
export interface LogTestOptions {
  /** The most events to keep. */
  readonly maxEvents?: number
  /** The most bytes of payload to keep. */
  readonly maxBytes?: number
  /** How long to keep an event, in milliseconds. */
  readonly maxAgeMs?: number
  /** The most producers of one user to remember. */
  readonly maxProducersPerUser?: number
  /** The real clock, which a case may move ahead. */
  readonly clock: Clock
  /** Takes what listeners throw on purpose. */
  readonly onError: (error: unknown) => void
}

/** A log that was made for one case. */
export interface LogUnderTest {
  /** The log. */
  readonly log: EventLog
  /** Closes the log and opens it again on what it has kept, as a restart does. Left out by a log that keeps nothing. */
  readonly restart?: () => EventLog | Promise<EventLog>
  /** Makes every append fail from now on, for a reason that is the log's own, as a full disk does; the answer mends it. */
  readonly fault?: () => (() => void) | Promise<() => void>
  /** Cleans up after the case. */
  readonly dispose?: () => void | Promise<void>
}

/** What a case works with. */
interface Bench {
  /** The log to try; empty at first. */
  readonly log: EventLog
  /** Moves the log's clock ahead. */
  skip(ms: number): void
  /** Restarts the log. Only in cases that say `needs: 'restart'`. */
  restart(): Promise<EventLog>
  /** Breaks the log; the answer mends it. Only in cases that say `needs: 'fault'`. */
  fault(): Promise<() => void>
}

/** One thing that holds for every log. */
export interface LogCase {
  /** The sentence that holds. */
  readonly name: string
  /** Bounds for the log. Default: its own. */
  readonly bounds?: Pick<LogTestOptions, 'maxEvents' | 'maxBytes' | 'maxAgeMs' | 'maxProducersPerUser'>
  /** What only some logs can do. */
  readonly needs?: 'restart' | 'fault'
  /** Rejects if it does not hold. */
  readonly run: (bench: Bench) => Promise<void>
}

/** A clock that runs like the real one, and can be moved ahead. */
export function skippingClock(): { readonly clock: Clock; skip(ms: number): void } {
  let ahead = 0
  return {
    clock: { ...platform.clock, now: () => platform.clock.now() + ahead },
    skip(ms) {
      ahead += ms
    },
  }
}

/** An event to append. */
export function draft(id: string, { topic = 'board:7', text = id }: { topic?: string; text?: string } = {}): NewEvent {
  return { type: 'card.moved', topic, id, at: 1_767_225_600_000, json: JSON.stringify({ data: { text }, topic, id }) }
}

/** Several of them, named by number. */
export function drafts(count: number, prefix = 'e'): NewEvent[] {
  return Array.from({ length: count }, (_, index) => draft(`${prefix}${index}`))
}

/** The step of a producer that accepts, or refuses, its emit. */
export function mark(seq: number, more: Partial<ProducerMark> = {}): ProducerMark {
  return { user: 'u1', producer: 'p-00000001', seq, result: { id: `emit-${seq}` }, ...more }
}

/** What is expected to be told when a seq is not the next one. */
export function outOfOrder(expected: number): (error: unknown) => true {
  return (error) => {
    assert(error instanceof HubError, `a HubError was expected, not ${error}`)
    assert.equal(error.code, 'out_of_order')
    assert.equal(error.retryable, true)
    assert.equal(error.details.expected, expected)
    return true
  }
}

/** Follows a log and takes down what it hears. */
export async function follow(log: EventLog) {
  const calls: (readonly LogEvent[])[] = []
  const resets: LogGap['gap'][] = []
  const { from, stop } = await log.tail({
    events: (events) => void calls.push(events),
    reset: (gap) => void resets.push(gap),
  })
  return { from, stop, calls, resets, heard: () => calls.flat(), ids: () => calls.flat().map(({ id }) => id) }
}

/** A page that is no gap. */
export function page(answer: LogPage | LogGap): LogPage {
  assert(!answer.gap, `a page was expected, not the gap ${JSON.stringify(answer.gap)}`)
  return answer
}

/** Reads page by page to the head, and checks that each page is in order, within its limit, and moves on. */
export async function readAll(log: EventLog, after: Cursor, { topics = ['board:7'], limit = 500 } = {}) {
  const events: (LogEvent & { readonly position: number })[] = []
  const head = await log.head()
  for (let at = after; at.position < head.position; ) {
    const { epoch, events: some, through } = page(await log.read(at, { topics: new Set(topics), limit }))
    assert.equal(epoch, after.epoch)
    assert(some.length <= limit, 'a page holds no more than its limit')
    assert(through > at.position, 'a page that is not at the head moves on')
    for (const event of some) {
      assert(
        event.position > (events.at(-1)?.position ?? after.position) && event.position <= through,
        'events are in order, and not beyond `through`',
      )
      events.push(event)
    }
    at = { epoch, position: through }
  }
  return events
}

/** The beginning of the log. */
export async function start(log: EventLog): Promise<Cursor> {
  return { epoch: (await log.head()).epoch, position: 0 }
}

/** Waits until it is so. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 2) {
    assert(waited < 1_000, `it never came to this: ${what}`)
    await new Promise<void>((resolve) => void platform.clock.after(2, resolve))
  }
}
