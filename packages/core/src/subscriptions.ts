// Who hears what: subscriptions counted per topic, events and gaps handed to each, and what each has when it joins.
import type { HubEvent } from './contract/contract.ts'
import { checkTopic } from './contract/topic.ts'
import type { Gap, Sync } from './contract/wire.ts'
import type { Clock } from './ports.ts'
import { isAfter, type Sequence, type TopicGap } from './sequence.ts'
import type { Checked } from './validate.ts'

/** A subscription, whatever its contract. */
export interface Listener {
  readonly topic: string
  readonly after?: string
  readonly on?: Readonly<Record<string, (event: HubEvent) => void>>
  readonly onEvent?: (event: HubEvent) => void
  readonly onGap?: (gap: TopicGap) => void
}

/** What subscriptions work with. */
export interface SubscriptionsOptions {
  readonly sequence: Sequence
  readonly clock: Clock
  readonly lingerMs: number
  /** Calls a handler of the application, guarded. */
  readonly call: <A>(handler: ((argument: A) => unknown) | undefined, argument: A) => void
  /** Validates an event. */
  readonly check: (event: HubEvent) => Checked
  /** Hears of an event that does not validate. */
  readonly report: (error: unknown) => void
  /** The topics asked for have changed. */
  readonly changed: () => void
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
  /** Where to resume, for exactly these topics. */
  after(): string | undefined
  /** Who the hub says we are; undefined until it has said so. */
  user(): string | null | undefined
  /** A topic as the hub writes it. */
  full(topic: string): string
  /** A stream for the topics `asked` begins; tells who is not whole. Answers false if it should be asked for again. */
  sync(sync: Sync, asked: readonly string[]): boolean
  /** Hands out an event, once. */
  deliver(event: HubEvent): void
  /** Hands out a gap. */
  gap(gap: Gap): void
}

interface Entry {
  readonly listener: Listener
  /** Whether it is known from where on this listener is whole. */
  anchored: boolean
  /** What it must be told before anything else. */
  owed?: TopicGap | undefined
}

interface Topic {
  readonly entries: Set<Entry>
  cancelLinger?: (() => void) | undefined
}

/** Makes the subscriptions of one client. */
export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { sequence, call } = options
  const byTopic = new Map<string, Topic>()
  let user: string | null | undefined

  const full = (topic: string) => (topic === 'user' && user ? `user:${user}` : topic)
  /** Who hears a topic that the hub names, a snapshot: handlers may subscribe and unsubscribe. */
  const hearers = (topic: string) => {
    const own = topic === full('user') && topic !== 'user' ? byTopic.get('user')?.entries : undefined
    return [...(byTopic.get(topic)?.entries ?? []), ...(own ?? [])]
  }
  const isHeard = (entry: Entry) => byTopic.get(entry.listener.topic)?.entries.has(entry)
  const settle = (entry: Entry) => {
    const { owed } = entry
    entry.owed = undefined
    if (owed && isHeard(entry)) call(entry.listener.onGap, owed)
  }
  const tell = (gap: TopicGap) => {
    for (const entry of hearers(gap.topic)) {
      entry.owed = gap
      settle(entry)
    }
  }
  /** Decides from where on a listener is whole, now that its topic has a mark. */
  const anchor = (entry: Entry, isNew: boolean) => {
    const { topic, after } = entry.listener
    const to = sequence.mark(full(topic))
    entry.anchored = true
    // Without a cursor, it has all that it reads from now on; but what it read before the topic was covered may be old.
    const whole = after === undefined ? !isNew : sequence.reaches(full(topic), after)
    if (to === undefined || whole) return
    entry.owed = { topic: full(topic), to, reason: 'added', ...(after === undefined ? {} : { from: after }) }
  }

  return {
    add(listener) {
      const name = checkTopic(listener.topic)
      const entry: Entry = { listener, anchored: false }
      const topic: Topic = byTopic.get(name) ?? { entries: new Set() }
      topic.cancelLinger?.()
      topic.entries.add(entry)
      byTopic.set(name, topic)
      if (sequence.mark(full(name)) !== undefined) {
        anchor(entry, false)
        // Not within this call: whoever subscribes does not hold the means to unsubscribe yet.
        void Promise.resolve().then(() => settle(entry))
      }
      options.changed()
      return () => {
        if (!topic.entries.delete(entry) || topic.entries.size > 0) return
        topic.cancelLinger = options.clock.after(options.lingerMs, () => {
          byTopic.delete(name)
          options.changed()
        })
        options.changed()
      }
    },
    has: (topic) => (byTopic.get(topic)?.entries.size ?? 0) > 0,
    topics: () => [...byTopic.keys()].sort(),
    after() {
      sequence.keep(new Set([...byTopic.keys()].map(full)))
      for (const [topic, { entries }] of byTopic) {
        for (const { anchored, listener } of entries) {
          if (!anchored && listener.after !== undefined) sequence.seed(full(topic), listener.after)
        }
      }
      return sequence.after()
    },
    user: () => user,
    full,
    sync(sync, asked) {
      const gaps = sequence.sync(sync)
      if (!gaps) return false
      user = sync.user
      const joining = asked.flatMap((topic) =>
        [...(byTopic.get(topic)?.entries ?? [])].filter((entry) => !entry.anchored),
      )
      for (const entry of joining) anchor(entry, true)
      for (const gap of gaps) {
        for (const entry of hearers(gap.topic)) if (!joining.includes(entry)) entry.owed = gap
      }
      for (const { topic } of gaps) hearers(topic).forEach(settle)
      joining.forEach(settle)
      return true
    },
    deliver(event) {
      if (sequence.isNew(event)) {
        const checked = options.check(event)
        if (checked.ok) {
          const { type, topic, cursor } = event
          const valid = { ...event, data: checked.data }
          for (const entry of hearers(topic)) {
            const { after, on, onEvent } = entry.listener
            settle(entry)
            if (cursor !== undefined && after !== undefined && !isAfter(cursor, after)) continue
            if (on && Object.hasOwn(on, type) && isHeard(entry)) call(on[type], valid)
            if (isHeard(entry)) call(onEvent, valid)
          }
        } else {
          options.report(checked.error)
          const from = sequence.mark(event.topic)
          if (event.cursor !== undefined && from !== undefined) {
            tell({ topic: event.topic, from, to: event.cursor, reason: 'schema' })
          }
        }
      }
      if (event.cursor !== undefined) sequence.commit(event.cursor)
    },
    gap(gap) {
      sequence.gap(gap).forEach(tell)
    },
  }
}
