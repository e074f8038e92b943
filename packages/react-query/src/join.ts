// The data of one query, joined with the events that came since it was read, and with what is pending: a fetch in flight must not overwrite them.
import { type Clock, type HubEvent, isAfter, type TopicGap } from '@sse-hub/core'
import type { Query, QueryClient } from '@tanstack/query-core'
import { tell, WATCHED } from './activity.ts'
import { differ } from './conflict.ts'
import { type Answer, cursorOf, inBoth, isForeign, isLater, notesOf } from './cursor.ts'
import type { Live } from './live.ts'
import { type Change, createOverlay, isUnsent, type OverlayOptions } from './overlay.ts'
import { REFETCH, type Tombstones } from './reducers.ts'
import { LATER_MS, type Pace } from './refresh.ts'

// Past this a fetch takes too long to keep what happens meanwhile: the query is read once more instead.
const MAX_JOURNAL = 10_000
// However many events there are, they cause at most one write in this time.
const FRAME_MS = 16

/** How far the hub has been heard by the queries of one cache: the newest event, the end of the newest gap, or the newest answer, from where on the hub may be asked. */
export interface Heard {
  newest?: string
}

/** What a join works with. */
export interface JoinOptions {
  readonly query: Query
  readonly queryClient: QueryClient
  readonly heard: Heard
  readonly clock: Clock
  readonly live: Live
  /** What is pending in the cache. */
  readonly changes: OverlayOptions['changes']
  /** Whether the data is as new as this moment; otherwise an event does not make it look so. */
  readonly covered: () => boolean
  /** The data cannot be mended by events. */
  readonly refresh: (pace: Pace) => void
  /** A reducer threw, or an answer cannot be placed. */
  readonly report: (during: 'reduce' | 'read', error: unknown, event?: HubEvent) => void
}

/** What an answer was. */
export interface Joined {
  /** Whether the query function gave it: what is restored, or read by others, may be of any age. */
  readonly isOurs: boolean
  /** The cursor of the data, where the answer lacks what was heard before it was asked for, or is of another log: the hub must be asked again from there. */
  readonly behind?: string
}

/** The join of one query. */
export interface Join {
  /** An event of one of its topics. */
  event(event: HubEvent): void
  /** A gap of one of its topics. */
  gap(gap: Pick<TopicGap, 'to' | 'reason'>): void
  /** A fetch has begun, of all its data or of one more page. */
  began(whole: boolean): void
  /** The fetch has ended with an answer, or without. */
  ended(ok: boolean): Joined | undefined
  /** The cursor that the data reflects, where the answer said so: all up to it is in the data. Undefined: what it lacks is to be read. */
  cursor(): Answer
  /** What is pending has changed. */
  show(): void
  /** Others may have written to the query: it is read again for that. Default: later, since they may not be done, nor what they expect be true yet. */
  look(pace?: Pace): void
  /** Whether something of mine that the server has done waits for an answer, or its event. */
  isPending(): boolean
  /** The event that confirms a change has not come; the query is read again for it. Whether it still waits for that. */
  settle(change: Change): boolean
}

/** The data of an infinite query. */
interface Pages {
  readonly pages: readonly unknown[]
  readonly pageParams: readonly unknown[]
}

/**
 * One page more: TanStack Query has put it to the others as they were shown when it was asked for, with what was pending then. They are told by their place: several
 * pages may have one param, as where the end of a feed is asked for again.
 */
const onTopOf = (before: Pages, after: Pages, how: Query['state']['fetchMeta']): Pages => {
  const grow = (old: readonly unknown[], all: readonly unknown[]) =>
    how?.fetchMore?.direction === 'forward'
      ? [...old, all.at(-1)].slice(-all.length)
      : [all[0], ...old].slice(0, all.length)
  return { pages: grow(before.pages, after.pages), pageParams: grow(before.pageParams, after.pageParams) }
}

/** Whether the server is known to have it: it has answered, or its event was heard by some query. */
const isDone = ({ cursor, state }: Change) => cursor || state !== 'sent'

