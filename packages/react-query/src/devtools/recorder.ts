// What the panel shows: all that is known of a client and of the live queries of a cache, noted while somebody looks.
import {
  type Contract,
  type Frame,
  type HubClient,
  type HubEvent,
  isAfter,
  type Status,
  type StatusStep,
  statusFeed,
  type TopicGap,
  type TopicState,
} from '@sse-hub/core'
import type { Mutation, Query, QueryClient } from '@tanstack/query-core'
import { observeQueries, type QueryActivity } from '../activity.ts'
import { pollMsOf } from '../interval.ts'
import { liveOf } from '../live.ts'
import type { Fault } from './faults.ts'
import { inspectionOf } from './inspect.ts'
import { countTabs } from './tabs.ts'

// What is kept of each kind: the newest.
const MAX_EVENTS = 500
const MAX_NOTES = 50
// What has changed is shown after so long, however much it is.
const FLUSH_MS = 100
const COUNT_MS = 1_000

/** An event, as it arrived. */
export interface Arrival {
  readonly n: number
  readonly at: number
  readonly event: HubEvent
  /** From its publishing to here, by the clocks of the hub and of this browser. */
  readonly tookMs: number
  /** The client has had it, and drops it. */
  readonly isRepeat: boolean
}

/** A gap, and what it has caused. */
export interface NotedGap {
  readonly at: number
  readonly topics: readonly string[]
  readonly reason: TopicGap['reason']
  readonly from: string | undefined
  readonly to: string
  /** The live queries that are read again for it. */
  readonly queries: readonly string[]
  /** It was made with the panel. */
  readonly isMade: boolean
}

/** An answer that was joined. */
export interface NotedJoin {
  readonly n: number
  readonly at: number
  readonly key: string
  readonly events: number
  readonly cursor: string | undefined
}

/** A conflict. */
export interface NotedConflict {
  readonly n: number
  readonly at: number
  readonly key: string
  readonly sides: { readonly mine: unknown; readonly theirs: unknown; readonly base: unknown }
}

/** A live query, as it is. */
export interface LiveRow {
  readonly key: string
  readonly topics: readonly string[]
  /** `live`: all its topics are; `reading`: a fetch is in flight, or due in a moment; `due`: it will be read at its interval; `polling`: it is, and was answered since the hub was lost; `lost`: nothing keeps it. */
  readonly state: 'live' | 'reading' | 'due' | 'polling' | 'lost' | 'error' | 'idle'
  readonly pollMs: number | undefined
  readonly fetches: number
  readonly polls: number
  readonly avoided: number
}

/** A mutation that is not over, or has failed. */
export interface MutationRow {
  readonly id: number
  readonly name: string
  readonly state: 'sent' | 'paused' | 'failed'
  readonly at: number
  /** The types of the events that are shown until the server has answered. */
  readonly optimistic: readonly string[]
  readonly variables: unknown
  readonly error: string | undefined
}

/** All that is known at one moment. */
export interface View {
  readonly status: Status
  /** Since when the status is what it is. */
  readonly since: number
  /** Since when nothing has come in; undefined while something does, or where it never has. */
  readonly lostAt: number | undefined
  /** Whether it was so already when the record began. */
  readonly isSinceBegin: boolean
  readonly steps: readonly StatusStep[]
  /** Whether the client can be looked into. */
  readonly isInspected: boolean
  readonly fault: Fault | undefined
  readonly tabs: number | undefined
  readonly topics: readonly { readonly topic: string; readonly state: TopicState }[]
  readonly cursor: string | undefined
  /** When something was heard last, and how often something must be. */
  readonly heardAt: number | undefined
  readonly heartbeatMs: number | undefined
  readonly arrivals: readonly Arrival[]
  readonly count: number
  readonly gaps: readonly NotedGap[]
  readonly joins: readonly NotedJoin[]
  readonly conflicts: readonly NotedConflict[]
  readonly queries: readonly LiveRow[]
  readonly mutations: readonly MutationRow[]
}

/** What notes, of one client and one cache. */
export interface Recorder {
  get(): View
  /** Calls back when there is more to see. */
  subscribe(listener: () => void): () => void
  /** Begins to note, until the answer is called. */
  start(): () => void
  /** Forgets the events. */
  clear(): void
  /** Does something to the client's network. */
  act(what: 'cut' | 'gap' | Fault | 'heal'): void
}

interface Tally {
  fetches: number
  polls: number
  avoided: number
  /** It was read since the hub was lost. */
  isAnswered: boolean
}

export const keyOf = (key: unknown): string => JSON.stringify(key).slice(1, -1).replaceAll('"', '')

const latest = <T>(list: readonly T[], next: T, max = MAX_NOTES): T[] => [...list.slice(1 - max), next]

