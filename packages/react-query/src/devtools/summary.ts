// The first lines of the panel: how things stand, why, and what to do about it, in words for somebody tired.
import type { HubError, HubErrorCode, Status } from '@sse-hub/core'
import { CUT } from './faults.ts'
import type { NotedGap, View } from './recorder.ts'
import { clockTime, many } from './words.ts'

/** How things stand. */
export interface Summary {
  /** `ok`: all is well; `busy`: soon; `warn`: it works, but look; `bad`: nothing comes in; `off`: nothing is meant to. */
  readonly tone: 'ok' | 'busy' | 'warn' | 'bad' | 'off'
  /** In a word or three. */
  readonly state: string
  /** Why. */
  readonly cause: string
  /** What to do. */
  readonly next: string
  /** When the client tries again by itself. */
  readonly retryAt?: number
  /** Whether trying now is of any use. */
  readonly canTry?: boolean
}

// A gap is news for so long.
const NEWS_MS = 60_000

const wait = 'Nothing: the client tries again by itself.'

// What has happened, by the error's code: the message says more.
const troubles: Readonly<Partial<Record<HubErrorCode, string>>> = {
  network: 'The hub cannot be reached',
  timeout: 'The hub has gone silent',
  ended: 'The stream was ended',
  protocol: 'What comes is not what a hub says',
  http: 'Something else than the hub has answered',
  unauthorized: 'The hub does not know this user',
  forbidden: 'The hub does not let this user in',
  disabled: 'The hub is switched off',
  draining: 'The server is restarting',
  overloaded: 'The hub is too busy',
  changed: 'What this user may read has changed',
  expired: 'The grant of this user has expired',
  revoked: 'The grant of this user was taken away',
  rate_limited: 'This user asks too often',
  internal: 'The server has failed',
}

const isCutHere = ({ message }: HubError) => message.includes(CUT)

const inWords = (error: HubError) => {
  const { code, message } = error
  if (isCutHere(error)) return 'You have cut it here.'
  const trouble = troubles[code]
  return trouble ? `${trouble}: ${message}` : message
}

// What helps, by the error's code. What an error's own message says already is not said again.
const remedies: Readonly<Partial<Record<HubErrorCode, string>>> = {
  network:
    'See whether the server runs and its address can be reached from here (the Network tab shows the request). The client tries again by itself.',
  timeout:
    'Look for a proxy that holds the stream back, or a network that drops packets without a word. The client tries again by itself.',
  ended:
    'See why the server or a proxy before it has ended the stream: a restart, a time limit. The client tries again by itself.',
  protocol: 'See whether a hub answers at this address, and nothing in between rewrites the stream.',
  http: 'See whether the hub is mounted at this address: the Network tab shows who answers.',
  unauthorized: 'Sign in again, or have `headers` give a fresh token; then try.',
  forbidden: 'Let `authorize` grant what this user may read; then try.',
  identity_mismatch: 'Make a new client for this user.',
  disabled:
    'Switch the hub on again: `hub.enable()`, or start it without DISABLE_SSE_SYSTEM. The client asks now and then.',
  draining: wait,
  overloaded: 'See the hub’s load, or raise its limits. The client tries again by itself.',
  changed: wait,
  expired: wait,
  revoked: 'See what `authorize` grants this user now.',
  rate_limited: 'See how many clients this user has open, or raise the limit. The client tries again by itself.',
  internal: 'Look into the server’s log. The client tries again by itself.',
}

const gapCauses: Readonly<Record<NotedGap['reason'], string>> = {
  trimmed:
    'The log no longer holds what was published meanwhile: this client was away for longer than it keeps events.',
  epoch:
    'The server’s log is a new one: it was replaced or emptied, so nobody can tell what came after the last event that this client has.',
  schema: 'An event in the log does not fit the contract (any more) and was left out.',
  added: 'The topic is new to this client.',
}
const gapRemedies: Readonly<Record<NotedGap['reason'], string>> = {
  trimmed: 'For the server: if this happens often, have the log keep more.',
  epoch:
    'For the server: if nobody meant to replace its log, see why it was lost; a log in memory is lost at every restart.',
  schema: 'For the server: see the hub’s reports for the event, and mend the contract or its publisher.',
  added: '',
}

/** Says how things stand at a time. */
export function summarize(view: View, now: number): Summary {
  const told = tell(view, now)
  const cause = told.tone === 'bad' ? `${told.cause.replace(/[^.!?]$/, '$&.')}${meanwhile(view)}` : told.cause
  if (!view.fault || told.tone === 'ok') return { ...told, cause }
  const made = view.fault === 'silent' ? 'You have made it silent here' : 'You have disabled it here'
  return { ...told, cause: `${made}. ${cause}`, next: 'Press “Heal” below to end the fault that was made here.' }
}

/** A cause, and what a browser's one word for everything leaves out: that the same address has worked. */
function withPast(cause: string, { lostAt }: View, error: HubError): string {
  if (error.code !== 'network' || lostAt === undefined || isCutHere(error)) return cause
  return `${cause.replace(/\.$/, '')}. It was there until ${clockTime(lostAt)}: most likely the server has stopped, or the network is gone.`
}

