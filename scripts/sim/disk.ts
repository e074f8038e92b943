// The log as one process of the hub reaches it: every step takes time, the end of the log is heard late, and a dead process hears nothing more.
import type { Cursor, EventLog, LogEvent, NewEvent, ProducerMark, TailListener } from '@sse-hub/server'
import type { History } from './history.ts'
import type { Chance } from './random.ts'
import { type ProcessClock, sleep } from './time.ts'

/** What a disk needs of the world. */
export interface DiskOptions {
  readonly log: EventLog
  /** The clock of the process: when it stops, every step under way is never heard of again. */
  readonly clock: ProcessClock
  readonly chance: Chance
  readonly history: History
  /** How long a step may take, in each direction. */
  readonly delayMs: number
  /** Hears what is kept, at the moment in which it is. */
  readonly kept: (topic: string, id: string, cursor: string) => void
}

/** Puts the way to the disk between a hub and its log. */
export function openDisk({ log, clock, chance, history, delayMs, kept }: DiskOptions): EventLog {
  // Steps overtake each other on a way like this one only where the hub started them at once; appends keep their order, as in any real log.
  const pause = () => sleep(clock, chance.next() < 0.3 ? 0 : chance.next() * delayMs)
  let appends: Promise<unknown> = Promise.resolve()

  const append = async (events: readonly NewEvent[], producer?: ProducerMark) => {
    const appended = await log.append(events, producer)
    events.forEach(({ type, topic, id, json }, index) => {
      const position = appended.positions[index] as number
      const by = producer ? { producer: `${producer.user}/${producer.producer}`, seq: producer.seq } : {}
      kept(topic, id, `${appended.epoch}:${position}`)
      history.record({ what: 'appended', epoch: appended.epoch, position, event: { type, topic, id, json, ...by } })
    })
    return appended
  }
  return {
    async append(events, producer) {
      const before = appends
      const mine = (async () => {
        await before
        await pause()
        return append(events, producer)
      })()
      appends = mine.catch(() => {})
      const appended = await mine
      await pause()
      return appended
    },
    async producer(user, producer, seq) {
      await pause()
      const state = await log.producer(user, producer, seq)
      await pause()
      return state
    },
    async announce(events) {
      await pause()
      await log.announce(events)
    },
    async head() {
      await pause()
      const head = await log.head()
      await pause()
      return head
    },
    async read(after: Cursor, options) {
      await pause()
      const page = await log.read(after, options)
      if (page.gap?.reason === 'trimmed') history.record({ what: 'trimmed', epoch: after.epoch, floor: after.position })
      await pause()
      return page
    },
    async tail(listener: TailListener) {
      await pause()
      // One queue: what the log says in order is heard in order.
      const queue: (() => void)[] = []
      let stopped = false
      const hear = (call: () => void) => {
        queue.push(call)
        clock.after(chance.next() < 0.5 ? 0 : chance.next() * delayMs, () => {
          const next = queue.shift()
          if (!stopped) next?.()
        })
      }
      const { from, stop } = await log.tail({
        events: (events: readonly LogEvent[]) => hear(() => listener.events(events)),
        reset: (gap) => hear(() => listener.reset(gap)),
      })
      await pause()
      return {
        from,
        stop() {
          stopped = true
          stop()
        },
      }
    },
    // The log is the world's: it outlives the process.
    close: async () => {},
  }
}
