// The door of `@sse-hub/core/tabs`: one stream for all tabs of a browser, as a source. One tab leads and hands on what it hears, the others read that.
import { decodePage, type Frame, type Sync } from './contract/wire.ts'
import { createElection, type Vote } from './election.ts'
import { HubError } from './errors.ts'
import { asHubError } from './http.ts'
import { page, platform } from './platform.ts'
import type { Channel, Clock, Life, Random, Tabs } from './ports.ts'
import { isAfter } from './sequence.ts'
import { framesOf } from './sources/poll.ts'
import { type Question, queryOf, type Source } from './sources/source.ts'
import { sseSource } from './sources/sse.ts'

// How long a leader that is asked may take to say that it is there.
const ANSWER_MS = 500
// How often a leader counts who still reads: tabs that crash do not say good-bye.
const ROLL_MS = 60_000
// How long a tab stays in the election when nothing is read: whoever asks for other topics asks again at once.
const LEAVE_MS = 100
// So many news may wait in a tab that is slower than the stream.
const MOST_NEWS = 1_000
// How long a tab waits for a live stream to carry what it wants, before it streams by itself.
const ALONE_MS = 2_000
// How long changes of what tabs want are gathered before the stream is asked for anew.
const DEBOUNCE_MS = 50

/** What a leader says of its stream. */
interface View {
  readonly term: number
  /** The number of these news. */
  readonly n: number
  /** How far the stream came. */
  readonly here: string | undefined
  /** What it was asked for. */
  readonly asked: readonly string[]
  /** What the hub said first; undefined while there is no stream. */
  readonly sync: Sync | undefined
}

/** Why there is no stream. An error's class does not travel between tabs. */
type Failure = Pick<HubError, 'code' | 'message' | 'retryable' | 'details'>

/** News of the leader's stream: the frames as they came, and of the view what has changed. */
type News = Pick<View, 'term' | 'n' | 'here'> &
  Partial<View> & {
    readonly kind: 'news'
    /** For this tab alone, which is told the whole view. */
    readonly to?: string
    readonly frames: readonly Frame[]
    readonly failure?: Failure
  }

type Message =
  | Vote
  | News
  /** What a tab reads; nothing any more when the list is empty. */
  | { readonly kind: 'want'; readonly tab: string; readonly topics: readonly string[] }
  /** Asks the leader for a sign of life; or, from the leader, asks who reads. */
  | { readonly kind: 'ping' | 'roll' }

