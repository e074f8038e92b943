// The tab that leads: reads the hub's stream for the topics of all, and hands on each batch of frames as it came.
import type { Frame, Sync } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { asHubError } from '../http.ts'
import type { Clock } from '../ports.ts'
import type { Question, Source } from '../sources/source.ts'
import { type Failure, hereOf, type Message, type View, type Want } from './message.ts'

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
  open(question: Question): AsyncGenerator<readonly Frame[]>
  /** Takes in what another tab reads, and tells it all. */
  welcome(want: Want): void
  /** Gives a sign of life. */
  greet(): void
  /** Whether the hub has said nothing for so many heartbeats. */
  isSilent(beats: number): boolean
  /** This tab has ended the reading: if that was for the hub's silence, the others are told so. */
  giveUp(): void
  /** It leads no more. */
  retire(): void
}

/** Begins to lead, by this term. */
export function createLeader(term: number, { hub, clock, post, look }: LeaderUser): Leader {
  const guests = new Map<string, { topics: readonly string[]; missed: number }>()
  let view: View = { term, n: 0, here: undefined, asked: [], sync: undefined }
  let heardAt = 0
  // What this tab itself wants, and what the stream was, or is being, asked for; and whether the hub has refused to carry what the guests want as well.
  let own: readonly string[] = []
  let asking = own
  let isNarrow = false
  // A guest is somebody else, so that this tab may be, too.
  let isDoubted = false
  let cancelChange = () => {}

  const wanted = () =>
    isNarrow ? own : [...new Set([own, ...[...guests.values()].map(({ topics }) => topics)].flat())].sort()

  function say(frames: readonly Frame[], change: Partial<View> & { readonly failure?: Failure } = {}) {
    const { failure, ...seen } = change
    view = { ...view, ...seen, n: view.n + 1 }
    const { n, here } = view
    if (guests.size > 0) post({ kind: 'news', term, n, here, frames, ...change })
  }

  function changed() {
    cancelChange()
    cancelChange = clock.after(DEBOUNCE_MS, () => {
      if (view.sync && (isDoubted || String(wanted()) !== String(asking))) look()
    })
  }

  function roll() {
    for (const [tab, guest] of guests) if (guest.missed++ > 1) guests.delete(tab)
    post({ kind: 'roll' })
    cancelRoll = clock.after(ROLL_MS, roll)
  }
  let cancelRoll = clock.after(ROLL_MS, roll)

  const isSilent = (beats: number) => view.sync !== undefined && clock.now() - heardAt > view.sync.heartbeatMs * beats

  return {
    async *open(question) {
      const { url, signal } = question
      own = question.topics
      asking = wanted()
      isDoubted = false
      try {
        for await (const frames of hub.open({ ...question, topics: asking })) {
          if (signal.aborted) return
          heardAt = clock.now()
          const sync: Sync | undefined = frames.find((frame) => frame.kind === 'sync')
          const here = hereOf(frames) ?? view.here
          if (frames.some(({ kind }) => kind === 'bye')) say(frames, { here, sync: undefined })
          else if (frames[0]) say(frames, { here, ...(sync && { sync, asked: asking }) })
          // What was wanted too late for the question.
          if (sync) changed()
          yield frames
        }
        throw new HubError('ended', `The stream of ${url} is over`, { retryable: true })
      } catch (thrown) {
        if (signal.aborted) return
        const error = asHubError(url, thrown)
        if (error.details.status === 400 && asking.length > own.length) {
          // Together it is too much: this tab's own topics, then. A guest whose topics are not among them streams by itself.
          isNarrow = true
          return look()
        }
        say([], { sync: undefined, failure: { ...error, message: error.message } })
        throw error
      }
    },
    welcome({ tab, topics, user = view.sync?.user }) {
      if (topics[0]) guests.set(tab, { topics, missed: 0 })
      else guests.delete(tab)
      isDoubted ||= user !== view.sync?.user
      post({ kind: 'news', to: tab, frames: [], ...view })
      changed()
    },
    greet: () => say([]),
    isSilent,
    giveUp() {
      if (!isSilent(2.4)) return
      say([], { sync: undefined, failure: { code: 'timeout', message: 'The stream is silent', details: {} } })
    },
    retire() {
      cancelRoll()
      cancelChange()
    },
  }
}
