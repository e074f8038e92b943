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
  /**
   * `added`: the topic is new to this client, or granted again, or the cursor that was brought cannot be placed. The others are the hub's: the log dropped it,
   * is another one, or an event does not fit the contract.
   */
  readonly reason: 'added' | GapReason
}

/** Somebody who hears a topic. The sequence keeps its mark, and nobody else reads or writes it. */
export interface Member {
  /** The topic, as the application writes it. */
  readonly topic: string
  /** The cursor of what it had read when it came. */
  after?: string | undefined
  /** The position up to which it is whole; undefined while no stream has carried its topic, and it had read nothing. */
  mark?: number | undefined
  /** Whether the stream carries its topic, so that its mark moves with it. */
  carried?: boolean
  /** What it lacks cannot be had, for this reason: it is no reason to resume further back. */
  lost?: TopicGap['reason'] | undefined
}

/** What a client has (docs/PROTOCOL.md §3.4). The smallest mark of a topic's members is the topic's mark. */
export interface Sequence<M extends Member> {
  /** Who the hub says we are; undefined until it has said so. */
  user(): string | null | undefined
  /** A topic as the hub writes it. */
  full(topic: string): string
  /** The gap from what a member has to a cursor. */
  lacks(member: M, to: string, reason: TopicGap['reason']): TopicGap
  /** Takes in a member: it is whole from here on if the stream carries its topic, and it lacks nothing that is behind. */
  join(member: M): void
  /** Whether somebody has brought a cursor that lies before what the stream has sent already: it should be asked for again. */
  isBehind(): boolean
  /** Where to resume: the smallest mark. */
  resume(): string | undefined
  /**
   * A stream for the topics `asked` begins. Answers who must be told what; or undefined when the log has dropped only what the most backward
   * members lack: resuming once more, without regard to them, keeps the others whole.
   */
  sync(sync: Sync, asked: readonly string[]): ReadonlyMap<M, TopicGap> | undefined
  /**
   * Whether an event is for a member, and new to it.
   * @throws HubError `protocol` for an event of another epoch
   */
  isNew(member: M, event: HubEvent): boolean
  /** Takes a gap; answers as `sync` does. */
  gap(gap: Gap): ReadonlyMap<M, TopicGap> | undefined
  /**
   * Everything up to here has been handled. To be called after an event was dispatched: a cursor that runs ahead loses an event.
   * @throws HubError `protocol` for a cursor of another epoch
   */
  commit(cursor: string): void
}

