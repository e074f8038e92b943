// Line 14: live queries equal the server, at rest and on the way there; and they read again only for a reason.
import { cursorOf } from '../facts.ts'
import type { Entry } from '../history.ts'
import type { Check } from './check.ts'

/** The server names items so; what is called otherwise has its name from the page that made it. */
const isNamed = (id: string) => /^c\d+$/.test(id)

/** Line 14. */
export const equal: Check = {
  name: 'live queries equal the server',
  line: '14',
  run(facts, found) {
    const compared = facts.all('query at rest')
    for (const { at, page, query, shown, truth } of compared) {
      const missing = truth.filter((item) => !shown.includes(item))
      const surplus = shown.filter((item) => !truth.includes(item))
      if (shown.join() !== truth.join())
        found({ at, what: `page ${page} shows ${query} without ${missing.join()}, and with ${surplus.join()}` })
    }
    return compared.length
  },
}

/** Line 14, for what pages have changed themselves. */
export const settled: Check = {
  name: 'nothing pending is left',
  line: '14',
  run(facts, found) {
    const compared = facts.all('query at rest')
    for (const { at, page, query, shown } of compared)
      for (const item of shown.filter((item) => item.includes(' ') && !isNamed(item.split(' ')[0] ?? '')))
        found({ at, what: `page ${page} shows in ${query} under a temporary id: ${item}` })
    for (const { at, page, isPaused } of facts.all('mutation at rest'))
      found({ at, what: `a mutation of page ${page} is ${isPaused ? 'paused' : 'pending'}` })
    return compared.length
  },
}

/** At no moment. */
export const single: Check = {
  name: 'no item shows twice',
  line: '14',
  run({ config, ...facts }, found) {
    let looked = 0
    const live = new Map<number, readonly string[]>()
    // What a page has made in a list; and of these what nobody can tell from what others say of it in another list, as its own list is not live.
    const made = new Map<string, { readonly page: number; readonly list: string }>()
    const unsure = new Set<string>()
    for (const entry of facts.entries) {
      if (entry.what === 'change' && entry.write === 'create')
        made.set(entry.id, { page: entry.page, list: entry.lists[0] ?? '' })
      if (entry.what === 'status') live.set(entry.page, (entry.status.topics ?? []) as readonly string[])
      if (entry.what === 'change' || entry.what === 'status')
        for (const [id, { page, list }] of made)
          if (page === entry.page && !live.get(page)?.includes(list)) unsure.add(id)
      if (entry.what !== 'shown') continue
      const { at, page, query, items } = entry
      const ids = items.map(([id]) => id)
      // Where events bear no ids, nobody can tell that what others call so is what this page has made.
      const names = config.tagged
        ? items.filter(([id]) => !unsure.has(id)).map(([id, , name]) => (name.startsWith('other') ? id : name))
        : ids
      looked += items.length
      if (new Set(ids).size < ids.length || new Set(names).size < names.length)
        found({ at, what: `page ${page} shows in ${query} one item twice: ${JSON.stringify(items)}` })
    }
    return looked
  },
}

