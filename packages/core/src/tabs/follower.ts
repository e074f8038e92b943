// A tab that follows: reads the leader's news instead of a stream, and asks the hub, in pages, for what it lacks. Loaded with the first word of another tab.
import type { Frame, PresenceFrame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { isAfter } from '../sequence.ts'
import { type Question, queryOf, type Source } from '../sources/source.ts'
import { catchUp } from './catch-up.ts'
import { hereOf, type News } from './message.ts'

// So many news may wait in a tab that is slower than the stream.
const MOST_NEWS = 1_000
// So many of what is not kept are known again.
const MOST_PASSED = 1_000
// How long a tab waits for a live stream to carry what it wants, before it streams by itself.
const ALONE_MS = 2_000

/** What a follower works with. */
export interface FollowerUser {
  /** What it reads when it cannot follow. */
  readonly hub: Source
  readonly clock: Clock
  /** The name of this tab. */
  readonly me: string
  /** Whom the hub takes this tab to be, if that is known. It is asked before a stream is followed that is another's. */
  readonly user: string | null | undefined
  /** Tells whoever leads what this tab reads, and as whom. */
  want(topics: readonly string[], user?: string | null): void
  /** It should look again whom to read. */
  look(): void
}

/** A tab as a follower. */
export interface Follower {
  /** Reads what the leader tells. */
  open(question: Question): Promise<void>
  /** Takes news of the tab that leads. */
  hear(news: News): void
  /** It follows nobody, for now. */
  rest(): void
  /** How far this tab has come with what it reads; the leader's stream may be further, or behind. */
  readonly cursor: string | undefined
  /** Whether it reads what the leader tells, and not a stream of its own. */
  readonly isFollowing: boolean
}

/** Makes the follower of a tab. */
export function createFollower({ hub, clock, me, user, want, look }: FollowerUser): Follower {
  // The newest that was heard.
  let view: News | undefined
  let topics: readonly string[] = []
  let inbox: News[] = []
  let isFollowing = false
  // The leader of this term has been asked whether it is somebody else by now, and is not.
  let strangeTerm: number | undefined
  let cursor: string | undefined
  // Who is there, as the tab that leads has said.
  const present = new Map<string, PresenceFrame>()
  // What is not kept has no cursor: where a stream of this tab's own and the leader's overlap, it would come twice.
  const passed = new Set<string>()
  let wake = () => {}

  const isCarried = (news = view) => topics.every((topic) => news?.asked.includes(topic))

  const isNew = (frame: Frame) => {
    if (frame.kind !== 'event' || frame.event.cursor !== undefined) return true
    const name = JSON.stringify(frame.event)
    const [oldest] = passed
    if (passed.size === MOST_PASSED && oldest !== undefined) passed.delete(oldest)
    return passed.size < passed.add(name).size
  }

  return {
    async open(question) {
      const { url, get, signal } = question
      const take = (frames: readonly Frame[]) => question.take(frames.filter(isNew))
      signal.addEventListener('abort', () => wake())
      // Since when the leader's stream does not carry what this tab wants.
      let waitsSince: number | undefined
      cursor = question.after
      // The term and the number of the news that come next, once one follows the other.
      let next: string | undefined
      const lacks = () => cursor !== undefined && view?.here !== undefined && isAfter(view.here, cursor)
      /** Whether a frame of the leader's stream is right for this tab, too: neither has what the other lacks, and the stream is the same user's. */
      const fits = (frame: Frame, news: News) =>
        frame.kind === 'sync'
          ? frame.user === user && isCarried(news) && !isAfter(frame.cursor, `${cursor}`)
          : frame.kind !== 'gap' || !isAfter(`${cursor}`, `${frame.from}`)
      topics = question.topics
      inbox = []
      isFollowing = true
      while (!signal.aborted) {
        const news = inbox.shift()
        if (!news) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        if (news.failure && !news.sync) {
          const [code, message, options] = news.failure
          // What is final for the leader need not be so for this tab: it asks for itself.
          throw new HubError(code, message, { retryable: true, details: { ...options?.details, status: undefined } })
        }
        const { term, n, here, frames } = news
        // It is told again what it knows, but perhaps for who is there. What is no news is no sign of life, either.
        if (next === `${term} ${n + 1}`) {
          const late = (news.present ?? []).filter(({ topic }) => !question.present?.has(topic))
          if (late[0]) take(late)
          continue
        }
        // It follows what was heard before, or begins where this tab is. What is told to this tab alone says how far the leader is, and not what it has said on the way.
        if (
          (next === `${term} ${n}` || frames[0]?.kind === 'sync') &&
          !news.to &&
          frames.every((frame) => fits(frame, news))
        ) {
          next = `${term} ${n + 1}`
          // Without frames nothing was heard up to there: it may be a place in a log that is no more.
          if (frames[0] && isAfter(`${here}`, `${cursor}`)) cursor = here
          // That a stream is over is no sign of its life.
          if (news.failure) continue
          // What the leader lacked is not what this tab lacks.
          take(frames.map((frame) => (frame.kind === 'sync' ? { ...frame, gaps: [] } : frame)))
          continue
        }
        next = undefined
        // What the hub says to the one that asks, it says to all.
        const bye = frames.find(({ kind }) => kind === 'bye')
        if (bye && (news.sync?.user ?? user) === user) take([bye])
        if (view?.sync && view.sync.user !== user && view.term !== strangeTerm) {
          const response = await get(`${url}/page${queryOf(topics, undefined)}`, 'application/json')
          const body = await response.json()
          // One that came too late may be of somebody who has signed out since.
          if (!signal.aborted) user = body.user
        }
        // Only now: more may have come meanwhile.
        if (signal.aborted || !view?.sync || view.here === undefined) continue
        const { sync, here: begins } = view
        if (sync.user !== user || !isCarried()) {
          if (view.term !== strangeTerm) {
            if (waitsSince === undefined) want(topics, user)
            waitsSince ??= clock.now()
            if (clock.now() - waitsSince < ALONE_MS) continue
          }
          strangeTerm = sync.user !== user ? view.term : undefined
          isFollowing = false
          // The leader may have taken leave of this tab for good, by a word that came late.
          if (sync.user === user) want(topics)
          const alone = (frames: readonly Frame[]) => {
            if (signal.aborted) return
            cursor = hereOf(frames) ?? cursor
            take(frames)
          }
          return hub.open({ ...question, take: alone, after: cursor })
        }
        waitsSince = undefined
        // All that is heard from now on follows `begins`.
        inbox = []
        next = `${view.term} ${view.n + 1}`
        if (lacks()) {
          // Whoever does not get through asks anew who it is.
          user = undefined
          const caught = (frames: readonly Frame[]) => {
            cursor = hereOf(frames)
            take(frames)
          }
          await catchUp({ ...question, take: caught }, `${cursor}`, begins, sync)
          if (signal.aborted) return
          user = sync.user
          take([...present.values()])
        } else {
          cursor ??= begins
          take([{ ...sync, cursor, gaps: [] }, ...present.values()])
        }
      }
    },
    get cursor() {
      return cursor
    },
    get isFollowing() {
      return isFollowing
    },
    hear(news) {
      if (news.failure || news.flowed) {
        hub.learn?.(news.failure && new HubError(...news.failure), news.flowed === true, clock)
      }
      if ((news.to ?? me) !== me) return
      if (news.term !== view?.term) present.clear()
      for (const frame of [...(news.present ?? []), ...news.frames]) {
        if (frame.kind === 'sync') present.clear()
        if (frame.kind === 'presence') present.set(frame.topic, frame)
      }
      view = news
      if (!isFollowing) {
        // This tab streams by itself, and need not any more.
        if (view?.sync?.user === user && isCarried()) look()
        return
      }
      // Whoever cannot keep up asks the hub for what it lacks.
      if (inbox.length >= MOST_NEWS) inbox = []
      inbox.push(news)
      wake()
    },
    rest() {
      view = undefined
    },
  }
}
