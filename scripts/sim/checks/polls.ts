// The fallback of live queries: they poll only while the hub does not keep them, soon and then at their interval, and one tab of a browser for all.
import type { Entry, EntryOf } from '../history.ts'
import type { Check } from './check.ts'

/** The interval of the queries. */
const POLL_MS = 10_000
/** When the first poll comes after a loss: at random, and later after a good-bye, which says when the hub is back. */
const GRACE_MS = 300
const SPREAD_MS = 400
const BYE_MS = 2_000
const BYE_SPREAD_MS = 2_500
/** How long whoever finds another tab asking waits for its answer. */
const WAIT_MS = POLL_MS / 4
/** What a browser may take for a lock and for a message. */
const LOCK_MS = 100
/** How soon the client tries again for whoever polls, from the loss or the try before on, and by what part of the outage later. */
const HURRY_MS = 500
const HURRY_PART = 40

interface Polled {
  readonly mounts: Set<number>
  /** Since when anybody looks at it. */
  lookedAt: number
  /** All its topics are live; none is. */
  isKept: boolean
  isQuiet: boolean
  /** It was kept until it was lost, and has not been polled since. */
  isLost: boolean
  /** Perhaps it was not. */
  isVague: boolean
  /** From when on it may be polled, and by when it must, if its tab is awake and nothing changes. */
  fromAt: number
  byAt: number
  /** By when it must in this very moment. */
  dueAt: number
  /** Since when its tab shares its polls. */
  sharesAt: number
  /** When it was polled, found another tab asking, and went without the lock; took an answer; or was read for any reason, and answered. */
  polledAt: number
  /** When its turn was over, last: a hub that comes and goes does not make the next one come sooner. */
  doneAt: number
  waitedAt: number
  aloneAt: number
  tookAt: number
  beganAt: number
  answeredAt: number
  /** When it had data last, by an answer. */
  knownAt: number
  isReading: boolean
  /** The answer of what is being read is nobody's. */
  isGivenUp: boolean
  hasFailed: boolean
  /** Of an infinite query: how many pages it had when it was polled. */
  pages: number | undefined
  /** Its last request was the second attempt of a read; there is no third. */
  isRetry: boolean
}
/** What a page changes itself: where, but for what it has heard of it; since when, since when it has heard of it anywhere, and when and how it was answered. */
interface Changed {
  readonly lists: Set<string>
  readonly at: number
  toldAt: number
  doneAt: number
  isOk: boolean
}
interface Poller {
  readonly queries: Map<string, Polled>
  readonly changes: Map<string, Changed>
  readonly browser: string | undefined
  live: ReadonlySet<string>
  phase: string
  /** As the hub has named it since there is something to poll for. */
  user: string | undefined
  named: string | undefined
  isSeen: boolean
  isOnline: boolean
  isFrozen: boolean
  /** Since the hub was lost: from when on those that it kept may be polled, and by when they must; Infinity while it is there. */
  firstAt: number
  lastAt: number
  /** When the hub was back, and first polls were due already. */
  turnedAt: number
  lostAt: number
  /** When its fallback last had the client try again; and whether the hub has asked for the wait. */
  hurriedAt: number
  isTold: boolean
}

const NEVER = Number.NEGATIVE_INFINITY
const EVER = Number.POSITIVE_INFINITY

