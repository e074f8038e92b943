// Polls the queries that ask for it while the hub cannot keep them, by a scheduler of our own: observers would not notice the hub's state. Loaded with the first such query.
import type { Clock, Random, Status, Tabs } from '@sse-hub/core'
import { focusManager, onlineManager, type Query, type QueryClient } from '@tanstack/query-core'
import type { Entry, QueryReport } from './entry.ts'
import type { Topics } from './holds.ts'
import { pollMsOf } from './interval.ts'
import { createShare, type Share } from './share.ts'
import { platformTabs } from './tabs.ts'

// A stream that breaks is mostly back within a second: its first retry has this chance before all who lost it ask the API.
const GRACE_MS = 300
const SPREAD_MS = 200
// A hub that says good-bye says when it is back: it is waited for, but never for so long that the first poll comes later than 5 s.
const BYE_MS = 2_000
const BYE_SPREAD_MS = 2_500
// An outage is noticed to be over within this and a twentieth of what it has lasted.
const RETRY_MS = 1_000

/** The polls of one cache, as counted since it was connected. */
export interface Polls {
  /** Requests that this tab has made. */
  readonly done: number
  /** Answers that were taken from another tab's request. */
  readonly shared: number
  /** Requests that plain polling at the same intervals would have made, while the hub made them needless. */
  readonly avoided: number
}

/** What polls work with. */
export interface FallbackOptions {
  readonly client: Topics
  readonly queryClient: QueryClient
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly tabs?: Tabs | null
  /** Whether queries are to be live at all. */
  readonly wanted: () => boolean
  /** What is known of the queries. */
  readonly entries: ReadonlyMap<Query, Entry>
  /** A query is polled, which somebody looks on at. */
  readonly polled?: (query: Query) => void
  /** Hears that what a query was answered cannot be shared. */
  readonly onReport: (report: QueryReport) => void
}

/** The polls of one query cache. */
export interface Fallback {
  /**
   * Says how a query is, which polls if it has an interval and somebody looks at it: whether all its topics are live; and whether none is, so that nothing is
   * heard of it but by polls.
   */
  set(query: Query, isLive?: boolean, isQuiet?: boolean): void
  /** The client's status has changed, or whether queries are to be live. */
  look(): void
  counts(): Polls
  /** Ends them all. */
  stop(): void
}

interface Poll {
  readonly query: Query
  readonly pollMs: number
  readonly isLive: boolean
  readonly isQuiet: boolean
  /** How old the data is: since then it is not kept, or it was polled. */
  readAt: number
  /** It was live until now, and has not been polled since. */
  isLost: boolean
  /** When it was last polled: a hub that comes and goes must not make polls more frequent than their interval. */
  polledAt: number
  /** Since when the hub saves it its polls. */
  savedAt?: number | undefined
  cancel?: (() => void) | undefined
  share?: Share | undefined
}