/** What {@link sharedSource} takes. */
export interface SharedOptions {
  /**
   * Who uses this browser, if the application knows: only tabs of the same identity share a stream. Default: all tabs of the page's origin do, which is right
   * where the identity is in a cookie.
   */
  readonly identity?: string
  /** What the leading tab reads. Default: the hub's stream; `pollSource` reads pages instead. */
  readonly hub?: Source
  /** The platform, for tests. Default: the page's own. */
  readonly tabs?: Tabs | undefined
  readonly life?: Life | undefined
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * One stream for all tabs of a browser: one of them leads and hands on what it hears, and the others read that. When the leading tab is closed, reloaded,
 * frozen or crashes, another one goes on from where it was, and none loses or hears twice. Where tabs cannot talk, each streams by itself.
 *
 * One source serves one client.
 *
 * @example
 * ```ts
 * import { createHubClient } from '@sse-hub/core'
 * import { sharedSource } from '@sse-hub/core/tabs'
 * import type { contract } from './contract.ts'
 *
 * export const client = createHubClient<typeof contract>({ url: '/api/sse', source: sharedSource() })
 * ```
 */
export function sharedSource(options: SharedOptions = {}): Source {
  const { identity = '', hub = sseSource, tabs, life, clock, random } = { ...platform, ...page(), ...options }
  const me = random.id()
  let url = ''
  const post: Channel['post'] = (message) => channel?.post(message)
  let channel: Channel | undefined
  let stopLife: (() => void) | undefined
  let isLeader = !tabs
  let isAway = false
  // Ends what the reading is about, so that it looks again: it leads, or follows, or the topics are others.
  let turn = new AbortController()
  // The reading that is under way.
  let reading: Question | undefined
  let inbox: News[] = []
  let isFollowing = false
  let heardAt = clock.now()
  let view: View = { term: 0, n: 0, here: undefined, asked: [], sync: undefined }
  const guests = new Map<string, { topics: readonly string[]; missed: number }>()
  let cancelWatch = () => {}
  let cancelRoll = () => {}
  let cancelChange = () => {}
  // What the stream was, or is being, asked for; and whether the hub has refused to carry what the guests want as well.
  let asking: readonly string[] = []
  let isNarrow = false

  const election = createElection(
    () => `sse-hub ${url} ${identity}`,
    { clock, random, locks: tabs?.locks, now: () => tabs?.now() ?? 0, post },
    {
      lead(term) {
        isLeader = true
        isNarrow = false
        view = { ...view, term, n: 0, sync: undefined }
        cancelWatch()
        cancelRoll = clock.after(ROLL_MS, roll)
        look()
      },
      retire() {
        isLeader = false
        cancelRoll()
        guests.clear()
        look()
      },
    },
  )

  function look() {
    turn.abort()
    turn = new AbortController()
    wake()
  }

  // ——— the leader ———

  const wanted = (topics: readonly string[]) =>
    isNarrow ? topics : [...new Set([topics, ...[...guests.values()].map((guest) => guest.topics)].flat())].sort()

  function say(frames: readonly Frame[], change: Partial<View> & { readonly failure?: Failure }) {
    const { failure, ...seen } = change
    view = { ...view, ...seen, n: view.n + 1 }
    const { term, n, here } = view
    if (guests.size > 0) post({ kind: 'news', term, n, here, frames, ...change } satisfies News)
  }

  async function* lead(question: Question, after: string | undefined): AsyncGenerator<readonly Frame[]> {
    const signal = AbortSignal.any([question.signal, turn.signal])
    const asked = wanted(question.topics)
    asking = asked
    const { get } = question
    try {
      const frames = hub.open({
        ...question,
        topics: asked,
        after,
        get: (to, as, init) => get(to, as, { ...init, signal }),
      })
      for await (const batch of frames) {
        if (signal.aborted) return
        heardAt = clock.now()
        const sync = batch.find((frame) => frame.kind === 'sync')
        const here = lastOf(batch) ?? view.here
        if (batch.some(({ kind }) => kind === 'bye')) say(batch, { here, sync: undefined })
        else if (batch.length > 0) say(batch, { here, ...(sync && { sync, asked }) })
        // What was wanted too late for the question.
        if (sync) changed()
        yield batch
      }
      throw new HubError('ended', `The stream of ${url} is over`, { retryable: true })
    } catch (thrown) {
      if (signal.aborted) return
      const error = asHubError(url, thrown)
      if (error.details.status === 400 && asked.length > question.topics.length) {
        // Together it is too much: this tab's own topics, then. A guest whose topics are not among them streams by itself.
        isNarrow = true
        return
      }
      const { code, message, retryable, details } = error
      say([], { sync: undefined, failure: { code, message, retryable, details } })
      // Whoever may not ask again must not stand in the way of who may.
      if (!retryable) leave()
      throw error
    } finally {
      // The client's own watchdog has ended it.
      if (question.signal.aborted && isSilent(2.4)) {
        say([], {
          sync: undefined,
          failure: { code: 'timeout', message: `No stream from ${url}`, retryable: true, details: {} },
        })
      }
    }
  }

  function welcome(tab: string, topics: readonly string[]) {
    if (topics.length > 0) guests.set(tab, { topics, missed: 0 })
    else guests.delete(tab)
    post({ kind: 'news', to: tab, frames: [], ...view } satisfies News)
    changed()
  }

  function changed() {
    cancelChange()
    cancelChange = clock.after(DEBOUNCE_MS, () => {
      if (isLeader && reading && view.sync && String(wanted(reading.topics)) !== String(asking)) look()
    })
  }

  function roll() {
    for (const [tab, guest] of guests) if (guest.missed++ > 1) guests.delete(tab)
    post({ kind: 'roll' })
    cancelRoll = clock.after(ROLL_MS, roll)
  }

  // ——— the others ———

  async function* follow(question: Question, after: string | undefined): AsyncGenerator<readonly Frame[]> {
    const ended = AbortSignal.any([turn.signal, question.signal])
    ended.addEventListener('abort', () => wake())
    const { topics } = question
    // Since when the leader's stream does not carry what this tab wants.
    let waitsSince: number | undefined
    let cursor = after
    // The term and the number of the news that come next, once one follows the other.
    let next: string | undefined
    inbox = []
    isFollowing = true
    want()
    watch()
    while (!ended.aborted) {
      const news = inbox.shift()
      if (!news) {
        await heard()
        continue
      }
      if (news.failure) {
        const { code, message, details } = news.failure
        // What is final for the leader need not be so for this tab: it asks for itself.
        throw new HubError(code, message, { retryable: true, details: { ...details, status: undefined } })
      }
      // It is told again what it knows.
      if (next === `${news.term} ${news.n + 1}`) continue
      const begun = news.frames.find((frame) => frame.kind === 'sync')
      const isBehind = begun && cursor !== undefined && isAfter(begun.cursor, cursor)
      const isLeftOut = begun && !topics.every((topic) => view.asked.includes(topic))
      if (next === `${news.term} ${news.n}` && !isBehind && !isLeftOut) {
        next = `${news.term} ${news.n + 1}`
        cursor = news.here
        // A sign of the leader's life is none of the hub's.
        if (!news.frames[0]) continue
        // What the leader lacked is not what this tab lacks.
        yield news.frames.map((frame) => (frame.kind === 'sync' ? { ...frame, gaps: [] } : frame))
        continue
      }
      next = undefined
      const { sync, here, asked, term, n } = view
      if (!sync || here === undefined) continue
      if (!topics.every((topic) => asked.includes(topic))) {
        waitsSince ??= clock.now()
        if (clock.now() - waitsSince < ALONE_MS) continue
        const { get } = question
        isFollowing = false
        yield* hub.open({ ...question, after: cursor, get: (to, as, init) => get(to, as, { ...init, signal: ended }) })
        throw new HubError('ended', `The stream of ${url} is over`, { retryable: true })
      }
      waitsSince = undefined
      // All that is heard from now on follows `here`; what this tab lacks before that it asks the hub for, in pages.
      inbox = []
      next = `${term} ${n + 1}`
      if (cursor === undefined || !isAfter(here, cursor))
        yield [{ ...sync, kind: 'sync', cursor: cursor ?? here, gaps: [] }]
      cursor ??= here
      let carried: readonly string[] | undefined
      while (isAfter(here, cursor)) {
        const response = await question.get(`${url}/page${queryOf(topics, cursor)}`, 'application/json')
        const page = decodePage(await response.text())
        const { user, topics: granted, after: begins, through } = page
        const gaps = page.gaps.filter(({ reason }) => reason !== 'schema')
        if (ended.aborted) return
        // The grant has changed on the way: what is carried must be told anew.
        if (carried && String(granted) !== String(carried)) {
          throw new HubError('changed', `The grant of ${url} has changed`, { retryable: true })
        }
        // What the pages are granted and the stream does not carry is not whole from here on; nor the other way round.
        const both = granted.filter((topic) => sync.topics.includes(topic))
        const first: Frame = { ...sync, kind: 'sync', cursor: begins, topics: both, user, gaps }
        yield [...(carried ? [] : [first]), ...framesOf(page, !carried)]
        carried = granted
        // The leader knows of a log that the hub has no more: its news will tell.
        if (through === cursor) break
        cursor = through
      }
    }
  }

  let wake = () => {}
  const heard = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })

  const want = () => {
    if (reading && !isLeader) post({ kind: 'want', tab: me, topics: reading.topics })
  }

  /** A leader that says nothing for long is asked, and then deposed. */
  function watch() {
    cancelWatch()
    if (isLeader || !reading) return
    cancelWatch = clock.after(1.5 * (view.sync?.heartbeatMs ?? 2_000), () => {
      post({ kind: 'ping' })
      cancelWatch = clock.after(ANSWER_MS, election.depose)
    })
  }

  function hear(message: Message) {
    switch (message.kind) {
      case 'claim':
      case 'who':
      case 'resign':
        election.hear(message)
        // A new leader must learn what is wanted.
        if (message.kind === 'claim' && !message.open) want()
        break
      case 'want':
        if (isLeader && !handsOver()) welcome(message.tab, message.topics)
        break
      case 'ping':
        if (isLeader && !handsOver()) say([], {})
        break
      case 'roll':
        want()
        break
      case 'news': {
        const { kind, to = me, frames, failure, ...seen } = message
        if (isLeader || !election.isCurrent(seen.term)) break
        watch()
        if (to !== me) break
        // What was known of another leader's stream says nothing of this one's.
        view = { ...(view.term === seen.term ? view : { asked: [], sync: undefined }), ...seen }
        if (failure) view = { ...view, sync: undefined }
        if (!isFollowing) {
          // This tab streams by itself, and need not any more.
          if (view.sync && reading?.topics.every((topic) => view.asked.includes(topic))) look()
          break
        }
        // Whoever cannot keep up asks the hub for what it lacks.
        if (inbox.length >= MOST_NEWS) inbox = []
        inbox.push(message)
        wake()
      }
    }
  }

  // ——— the life of this tab ———

  const isSilent = (beats: number) => view.sync !== undefined && clock.now() - heardAt > view.sync.heartbeatMs * beats

  /** A page that is frozen hears other tabs all the same, while its stream is dead: it lets another one lead. */
  function handsOver() {
    if (!isSilent(1.5)) return false
    election.leave()
    election.enter()
    return true
  }

  function enter() {
    stopLife ??= life?.listen((happens) => {
      if (happens === 'away') {
        // A page that is kept for later may hold neither lock nor channel nor stream, and a frozen one must not keep the others waiting.
        isAway = true
        leave()
        look()
      } else if (happens === 'back') {
        isAway = false
        look()
      } else if (isLeader && isSilent(1.2)) look()
    })
    if (isAway || !tabs) return
    channel ??= tabs.channel(`sse-hub ${url} ${identity}`, (message) => hear(message as Message))
    election.enter()
  }

  function leave() {
    cancelWatch()
    if (!isLeader) post({ kind: 'want', tab: me, topics: [] })
    election.leave()
    channel?.close()
    channel = undefined
    view = { ...view, asked: [], sync: undefined }
  }

  return {
    get via() {
      return isLeader ? hub.via : 'tab'
    },
    async *open(question) {
      reading = question
      url = question.url
      question.signal.addEventListener('abort', () => wake())
      let cursor = question.after
      try {
        while (!question.signal.aborted) {
          enter()
          if (isAway) {
            await heard()
            continue
          }
          for await (const frames of (isLeader ? lead : follow)(question, cursor)) {
            cursor = lastOf(frames) ?? cursor
            yield frames
          }
        }
      } finally {
        if (reading === question) reading = undefined
        // Whoever asks for other topics asks again at once. Whoever waits to try again does not lead: another tab may try sooner.
        clock.after(LEAVE_MS, () => {
          if (reading) return
          leave()
          stopLife?.()
          stopLife = undefined
        })
      }
    },
  }
}

/** How far a batch of frames comes. */
function lastOf(frames: readonly Frame[]): string | undefined {
  let last: string | undefined
  for (const frame of frames) {
    if (frame.kind === 'sync' || frame.kind === 'beat') last = frame.cursor
    else if (frame.kind === 'event') last = frame.event.cursor ?? last
    else if (frame.kind === 'gap') last = frame.to
  }
  return last
}
