// What the state of the connection means for a person: what is the case, and what that means for what they see and do.
import type { HubErrorCode, Status } from '@sse-hub/core'

/** What a person is told. */
export interface Words {
  /** `live`: all is well; `waiting`: soon; `paused`: only the live updates are missing; `down`: nothing can be saved. */
  readonly tone: 'live' | 'waiting' | 'paused' | 'down'
  /** A word or two, for the badge. */
  readonly badge: string
  /** What is the case. */
  readonly headline: string
  /** What that means meanwhile. */
  readonly meanwhile: string
}

/** What is known of the connection. */
export interface Facts {
  readonly status: Status
  /** Whether the board itself is live. */
  readonly live: boolean
  /** Whether the connection, or an attempt, has failed and nothing has succeeded since. */
  readonly lost: boolean
  /** Whether the server answers other requests; undefined while nobody knows. */
  readonly answering: boolean | undefined
}

const reasons: Readonly<Partial<Record<HubErrorCode, string>>> = {
  network: 'The live connection cannot be made',
  timeout: 'The live connection has gone silent',
  ended: 'The live connection was lost',
  protocol: 'The live connection brings what this page does not understand',
  disabled: 'Live updates are switched off for now',
  draining: 'The server is restarting',
  overloaded: 'The server is too busy for live updates',
  changed: 'What you may see has changed',
  expired: 'Your access is being checked again',
  revoked: 'Your access was taken away',
}

/** Puts what is known into words. */
export function describe({ status, live, lost, answering }: Facts): Words {
  if (status.phase === 'live' && live) {
    const meanwhile =
      status.via === 'poll' ? 'Changes from others appear in seconds' : 'Changes from others appear at once'
    return { tone: 'live', badge: 'Live', headline: 'Connected', meanwhile }
  }
  switch (status.phase) {
    case 'idle':
    case 'live':
    case 'paused':
      return connecting
    case 'connecting':
      return lost ? broken('The live connection was lost', answering) : connecting
    case 'down':
      return broken(reasons[status.reason] ?? 'The live connection was refused', answering)
    case 'stopped':
      return broken(
        status.error.code === 'unauthorized' ? 'The server does not know you' : 'Live updates have stopped',
        answering,
      )
    case 'closed':
      return broken('Live updates are closed', answering)
  }
}

const connecting: Words = {
  tone: 'waiting',
  badge: 'Connecting…',
  headline: 'Connecting',
  meanwhile: 'Changes from others appear as soon as the connection stands',
}

function broken(headline: string, answering: boolean | undefined): Words {
  return answering
    ? {
        tone: 'paused',
        badge: 'Not live',
        headline,
        meanwhile: 'You can go on working. What others change appears every 10 seconds.',
      }
    : {
        tone: 'down',
        badge: 'Disconnected',
        headline: answering === false ? 'The server cannot be reached' : headline,
        meanwhile:
          'You see the board as it was. Changes cannot be saved until the server is back; nothing that was saved is lost.',
      }
}
