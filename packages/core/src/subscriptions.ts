// Who hears what: subscriptions counted per topic, events and gaps handed to each, and what each must be told when it joins.
import type { HubEvent } from './contract/contract.ts'
import { isTopic } from './contract/topic.ts'
import type { Frame, PresenceFrame } from './contract/wire.ts'
import { HubError } from './errors.ts'
import { createSequence, type Member, type Sequence, type TopicGap } from './sequence.ts'
import type { Settings } from './settings.ts'

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
  /** Somebody has left, whose topic is still asked for; or is said to be there. */
  notify(): void
  /** The topics asked for may have changed. */
  changed(): void
}

/** The subscriptions of one client. */
export interface Subscriptions {
  /** What they have. */
  readonly sequence: Sequence<Member>
  /**
   * Adds one; the answer removes it.
   * @throws HubError `invalid_topic`
   */
  add(listener: Listener): () => void
  /** Whether anybody hears the topic. */
  has(topic: string): boolean
  /** Who is there, as the stream says, by topic as the hub writes it. */
  readonly present: ReadonlyMap<string, PresenceFrame>
  /** The topics to ask for, as subscribers write them, sorted. */
  topics(): readonly string[]
  /** Hands out a frame of a stream for the topics `asked`, once. Answers false if the stream should be asked for again. */
  take(frame: Frame, asked: readonly string[]): boolean
}

interface Entry extends Member {
  /** Undefined while the place is only held: who comes back soon, or another, finds the topic as it was. */
  listener?: Listener | undefined
}

/** Makes the subscriptions of one client. */
export function createSubscriptions(
  { clock, lingerMs }: Settings,
  { call, changed, notify }: SubscriptionsUser,
): Subscriptions {
  const entries = new Set<Entry>()
  const sequence = createSequence(entries)
  const present = new Map<string, PresenceFrame>()

  function dispatch(event: HubEvent) {
    const { type } = event
    for (const entry of sequence.hearers(event)) {
      const on = entry.listener?.on
      // The type comes from the server: it must not find what every object has.
      if (on && Object.hasOwn(on, type)) call(on[type], event)
      call(entry.listener?.onEvent, event)
    }
    // Only now: a cursor that runs ahead of its event would lose it.
    sequence.commit()
  }

  return {
    sequence,
    present,
    add(listener) {
      const { topic, after } = listener
      if (!isTopic(topic)) {
        throw new HubError('invalid_topic', `"${topic}" is no topic: write "kind" or "kind:key"`)
      }
      const entry: Entry = { topic, listener }
      sequence.join(entry, after)
      entries.add(entry)
      changed()
      return () => {
        if (!entry.listener) return
        entry.listener = undefined
        // Thousands may leave at once: what is asked for need not be looked at for each.
        notify()
        clock.after(lingerMs, () => {
          entries.delete(entry)
          changed()
        })
      }
    },
    has: (wanted) =>
      [...entries].some(({ listener, topic }) => listener && sequence.full(topic) === sequence.full(wanted)),
    topics: () => [...new Set([...entries].map(({ topic }) => topic))].sort(),
    take(frame, asked) {
      if (frame.kind === 'sync') present.clear()
      if (frame.kind === 'presence') {
        present.set(frame.topic, frame)
        notify()
      }
      if (frame.kind === 'event') dispatch(frame.event)
      if (frame.kind === 'beat') sequence.commit(frame.cursor)
      if (frame.kind !== 'sync' && frame.kind !== 'gap') return true
      const told = frame.kind === 'sync' ? sequence.sync(frame, asked) : sequence.gap(frame)
      told?.forEach((gap, { listener }) => void call(listener?.onGap, gap))
      return told !== undefined
    },
  }
}
