// A tab that follows: reads the leader's news instead of a stream, and asks the hub, in pages, for what it lacks.
import { decodePage, type Frame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { isAfter } from '../sequence.ts'
import { framesOf } from '../sources/poll.ts'
import { type Question, queryOf, type Source } from '../sources/source.ts'
import type { Message, News } from './message.ts'

// How long a leader that is asked may take to say that it is there.
const ANSWER_MS = 500
// So many news may wait in a tab that is slower than the stream.
const MOST_NEWS = 1_000
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
  post(message: Message): void
  /** It should look again whom to read. */
  look(): void
  /** The leader is silent. */
  depose(): void
}

/** A tab as a follower. */
export interface Follower {
  /** Reads what the leader tells. */
  open(question: Question): AsyncGenerator<readonly Frame[]>
  /** Tells the leader what it reads. */
  want(): void
  /** Takes news of the tab that leads. */
  hear(news: News): void
  /** It follows nobody, for now. */
  rest(): void
}

/** Makes the follower of a tab. */
export function createFollower({ hub, clock, me, user, post, look, depose }: FollowerUser): Follower {
  // The newest that was heard.
  let view: News | undefined
  let topics: readonly string[] = []
  let inbox: News[] = []
  let isFollowing = false
  let wake = () => {}
  let cancelWatch = () => {}

  const want = (user?: string | null) => post({ kind: 'want', tab: me, topics, user })

  /** A leader that says nothing for long is asked, and then deposed. */
  function watch() {
    cancelWatch()
    cancelWatch = clock.after(1.5 * (view?.sync?.heartbeatMs ?? 2_000), () => {
      want()
      cancelWatch = clock.after(ANSWER_MS, depose)
    })
  }

  const isMine = (topic: string) => topics.includes(topic === `user:${user}` ? 'user' : topic)
  const isCarried = () => topics.every((topic) => view?.asked.includes(topic))

  return {
    async *open(question) {
      const { url, get, signal } = question
      signal.addEventListener('abort', () => wake())
      // Since when the leader's stream does not carry what this tab wants.
      let waitsSince: number | undefined
      let cursor = question.after
      // The term and the number of the news that come next, once one follows the other.
      let next: string | undefined
      const read = async (after?: string) => {
        const response = await get(`${url}/page${queryOf(topics, after)}`, 'application/json')
        return decodePage(await response.text())
      }
      /** Whether a frame of the leader's stream is right for this tab, too: neither has what the other lacks, and the stream is the same user's. */
      const fits = (frame: Frame) =>
        frame.kind === 'sync'
          ? frame.user === user && isCarried() && !isAfter(frame.cursor, `${cursor}`)
          : frame.kind !== 'gap' || !isAfter(`${cursor}`, `${frame.from}`)
      topics = question.topics
      inbox = []
      isFollowing = true
      want()
      watch()
      while (!signal.aborted) {
        const news = inbox.shift()
        if (!news) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        if (news.failure) throw new HubError(...news.failure)
        const { term, n, here, frames } = news
        // It is told again what it knows.
        if (next === `${term} ${n + 1}`) continue
        // It follows what was heard before, or begins where this tab is.
        if ((next === `${term} ${n}` || frames[0]?.kind === 'sync') && frames.every(fits)) {
          next = `${term} ${n + 1}`
          if (isAfter(`${here}`, `${cursor}`)) cursor = here
          // A sign of the leader's life is none of the hub's.
          if (!frames[0]) continue
          // What the leader lacked is not what this tab lacks.
          yield frames.map((frame) => (frame.kind === 'sync' ? { ...frame, gaps: [] } : frame))
          continue
        }
        next = undefined
        if (view?.sync && view.sync.user !== user) user = (await read()).user
        if (!view?.sync || view.here === undefined) continue
        const { sync, here: begins } = view
        if (sync.user !== user || !isCarried()) {
          if (waitsSince === undefined) want(user)
          waitsSince ??= clock.now()
          if (clock.now() - waitsSince < ALONE_MS) continue
          isFollowing = false
          return yield* hub.open({ ...question, after: cursor })
        }
        waitsSince = undefined
        // All that is heard from now on follows `begins`; what this tab lacks before that it asks the hub for, in pages.
        inbox = []
        next = `${view.term} ${view.n + 1}`
        if (cursor === undefined || !isAfter(begins, cursor)) yield [{ ...sync, cursor: cursor ?? begins, gaps: [] }]
        cursor ??= begins
        let carried: readonly string[] | undefined
        while (isAfter(begins, cursor)) {
          const page = await read(cursor)
          const { topics: granted, after, through } = page
          const gaps = page.gaps.filter(({ reason }) => reason !== 'schema')
          if (signal.aborted) return
          // The grant, or the user, has changed on the way: what is carried must be told anew. Or it is less than the stream still carries: the hub
          // will end that, or grant it again before it looks, of which this tab would never hear.
          const lacks = sync.topics.some((topic) => isMine(topic) && !granted.includes(topic))
          if (lacks || page.user !== user || (carried && String(granted) !== String(carried))) {
            user = page.user
            throw new HubError('changed', `The grant of ${url} has changed`, { retryable: true })
          }
          // What the pages are granted and the stream does not carry is not whole from here on; nor the other way round.
          const both = granted.filter((topic) => sync.topics.includes(topic))
          const first: Frame = { ...sync, cursor: after, topics: both, gaps }
          yield [...(carried ? [] : [first]), ...framesOf(page, !carried)]
          carried = granted
          // The leader knows of a log that the hub has no more: its news will tell.
          if (through === cursor) break
          cursor = through
        }
      }
    },
    want,
    hear(news) {
      watch()
      if ((news.to ?? me) !== me) return
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
      topics = []
      want()
      cancelWatch()
      view = undefined
    },
  }
}
