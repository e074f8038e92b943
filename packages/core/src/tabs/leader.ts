// The tab that leads: reads the hub's stream for the topics of all, and hands on each batch of frames as it came.
import type { Frame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { asHubError, ended } from '../http.ts'
import type { Clock } from '../ports.ts'
import { FLOWED_MS, type Question, type Source } from '../sources/source.ts'
import { hereOf, type Message, type News, type Want } from './message.ts'

// How often a leader counts who still reads: tabs that crash do not say good-bye.
const ROLL_MS = 60_000
// How long changes of what tabs want are gathered before the stream is asked for anew.
const DEBOUNCE_MS = 50

/** What a leader works with. */
export interface LeaderUser {
  /** What it reads. */
  readonly hub: Source
  readonly clock: Clock
  post(message: Message): void
  /** The stream should be asked for anew. */
  look(): void
}

/** A tab's time as the leader. */
export interface Leader {
  /** Reads what the tab itself wants, and what its guests want as well. */
  open(question: Question): Promise<void>
  /** Takes in what another tab reads, and tells it how things stand. */
  welcome(want: Want): void
  /** Whether the hub has said nothing for so many heartbeats. */
  isSilent(beats: number): boolean
  /** It leads no more. */
  retire(): void
}

/** Begins to lead, by this term. */
export function createLeader(term: number, { hub, clock, post, look }: LeaderUser): Leader {
  const guests = new Map<string, { topics: readonly string[]; missed: number }>()
  // What was said last. Who hears it has a copy.
  const news: { -readonly [K in keyof News]: News[K] } = {
    ...{ kind: 'news', term, n: 0, frames: [], here: undefined, asked: [], sync: undefined },
  }
  let beganAt = 0
  let heardAt = 0
  let saidAt = 0
  let heartbeatMs = 0
  // What this tab itself wants, and what the stream was, or is being, asked for; and whether the hub has refused to carry what the guests want as well.
  let own: readonly string[] = []
  let asking = own
  let isNarrow = false
  // Who a guest is that cannot follow: this tab may be that user by now, too.
  let doubt: string | null | undefined
  let cancelChange = () => {}

  const wanted = () =>
    isNarrow ? own : [...new Set([...own, ...[...guests.values()].flatMap(({ topics }) => topics)])].sort()

  function say(frames: readonly Frame[]) {
    saidAt = heardAt
    news.n++
    news.frames = frames
    news.here = hereOf(frames) ?? news.here
    // Of pages it says nothing: they are read because the stream is not well.
    news.flowed = news.sync !== undefined && !news.sync.degraded && heardAt - beganAt >= FLOWED_MS
    if (guests.size > 0) post(news)
  }

  function changed() {
    cancelChange()
    cancelChange = clock.after(DEBOUNCE_MS, () => {
      const { sync } = news
      const isDoubted = doubt !== undefined && doubt !== sync?.user
      if (sync && (isDoubted || String(wanted()) !== String(asking))) look()
    })
  }

  function roll() {
    for (const [tab, guest] of guests) if (guest.missed++) guests.delete(tab)
    post({ kind: 'claim', term, open: false })
    cancelRoll = clock.after(ROLL_MS, roll)
  }
  let cancelRoll = clock.after(ROLL_MS, roll)

  const isSilent = (beats: number) => heartbeatMs > 0 && clock.now() - heardAt > heartbeatMs * beats

  return {
    async open(question) {
      const { url, signal } = question
      own = question.topics
      asking = wanted()
      doubt = undefined
      const take = (frames: readonly Frame[]) => {
        if (signal.aborted) return
        heardAt = clock.now()
        const sync = frames.find((frame) => frame.kind === 'sync')
        if (sync) {
          beganAt = heardAt
          heartbeatMs = sync.heartbeatMs
          news.sync = sync
          news.asked = asking
          // What was wanted too late for the question.
          changed()
        }
        // Bytes that make no frame yet (a large event over a slow line) are a sign of life to the others, too.
        if (frames[0] || heardAt - saidAt > heartbeatMs) say(frames)
        question.take(frames)
      }
      try {
        await hub.open({ ...question, topics: asking, take })
        throw ended(url)
      } catch (thrown) {
        // The client ends what is silent, and gives that as its reason.
        const silence = signal.reason instanceof HubError ? signal.reason : undefined
        if (signal.aborted && !silence) return
        const error = silence ?? asHubError(url, thrown)
        const { code, message, retryable, details } = error
        if ([400, 414, 431].includes(details.status as number) && asking.length > own.length) {
          // Together it is too much, for the hub or for a URL: this tab's own topics, then. A guest whose topics are not among them streams by itself.
          isNarrow = true
          return look()
        }
        // A stream that breaks may be this tab's own affair (Firefox ends it as soon as the page is about to be left): the next tab tries, and if that fails, all are told.
        news.failure = [code, message, { retryable, details }]
        if (silence) news.sync = undefined
        say([])
        throw error
      } finally {
        // Who comes now waits for the next one.
        news.sync = news.failure = undefined
      }
    },
    welcome({ tab, topics, user }) {
      if (topics[0]) guests.set(tab, { topics, missed: 0 })
      else guests.delete(tab)
      if (user !== undefined) doubt = user
      post({ ...news, to: tab, frames: [] })
      changed()
    },
    isSilent,
    retire() {
      cancelRoll()
      cancelChange()
    },
  }
}