/** Makes the polls; there is no timer while there is nothing to poll. */
export function createFallback(options: FallbackOptions): Fallback {
  const { client, queryClient, clock, random, tabs = platformTabs(), wanted, entries, polled, onReport } = options
  const polls = new Map<Query, Poll>()
  const unshared = new WeakSet<Query>()
  const counts = { done: 0, shared: 0, avoided: 0 }
  let user: string | null = null
  // When the hub was lost, and when those who were live until then poll first; neither while it may be back in a moment.
  let lostAt = 0
  let firstAt = Number.POSITIVE_INFINITY
  let cancelRetry: (() => void) | undefined

  const entryOf = (query: Query) => entries.get(query) as Entry
  const saved = ({ savedAt = clock.now(), pollMs }: Poll) => Math.floor((clock.now() - savedAt) / pollMs)

  const read = (poll: Poll) => {
    const { query, isLost } = poll
    // Whoever lost the hub together must not poll in step for ever after.
    done(poll, isLost ? random.next() / 2 : 0)
    counts.done++
    polled?.(query)
    return entryOf(query).refresh.read()
  }

  const shareOf = (poll: Poll): Share | undefined => {
    const { query } = poll
    // Without a name there is nobody to be sure of: what one may read, another may not.
    if (!tabs?.locks || !user || !poll.isQuiet || unshared.has(query)) return undefined
    return createShare({
      tabs,
      name: `sse-hub polls ${JSON.stringify([client.url, user, query.queryHash])}`,
      query,
      queryClient,
      read: () => read(poll),
      isPending: () => entryOf(query).join.isPending(),
      taken() {
        counts.shared++
        // Whoever asked asks again, before the others think that nobody does.
        done(poll, -0.1 - random.next() / 10)
      },
      waits: () => done(poll, 0.75),
      failed(error) {
        unshared.add(query)
        halt(poll)
        update(poll)
        onReport({ during: 'share', error, queryKey: query.queryKey })
      },
    })
  }

  /** Ends what a poll waits for. */
  const halt = (poll: Poll) => {
    poll.cancel?.()
    poll.share?.close()
    poll.cancel = poll.share = undefined
    counts.avoided += saved(poll)
    poll.savedAt = undefined
  }

  /** Has a poll wait for what is next. */
  const update = (poll: Poll) => {
    const { pollMs, isLive, isLost, readAt, polledAt } = poll
    poll.cancel?.()
    if (!focusManager.isFocused() || !onlineManager.isOnline()) return halt(poll)
    if (isLive) {
      poll.savedAt ??= clock.now()
      return
    }
    poll.share ??= shareOf(poll)
    const dueAt = Math.min(readAt + pollMs, isLost ? Math.max(firstAt, polledAt + pollMs) : Number.POSITIVE_INFINITY)
    poll.cancel = clock.after(Math.max(0, dueAt - clock.now()), () => {
      // Whoever shares begins once it has the lock, which may take as long as its tab is frozen.
      if (poll.share) poll.share.poll()
      else read(poll).catch(() => {})
    })
    retry()
  }

  /** A poll is done, and the next is due in one interval, or less than that by a part of it. */
  const done = (poll: Poll, less = 0) => {
    poll.isLost = false
    poll.polledAt = clock.now()
    poll.readAt = clock.now() - poll.pollMs * less
    update(poll)
  }

  const updateAll = () => polls.forEach(update)

  /** How long those who were live wait until they poll first. */
  const graceOf = (status: Status) => {
    const chance = random.next()
    if (status.phase === 'down') {
      // It has been silent for seconds already.
      if (status.reason === 'timeout') return 0
      if (status.error.details.byeMs !== undefined)
        return GRACE_MS + Math.min(status.retryInMs, BYE_MS) + chance * BYE_SPREAD_MS
    }
    return GRACE_MS + chance * SPREAD_MS
  }

  /** Whether a query polls until the hub is back. */
  const isWaiting = () => {
    for (const { cancel } of polls.values()) if (cancel) return wanted()
    return false
  }

  /** How long the client would wait by itself, where it may try sooner: the hub has not asked for the wait. */
  const waitOf = (status: Status) => {
    if (status.phase !== 'down') return 0
    const { byeMs, retryAfterMs } = status.error.details
    return byeMs === undefined && !retryAfterMs ? status.retryInMs : 0
  }

  /** Somebody waits for the hub to be back: the client tries sooner than it would by itself. */
  const retry = () => {
    if (cancelRetry || waitOf(client.status.get()) <= 0 || !isWaiting()) return
    const ms = (RETRY_MS + (clock.now() - lostAt) / 20) * (1 - random.next() / 2)
    if (waitOf(client.status.get()) <= ms) return
    cancelRetry = clock.after(ms, () => {
      cancelRetry = undefined
      // By now it may be at it, or have been told to wait.
      if (waitOf(client.status.get()) > 0 && isWaiting()) client.start()
    })
  }

  const look = () => {
    const status = client.status.get()
    const { phase } = status
    if (phase === 'live' && status.user !== user) {
      ;({ user } = status)
      // What was shared so far is another user's.
      for (const poll of polls.values()) {
        halt(poll)
        update(poll)
      }
    }
    if (!wanted() || phase === 'down' || phase === 'stopped' || phase === 'closed') {
      if (firstAt === Number.POSITIVE_INFINITY) {
        lostAt = clock.now()
        firstAt = lostAt + graceOf(status)
        updateAll()
      }
      retry()
    } else if (phase === 'live' || phase === 'idle') {
      firstAt = Number.POSITIVE_INFINITY
      cancelRetry?.()
      cancelRetry = undefined
      // What a hub that is back does not keep was lost for good.
      updateAll()
    }
  }

  look()
  const stops = [focusManager.subscribe(updateAll), onlineManager.subscribe(updateAll)]

  return {
    set(query, isLive = false, isQuiet = false) {
      const entry = entries.get(query)
      const pollMs = entry && query.isActive() ? pollMsOf(entry.live) : Number.POSITIVE_INFINITY
      const before = polls.get(query)
      if (before?.pollMs === pollMs && before.isLive === isLive && before.isQuiet === isQuiet) return
      if (before) {
        halt(before)
        polls.delete(query)
      }
      if (pollMs === Number.POSITIVE_INFINITY) return
      const isLost = !isLive && !!(before?.isLive || before?.isLost)
      const readAt = before && !before.isLive ? before.readAt : clock.now()
      const polledAt = before?.polledAt ?? Number.NEGATIVE_INFINITY
      const poll = { query, pollMs, isLive, isQuiet, isLost, readAt, polledAt }
      polls.set(query, poll)
      update(poll)
    },
    look,
    counts() {
      const ongoing = [...polls.values()].reduce((sum, poll) => sum + saved(poll), 0)
      return { ...counts, avoided: counts.avoided + ongoing }
    },
    stop() {
      for (const stop of stops) stop()
      cancelRetry?.()
      polls.forEach(halt)
      polls.clear()
    },
  }
}
