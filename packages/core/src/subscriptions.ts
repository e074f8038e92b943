// Who hears what: subscriptions counted per topic, events and gaps handed to each, and what each must be told when it joins.
import type { HubEvent } from './contract/contract.ts'
import { checkTopic } from './contract/topic.ts'
import type { Gap, Sync } from './contract/wire.ts'
import { createSequence, type Member, type Sequence, type TopicGap } from './sequence.ts'
import type { Settings } from './settings.ts'
import type { Checked } from './validate.ts'

/** A subscription, whatever its contract. */
export interface Listener {
  readonly topic: string
  readonly after?: string
  readonly on?: Readonly<Record<string, (event: HubEvent) => void>>
  readonly onEvent?: (event: HubEvent) => void
  readonly onGap?: (gap: TopicGap) => void
}

/** What subscriptions work for. */
export interface SubscriptionsUser {
  /** Calls a handler of the application, guarded. */
  call<A>(handler: ((argument: A) => unknown) | undefined, argument: A): void
  /** Validates the payload of an event; what does not fit is reported there. */
  check(event: HubEvent): Checked
  /** The topics asked for have changed. */
  changed(): void
}

/** The subscriptions of one client. */
export interface Subscriptions {
  /**
   * Adds one; the answer removes it.
   * @throws HubError `invalid_topic`
   */
  add(listener: Listener): () => void
  /** Whether anybody hears the topic. */
  has(topic: string): boolean
  /** The topics to ask for, as subscribers write them, sorted. */
  topics(): readonly string[]
  /** What each of them has. */
  readonly sequence: Sequence<Member>
  /** A stream for the topics `asked` begins; tells who is not whole. Answers false if it should be asked for again. */
  sync(sync: Sync, asked: readonly string[]): boolean
  /** Hands out an event, once. */
  event(event: HubEvent): void
  /** Hands out a gap. */
  gap(gap: Gap): void
}

interface Entry extends Member {
  /** Undefined while the place is only held: who comes back soon, or another, finds the topic as it was. */
  listener?: Listener | undefined
}

/** Makes the subscriptions of one client. */
export function createSubscriptions(
  { clock, lingerMs }: Settings,
  { call, check, changed }: SubscriptionsUser,
): Subscriptions {
  const byTopic = new Map<string, Set<Entry>>()
  const sequence = createSequence(() => [...byTopic.values()].flatMap((entries) => [...entries]))
  const { full } = sequence
  let sorted: readonly string[] = []

  const changedTopics = () => {
    sorted = [...byTopic.keys()].sort()
    changed()
  }
  const tell = (gap: TopicGap, entry: Entry) => call(entry.listener?.onGap, gap)

  return {
    add(listener) {
      const topic = checkTopic(listener.topic)
      const entries = byTopic.get(topic) ?? new Set()
      const entry: Entry = { topic, after: listener.after, listener }
      const gap = sequence.join(entry)
      // Not within this call: whoever subscribes does not hold the means to unsubscribe yet.
      if (gap) void Promise.resolve().then(() => tell({ ...gap, to: sequence.at(entry) }, entry))
      byTopic.set(topic, entries.add(entry))
      changedTopics()
      return () => {
        if (!entry.listener) return
        entry.listener = undefined
        changed()
        clock.after(lingerMs, () => {
          entries.delete(entry)
          if (entries.size > 0) return
          byTopic.delete(topic)
          changedTopics()
        })
      }
    },
    has: (topic) => [...(byTopic.get(topic) ?? [])].some(({ listener }) => listener),
    topics: () => sorted,
    sequence,
    sync(sync, asked) {
      const told = sequence.sync(sync, asked)
      told?.forEach(tell)
      return told !== undefined
    },
    event(event) {
      const { topic, type, cursor } = event
      const own = topic === full('user') ? byTopic.get('user') : undefined
      const hearers = [...(byTopic.get(topic) ?? []), ...(topic === 'user' ? [] : (own ?? []))].filter((entry) =>
        sequence.isNew(entry, event),
      )
      if (hearers.length > 0) {
        const checked = check(event)
        const valid = checked.ok ? { ...event, data: checked.data } : undefined
        for (const entry of hearers) {
          const on = entry.listener?.on
          if (!valid && cursor !== undefined)
            tell({ topic, from: sequence.at(entry), to: cursor, reason: 'schema' }, entry)
          if (!valid) continue
          if (on && Object.hasOwn(on, type)) call(on[type], valid)
          call(entry.listener?.onEvent, valid)
        }
      }
      // Only now: a cursor that runs ahead of its event would lose it.
      if (cursor !== undefined) sequence.commit(cursor)
    },
    gap(gap) {
      sequence.gap(gap).forEach(tell)
    },
  }
}