/** What becomes of the live queries while nothing comes in. */
function meanwhile({ queries }: View): string {
  const count = (wanted: string) => queries.filter(({ state }) => state === wanted).length
  const [due, polling, lost] = [count('due'), count('polling'), count('lost')]
  const told = [
    ...(due > 0 ? [many(due, 'live query will poll', 'live queries will poll')] : []),
    ...(polling > 0 ? [many(polling, 'live query polls', 'live queries poll')] : []),
    ...(lost > 0
      ? [many(lost, 'live query is stale and does not poll', 'live queries are stale and do not poll')]
      : []),
  ]
  return told.length > 0 ? ` Meanwhile ${told.join(', ')}.` : ''
}

function tell(view: View, now: number): Summary {
  const { status, since } = view
  switch (status.phase) {
    case 'live':
      return live(status, view, now)
    case 'connecting': {
      const tries = status.attempt === 0 ? '' : ` This is attempt ${status.attempt + 1}.`
      const before = lastTrouble(view)
      return {
        tone: before ? 'bad' : 'busy',
        state: before ? 'Reconnecting…' : 'Connecting…',
        cause: `${before ?? 'The hub was asked, and has not answered yet.'}${tries}`,
        next: 'Wait for the answer; an attempt takes at most some seconds.',
      }
    }
    case 'down':
      return {
        tone: 'bad',
        state: 'Down',
        cause: withPast(inWords(status.error), view, status.error),
        next: isCutHere(status.error) ? wait : (remedies[status.reason] ?? wait),
        retryAt: since + status.retryInMs,
        canTry: true,
      }
    case 'stopped':
      return {
        tone: 'bad',
        state: 'Stopped',
        cause: inWords(status.error),
        next: `${remedies[status.error.code] ?? 'Mend that, then try.'} The client does not try by itself.`,
        canTry: true,
      }
    case 'paused':
      return {
        tone: 'off',
        state: 'Paused',
        cause: 'The page was put away or hidden, and has let go of its stream.',
        next: 'Nothing: it asks again, from where it left, when somebody is back.',
      }
    case 'idle':
      return {
        tone: 'off',
        state: 'Idle',
        cause: 'Nothing is subscribed, so there is no connection.',
        next: 'Mount a live query, or call `client.subscribe`.',
      }
    case 'closed':
      return {
        tone: 'off',
        state: 'Closed',
        cause: 'The application has called `client.close()`.',
        next: 'Call `client.start()`, or press “Try now”.',
        canTry: true,
      }
  }
}

function live(status: Extract<Status, { phase: 'live' }>, view: View, now: number): Summary {
  const { gaps, heardAt, heartbeatMs, queries } = view
  const { refused, degraded, via } = status
  const gap = gaps.at(-1)
  if (heardAt !== undefined && heartbeatMs && now - heardAt > heartbeatMs * 1.5) {
    const silence = Math.round((now - heardAt) / 1_000)
    return {
      tone: 'warn',
      state: 'Live, but silent',
      cause: `Nothing was heard for ${silence} s, though the hub speaks every ${Math.round(heartbeatMs / 100) / 10} s.`,
      next: `Wait: after ${Math.round(heartbeatMs * 2.5) / 1_000} s of silence the client asks anew.`,
    }
  }
  if (refused.length > 0) {
    return {
      tone: 'warn',
      state: 'Live, but not all of it',
      cause: `The hub does not grant ${refused.join(', ')}.`,
      next: 'Let `authorize` grant it to this user, or do not ask for it. Its queries are read by their fallback.',
    }
  }
  if (gap && now - gap.at < NEWS_MS) {
    const { isMade, reason, queries: concerned, topics } = gap
    const reading = queries.filter(({ key, state }) => concerned.includes(key) && state === 'reading')
    const isOne = concerned.length === 1
    const it = isOne ? 'its live query' : `its ${concerned.length} live queries`
    const [is, was] = isOne ? ['is', 'was'] : ['are', 'were']
    const done =
      concerned.length === 0
        ? 'Read again what you show of it, in `onGap`.'
        : reading.length > 0
          ? `Nothing for this page: ${it} ${is} being read again.`
          : `Nothing for this page: ${it} ${was} read again and ${is} whole.`
    return {
      tone: 'warn',
      state: 'Live again, after a gap',
      cause: `Events of ${topics.join(', ')} may have been missed, and cannot be replayed. ${isMade ? 'You have made the gap here: the hub was asked from a place that its log does not know.' : gapCauses[reason]}`,
      next: [done, ...(isMade ? [] : [gapRemedies[reason]]), 'This is said for a minute.'].filter(Boolean).join(' '),
    }
  }
  if (degraded) {
    return {
      tone: 'warn',
      state: 'Live, by pages',
      cause: `The stream does not get through: ${degraded.message}`,
      next: 'Nothing at once: durable events come within a second or so, ephemeral ones do not, and the client goes back to the stream by itself. If it lasts, let the proxy not buffer it.',
    }
  }
  return {
    tone: 'ok',
    state: 'Live',
    cause:
      via === 'tab'
        ? 'Another tab of this browser reads the stream, and hands every event on.'
        : via === 'poll'
          ? 'The client reads pages of the log, as it was told to.'
          : 'The stream is open, and nothing is missing.',
    next: 'Nothing to do.',
  }
}

/** Why there is no connection, if there was one, or an attempt. */
function lastTrouble({ steps }: View): string | undefined {
  for (const { from } of steps.slice(-1)) {
    if (from.phase === 'down' || from.phase === 'stopped') return inWords(from.error)
    if (from.phase === 'live') return 'The stream was lost.'
  }
  return undefined
}