/** Whoever has heard of a delete, and has shown it, never shows the item again in a state from before it. */
export const buried: Check = {
  name: 'what is deleted stays deleted',
  line: '14',
  run(facts, found) {
    let looked = 0
    const places = new Map(facts.all('mounted').map(({ screen, page, topic }) => [screen, { page, topic }]))
    const graves = new Map<
      string,
      { readonly version: number; readonly cursor: string | undefined; readonly at: number }
    >()
    // The last answer of each query.
    const answers = new Map<string, { readonly cursor: string | undefined; readonly at: number }>()
    /** Whether an answer is older than a delete that was heard before it came: it may be shown again until it is heard again. */
    const isOlder = (
      name: string,
      { cursor = '', at }: { readonly cursor: string | undefined; readonly at: number },
    ) => {
      const answer = answers.get(name)
      if (!answer?.cursor || at >= answer.at) return false
      const [epoch, position] = answer.cursor.split(':')
      const [of, buried] = cursor.split(':')
      return epoch === of && Number(position) < Number(buried)
    }
    /** The gaps into another log, by page and topic. */
    const gaps = new Map<string, { readonly to: string; readonly at: number }[]>()
    /** Whether a query has been told a gap instead of a delete, which only another query has heard: its last answer is of another log, and it is to be read again. */
    const isMissed = (name: string, place: string, { cursor }: { readonly cursor: string | undefined }) => {
      const [answer, death] = [answers.get(name), cursorOf(cursor)]
      if (!answer || !death || cursorOf(answer.cursor)?.epoch === death.epoch) return false
      return (gaps.get(place) ?? []).some(({ to, at }) => {
        const end = cursorOf(to)
        return at >= answer.at && end?.epoch === death.epoch && end.position >= death.position
      })
    }
    const gone = new Map<string, Map<string, number>>()
    const looking = new Map<string, number>()
    for (const entry of facts.entries) {
      if (entry.what === 'event' && entry.type === 'item.deleted') {
        const { page, topic } = places.get(entry.screen) ?? {}
        const { data } = JSON.parse(entry.json) as { data: { id: string; version: number } }
        const grave = `${page} ${topic} ${data.id}`
        const version = Math.max(data.version, graves.get(grave)?.version ?? 0)
        graves.set(grave, { version, cursor: entry.cursor, at: entry.at })
      } else if (entry.what === 'gap' && entry.gap.reason === 'epoch') {
        const { page, topic } = places.get(entry.screen) ?? {}
        const place = `${page} ${topic}`
        gaps.set(place, [...(gaps.get(place) ?? []), { to: entry.gap.to, at: entry.at }])
      } else if (entry.what === 'fetched' && entry.ok) {
        const name = `${entry.page} ${entry.query}`
        answers.set(name, { cursor: entry.cursor, at: entry.at })
        const [page, ...query] = name.split(' ')
        for (const [grave, death] of graves) {
          const [of, topic = '', id = ''] = grave.split(' ')
          const isHere = of === page && (query[0] === 'all' || query[1] === topic)
          if (isHere && isOlder(name, death)) gone.get(name)?.delete(id)
        }
      } else if (entry.what === 'looks' || entry.what === 'looks away') {
        const name = `${entry.page} ${entry.query}`
        const count = (looking.get(name) ?? 0) + (entry.what === 'looks' ? 1 : -1)
        looking.set(name, count)
        // What nobody looks at may be of any age when somebody looks again.
        if (count === 0) gone.delete(name)
      } else if (entry.what === 'shown') {
        const { at, page, query, items } = entry
        const name = `${page} ${query}`
        const lacks = gone.get(name) ?? new Map<string, number>()
        gone.set(name, lacks)
        const versions = new Map(items.map(([id, version]) => [id, version]))
        for (const [id, version] of versions) {
          const deletedAt = lacks.get(id)
          if (deletedAt === undefined) continue
          looked++
          if (version < deletedAt)
            found({
              at,
              what: `page ${page} shows ${id} of version ${version} again in ${query}, deleted at ${deletedAt}`,
            })
        }
        for (const [grave, death] of graves) {
          const { version } = death
          const [of, topic = '', id = ''] = grave.split(' ')
          const isHere = of === String(page) && (query === 'all' || query.endsWith(topic))
          if (isHere && !versions.has(id) && !isOlder(name, death) && !isMissed(name, `${of} ${topic}`, death))
            lacks.set(id, version)
        }
      }
    }
    return looked
  },
}

/** How long a reason to read again is good: what fails is tried again after 30 s at the latest. */
const GOOD_MS = 40_000
/** TanStack Query tries a read that has failed once more, after so long. */
const RETRY_MS = 301
/** What TanStack Query and the pacing of reads may take besides. */
const SLACK_MS = 1_100
/** How long the event of a mutation that was answered is waited for. */
const SETTLE_MS = 5_000
/** A read that takes longer than this is given up for another. */
const HANG_MS = 10_000
/** By how much two moments of the virtual clock may be nearer to each other than the wait between them. */
const ROUNDING_MS = 0.001

