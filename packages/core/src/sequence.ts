// What a client has, topic by topic: which events are new to it, what it must be told that it lacks, and where it resumes. Nothing else compares cursors.
import type { HubEvent } from './contract/contract.ts'
import { type Cursor, parseCursor } from './contract/cursor.ts'
import type { Gap, GapReason, Sync } from './contract/wire.ts'
import { HubError } from './errors.ts'

/** What a subscriber is told when it is not whole: what it read before, of this topic, must be read again. */
export interface TopicGap {
  /** The topic, as the hub writes it (`user:<id>` for `user`). */
  readonly topic: string
  /** The last cursor before the gap; absent when it is unknown. */
  readonly from?: string
  /** Where delivery starts or continues. */
  readonly to: string
  /** `added`: the topic is new to this client. The others are the hub's: the log dropped it, is another one, or an event no longer fits the contract. */
  readonly reason: 'added' | GapReason
}

/** One mark per topic: the position up to which the client is whole (docs/PROTOCOL.md §3.4). */
export interface Sequence {
  /** Forgets every topic but these. */
  keep(topics: ReadonlySet<string>): void
  /** Gives a topic without a mark the cursor of what was read of it; of several, the oldest. A cursor of another epoch than the other marks' is worth nothing. */
  seed(topic: string, after: string): void
  /** Where to resume: the smallest mark. */
  after(): string | undefined
  /** The mark of a topic of the stream. */
  mark(topic: string): string | undefined
  /** Whether somebody who read a topic up to `after` misses nothing, since the client's mark is not beyond it. */
  reaches(topic: string, after: string): boolean
  /**
   * A stream begins. Answers the gaps to tell; or undefined when the log dropped only what the most backward topics lack: these
   * have lost their marks, and asking again from {@link after} keeps the other topics whole.
   */
  sync(sync: Sync): readonly TopicGap[] | undefined
  /**
   * Whether to deliver an event: its topic is in the stream, and it is beyond the topic's mark.
   * @throws HubError `protocol` for an event of another epoch
   */
  isNew(event: HubEvent): boolean
  /** Takes a gap, and answers what of it concerns marked topics. */
  gap(gap: Gap): readonly TopicGap[]
  /**
   * Everything up to here has been handled. To be called after an event was dispatched: a cursor that runs ahead loses an event.
   * @throws HubError `protocol` for a cursor of another epoch
   */
  commit(cursor: string): void
}

