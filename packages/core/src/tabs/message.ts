// What the tabs of a browser say to each other, on the channel that they share.
import type { Frame, Sync } from '../contract/wire.ts'
import type { HubError } from '../errors.ts'
import type { Vote } from './election.ts'

/**
 * Goes up with every change by which tabs of an older build would misread these messages, or a newer one's. It is part of the channel's name and of the
 * lock's, so that only tabs that speak alike share.
 */
export const VERSION = 1

/** What a leader says of its stream. */
export interface View {
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
export type Failure = Pick<HubError, 'code' | 'message' | 'details'>

/** News of the leader's stream: the frames as they came, and of the view what has changed. */
export type News = Pick<View, 'term' | 'n' | 'here'> &
  Partial<View> & {
    readonly kind: 'news'
    /** For this tab alone, which is told the whole view. */
    readonly to?: string
    readonly frames: readonly Frame[]
    readonly failure?: Failure
  }

/** What a tab reads; nothing any more when the list is empty. */
export interface Want {
  readonly kind: 'want'
  readonly tab: string
  readonly topics: readonly string[]
  /** Whom the hub takes the tab to be, where that keeps it from following: the leader may be that user by now, too. */
  readonly user?: string | null | undefined
}

/** All that is said. */
export type Message =
  | Vote
  | News
  | Want
  /** Asks the leader for a sign of life; or, from the leader, asks who reads. */
  | { readonly kind: 'ping' | 'roll' }

/** How far a batch of frames comes. */
export function hereOf(frames: readonly Frame[]): string | undefined {
  let here: string | undefined
  for (const frame of frames) {
    if (frame.kind === 'sync' || frame.kind === 'beat') here = frame.cursor
    else if (frame.kind === 'event') here = frame.event.cursor ?? here
    else if (frame.kind === 'gap') here = frame.to
  }
  return here
}