/** Whoever loses the hub polls soon, and at the interval; whoever has it does not. */
export const polls: Check = {
  name: 'queries poll while the hub is away, one tab for all',
  line: '12',
  run({ config, entries, endedAt }, found) {
    const { lists, locks } = config
    const pollers = new Map<number, Poller>()
    const places = new Map<number, EntryOf<'mounted'>>()
    let looked = 0

    const topicsOf = (query: string) => lists.filter((list) => query === 'all' || query.endsWith(list))
    const polledOf = (poller: Poller, query: string) => {
      const polled: Polled = poller.queries.get(query) ?? {
        mounts: new Set(),
        lookedAt: NEVER,
        isKept: false,
        isQuiet: true,
        isLost: false,
        isVague: false,
        fromAt: NEVER,
        byAt: EVER,
        dueAt: EVER,
        sharesAt: EVER,
        polledAt: NEVER,
        doneAt: NEVER,
        waitedAt: NEVER,
        aloneAt: NEVER,
        tookAt: NEVER,
        beganAt: NEVER,
        answeredAt: NEVER,
        knownAt: NEVER,
        isReading: false,
        isGivenUp: false,
        hasFailed: false,
        pages: undefined,
        isRetry: false,
      }
      poller.queries.set(query, polled)
      return polled
    }
    const isAwake = ({ isSeen, isOnline, isFrozen }: Poller) => isSeen && isOnline && !isFrozen

    /** Looks at a query before and after something has changed. */
    const note = (page: number, query: string, at: number) => {
      const poller = pollers.get(page) as Poller
      const polled = polledOf(poller, query)
      if (at > polled.dueAt) {
        found({ at, what: `page ${page} should have polled ${query} by ${polled.dueAt.toFixed(0)} ms, and has not` })
        polled.dueAt = EVER
      }
      const topics = topicsOf(query)
      const isKept = topics.every((topic) => poller.live.has(topic))
      if (isKept) polled.isLost = polled.isVague = false
      // Before its first answer it may not hold its topics: to its fallback it was never kept, perhaps.
      else if (polled.isKept && polled.knownAt < polled.lookedAt)
        Object.assign(polled, { isLost: true, isVague: true, byAt: at + POLL_MS })
      else if (polled.isKept) Object.assign(polled, { isLost: true, fromAt: at + POLL_MS, byAt: at + POLL_MS })
      polled.isKept = isKept
      polled.isQuiet = !topics.some((topic) => poller.live.has(topic))
      const wants = polled.mounts.size > 0 && !isKept && poller.isSeen && poller.isOnline
      const waits = wants && !poller.isFrozen
      const isSharing = wants && polled.isQuiet && poller.user !== undefined && isShared(poller)
      polled.sharesAt = isSharing && waits ? Math.min(polled.sharesAt, at) : EVER
      // Whoever stands still for a moment has waited all the same.
      if (!isSharing) polled.waitedAt = NEVER
      if (!waits) polled.dueAt = EVER
      else if (polled.dueAt === EVER || polled.isLost)
        polled.dueAt =
          Math.max(
            at,
            Math.min(
              polled.byAt,
              polled.isLost && !polled.isVague ? Math.max(poller.lastAt, polled.doneAt + POLL_MS) : EVER,
            ),
          ) + patience(poller)
    }
    /** It was polled, or something instead; the next is due from then on, and by then. */
    const next = (poller: Poller, polled: Polled, fromAt: number, byAt: number) =>
      Object.assign(polled, {
        isLost: false,
        isVague: false,
        fromAt,
        byAt,
        dueAt: polled.dueAt === EVER ? EVER : byAt + patience(poller),
      })
    const isShared = ({ browser }: Poller) => browser !== undefined && locks.includes(browser)
    /** Whoever shares may find another tab asking. */
    const patience = (poller: Poller) => LOCK_MS + (isShared(poller) ? WAIT_MS + LOCK_MS : 0)
    const noteAll = (page: number, at: number) => {
      for (const query of pollers.get(page)?.queries.keys() ?? []) note(page, query, at)
    }

    /**
     * Whether what another tab asked for and was answered may lack what this one has changed: something that was answered it has neither heard nor read yet, or that is under way, and was
     * heard of on another list; and that was asked for before the last answer, or a change is still under way.
     */
    const mayLack = (page: number, query: string, askedAt: number, heardAt: number) => {
      const { changes } = pollers.get(page) as Poller
      const own = polledOf(pollers.get(page) as Poller, query)
      const knownAt = Math.max(own.hasFailed ? NEVER : own.beganAt, own.tookAt)
      const known = [...changes.values()].filter(({ at }) => at <= heardAt + LOCK_MS)
      const done = known.filter(({ isOk, doneAt }) => isOk && doneAt <= heardAt + LOCK_MS)
      const told = known.filter(({ toldAt, doneAt }) => toldAt <= heardAt + LOCK_MS && doneAt >= heardAt)
      const isPending = [...done, ...told].some(
        ({ lists, toldAt, doneAt }) =>
          Math.min(toldAt, doneAt) >= knownAt && topicsOf(query).some((topic) => lists.has(topic)),
      )
      return (
        isPending && (done.some(({ doneAt }) => doneAt >= askedAt) || known.some(({ doneAt }) => doneAt >= heardAt))
      )
    }

    /** Another tab that has asked a moment ago, whose answer is there, or could have been waited for. */
    const askedBy = (page: number, query: string, at: number) => {
      const own = polledOf(pollers.get(page) as Poller, query)
      const isInfinite = query.startsWith('pages ')
      const { browser, user } = pollers.get(page) as Poller
      const hasWaited = own.waitedAt > NEVER
      for (const [number, other] of pollers) {
        const polled = other.queries.get(query)
        if (number === page || !polled || other.browser !== browser || other.user !== user) continue
        // Of an infinite query each tab may have other pages, and takes no answer that has not those.
        if (isInfinite && (own.pages === undefined || own.pages !== polled.pages)) continue
        const askedAt = polled.polledAt
        const isRecent = askedAt > at - POLL_MS / 2 && polled.beganAt === askedAt
        if (!isRecent || polled.hasFailed || !(polled.sharesAt < askedAt - LOCK_MS && own.sharesAt < askedAt)) continue
        // What it reads itself, or was answered since, it does not take.
        if (own.isReading || own.answeredAt >= askedAt) continue
        if (!polled.isReading && mayLack(page, query, askedAt, polled.answeredAt)) continue
        if (polled.isReading ? !hasWaited && polled.aloneAt !== askedAt : polled.answeredAt < at - LOCK_MS)
          return number
      }
      return undefined
    }

    const poll = (page: number, query: string, at: number) => {
      const poller = pollers.get(page) as Poller
      const polled = polledOf(poller, query)
      looked++
      const firstAt = poller.turnedAt >= at - LOCK_MS ? NEVER : poller.firstAt
      const say = (what: string) => found({ at, what: `page ${page} polls ${query}, ${what}` })
      if (polled.mounts.size === 0) say('which nobody looks at')
      else if (polled.isKept) say('which the hub keeps')
      else if (!isAwake(poller)) say('and nobody sees the page, or it is offline')
      else if (
        at <
        Math.min(polled.fromAt, polled.isLost ? Math.max(firstAt, polled.doneAt + POLL_MS - LOCK_MS) : EVER) - 1
      )
        say('too early')
      else if (polled.sharesAt < at) {
        const other = askedBy(page, query, at)
        if (other !== undefined) say(`as page ${other} has just done for all`)
      }
      // Those who lost the hub together go on at different times.
      next(poller, polled, at + POLL_MS / (polled.isLost ? 2 : 1) - LOCK_MS, at + POLL_MS)
      polled.polledAt = polled.doneAt = at
      polled.waitedAt = NEVER
    }

    const step = (entry: Entry) => {
      const { at } = entry
      if (entry.what === 'event') {
        const { page = 0, topic = '' } = places.get(entry.screen) ?? {}
        const [id = ''] = entry.id.split('.')
        const change = pollers.get(page)?.changes.get(id)
        change?.lists.delete(topic)
        if (change) change.toldAt = Math.min(change.toldAt, at)
      }
      if (!('page' in entry) || entry.page === undefined) return
      const { page } = entry
      if (entry.what === 'opened') {
        pollers.set(page, {
          queries: new Map(),
          changes: new Map(),
          browser: entry.browser,
          live: new Set(),
          phase: 'idle',
          user: undefined,
          named: undefined,
          isSeen: true,
          isOnline: true,
          isFrozen: false,
          firstAt: EVER,
          lastAt: EVER,
          turnedAt: NEVER,
          lostAt: EVER,
          hurriedAt: NEVER,
          isTold: false,
        })
        return
      }
      const poller = pollers.get(page)
      if (!poller) return
      switch (entry.what) {
        case 'mounted':
          places.set(entry.screen, entry)
          break
        case 'crashed':
          pollers.delete(page)
          break
        case 'hurried': {
          looked++
          const say = (what: string) =>
            found({ at, what: `the fallback of page ${page} has its client try again, ${what}` })
          const { phase, isTold, lostAt, hurriedAt, queries } = poller
          const waits = [...queries.values()].some(({ mounts, isKept }) => mounts.size > 0 && !isKept)
          const since = Math.max(lostAt, hurriedAt)
          if (phase !== 'down') say(`which is ${phase}`)
          else if (isTold) say('though the hub has asked it to wait')
          else if (!waits || !isAwake(poller)) say('and nobody waits for it')
          else if (at < since + HURRY_MS + (since - lostAt) / HURRY_PART - 1) say('too soon')
          poller.hurriedAt = at
          break
        }
        case 'froze':
        case 'thawed':
          noteAll(page, at)
          poller.isFrozen = entry.what === 'froze'
          noteAll(page, at)
          break
        case 'asked':
          noteAll(page, at)
          // Whoever was not seen for a moment hands nothing on of what was asked before.
          if (entry.why === 'focus') for (const polled of poller.queries.values()) polled.sharesAt = EVER
          // What is being read is given up for it, and its answer is nobody's.
          if (entry.why === 'one more page' && entry.query !== undefined) polledOf(poller, entry.query).beganAt = at
          if (entry.why === 'cancel') for (const polled of poller.queries.values()) polled.isGivenUp = polled.isReading
          if (entry.why === 'seen' || entry.why === 'hidden') poller.isSeen = entry.why === 'seen'
          if (entry.why === 'online' || entry.why === 'offline') poller.isOnline = entry.why === 'online'
          noteAll(page, at)
          break
        case 'status': {
          const { phase, reason, byeMs, retryInMs, topics, user } = entry.status as {
            readonly phase: string
            readonly reason?: string
            readonly byeMs?: number
            readonly retryInMs: number
            readonly topics?: readonly string[]
            readonly user?: string
          }
          poller.isTold = byeMs !== undefined
          poller.phase = phase
          if (phase === 'live' || phase === 'idle') {
            // Whoever has asked for the lock before may have it a moment later.
            if (poller.firstAt <= at) poller.turnedAt = at
            poller.firstAt = poller.lastAt = EVER
          }
          if (['down', 'stopped', 'closed'].includes(phase) && poller.firstAt === EVER) {
            const bye = byeMs === undefined ? 0 : Math.min(retryInMs, BYE_MS)
            const spread = byeMs === undefined ? SPREAD_MS : BYE_SPREAD_MS
            // Silence has been waited for already.
            poller.lostAt = at
            poller.firstAt = at + (reason === 'timeout' ? 0 : GRACE_MS + bye)
            poller.lastAt = poller.firstAt + (reason === 'timeout' ? 0 : spread)
          }
          poller.live = new Set(phase === 'live' ? topics : [])
          poller.named = phase === 'live' ? user : undefined
          if (poller.queries.size > 0) poller.user = poller.named ?? poller.user
          noteAll(page, at)
          break
        }
        case 'looks': {
          // Nobody has counted what an outage lasts before there was something to poll for; while the client tries, it may be none.
          if (poller.queries.size === 0) {
            poller.lostAt = Math.max(poller.lostAt, at)
            if (poller.phase === 'connecting') poller.firstAt = poller.lastAt = EVER
          }
          const polled = polledOf(poller, entry.query)
          poller.user ??= poller.named
          if (polled.mounts.size === 0) {
            const isKept = topicsOf(entry.query).every((topic) => poller.live.has(topic))
            Object.assign(polled, {
              lookedAt: at,
              isKept,
              isLost: false,
              isVague: false,
              fromAt: at + POLL_MS,
              byAt: at + POLL_MS,
              dueAt: EVER,
              doneAt: NEVER,
            })
          }
          polled.mounts.add(entry.mount)
          note(page, entry.query, at)
          break
        }
        case 'looks away':
          polledOf(poller, entry.query).mounts.delete(entry.mount)
          note(page, entry.query, at)
          break
        case 'poll':
          note(page, entry.query, at)
          polledOf(poller, entry.query).pages = entry.pages
          poll(page, entry.query, at)
          break
        case 'waits': {
          const polled = polledOf(poller, entry.query)
          note(page, entry.query, at)
          // Whoever shares no more is told too late, of what it asked before.
          if (polled.sharesAt === EVER) break
          // Whoever has waited does not wait once more, and goes without the lock; whoever has been answered just now does neither.
          if (polled.waitedAt > NEVER) polled.aloneAt = at
          if (polled.waitedAt > NEVER || polled.tookAt >= at - LOCK_MS) break
          next(poller, polled, at + WAIT_MS - LOCK_MS, at + WAIT_MS)
          polled.waitedAt = polled.doneAt = at
          break
        }
        case 'took': {
          const polled = polledOf(poller, entry.query)
          note(page, entry.query, at)
          // Whoever asked asks again, before the others think that nobody does.
          next(poller, polled, at + POLL_MS * 1.1, at + POLL_MS * 1.2)
          Object.assign(polled, { answeredAt: at, knownAt: at, tookAt: at, doneAt: at, waitedAt: NEVER })
          break
        }
        case 'fetch': {
          const polled = polledOf(poller, entry.query)
          polled.isRetry = polled.hasFailed && !polled.isRetry
          // One page of several, or one more attempt: the same read.
          if (!polled.isReading && polled.answeredAt !== at && !polled.isRetry) polled.beganAt = at
          polled.isReading = true
          polled.hasFailed = false
          break
        }
        case 'fetched': {
          const polled = polledOf(poller, entry.query)
          polled.isReading = false
          polled.hasFailed = !entry.ok
          polled.answeredAt = at
          if (entry.ok && !polled.isGivenUp) polled.knownAt = at
          polled.isGivenUp = false
          break
        }
        case 'change':
          poller.changes.set(entry.id, { lists: new Set(entry.lists), at, toldAt: EVER, doneAt: EVER, isOk: false })
          break
        case 'changed': {
          const change = poller.changes.get(entry.id)
          if (change) Object.assign(change, { doneAt: at, isOk: entry.ok })
          break
        }
        default:
      }
    }
    entries.forEach(step)
    for (const page of pollers.keys()) noteAll(page, endedAt)
    return looked
  },
}
