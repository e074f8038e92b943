// The log that lives in memory: for development, tests and hubs whose clients may be told of a gap when the process restarts.

import type { EventLog, LogEvent, LogGap, NewEvent } from '../log.ts'
import { type Clock, complain, platform, type Random } from '../ports.ts'
import { Ring } from '../ring.ts'
import { byteLength } from '../wire/bytes.ts'
import { type Bounds, READ_BYTES, READ_EVENTS, settleBounds, wholeNumber } from './bounds.ts'
import { checkEpoch, freshEpoch } from './epoch.ts'
import { createProducers } from './producers.ts'
import { MAX_PRODUCERS, MAX_PRODUCERS_PER_USER, settledResult } from './settled.ts'
import { createTails } from './tails.ts'

/** What {@link memoryLog} takes. */
export interface MemoryLogOptions {
  /** The most events that are kept. Default 10,000. */
  readonly maxEvents?: number
  /** The most bytes of encoded payload that are kept. Default 67,108,864 (64 MiB). */
  readonly maxBytes?: number
  /** How long an event is kept, in milliseconds. Default 86,400,000 (a day). */
  readonly maxAgeMs?: number
  /**
   * The most producers that are remembered, each for 48 hours after its last emit, with ten results each on average. Default 100,000. Beyond it
   * the one that was idle longest is forgotten.
   */
  readonly maxProducers?: number
  /**
   * The most producers of one user that are remembered, anonymous users counted together. Default 10,000. Beyond it the longest idle of that user's own
   * is forgotten: nobody pushes out what others emit.
   */
  readonly maxProducersPerUser?: number
  /** The epoch, 1–64 characters of `A–Z a–z 0–9 _ -`. Default: a fresh random one, as is right unless a test says otherwise. */
  readonly epoch?: string
  /** Hears what a follower of the log throws. Default: `console.error`. */
  readonly onError?: (error: unknown) => void
  /** Time and chance, for tests. Default: the platform's. */
  readonly clock?: Clock
  readonly random?: Random
}

const defaults: Bounds = { maxEvents: 10_000, maxBytes: 67_108_864, maxAgeMs: 86_400_000 }

type Placed = LogEvent & { readonly position: number }

interface Kept {
  readonly event: Placed
  readonly bytes: number
  readonly at: number
  /** Whether it was published, and not emitted by a client. */
  readonly isPublished: boolean
}

/**
 * Makes a log that keeps events in memory, as durably as the process lives. A hub that is restarted on the same log object goes on where the last one
 * was; it has no `close`.
 * @throws HubError `invalid_option`
 * @example
 * ```ts
 * import { memoryLog } from '@sse-hub/server'
 *
 * const log = memoryLog({ maxEvents: 50_000, maxAgeMs: 60 * 60_000 })
 * ```
 */
export function memoryLog(options: MemoryLogOptions = {}): EventLog {
  const { clock = platform.clock, random = platform.random } = options
  const { onError = (error) => complain('sse-hub: a follower of the log threw', error) } = options
  const { maxEvents, maxBytes, maxAgeMs } = settleBounds(options, defaults)
  const epoch = checkEpoch(options.epoch ?? freshEpoch(random))
  const producers = createProducers(
    wholeNumber('maxProducers', options.maxProducers ?? MAX_PRODUCERS),
    wholeNumber('maxProducersPerUser', options.maxProducersPerUser ?? MAX_PRODUCERS_PER_USER),
  )
  const tails = createTails(onError)

  // Positions are dense: kept are exactly those in (dropped, head], in this order.
  const kept = new Ring<Kept>()
  // Only what was published, by id: what a client calls its emit must not stand in the way of anything. Those after `indexed` are not in it yet.
  const published = new Map<string, number>()
  let indexed = 0
  let head = 0
  let dropped = 0
  let bytes = 0

  const keep = ({ type, topic, id, at, json }: NewEvent, now: number, isPublished: boolean): Placed => {
    head += 1
    const event = { type, topic, id, at, json, position: head }
    const size = byteLength(json)
    kept.push({ event, bytes: size, at: now, isPublished })
    bytes += size
    return event
  }

  /** Where what was published under this id stands. Most ids are random, and nobody ever asks. */
  const placeOf = (id: string): number | undefined => {
    for (let position = Math.max(indexed, dropped) + 1; position <= head; position++) {
      const { event, isPublished } = kept.at(position - dropped - 1) as Kept
      if (isPublished) published.set(event.id, position)
    }
    indexed = head
    return published.get(id)
  }

  const trim = (now: number) => {
    for (let oldest = kept.at(0); oldest; oldest = kept.at(0)) {
      const tooMany = kept.length > maxEvents || (bytes > maxBytes && kept.length > 1)
      if (!tooMany && oldest.at >= now - maxAgeMs) break
      kept.shift()
      dropped += 1
      bytes -= oldest.bytes
      if (oldest.isPublished && dropped <= indexed) published.delete(oldest.event.id)
    }
  }

  const gap = (reason: LogGap['gap']['reason']): LogGap => ({ gap: { reason, to: { epoch, position: head } } })

  return {
    async append(events, mark) {
      if (mark) producers.check(mark)
      const now = clock.now()
      const added: Placed[] = []
      const positions = events.map((event) => {
        const first = mark || event.isNew ? undefined : placeOf(event.id)
        if (first !== undefined) return first
        added.push(keep(event, now, !mark))
        return head
      })
      if (mark) {
        const position = positions.at(-1)
        producers.settle(mark, settledResult(mark, position === undefined ? undefined : { epoch, position }), now)
      }
      trim(now)
      if (added.length > 0) tails.events(added)
      return { epoch, positions }
    },
    async producer(user, producer, seq) {
      return producers.state(user, producer, seq)
    },
    async announce(events) {
      if (events.length > 0)
        tails.events(events.map(({ type, topic, id, at, json }) => ({ type, topic, id, at, json })))
    },
    async head() {
      return { epoch, position: head }
    },
    async read(after, { topics, limit }) {
      if (after.epoch !== epoch || after.position > head) return gap('epoch')
      if (after.position < dropped) return gap('trimmed')
      const events: Placed[] = []
      const end = Math.min(head, after.position + READ_EVENTS)
      let through = after.position
      for (let room = READ_BYTES; through < end && room > 0 && events.length < Math.max(1, limit); ) {
        through += 1
        const found = kept.at(through - dropped - 1)
        if (!found || !topics.has(found.event.topic)) continue
        events.push(found.event)
        room -= found.bytes
      }
      return { epoch, events, through }
    },
    async tail(listener) {
      return { from: { epoch, position: head }, stop: tails.add(listener) }
    },
  }
}
