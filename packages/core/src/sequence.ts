// What a client has, topic by topic: which events are new to it, what it must be told that it lacks, and where it resumes. Nothing else compares cursors.
import type { HubEvent } from './contract/contract.ts'
import { type Cursor, formatCursor, parseCursor } from './contract/cursor.ts'
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

/** Somebody who hears a topic. The sequence alone writes what it has. */
export interface Member {
  /** The topic, as the application writes it. */
  readonly topic: string
  /** How far it is whole: at first what it had read when it came; undefined for nothing. */
  mark?: Cursor | undefined
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
  /** Takes in a member that has read up to the cursor `after`. It is whole from here on if the stream carries its topic, and it lacks nothing that is behind. */
  join(member: M, after?: string): void
  /** Whether somebody has brought a cursor that lies before what the stream has sent already: it should be asked for again. */
  isBehind(): boolean
  /** Where to resume: the smallest mark. */
  resume(): string | undefined
  /**
   * A stream for the topics `asked` begins. Answers who must be told what; or undefined when the log has dropped only what the most backward
   * members lack: resuming once more, without regard to them, keeps the others whole.
   */
  sync(sync: Omit<Sync, 'heartbeatMs'>, asked: readonly string[]): ReadonlyMap<M, TopicGap> | undefined
  /**
   * To whom an event is new. Who joins from now on stands after it.
   * @throws HubError `protocol` for an event of another epoch
   */
  hearers(event: HubEvent): readonly M[]
  /** Takes a gap; answers as `sync` does. */
  gap(gap: Gap): ReadonlyMap<M, TopicGap> | undefined
  /**
   * What came has been handled, up to `cursor` if a beat says so. To be called after an event was dispatched: a cursor that runs ahead loses an event.
   * @throws HubError `protocol` for a cursor of another epoch
   */
  commit(cursor?: string): void
}