/** Makes the join of one query. */
export function createJoin(options: JoinOptions): Join {
  const { query, queryClient, changes, heard, clock, live, covered, refresh, report } = options
  const { queryKey } = query
  const overlay = createOverlay(options)
  // The server's state as it is known, and what was made of it: the same, unless something is pending.
  let base: unknown
  let shown: unknown
  // What was read elsewhere may have brought it along.
  let cursor: Answer = cursorOf(query.state.data) ?? null
  // The events since the fetch in flight began, which its answer may or may not reflect.
  let journal: HubEvent[] | undefined = query.state.fetchStatus === 'idle' ? undefined : []
  let isWhole = true
  let heardBefore: string | undefined
  // Whether the hub was asked again for what the last answer lacks, and has not said that it cannot tell.
  let isCatchingUp = false
  const tombstones: Tombstones = new Map()
  // Events that came within a frame after the last were written.
  const waiting: HubEvent[] = []
  let wroteAt = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | undefined
  // What the server had answered before the fetch in flight began.
  let answered: Change[] = []
  // Since when answers are put aside, which may have what is under temporary ids under others; 0: they are not.
  let doubtfulAt = 0

  // An event of another epoch than the answer is of the one before, and so in the data.
  const isNew = ({ cursor: at }: Pick<Change, 'cursor'>) => !cursor || !at || isLater(at, cursor)

  const hear = (at: string, isOther?: boolean) => {
    if (isOther || !heard.newest || isAfter(at, heard.newest)) heard.newest = at
  }

  /** What the data lacks cannot be had from events. */
  const lost = (pace: Pace) => {
    cursor = undefined
    refresh(pace)
  }

  const reduce = (data: unknown, event: HubEvent): unknown => {
    try {
      const next = live.on[event.type]?.(data, event, tombstones)
      if (next !== REFETCH) return next ?? data
    } catch (error) {
      report('reduce', error, event)
    }
    refresh('paced')
    return data
  }

  /** Takes what the query has for the server's state. */
  const take = () => {
    shown = query.state.data
    base = overlay.strip(shown)
  }

  /** The server's state as it is known. */
  const truth = (pace: Pace = 'later') => {
    const { data } = query.state
    if (shown !== data) {
      // Others have written, and may know less than was known here.
      if (shown !== undefined && differ(shown, data)) refresh(pace)
      take()
    }
    return base
  }

  /** Writes the server's state, with what is pending on top. Data that is not there yet is not invented. */
  const show = (state: unknown) => {
    const { data, isInvalidated, dataUpdatedAt, error, status } = query.state
    const next = overlay.rebase(state, tombstones)
    if (next !== data && (next === state || differ(data, next))) {
      wroteAt = clock.now()
      query.setData(next, { manual: true, ...(!covered() && { updatedAt: dataUpdatedAt }) })
    }
    shown = query.state.data
    base = next === state ? shown : state
    // A write clears the mark, and the error; what was to be read again still is.
    if (isInvalidated) query.setState({ isInvalidated, error, status })
  }

  /** Has the server's state follow events. */
  const apply = (events: readonly HubEvent[]) => {
    const state = truth()
    if (state === undefined) return
    const follow = (before: unknown, event: HubEvent) => {
      const isMine = overlay.hear(event)
      const after = isNew(event) ? reduce(before, event) : before
      if (!isMine && before !== after) overlay.compare(before, after, event)
      return after
    }
    show(events.reduce(follow, state))
  }

  /** Writes what waits. */
  const flush = () => {
    cancel?.()
    cancel = undefined
    apply(waiting.splice(0))
  }

  /** Reads again what was put aside, once no mutation is under way any more, nor a fetch that may do for it. */
  const retry = () => {
    if (!journal && doubtfulAt && overlay.pending().every(isDone)) {
      doubtfulAt = 0
      refresh('now')
    }
  }

  return {
    event(event) {
      const { cursor: at } = event
      if (at) {
        hear(at)
        if (isForeign(at, cursor)) lost('now')
      }
      if (journal && journal.push(event) > MAX_JOURNAL) {
        journal = []
        refresh('now')
      }
      waiting.push(event)
      const waitMs = wroteAt + FRAME_MS - clock.now()
      if (waitMs <= 0) flush()
      else cancel ??= clock.after(waitMs, flush)
    },
    gap({ to, reason }) {
      // Another log; or the same, which has gone back: then nothing is after what was.
      const isOther = reason === 'epoch'
      hear(to, isOther)
      // What was read at or after the end of the gap does not lack it. Only that its topic is new is this page's own affair: the others lack what the log has lost, too.
      if (isOther || !cursor || isAfter(to, cursor))
        lost(isCatchingUp ? 'slower' : reason === 'added' ? 'now' : 'paced')
      isCatchingUp = false
    },
    began(whole) {
      // What the answer is put to, or instead of.
      flush()
      journal = []
      isWhole = whole
      answered = whole ? overlay.pending().filter(isDone) : []
      heardBefore = heard.newest
      notesOf(queryClient, queryKey, true)
    },
    ended(ok) {
      const events = journal ?? []
      journal = undefined
      if (!ok) return undefined
      // What has come of mine is confirmed, though it may wait for its frame.
      events.forEach(overlay.hear)
      const unsure = overlay
        .unnamed(base, query.state.data)
        .filter((each) => !isUnsent(each) && !answered.includes(each))
      doubtfulAt ||= clock.now()
      if (unsure[0] && base !== undefined && clock.now() < doubtfulAt + LATER_MS) {
        // What was known goes on until the mutation is answered, or what others have made was hidden for too long.
        show(base)
        refresh('later')
        retry()
        return undefined
      }
      doubtfulAt = 0
      for (const { events } of unsure) overlay.confirm(events)
      const answer = notesOf(queryClient, queryKey).cursor
      if (isWhole) {
        cursor = answer
        // What is pending may be answered yet with a state from before a deletion that this answer has.
        if (!changes[0]) tombstones.clear()
        // The other pages have not become newer by one more.
      } else if (answer !== undefined) cursor = inBoth(cursor, answer)
      const isOurs = !isWhole || answer !== undefined
      const isStranger = isForeign(answer, heard.newest)
      // While the hub is away its log may have been replaced; and so it may while the answer is on its way, once.
      if (WATCHED && isStranger && covered()) {
        const { newest } = heard
        import('./stranger.ts').then(
          ({ stranger }) => stranger(query, `${answer}`, `${newest}`, report),
          () => {},
        )
      }
      // It lacks what was heard before it was asked for; that of another log lacks everything.
      isCatchingUp = isStranger || isLater(heardBefore, answer)
      if (answer && !isCatchingUp) hear(answer)
      if (WATCHED) tell({ kind: 'join', query, events: events.length, cursor: cursor ?? undefined })
      // Read after the server had answered, it has that, unless it is from before in the same log.
      if (!isCatchingUp || isStranger) answered.forEach(overlay.confirm)
      const before = base
      // They are in the journal.
      waiting.splice(0)
      take()
      // There may have been no more page to ask for.
      if (!isWhole)
        base = answer === undefined ? before : onTopOf(before as Pages, base as Pages, query.state.fetchMeta)
      overlay.compare(before, base)
      show(base)
      // What the hub will say again is not said twice; from the oldest page on, which may still wait for it.
      if (isCatchingUp && cursor) return { isOurs, behind: cursor }
      if (isCatchingUp) lost('now')
      apply(events)
      return { isOurs }
    },
    cursor: () => cursor,
    show() {
      flush()
      retry()
    },
    look: truth,
    isPending: () => overlay.pending().some(isDone),
    settle(change) {
      // Its event may not have been told here, since the answer has it.
      if (base !== undefined && overlay.pending().includes(change) && isNew(change)) {
        // The fetch in flight may be what it waits for.
        if (!journal || !answered.includes(change)) refresh('paced')
        if (query.isActive()) return true
      }
      overlay.confirm(change)
      return false
    },
  }
}
