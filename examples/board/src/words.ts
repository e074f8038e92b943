// What the state of the connection means for a person: what is the case, and what that means for what they see and do.
import type { DownReason, Status } from '@sse-hub/core'

/** What a person is told. */
export interface Words {
  readonly tone: 'live' | 'waiting' | 'down'
  /** A word or two, for the badge. */
  readonly badge: string
  /** What is the case. */
  readonly headline: string
  /** What that means meanwhile. */
  readonly meanwhile: string
}

const reasons: Readonly<Record<DownReason, string>> = {
  network: 'The server cannot be reached',
  timeout: 'The server has gone silent',
  ended: 'The connection was lost',
  http: 'The server answers with an error',
  protocol: 'The server answers in a form that this page does not understand',
  disabled: 'Live updates are switched off for now',
  draining: 'The server is restarting',
  overloaded: 'The server is too busy for live updates',
  changed: 'What you may see has changed',
  expired: 'Your access is being checked again',
  revoked: 'Your access was taken away',
}

/** Reasons that speak of the whole server, unless its other answers show otherwise. */
const wholeServer: ReadonlySet<DownReason> = new Set(['network', 'timeout', 'ended', 'draining'])

/**
 * Puts a status into words.
 * @param answering whether the server's other requests are answered; undefined while nobody knows
 * @param lost whether there was a connection, or an attempt, that failed
 */
export function describe(status: Status, answering: boolean | undefined, lost: boolean): Words {
  switch (status.phase) {
    case 'live':
      return status.via === 'poll'
        ? {
            tone: 'live',
            badge: 'Live, a little slower',
            headline: 'Connected',
            meanwhile: 'Changes from others appear within seconds',
          }
        : { tone: 'live', badge: 'Live', headline: 'Connected', meanwhile: 'Changes from others appear at once' }
    case 'idle':
    case 'connecting':
      return lost || answering === false ? down('The server cannot be reached', answering ?? false) : connecting
    case 'down':
      return down(reasons[status.reason], answering ?? !wholeServer.has(status.reason))
    case 'stopped':
      return down(
        status.error.code === 'unauthorized' ? 'The server does not know you' : 'Live updates have stopped',
        answering ?? true,
      )
    case 'closed':
      return down('Live updates are closed', answering ?? true)
  }
}

const connecting: Words = {
  tone: 'waiting',
  badge: 'Connecting…',
  headline: 'Connecting',
  meanwhile: 'Changes from others appear as soon as the connection stands',
}

function down(headline: string, answering: boolean): Words {
  return answering
    ? {
        tone: 'down',
        badge: 'Not live',
        headline,
        meanwhile: 'You can go on working. What others change appears every 10 seconds.',
      }
    : {
        tone: 'down',
        badge: 'Disconnected',
        headline,
        meanwhile:
          'You can read the board as it was. Changes cannot be saved until the server is back. Nothing saved is lost.',
      }
}