/** Makes the memory of one client, which answers for `members`, as they come and go. */
export function createSequence<M extends Member>(members: ReadonlySet<M>): Sequence<M> {
  let user: string | null | undefined
  // What the last stream carried, and how far it came.
  let topics: readonly string[] = []
  let here: Cursor | undefined
  // Where the last question was resumed from.
  let from: Cursor | undefined
  // Whether a question waits for its first answer.
  let isAsked = false
  // How far it was handled: a mark of all who are carried, which goes into their own when somebody asks for those. Events are many, questions few.
  let done: Cursor | undefined
  // Who is carried, by topic as the hub writes it, until that may have changed. Somebody who has left meanwhile does not listen any more.
  const audience = new Map<string, readonly M[]>()

  const full = (topic: string) => (topic === 'user' && user ? `user:${user}` : topic)
  const isCovered = ({ topic }: M) => topics.includes(full(topic))
  /** Takes in how far the stream has come. */
  const reach = (cursor: string | undefined) => {
    if (cursor === undefined) return undefined
    const place = read(cursor)
    if (place.epoch !== here?.epoch) {
      throw new HubError('protocol', `The server sent cursor ${cursor} in ${here?.epoch}`, { retryable: true })
    }
    if (place.position > here.position) here = place
    return place
  }
  const commit: Sequence<M>['commit'] = (cursor) => {
    reach(cursor)
    done = here
  }
  /** Brings the marks up to date, before they are asked for, or others are carried. */
  const settle = () => {
    for (const member of members) if (member.carried && lead(done, member.mark) > 0) member.mark = done
    audience.clear()
  }
  /** `upTo`: where what nobody can place begins, which is after a gap. */
  const sync = (next: Omit<Sync, 'heartbeatMs'>, asked: readonly string[], upTo = next.cursor) => {
    settle()
    const start = read(next.cursor)
    // A source that goes on in another way says from where. Nobody has asked for what lies before.
    if (!isAsked && !next.gaps[0]) from = start
    isAsked = false
    const isRenamed = user !== undefined && user !== next.user
    user = next.user
    // The log may have dropped only what lies before somebody's mark: without who is further back the others can be kept whole.
    const isTrimmed = next.gaps.some(({ reason }) => reason === 'trimmed')
    if (isTrimmed && [...members].some(({ mark, lost }) => !lost && lead(mark, from) > 0)) {
      for (const member of members) if (lead(member.mark, from) <= 0) member.lost ??= 'trimmed'
      return undefined
    }
    const told = new Map<M, TopicGap>()
    for (const member of members) {
      const topic = full(member.topic)
      // Another user's own topic is another topic.
      if (isRenamed && member.topic === 'user') member.mark = undefined
      const { mark } = member
      if (!next.topics.includes(topic)) {
        member.carried = false
        // It keeps what it has, but waits for nothing: who is let in again starts there, or is told.
        if (asked.includes(member.topic)) member.lost = 'added'
        continue
      }
      // What lies before the start, and was no part of the question, is no part of the answer: it waits for the next one.
      member.carried = !(lead(mark, start) < 0) || lead(mark, from) >= 0 || member.lost !== undefined
      if (!member.carried) continue
      const gap = next.gaps.find(({ topics, reason, to }) => {
        // A change of epoch makes marks worthless, whatever the gap names. What lies before a mark is there already.
        if (reason === 'epoch' || read(to).epoch !== from?.epoch) return mark && mark.epoch === from?.epoch
        return topics.includes(topic) && lead(mark, read(to)) < 0
      })
      if (gap || !(lead(mark, start) >= 0)) {
        const { to, reason } = gap ?? { to: upTo, reason: member.lost ?? 'added' }
        told.set(member, { topic, ...(mark && { from: formatCursor(mark) }), to, reason })
        member.mark = read(to)
      }
      member.lost = undefined
    }
    from = here = start
    done = undefined
    topics = next.topics
    return told
  }

  return {
    user: () => user,
    full,
    join(member, after) {
      settle()
      let mark = here
      // Without a cursor, what it reads from now on holds all that anybody here has heard of.
      for (const other of [{ mark: from }, ...members]) if (lead(other.mark, mark) > 0) mark = other.mark
      if (after !== undefined) mark = parseCursor(after)
      member.carried = isCovered(member) && lead(mark, here) >= 0
      if (member.carried || after !== undefined) member.mark = mark
      if (after !== undefined && !mark) member.lost = 'added'
    },
    isBehind: () => [...members].some((member) => !member.carried && isCovered(member)),
    resume() {
      isAsked = true
      settle()
      // A topic that everybody has left is forgotten.
      topics = [...members].flatMap((member) => (member.mark && isCovered(member) ? full(member.topic) : []))
      const marks = [...members].flatMap(({ mark, lost }) => (mark && !lost ? mark : []))
      // Of several epochs the stream's counts.
      from = marks.find(({ epoch }) => epoch === here?.epoch) ?? marks[0]
      for (const mark of marks) if (lead(mark, from) < 0) from = mark
      return from && formatCursor(from)
    },
    sync,
    hearers({ topic, cursor }) {
      const place = reach(cursor)
      if (lead(place, done) <= 0) return []
      const carried =
        audience.get(topic) ?? [...members].filter((member) => member.carried && full(member.topic) === topic)
      audience.set(topic, carried)
      return carried.filter((member) => !place || lead(place, member.mark) > 0)
    },
    gap(gap) {
      from = here
      const to = read(gap.to)
      // Within the epoch a gap is a stream that begins where this one is.
      const cursor = here && to.epoch === here.epoch ? formatCursor(here) : gap.to
      const told = sync({ cursor, topics, gaps: [gap], user: user as string | null }, [], gap.to)
      if (told) commit(gap.to)
      return told
    },
    commit,
  }
}

// What comes from a source has been checked there.
const read = parseCursor as (cursor: string) => Cursor

/** How far one place is beyond another. Places of different epochs do not compare: every comparison with the answer is false. */
function lead(place: Cursor | undefined, other: Cursor | undefined): number {
  return place && place.epoch === other?.epoch ? place.position - other.position : Number.NaN
}

/** Whether `cursor` lies after what somebody has who read up to `after`. Places in different epochs do not compare, and count as after. */
export function isAfter(cursor: string, after: string): boolean {
  return !(lead(read(cursor), parseCursor(after)) <= 0)
}
