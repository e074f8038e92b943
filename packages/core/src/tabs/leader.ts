// The tab that leads others: hands on each batch of frames as it came, and asks for what all of them want. Loaded with the first word of another tab.
import type { Frame } from '../contract/wire.ts'
import type { HubError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { FLOWED_MS } from '../sources/source.ts'
import type { Message, News, Stream, Want } from './message.ts'

// How often a leader counts who still reads: tabs that crash do not say good-bye.
const ROLL_MS = 60_000
// How long changes of what tabs want are gathered before the stream is asked for anew.
const DEBOUNCE_MS = 50

/** What a leader works with. */
export interface LeaderUser {
  readonly clock: Clock
  post(message: Message): void
  /** The stream should be asked for anew. */
  look(): void
}

/** A tab's time as the leader of others. */
export interface Leader {
  /** What to ask the hub for: what this tab itself wants, and what its guests want as well. */
  wanted(): readonly string[]
  /** Hands on what the stream says, which has been noted. */
  hear(frames: readonly Frame[]): void
  /** The stream is over; `isSilent`: since nothing was heard. Looks again where it was over because too much was asked for. */
  failed(error: HubError, isSilent?: boolean): void
  /** Takes in what another tab reads, and tells it how things stand. */
  welcome(want: Want): void
  /** It leads no more. */
  retire(): void
}

/** Begins to lead others, who read this stream. */
export function createLeader(stream: Stream, { clock, post, look }: LeaderUser): Leader {
  const guests = new Map<string, { topics: readonly string[]; missed: number }>()
  let n = 0
  let saidAt = 0
  // Whether the hub has refused to carry what the guests want as well.
  let isNarrow = false
  // Who a guest is that cannot follow: this tab may be that user by now, too.
  let doubt: string | null | undefined
  let cancelChange = () => {}

  const own = () => stream.question?.topics ?? []
  const wanted = () =>
    isNarrow ? own() : [...new Set([...own(), ...[...guests.values()].flatMap(({ topics }) => topics)])].sort()

  const news = (frames: readonly Frame[] = []): News => {
    const { term, here, asked, sync, beganAt = 0, heardAt = 0 } = stream
    // Of pages it says nothing: they are read because the stream is not well.
    const flowed = sync !== undefined && !sync.degraded && heardAt - beganAt >= FLOWED_MS
    return { kind: 'news', term, n, frames, here, asked, sync, flowed }
  }

  function say(said: News) {
    saidAt = stream.heardAt ?? saidAt
    n++
    if (guests.size > 0) post({ ...said, n })
  }

  function changed() {
    cancelChange()
    cancelChange = clock.after(DEBOUNCE_MS, () => {
      const { sync, asked } = stream
      const isDoubted = doubt !== undefined && doubt !== sync?.user
      if (sync && (isDoubted || String(wanted()) !== String(asked))) look()
    })
  }

  function roll() {
    for (const [tab, guest] of guests) if (guest.missed++) guests.delete(tab)
    post({ kind: 'claim', term: stream.term, open: false })
    cancelRoll = clock.after(ROLL_MS, roll)
  }
  let cancelRoll = clock.after(ROLL_MS, roll)

  return {
    wanted() {
      doubt = undefined
      return wanted()
    },
    hear(frames) {
      // What was wanted too late for the question.
      if (frames.some(({ kind }) => kind === 'sync')) changed()
      // Bytes that make no frame yet (a large event over a slow line) are a sign of life to the others, too.
      const { heardAt = 0, heartbeatMs = 0 } = stream
      if (frames[0] || heardAt - saidAt > heartbeatMs) say(news(frames))
    },
    failed({ code, message, retryable, details }, isSilent) {
      if ([400, 414, 431].includes(details.status as number) && stream.asked.length > own().length) {
        // Together it is too much, for the hub or for a URL: this tab's own topics, then. A guest whose topics are not among them streams by itself.
        isNarrow = true
        return look()
      }
      // A stream that breaks may be this tab's own affair (Firefox ends it as soon as the page is about to be left): the next tab tries, and if that fails, all are told.
      const failure: News['failure'] = [code, message, { retryable, details }]
      say({ ...news(), failure, ...(isSilent && { sync: undefined }) })
    },
    welcome({ tab, topics, user }) {
      if (topics[0]) guests.set(tab, { topics, missed: 0 })
      else guests.delete(tab)
      if (user !== undefined) doubt = user
      const present = [...(stream.question?.present?.values() ?? [])]
      post({ ...news(), to: tab, present })
      changed()
    },
    retire() {
      cancelRoll()
      cancelChange()
    },
  }
}