/** Makes one; it notes nothing until it is started. */
export function createRecorder(
  client: HubClient<Contract>,
  queryClient: QueryClient,
  now: () => number = Date.now,
): Recorder {
  const inspection = inspectionOf(client)
  const queryCache = queryClient.getQueryCache()
  const mutationCache = queryClient.getMutationCache()
  const listeners = new Set<() => void>()
  const tallies = new Map<string, Tally>()
  const seen = new Set<string>()
  let begunAt = now()
  let first = client.status.get()
  let steps: readonly StatusStep[] = []
  let lostAt: number | undefined
  let arrivals: Arrival[] = []
  let count = 0
  let notes = 0
  let cursor: string | undefined
  let heardAt: number | undefined
  let heartbeatMs: number | undefined
  let gaps: NotedGap[] = []
  let joins: NotedJoin[] = []
  let conflicts: NotedConflict[] = []
  let tabs: number | undefined
  let isGapMade = false
  let flushing: ReturnType<typeof setTimeout> | undefined

  function flush() {
    clearTimeout(flushing)
    flushing = undefined
    view = look()
    for (const listener of [...listeners]) listener()
  }
  const changed = () => {
    flushing ??= setTimeout(flush, FLUSH_MS)
  }

  const tallyOf = ({ queryHash }: Query): Tally => {
    const tally = tallies.get(queryHash) ?? { fetches: 0, polls: 0, avoided: 0, isAnswered: false }
    tallies.set(queryHash, tally)
    return tally
  }
  const isLive = (topic: string) => client.status.topic(topic) === 'live'

  function rowOf(query: Query): LiveRow | undefined {
    const live = liveOf(query)
    if (!live) return undefined
    const { topics } = live
    const ms = pollMsOf(live)
    const pollMs = Number.isFinite(ms) ? ms : undefined
    const { fetchStatus, status, isInvalidated } = query.state
    const { fetches, polls, avoided, isAnswered } = tallyOf(query)
    const state = () => {
      if (!query.isActive()) return 'idle'
      if (fetchStatus === 'fetching') return 'reading'
      if (status === 'error') return 'error'
      if (topics[0] && topics.every(isLive)) return isInvalidated ? 'reading' : 'live'
      if (!pollMs) return 'lost'
      return isAnswered ? 'polling' : 'due'
    }
    return { key: keyOf(query.queryKey), topics, state: state(), pollMs, fetches, polls, avoided }
  }

  function mutationOf({ mutationId, options, state }: Mutation): MutationRow | undefined {
    const { status, isPaused, submittedAt, variables, context, error } = state
    if (status !== 'pending' && status !== 'error') return undefined
    const { optimistic } = (context ?? {}) as { optimistic?: readonly { type: string }[] }
    return {
      id: mutationId,
      name: options.mutationKey ? keyOf(options.mutationKey) : `mutation ${mutationId}`,
      state: status === 'error' ? 'failed' : isPaused ? 'paused' : 'sent',
      at: submittedAt,
      optimistic: Array.isArray(optimistic) ? optimistic.map(({ type }) => type) : [],
      variables,
      error: error ? String(error) : undefined,
    }
  }

  function topicsOf(status: Status, rows: readonly LiveRow[]): View['topics'] {
    for (const { topics } of rows) for (const topic of topics) seen.add(topic)
    const user = status.phase === 'live' ? status.user : null
    if (status.phase === 'live') {
      // What the application calls `user` the hub calls by the name.
      for (const topic of status.topics) seen.add(topic === `user:${user}` ? 'user' : topic)
      for (const topic of status.refused) seen.add(topic)
    }
    return [...seen]
      .sort()
      .map((topic) => ({ topic, state: client.status.topic(topic) }))
      .filter(({ state }) => state !== 'unsubscribed')
  }

  function look(): View {
    const status = client.status.get()
    const last = steps.at(-1)
    const queries = queryCache.getAll().flatMap((query) => rowOf(query) ?? [])
    return {
      status,
      since: last?.at ?? begunAt,
      isSinceBegin: !last,
      lostAt,
      steps,
      isInspected: inspection !== undefined,
      fault: inspection?.faults.current(),
      tabs,
      topics: topicsOf(status, queries),
      cursor,
      heardAt,
      heartbeatMs,
      arrivals,
      count,
      gaps,
      joins,
      conflicts,
      queries,
      mutations: mutationCache.getAll().flatMap((mutation) => mutationOf(mutation) ?? []),
    }
  }

  /** The hub tells of a gap, and so does each query that it concerns. */
  function noteGap(topics: readonly string[], { reason, from, to }: Omit<TopicGap, 'topic'>, query?: Query) {
    const known = gaps.find((gap) => gap.to === to && gap.reason === reason)
    const key = query && keyOf(query.queryKey)
    const queries = [...new Set([...(known?.queries ?? []), ...(key === undefined ? [] : [key])])]
    const all = [...new Set([...(known?.topics ?? []), ...topics])]
    if (known) gaps = gaps.map((gap) => (gap === known ? { ...gap, queries, topics: all } : gap))
    else gaps = latest(gaps, { at: now(), topics: all, reason, from, to, queries, isMade: isGapMade })
  }

  function hear(frame: Frame) {
    heardAt = now()
    if (frame.kind === 'sync') {
      ;({ cursor, heartbeatMs } = frame)
      for (const { topics, ...gap } of frame.gaps) noteGap(topics, gap)
      isGapMade = false
    } else if (frame.kind === 'gap') noteGap(frame.topics, frame)
    else if (frame.kind === 'beat') cursor = frame.cursor
    else if (frame.kind === 'event') {
      const { event } = frame
      const isRepeat = !!event.cursor && !!cursor && !isAfter(event.cursor, cursor)
      if (event.cursor && !isRepeat) cursor = event.cursor
      const arrival = { n: ++count, at: heardAt, event, tookMs: heardAt - event.at, isRepeat }
      arrivals = latest(arrivals, arrival, MAX_EVENTS)
    }
    changed()
  }

  function note(activity: QueryActivity) {
    if (activity.kind === 'conflict') {
      const { queryKey, mine, theirs, base } = activity.conflict
      if (activity.queryClient !== queryClient) return
      conflicts = latest(conflicts, { n: ++notes, at: now(), key: keyOf(queryKey), sides: { mine, theirs, base } })
      return changed()
    }
    const { query, kind } = activity
    if (queryCache.get(query.queryHash) !== query) return
    // A topic that is new to the client has not lost anything.
    if (kind === 'gap' && activity.gap.reason !== 'added') noteGap([activity.gap.topic], activity.gap, query)
    else if (kind === 'poll') tallyOf(query).polls++
    else if (kind === 'join') {
      const { events, cursor } = activity
      joins = latest(joins, { n: ++notes, at: now(), key: keyOf(query.queryKey), events, cursor })
    }
    changed()
  }

  /** What a page that polls would have asked for, had it not been live. */
  function countAvoided() {
    for (const query of queryCache.getAll()) {
      const { polls = [], topics = [] } = liveOf(query) ?? {}
      const pollMs = pollMsOf({ polls })
      const wouldPoll = Number.isFinite(pollMs) && query.isActive()
      if (wouldPoll && topics[0] && topics.every(isLive)) tallyOf(query).avoided += COUNT_MS / pollMs
    }
  }

  let view = look()

  /** Who leads has the lock before anything is live, so this is asked at each step as well. */
  function lookAround() {
    if (!inspection) return
    // What has called for it is shown a moment later, and this with it.
    void countTabs(inspection).then((told) => {
      tabs = told
    })
  }

  return {
    get: () => view,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    start() {
      // What has happened meanwhile is not known.
      if (client.status.get() !== first || steps.length > 0) {
        steps = []
        begunAt = now()
        first = client.status.get()
      }
      // What has begun, or is there, was asked for before anybody could count.
      for (const query of queryCache.getAll()) {
        const { fetchStatus, data } = query.state
        if (fetchStatus === 'fetching' || data !== undefined) tallyOf(query).fetches ||= 1
      }
      const feed = statusFeed(client, { now })
      const stops = [
        feed.stop,
        feed.subscribe(() => {
          steps = feed.get()
          lookAround()
          const { at, from, to } = steps.at(-1) ?? {}
          if (to?.phase === 'live') lostAt = undefined
          else if (from?.phase === 'live') {
            lostAt ??= at
            for (const tally of tallies.values()) tally.isAnswered = false
          }
          changed()
        }),
        inspection?.hear(hear),
        observeQueries(note),
        queryCache.subscribe((happened) => {
          if (happened.type === 'observerResultsUpdated') return
          if (happened.type === 'updated') {
            const { action, query } = happened
            if (action.type === 'fetch') tallyOf(query).fetches++
            if (action.type === 'success' && !action.manual) tallyOf(query).isAnswered = true
          }
          changed()
        }),
        mutationCache.subscribe(changed),
      ]
      const counting = setInterval(() => {
        countAvoided()
        lookAround()
        changed()
      }, COUNT_MS)
      changed()
      return () => {
        clearInterval(counting)
        clearTimeout(flushing)
        flushing = undefined
        for (const stop of stops) stop?.()
      }
    },
    clear() {
      arrivals = []
      flush()
    },
    act(what) {
      if (!inspection) return
      const { faults } = inspection
      if (what === 'gap') isGapMade = true
      if (what === 'cut' || what === 'gap') faults[what]()
      else faults.set(what === 'heal' ? undefined : what)
      // What is switched on again should not be waited for.
      if (what === 'heal' && client.status.get().phase !== 'live') client.start()
      flush()
    },
  }
}
