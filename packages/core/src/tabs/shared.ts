// One stream for all tabs of a browser, as a source: this tab's part in it. The way a frame takes: the hub → `read` in the tab that leads → its leader → the channel →
// the follower in each of the other tabs → the client. Each tab has its own marks and validates for itself.
import type { Frame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { asHubError, ended } from '../http.ts'
import { page, platform } from '../platform.ts'
import type { Channel, Clock, Life, Random, Tabs } from '../ports.ts'
import { type Part, partOf, type Question, type Source } from '../sources/source.ts'
import { sseSource } from '../sources/sse.ts'
import { createElection } from './election.ts'
import type { Follower } from './follower.ts'
import type { Leader } from './leader.ts'
import { hereOf, type Message, type Stream, VERSION } from './message.ts'

// How long a tab stays in the election when nothing is read: whoever asks for other topics asks again at once.
const LEAVE_MS = 100
// How long a leader that is asked may take to say that it is there.
const ANSWER_MS = 500
// The heartbeat of a leader, until it has said its own.
const HEARTBEAT_MS = 2_000

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
  if (!tabs) return hub
  let url = ''
  let channel: Channel | undefined
  let stopLife: (() => void) | undefined
  let cancelWatch = () => {}
  // While this tab leads: its stream.
  let stream: Stream | undefined
  // Once there are other tabs: what leads them, while this one does, and what follows. Where the code for that cannot be had, this tab keeps to itself.
  let others: typeof import('./others.ts') | undefined
  let leader: Leader | undefined
  let follower: Follower | undefined
  let isLoading = false
  let isAlone = false
  // What is being read.
  let reading: Question | undefined
  // What was being read when the page went away: it is over, as soon as the client hears of that.
  let gone: Question | undefined
  // What is being read, from one look at who leads to the next.
  let turn: Part | undefined

  const me = random.id()
  const name = () => `sse-hub ${VERSION} ${url} ${identity}`
  const post = (message: Message) => channel?.post(message)
  /** Tells whoever leads what this tab reads. */
  const want = (topics = reading?.topics ?? [], user?: string | null) => post({ kind: 'want', tab: me, topics, user })
  const election = createElection(
    name,
    { clock, random, tabs, post },
    {
      lead(term) {
        rest()
        stream = { term, asked: [] }
        leader = others?.createLeader(stream, { clock, post, look })
        look()
      },
      retire() {
        leader?.retire()
        leader = stream = undefined
        look()
      },
    },
  )

  /** Ends what is being read, so that it looks again: it leads, or follows, or the topics are others. */
  function look() {
    turn?.end()
  }

  /** There are other tabs. */
  async function load() {
    isLoading = true
    // Whoever waits for this tab to speak loads it meanwhile.
    election.hear({ kind: 'who' })
    const alone = () => {
      isAlone = true
      leave()
      look()
    }
    // Before the others lose patience. Once it is here, this tab is back.
    const cancel = clock.after(1.5 * HEARTBEAT_MS, alone)
    others = await import('./others.ts').catch(() => undefined)
    cancel()
    isLoading = false
    if (!others) return alone()
    isAlone = false
    follower = others.createFollower({ hub, clock, me, user: identity, want, look })
    if (!stream) return look()
    leader = others.createLeader(stream, { clock, post, look })
    // And tells it what it reads.
    election.hear({ kind: 'who' })
  }

  /** A leader that says nothing for long is asked, and then deposed. */
  function watch(heartbeatMs = HEARTBEAT_MS) {
    cancelWatch()
    cancelWatch = clock.after(1.5 * heartbeatMs, () => {
      want()
      cancelWatch = clock.after(ANSWER_MS, election.depose)
    })
  }

  /** This tab follows nobody, for now. */
  function rest() {
    want([])
    cancelWatch()
    follower?.rest()
  }

  function hear(message: Message) {
    if (!others && !isLoading) void load()
    if (message.kind === 'want') {
      // A page that is frozen hears other tabs all the same, while its stream is dead: it lets another one lead. One that is awake has ended a stream so silent itself.
      if (stream?.heartbeatMs && clock.now() - (stream.heardAt as number) > stream.heartbeatMs * 2.6) {
        election.leave()
        election.enter()
      }
      leader?.welcome(message)
    } else if (message.kind !== 'news') {
      election.hear(message)
      // A new leader must learn what is wanted, and one that is not new asks now and then who is still there.
      if (!stream && message.kind === 'claim' && !message.open) {
        want()
        watch()
      }
    } else if (!stream && election.isCurrent(message.term)) {
      watch(message.sync?.heartbeatMs)
      follower?.hear(message)
    }
  }

  const enter = () => {
    // A page that is kept for later may hold neither lock nor channel, and a frozen one must not keep the others waiting. The client ends the stream, and asks again.
    stopLife ??= life?.listen((happens) => {
      if (happens === 'away') {
        gone = reading
        leave()
      } else if (happens === 'back' && gone === reading) {
        gone = undefined
        look()
      }
    })
    channel ??= tabs.channel(name(), (message) => hear(message as Message))
    election.enter()
  }

  function leave() {
    rest()
    election.leave()
    channel?.close()
    channel = undefined
  }

  /** Reads the hub's stream, for the other tabs as well. */
  async function read(question: Question, stream: Stream) {
    const { signal, topics } = question
    let sync: Stream['sync']
    stream.question = question
    stream.asked = leader?.wanted() ?? topics
    try {
      await hub.open({
        ...question,
        topics: stream.asked,
        take(frames) {
          if (signal.aborted) return
          stream.heardAt = clock.now()
          stream.here = hereOf(frames) ?? stream.here
          for (const frame of frames) {
            if (frame.kind !== 'sync') continue
            stream.sync = sync = frame
            stream.beganAt = stream.heardAt
            stream.heartbeatMs = frame.heartbeatMs
          }
          leader?.hear(frames)
          question.take(frames)
        },
      })
      throw ended(url)
    } catch (thrown) {
      if (signal.aborted) return
      const error = asHubError(url, thrown)
      leader?.failed(error)
      throw error
    } finally {
      // Who comes now waits for the next one, unless that has begun already.
      if (stream.sync === sync) stream.sync = undefined
    }
  }

  return {
    get via() {
      return !stream && follower?.isFollowing ? 'tab' : hub.via
    },
    async open(question) {
      reading = question
      url = question.url
      // What it lacks may be there to be had again.
      isAlone &&= isLoading
      let after = question.after
      const take = (frames: readonly Frame[]) => {
        after = hereOf(frames) ?? after
        question.take(frames)
      }
      try {
        while (!question.signal.aborted) {
          if (gone !== question && !isAlone) enter()
          const follows = stream || isAlone ? undefined : follower
          const part = partOf({ ...question, after }, follows ? question.take : take)
          turn = part
          try {
            const ended = until(part.signal)
            let over: Promise<unknown> | undefined = follows?.open(part)
            if (isAlone) over = hub.open(part)
            else if (stream) over = read(part, stream)
            else {
              // Only now: it must hear the answer.
              want()
              watch()
            }
            // What does not end when it is told to (an answer that nothing ends, headers that never come) is not waited for.
            await Promise.race([ended, over ?? ended])
            if (!part.signal.aborted) return
          } catch (error) {
            if (part.signal.aborted) continue
            // Whoever waits to try again does not lead: another tab may try sooner.
            leave()
            throw error
          } finally {
            part.end()
            if (follows) after = follows.cursor
          }
        }
        // The client ends what is silent, and gives that as its reason.
        if (question.signal.reason instanceof HubError) leader?.failed(question.signal.reason, true)
      } finally {
        if (reading === question) reading = undefined
        // Whoever asks for other topics asks again at once.
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

const until = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener('abort', resolve))