interface Read {
  /** What has happened since the last read began, or before it and unanswered: why there must be another. */
  readonly reasons: Map<string, number>
  readonly mounts: Set<number>
  /** What its answers have had. */
  readonly known: Set<Pending>
  /**
   * Since when it hears of a topic: of those that were live when it was read, from then on; of the others, since it has had an answer. And where an answer
   * was of another log, or too old, anew from that answer's cursor on.
   */
  readonly holds: Map<string, { readonly at: number; readonly after?: string }[]>
  /** Whether the last read is of all its data; its first request; and the cursor of its answer, once that has come. */
  isWhole: boolean
  /** Of an infinite query: how many pages there are at most. */
  pages: number
  first: number
  cursor: string | undefined
  /** When somebody last began to look at it. */
  mountedAt: number
  /**
   * The requests that are under way, and how many pages their reads go on with after each; and the answers that they may do so after. What was given up goes on
   * too: TanStack Query ends only those that are told so.
   */
  readonly open: Map<number, number>
  answers: { readonly at: number; readonly left: number }[]
  /** How many pages were left where the last request failed. */
  failedLeft: number
  beganAt: number
  /** When its fallback last began to read it. */
  polledAt: number
  /** When the last answer came, and whether its read was the last to begin. */
  answeredAt: number
  hasFailed: boolean
  /** The read that the last answer was of began while all was live, and held already. */
  wasLive: boolean
  isFresh: boolean
  /** Its read was paused, and has gone on since the last one. */
  hasWaited: boolean
}
interface Reader {
  readonly queries: Map<string, Read>
  /** The topics that are not live. */
  readonly lost: Set<string>
  thawedAt: number
  readonly mutations: Map<string, Pending>
}
interface Pending {
  readonly isNew: boolean
  answeredAt: number
  /** When its event was heard first, by topic, and its cursor; and by which screens. */
  readonly heardAt: Map<string, number>
  readonly cursors: Map<string, string | undefined>
  readonly heardBy: Map<string, Set<number>>
}