/** Makes the memory of one client. */
export function createSequence(): Sequence {
  let epoch: string | undefined
  // Every topic of the stream is whole at least up to `through`, so that a frame costs O(1); `marks` holds those that are further, or not in a stream yet.
  let through = 0
  let covered: ReadonlySet<string> = new Set()
  let marks = new Map<string, number>()
  // The marks that `sync` gave up, to be told as trimmed by the next one; seeding them again would ask the same question again.
  let hopeless = new Map<string, number>()

  const position = (topic: string) => {
    const mark = marks.get(topic)
    return covered.has(topic) ? Math.max(through, mark ?? 0) : mark
  }
  const text = (at: number | undefined) => (at === undefined ? undefined : `${epoch}:${at}`)
  const topics = () => new Set([...covered, ...marks.keys()])
  const smallest = () => {
    const all = [...topics()].map((topic) => position(topic) as number)
    return all.length > 0 ? Math.min(...all) : undefined
  }
  const checked = (cursor: string) => {
    const { epoch: of, position: at } = read(cursor)
    if (of !== epoch) {
      throw new HubError('protocol', `The hub sent a cursor of epoch "${of}" in a stream of epoch "${epoch}".`, {
        retryable: true,
      })
    }
    return at
  }
  const tell = (topic: string, to: string, reason: TopicGap['reason'], at = position(topic)): TopicGap => {
    const from = text(at)
    return from === undefined ? { topic, to, reason } : { topic, from, to, reason }
  }

  return {
    keep(wanted) {
      covered = new Set([...covered].filter((topic) => wanted.has(topic)))
      marks = new Map([...marks].filter(([topic]) => wanted.has(topic)))
    },
    seed(topic, after) {
      const cursor = parseCursor(after)
      if (!cursor || covered.has(topic) || hopeless.has(topic)) return
      if (topics().size === 0) epoch = cursor.epoch
      if (cursor.epoch === epoch) marks.set(topic, Math.min(cursor.position, marks.get(topic) ?? cursor.position))
    },
    after: () => text(smallest()),
    mark: (topic) => (covered.has(topic) ? text(position(topic)) : undefined),
    reaches(topic, after) {
      const cursor = parseCursor(after)
      const at = position(topic)
      return cursor?.epoch === epoch && at !== undefined && (cursor as Cursor).position >= at
    },
    sync({ cursor, gaps, topics: granted, user }) {
      const start = read(cursor)
      const seeded = marks.get('user')
      if (seeded !== undefined && user !== null) {
        marks.delete('user')
        if (!covered.has(`user:${user}`)) marks.set(`user:${user}`, seeded)
      }
      const least = smallest()
      if (
        gaps.some(({ reason }) => reason === 'trimmed') &&
        granted.some((topic) => (position(topic) ?? 0) > (least ?? 0))
      ) {
        const behind = [...topics()].filter((topic) => position(topic) === least)
        hopeless = new Map([...hopeless, ...behind.map((topic) => [topic, least as number] as const)])
        const rest = [...topics()].filter((topic) => !behind.includes(topic))
        marks = new Map(rest.map((topic) => [topic, position(topic) as number]))
        covered = new Set()
        return undefined
      }
      const told: TopicGap[] = []
      const next = new Map<string, number>()
      for (const topic of granted) {
        const at = position(topic)
        const gap = at === undefined ? undefined : gaps.find((each) => each.topics.includes(topic))
        if (gap && concerns(gap, at)) {
          told.push(tell(topic, gap.to, gap.reason))
          next.set(topic, read(gap.to).position)
        } else if (at === undefined || start.epoch !== epoch || at < start.position) {
          // A mark of another epoch, or before where the stream starts, is worth nothing: the topic counts as new.
          const lost = hopeless.get(topic)
          told.push(lost === undefined ? tell(topic, cursor, 'added') : tell(topic, cursor, 'trimmed', lost))
        } else {
          next.set(topic, at)
        }
      }
      epoch = start.epoch
      through = start.position
      covered = new Set(granted)
      marks = next
      hopeless = new Map()
      return told
    },
    isNew({ topic, cursor }) {
      if (cursor === undefined) return covered.has(topic)
      const at = checked(cursor)
      return covered.has(topic) && at > (position(topic) as number)
    },
    gap(gap) {
      const to = read(gap.to)
      // With a new epoch every mark is worth nothing, whatever the gap names.
      const all = to.epoch !== epoch || gap.reason === 'epoch'
      const told = [...covered]
        .filter((topic) => all || (gap.topics.includes(topic) && concerns(gap, position(topic))))
        .map((topic) => tell(topic, gap.to, gap.reason))
      if (all) marks = new Map()
      through = all ? to.position : Math.max(through, to.position)
      epoch = to.epoch
      return told
    },
    commit(cursor) {
      through = Math.max(through, checked(cursor))
    },
  }
}

// What lies before a topic's mark is there already; only a change of epoch makes the mark itself worthless.
const concerns = (gap: Gap, at: number | undefined) => gap.reason === 'epoch' || read(gap.to).position > (at ?? 0)

function read(cursor: string): Cursor {
  const parsed = parseCursor(cursor)
  if (parsed) return parsed
  throw new HubError('protocol', `"${cursor}" is not a cursor.`, { retryable: true })
}

/** Whether an event at `cursor` lies after what somebody has who read up to `after`. Places in different epochs do not compare, and count as after. */
export function isAfter(cursor: string, after: string): boolean {
  const event = parseCursor(cursor)
  const had = parseCursor(after)
  return event?.epoch !== had?.epoch || (event?.position ?? 0) > (had?.position ?? 0)
}
