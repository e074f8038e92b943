// The one state machine of the client: every change of what the application sees of the connection passes through `reduce`.
import type { ByeReason } from './contract/wire.ts'
import type { HubError } from './errors.ts'

/** How frames come in: one stream, pages of the log, or another tab. */
export type Via = 'sse' | 'poll' | 'tab'

/** Why the client is down: what the hub said, or what happened to the connection. */
export type DownReason = ByeReason | 'network' | 'timeout' | 'ended' | 'http' | 'protocol'

/** What the application sees of the connection. */
export type Status =
  /** Nothing is subscribed, so there is no connection. */
  | { readonly phase: 'idle' }
  /** Asking; `attempt` counts from 0 and falls back to 0 only after a stretch of health. */
  | { readonly phase: 'connecting'; readonly attempt: number; readonly via: Via }
  /** Whole, or becoming so, for `topics`; `refused` is what was asked for and not granted. */
  | {
      readonly phase: 'live'
      readonly via: Via
      readonly user: string | null
      readonly topics: readonly string[]
      readonly refused: readonly string[]
    }
  /** Waiting to try again. `retryInMs` counts from the moment of this status. */
  | {
      readonly phase: 'down'
      readonly reason: DownReason
      readonly error: HubError
      readonly attempt: number
      readonly retryInMs: number
    }
  /** Not trying again by itself: not authorized, told to stop, or a question the hub does not understand. `client.start()` tries again. */
  | { readonly phase: 'stopped'; readonly error: HubError }
  /** Closed by the application. */
  | { readonly phase: 'closed' }

/** What the application sees of one topic. */
export interface TopicStatus {
  /**
   * `live`: the client is whole for it and hears of every change; `pending`: subscribed, not whole yet or not any more;
   * `refused`: the hub does not grant it; `unsubscribed`: nobody here asks for it.
   */
  readonly state: 'live' | 'pending' | 'refused' | 'unsubscribed'
  /** Whether the state is `live`. */
  readonly live: boolean
}

/** What happens to a connection. */
export type StatusEvent =
  /** Nothing is subscribed. */
  | { readonly type: 'idle' }
  /** An attempt begins. */
  | { readonly type: 'connect'; readonly attempt: number; readonly via: Via }
  /** The hub has said what it grants. */
  | {
      readonly type: 'sync'
      readonly via: Via
      readonly user: string | null
      readonly topics: readonly string[]
      readonly refused: readonly string[]
    }
  /** An attempt, or a stream, has ended. */
  | {
      readonly type: 'fail'
      readonly reason: DownReason
      readonly error: HubError
      readonly attempt: number
      readonly retryInMs: number
    }
  /** No use in trying again. */
  | { readonly type: 'stop'; readonly error: HubError }
  /** The application has closed the client. */
  | { readonly type: 'close' }

/** The only writer of the status. Answers the same object when nothing changes. */
export function reduce(status: Status, event: StatusEvent): Status {
  // What was under way when the client was closed or told to stop has no say any more.
  const over = status.phase === 'closed' || status.phase === 'stopped'
  switch (event.type) {
    case 'idle':
      return status.phase === 'idle' ? status : { phase: 'idle' }
    case 'connect':
      return { phase: 'connecting', attempt: event.attempt, via: event.via }
    case 'sync': {
      if (over) return status
      const { via, user, topics, refused } = event
      const same =
        status.phase === 'live' &&
        status.via === via &&
        status.user === user &&
        String(status.topics) === String(topics) &&
        String(status.refused) === String(refused)
      return same ? status : { phase: 'live', via, user, topics, refused }
    }
    case 'fail': {
      if (over) return status
      const { reason, error, attempt, retryInMs } = event
      return { phase: 'down', reason, error, attempt, retryInMs }
    }
    case 'stop':
      return status.phase === 'closed' ? status : { phase: 'stopped', error: event.error }
    case 'close':
      return status.phase === 'closed' ? status : { phase: 'closed' }
  }
}