/** The sentence under line 14: no fetch that no mount, gap, failure or invalidation explains. */
export const reasons: Check = {
  name: 'no fetch without a reason',
  line: '14',
  run(facts, found) {
    let looked = 0
    const { lists } = facts.config
    const readers = new Map<number, Reader>()
    const places = new Map<number, { readonly page: number; readonly topic: string }>()
    const hearing = new Set<number>()
    const epochs = new Set<string>()

    const readerOf = (page: number) => {
      const known = readers.get(page)
      const lost = new Set(lists)
      const reader: Reader = known ?? { queries: new Map(), lost, thawedAt: 0, mutations: new Map() }
      readers.set(page, reader)
      return reader
    }
    const readOf = (page: number, query: string) => {
      const { queries } = readerOf(page)
      const never = Number.NEGATIVE_INFINITY
      const read: Read = queries.get(query) ?? {
        reasons: new Map(),
        mounts: new Set(),
        known: new Set(),
        holds: new Map(),
        isWhole: true,
        pages: 1,
        first: 0,
        cursor: undefined,
        mountedAt: never,
        open: new Map(),
        answers: [],
        failedLeft: 0,
        beganAt: never,
        polledAt: never,
        answeredAt: never,
        hasFailed: false,
        wasLive: false,
        isFresh: true,
        hasWaited: false,
      }
      queries.set(query, read)
      return read
    }
    const topicsOf = (query: string) => lists.filter((list) => query === 'all' || query.endsWith(list))
    const isOf = (query: string, topic: string) => topicsOf(query).includes(topic)
    /** Gives a reason to all queries of a page, or to those of a topic. */
    const give = (page: number, at: number, why: string, topic?: string) => {
      for (const [query, { reasons }] of readerOf(page).queries)
        if (topic === undefined || isOf(query, topic)) reasons.set(why, at)
    }
    /** Whether a topic is live, and somebody of the page hears it. */
    const isHeld = (page: number, list: string) =>
      !readerOf(page).lost.has(list) &&
      [...hearing].some((screen) => places.get(screen)?.page === page && places.get(screen)?.topic === list)
    /** From now on a query hears of its topics, but for some. */
    const hold = (page: number, query: string, at: number, but: ReadonlySet<string> = new Set()) => {
      const { holds } = readOf(page, query)
      for (const topic of topicsOf(query)) if (!but.has(topic) && !holds.has(topic)) holds.set(topic, [{ at }])
    }
    /** Whether a query was told of an event, when its page first was. */
    const isTold = ({ holds }: Read, topic: string, at: number, cursor: string | undefined) => {
      const hold = holds.get(topic)?.findLast((hold) => hold.at <= at)
      const [after, event] = [cursorOf(hold?.after), cursorOf(cursor)]
      return hold !== undefined && !(event && event.epoch === after?.epoch && event.position <= after.position)
    }
    /** Whether the answer of a query has an event, by their cursors. */
    const has = ({ cursor }: Read, of: string | undefined) => {
      const [answer, event] = [cursorOf(cursor), cursorOf(of)]
      return answer !== undefined && answer.epoch === event?.epoch && answer.position >= event.position
    }
    const isLive = (page: number, query: string) => topicsOf(query).every((topic) => !readerOf(page).lost.has(topic))
    /** Its last answer was live from the beginning on, and it is still. */
    const isKept = (page: number, query: string) => {
      const { wasLive, answeredAt, beganAt } = readOf(page, query)
      return isLive(page, query) && wasLive && answeredAt > beganAt
    }

    /** Whether an event was heard by all who hear its topic: some query may have been told otherwise, by a gap. */
    const isHeard = (page: number, topic: string, by: ReadonlySet<number>) =>
      by.size > 0 &&
      [...hearing].every(
        (screen) => places.get(screen)?.page !== page || places.get(screen)?.topic !== topic || by.has(screen),
      )
    /** The mutations of a query, and whether an answer of now may have one of them under another name: it is not taken then, and the query is read again. */
    const pendingOf = (page: number, query: string, beganAt: number) => {
      const mine = [...readerOf(page).mutations.values()].filter(({ heardAt }) =>
        [...heardAt.keys()].some((topic) => isOf(query, topic)),
      )
      const isUnsure = mine.some(
        ({ isNew, answeredAt, heardBy }) =>
          isNew &&
          answeredAt >= beganAt &&
          ![...heardBy].some(([topic, by]) => isOf(query, topic) && isHeard(page, topic, by)),
      )
      return { mine, isUnsure }
    }

    /** The answer after which a read goes on with one page of several. */
    const before = ({ answers }: Read, at: number) => answers.find((answer) => at - answer.at <= 1)

    /** Why a read begins now; undefined for no reason. */
    const whyNow = (page: number, query: string, at: number): string | undefined => {
      const reader = readerOf(page)
      const read = readOf(page, query)
      // Whether it may is a question of its own (polls.ts).
      if (read.polledAt === at) return 'poll'
      for (const [why, since] of read.reasons) if (at - since <= GOOD_MS || why === 'failure') return why
      // Another may look at it already.
      if (at - read.mountedAt <= 1 && !(read.mounts.size > 1 && isKept(page, query))) return 'mount'
      if (read.open.size > 0 && at - read.beganAt > HANG_MS - ROUNDING_MS) return 'one that hangs'
      // One page of several.
      if (before(read, at)) return 'next page'
      for (const mutation of reader.mutations.values()) {
        const { answeredAt, heardAt, cursors } = mutation
        if (read.known.has(mutation)) continue
        for (const [topic, heardThen] of heardAt) {
          if (!isOf(query, topic)) continue
          // Before the query held the topic there was nobody to hear it, nor where it held it from a later cursor on.
          const heard = isTold(read, topic, heardThen, cursors.get(topic)) ? heardThen : Number.POSITIVE_INFINITY
          // But once somebody has heard where it is, an answer from there on, or from later, is known to have it.
          if (at > heardThen + SLACK_MS && has(read, cursors.get(topic))) continue
          // At the very end of its time either may be first.
          const settledAt = answeredAt + SETTLE_MS - ROUNDING_MS
          if (heard >= settledAt && at >= settledAt && at <= heard + SLACK_MS) return 'an event that has not come'
        }
      }
      return undefined
    }

    const step = (entry: Entry) => {
      const { at } = entry
      switch (entry.what) {
        case 'hub up':
          if (epochs.size > 0 && !epochs.has(entry.epoch))
            for (const page of readers.keys()) give(page, at, 'another log')
          epochs.add(entry.epoch)
          break
        case 'status': {
          const { phase, topics = [] } = entry.status as { phase: string; topics?: readonly string[] }
          const { lost } = readerOf(entry.page)
          lost.clear()
          for (const list of lists) if (phase !== 'live' || !topics.includes(list)) lost.add(list)
          break
        }
        case 'thawed':
          readerOf(entry.page).thawedAt = at
          break
        case 'mounted': {
          const { page, topic, screen, after } = entry
          places.set(screen, entry)
          hearing.add(screen)
          for (const [query, { holds, cursor, answeredAt, beganAt }] of readerOf(page).queries) {
            if (at === beganAt && isOf(query, topic) && !holds.has(topic)) holds.set(topic, [{ at }])
            if (after !== undefined && after === cursor && at === answeredAt && isOf(query, topic))
              holds.set(topic, [...(holds.get(topic) ?? []), { at, after }])
          }
          break
        }
        case 'unmounted':
          hearing.delete(entry.screen)
          break
        case 'gap': {
          const { page, topic } = places.get(entry.screen) ?? {}
          if (page !== undefined) give(page, at, 'gap', topic)
          break
        }
        case 'event': {
          const { page, topic } = places.get(entry.screen) ?? {}
          if (page === undefined) break
          if (entry.type === 'list.changed') give(page, at, 'list.changed', topic)
          const mutation = readerOf(page).mutations.get(entry.id.split('.')[0] ?? '')
          if (topic === undefined || !mutation) break
          mutation.heardBy.get(topic)?.add(entry.screen)
          if (mutation.heardAt.get(topic) !== Number.POSITIVE_INFINITY) break
          mutation.heardAt.set(topic, at)
          mutation.cursors.set(topic, entry.cursor)
          break
        }
        case 'change':
          readerOf(entry.page).mutations.set(entry.id, {
            isNew: entry.write === 'create',
            answeredAt: Number.POSITIVE_INFINITY,
            heardAt: new Map(entry.lists.map((list) => [list, Number.POSITIVE_INFINITY])),
            cursors: new Map(),
            heardBy: new Map(entry.lists.map((list) => [list, new Set<number>()])),
          })
          break
        case 'changed': {
          const mutation = readerOf(entry.page).mutations.get(entry.id)
          if (!mutation) break
          mutation.answeredAt = at
          // What has failed nobody waits for.
          if (!entry.ok) for (const [topic, heard] of mutation.heardAt) mutation.heardAt.set(topic, Math.min(heard, at))
          break
        }
        case 'asked':
          if (entry.query !== undefined) readOf(entry.page, entry.query).reasons.set(entry.why, at)
          if (entry.query !== undefined) {
            // It may be paused, and come later.
            if (entry.why === 'one more page') readOf(entry.page, entry.query).pages++
            if (entry.why === 'it was paused') readOf(entry.page, entry.query).hasWaited = true
          }
          // What is covered is not stale.
          else if (entry.why === 'focus' || entry.why === 'reconnect') {
            for (const [query, { reasons }] of readerOf(entry.page).queries)
              if (!isKept(entry.page, query)) reasons.set(entry.why, at)
          } else if (['refetch', 'cancel', 'invalidate', 'forget'].includes(entry.why)) give(entry.page, at, entry.why)
          break
        case 'looks': {
          const read = readOf(entry.page, entry.query)
          if (read.mounts.size === 0) {
            read.isFresh = true
            read.holds.clear()
          }
          read.mounts.add(entry.mount)
          read.mountedAt = at
          break
        }
        case 'looks away':
          readOf(entry.page, entry.query).mounts.delete(entry.mount)
          break
        case 'shown':
          hold(entry.page, entry.query, at)
          break
        case 'fetch': {
          const read = readOf(entry.page, entry.query)
          looked++
          // What nobody of the page hears any more is not live, though the stream still carries it.
          hold(entry.page, entry.query, at, new Set(lists.filter((list) => !isHeld(entry.page, list))))
          if (whyNow(entry.page, entry.query, at) === undefined)
            found({ at, what: `page ${entry.page} reads ${entry.query}, and nothing explains it` })
          // A page of several may be the last that a reason is good for: its own read goes on.
          const isRetry = read.hasFailed && (at - read.answeredAt <= RETRY_MS || readerOf(entry.page).thawedAt === at)
          const last = before(read, at)
          const goesOn = isRetry || last
          // What was paused began before what has happened since.
          // One more page grants no wish to read all.
          const isMore = read.reasons.get('one more page') === at
          if (isMore) {
            read.reasons.delete('one more page')
            // What was under way is given up for it.
            if (read.open.size > 0) read.reasons.set('given up', at)
          } else if (!goesOn && !read.hasWaited) read.reasons.clear()
          read.hasWaited = false
          const left = last ? last.left - 1 : isRetry ? read.failedLeft : isMore ? 0 : read.pages - 1
          read.open.set(entry.number, left)
          read.answers = read.answers.filter((answer) => answer !== last)
          if (goesOn) break
          read.beganAt = at
          read.isWhole = !isMore
          if (!isMore) Object.assign(read, { first: entry.number, cursor: undefined })
          read.wasLive = !read.isFresh && isLive(entry.page, entry.query)
          read.isFresh = false
          break
        }
        case 'poll':
          readOf(entry.page, entry.query).polledAt = at
          break
        case 'took': {
          const read = readOf(entry.page, entry.query)
          if (entry.cursor === undefined) read.reasons.set('no cursor', at)
          if (pendingOf(entry.page, entry.query, at).isUnsure) read.reasons.set('unnamed', at)
          break
        }
        case 'fetched': {
          const read = readOf(entry.page, entry.query)
          read.answeredAt = at
          const left = read.open.get(entry.number) ?? 0
          read.open.delete(entry.number)
          read.answers = read.answers.filter((answer) => at - answer.at <= 1)
          if (!entry.ok) read.failedLeft = left
          else if (left > 0) read.answers.push({ at, left })
          read.hasFailed = !entry.ok
          // Of several pages the first is the oldest.
          if (entry.ok && entry.number >= read.first) read.cursor ??= entry.cursor
          // A page of another log than the others, which may be answered before the hub is up with that.
          const [whole, page] = [cursorOf(read.cursor), cursorOf(entry.cursor)]
          if (entry.ok && !read.isWhole && whole && page && whole.epoch !== page.epoch)
            read.reasons.set('another log', at)
          const { mine, isUnsure } = pendingOf(entry.page, entry.query, read.beganAt)
          if (entry.ok && isUnsure) read.reasons.set('unnamed', at)
          // One more page says nothing of the others.
          else if (entry.ok && read.isWhole)
            for (const mutation of mine) if (read.beganAt > mutation.answeredAt) read.known.add(mutation)
          if (!entry.ok) read.reasons.set('failure', at)
          // Between such an answer and the stream there is a hole.
          else if (entry.cursor === undefined && !read.wasLive) read.reasons.set('no cursor', at)
          break
        }
        default:
      }
    }
    facts.entries.forEach(step)
    return looked
  },
}
