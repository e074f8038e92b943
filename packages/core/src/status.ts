// The one state machine of the client: every change of what the application sees of the connection passes through `reduce`.
import type { HubError, HubErrorCode } from './errors.ts'

/** How frames come in: one stream, pages of the log, or another tab. */
export type Via = 'sse' | 'poll' | 'tab'

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
      /**
       * Why pages of the log are read instead of the stream: what is wrong with that. Durable events come all the same, within a second or so; ephemeral ones do not.
       * The client goes back to the stream by itself.
       */
      readonly degraded?: Pick<HubError, 'code' | 'message'>
    }
  /** Waiting to try again. `retryInMs` counts from the moment of this status. */
  | {
      readonly phase: 'down'
      readonly reason: HubErrorCode
      readonly error: HubError
      readonly attempt: number
      readonly retryInMs: number
    }
  /** Not trying again by itself: not authorized, told to stop, or a question the hub does not understand. `client.start()` tries again. */
  | { readonly phase: 'stopped'; readonly error: HubError }
  /** The page was put away, or has been hidden for as long as `pauseWhenHiddenMs` says: there is no stream until somebody is back. */
  | { readonly phase: 'paused' }
  /** Closed by the application. */
  | { readonly phase: 'closed' }

/**
 * What the application sees of one topic. `live`: the client is whole for it and hears of every change; `pending`: subscribed, not whole yet
 * or not any more; `refused`: the hub does not grant it; `unsubscribed`: nobody here asks for it.
 */
export type TopicState = 'live' | 'pending' | 'refused' | 'unsubscribed'

/** The only writer of the status: what follows when the connection says `next`. Answers the same object when nothing changes. */
export function reduce(status: Status, next: Status): Status {
  return JSON.stringify(status) === JSON.stringify(next) ? status : next
}