/** Makes the memory of one client, which answers for `members`, as they come and go. */
export function createSequence<M extends Member>(members: ReadonlySet<M>): Sequence<M> {
  let user: string | null | undefined
  let epoch: string | undefined
  // What the last stream carried, and how far it came.
  let topics: readonly string[] = []
  let through = 0
  // Where the last question was resumed from.
  let from = 0

  const full = (topic: string) => (topic === 'user' && user ? `user:${user}` : topic)
  const has = ({ mark, after = '' }: M) => (mark === undefined ? after : `${epoch}:${mark}`)
  const lacks = (member: M, to: string, reason: TopicGap['reason']): TopicGap => {
    const from = has(member)
    return { topic: full(member.topic), ...(from && { from }), to, reason }
  }
  const check = (text: string) => {
    const cursor = read(text)
    if (cursor.epoch === epoch) return cursor.position
    throw new HubError('protocol', `The hub sent ${text} in epoch ${epoch}`, { retryable: true })
  }
  const marks = () => [...members].flatMap(({ mark, lost }) => (lost ? [] : (mark ?? [])))
  /** Whether the log may have dropped only what lies before somebody's mark: without who is further back the others can be kept whole. */
  const divides = (gaps: readonly Gap[], from: number) => {
    if (!gaps.some(({ reason }) => reason === 'trimmed') || !marks().some((mark) => mark > from)) return false
    for (const member of members) if ((member.mark ?? Number.NaN) <= from) member.lost ??= 'trimmed'
    return true
  }
  const advance = (position: number) => {
    through = Math.max(through, position)
    for (const member of members) if (member.carried) member.mark = Math.max(member.mark ?? 0, position)
  }

  return {
    user: () => user,
    full,
    lacks,
    join(member) {
      if (!topics.includes(full(member.topic))) return
      const had = parseCursor(member.after ?? `${epoch}:${through}`)
      // Without a cursor, all that it reads from now on is followed by all that changes it.
      if (had && had.epoch === epoch && had.position >= through) {
        member.mark = had.position
        member.carried = true
      }
    },
    isBehind: () => [...members].some(({ carried, topic }) => !carried && topics.includes(full(topic))),
    resume() {
      const marked = [...members].filter(({ mark }) => mark !== undefined)
      // A topic that everybody has left is forgotten.
      topics = topics.filter((topic) => marked.some((member) => full(member.topic) === topic))
      if (marked.length === 0) epoch = undefined
      for (const member of members) {
        const had = member.lost ? undefined : parseCursor(has(member))
        epoch ??= had?.epoch
        if (had && had.epoch === epoch) member.mark = had.position
      }
      from = Math.min(...marks())
      return Number.isFinite(from) ? `${epoch}:${from}` : undefined
    },
    sync(sync, asked) {
      const start = read(sync.cursor)
      const isRenamed = user !== undefined && user !== sync.user
      user = sync.user
      if (divides(sync.gaps, from)) return undefined
      const told = new Map<M, TopicGap>()
      for (const member of members) {
        const topic = full(member.topic)
        // Another user's own topic is another topic.
        if (isRenamed && member.topic === 'user') member.mark = member.after = undefined
        if (sync.topics.includes(topic)) {
          const had = parseCursor(has(member))
          const isBefore = had?.epoch === start.epoch && had.position < start.position
          const isAsked = member.lost !== undefined || (member.mark !== undefined && member.mark >= from)
          member.carried = !isBefore || isAsked
          // What it has was no part of the question, so it is no part of the answer: it waits for the next one.
          if (!member.carried) continue
          // What lies before a mark is there already; but a change of epoch makes the mark itself worthless.
          const gap = sync.gaps.find(
            ({ topics, reason, to }) =>
              had &&
              topics.includes(topic) &&
              (reason === 'epoch' ? had.epoch === epoch : had.position < read(to).position),
          )
          if (!gap && !isBefore && had?.epoch === start.epoch) member.mark = had.position
          else {
            const { to, reason } = gap ?? { to: sync.cursor, reason: member.lost ?? 'added' }
            told.set(member, lacks(member, to, reason))
            member.mark = read(to).position
          }
          member.lost = undefined
        } else {
          member.carried = false
          // It keeps what it has, but waits for nothing: who is let in again starts there, or is told.
          if (asked.includes(member.topic)) member.lost = 'added'
          if (start.epoch !== epoch) member.mark = undefined
        }
      }
      epoch = start.epoch
      through = start.position
      topics = sync.topics
      return told
    },
    isNew: (member, { topic, cursor }) =>
      member.carried === true &&
      full(member.topic) === topic &&
      (cursor === undefined || check(cursor) > (member.mark ?? 0)),
    gap(gap) {
      if (divides([gap], through)) return undefined
      const { topics, reason, to } = gap
      const { epoch: next, position } = read(to)
      // With another epoch every mark is worth nothing, whatever the gap names.
      const all = next !== epoch || reason === 'epoch'
      const told = new Map<M, TopicGap>()
      for (const member of members) {
        const { carried, mark = 0, topic } = member
        if (carried && (all || (topics.includes(full(topic)) && mark < position))) {
          told.set(member, lacks(member, to, reason))
        }
        if (all) member.mark = carried ? position : undefined
      }
      if (all) through = position
      epoch = next
      advance(position)
      return told
    },
    commit(cursor) {
      advance(check(cursor))
    },
  }
}

// What comes from a source has been checked there.
const read = (cursor: string) => parseCursor(cursor) as Cursor

/** Whether `cursor` lies after what somebody has who read up to `after`. Places in different epochs do not compare, and count as after. */
export function isAfter(cursor: string, after: string): boolean {
  const place = read(cursor)
  const had = parseCursor(after)
  return place.epoch !== had?.epoch || place.position > had.position
}
