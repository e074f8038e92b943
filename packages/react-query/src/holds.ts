// The topics that one query holds: a subscription for each, and whether what the query has is whole for it.
import type { Contract, HubClient, HubEvent, TopicGap } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'
import { tell, WATCHED } from './activity.ts'
import type { Answer } from './cursor.ts'
import type { Join } from './join.ts'

/** What a query needs of a client, whatever its contract. */
export interface Topics {
  subscribe(subscription: {
    readonly topic: string
    readonly after: string | undefined
    readonly onEvent: (event: HubEvent) => void
    readonly onGap: (gap: TopicGap) => void
  }): () => void
  readonly status: HubClient<Contract>['status']
  readonly url: string
  start(): void
}

/** What holds work with. */
export interface HoldsOptions {
  readonly query: Query
  readonly client: Topics
  readonly join: Join
  /** Whether the client hears of every change of a topic. */
  readonly isLive: (topic: string) => boolean
  /** The data is not whole. */
  readonly refresh: (pace: 'now') => void
  /** The client would not take a topic. */
  readonly report: (during: 'subscribe', error: unknown) => void
}

/** The topics of one query. */
export interface Holds {
  /**
   * Holds these topics, those that it does not yet, for the data that is there: after the cursor it reflects. What is added later is not asked for from there, since then the
   * others have gone on for long: the client says whether the data lacks something.
   */
  take(topics: readonly string[]): void
  /** Has a topic wait for the answer of the fetch that begins now: what is live or held by then cannot miss anything that the answer will lack. */
  await(topic: string): void
  /** Whether nothing has followed the data yet: then its topics need not wait for a fetch, which may take long. */
  isNew(): boolean
  /** Holds its topics from an earlier cursor on: what follows it comes again. */
  again(after: string): void
  /** Lets go of all topics but these. Answers whether there were any. */
  keep(topics: readonly string[]): boolean
  /** The fetch has ended, with an answer that is as new as it looks, or of unknown age; or without. */
  ended(ok?: boolean): void
  /** Looks at the client's status. */
  check(): void
  /** Whether the data is whole for the topic, and the client hears of every change. */
  covers(topic: string): boolean
}

interface Hold {
  stop: () => void
  /**
   * `whole`: the client tells of every gap from what the data reflects; `unsure`: it was read before the topic was held, or nobody knows when, which the
   * client tells only if the topic is new to it; `awaiting`: the answer of the fetch in flight decides.
   */
  state: 'whole' | 'unsure' | 'awaiting'
}

/** Makes the holds of one query; none at first. */
export function createHolds({ query, client, join, isLive, refresh, report }: HoldsOptions): Holds {
  const holds = new Map<string, Hold>()
  // The cursor of an answer that no topic has been followed from yet; none is known of what was there before us.
  let from = join.cursor()

  const subscribe = (topic: string, after?: Answer, state: Hold['state'] = after ? 'whole' : 'unsure') => {
    const hold: Hold = { stop: () => {}, state }
    holds.set(topic, hold)
    try {
      hold.stop = client.subscribe({
        after: after ?? undefined,
        topic,
        onEvent: join.event,
        onGap(gap) {
          if (WATCHED) tell({ kind: 'gap', query, gap })
          // It has said what is lacking, though it may not be live yet. An event that does not fit may be one of many; the others come with a new stream.
          if (gap.reason !== 'schema' && hold.state === 'unsure') hold.state = 'whole'
          join.gap(gap)
        },
      })
    } catch (error) {
      report('subscribe', error)
    }
  }

  return {
    take(topics) {
      for (const topic of topics) if (!holds.has(topic)) subscribe(topic, from)
      from = undefined
    },
    await(topic) {
      const hold = holds.get(topic)
      if (hold?.state === 'unsure') hold.state = 'awaiting'
      else if (!hold && isLive(topic)) subscribe(topic, undefined, 'awaiting')
    },
    isNew: () => from !== undefined,
    again(after) {
      for (const [topic, { stop }] of holds) {
        stop()
        subscribe(topic, after)
      }
    },
    keep(topics) {
      const { size } = holds
      for (const [topic, { stop }] of holds) {
        if (topics.includes(topic)) continue
        holds.delete(topic)
        stop()
        from = undefined
      }
      return holds.size < size
    },
    ended(ok) {
      from = join.cursor()
      for (const hold of holds.values()) {
        if (ok === false || hold.state === 'awaiting') hold.state = ok ? 'whole' : 'unsure'
      }
    },
    check() {
      if (query.state.data === undefined) return
      for (const [topic, hold] of holds) {
        // Live, and the client has not said that the topic is new to it: then others have held it, or we, and it cannot know what this data lacks.
        if (hold.state !== 'unsure' || !isLive(topic)) continue
        hold.state = 'whole'
        refresh('now')
      }
    },
    covers: (topic) => holds.get(topic)?.state === 'whole' && isLive(topic),
  }
}
