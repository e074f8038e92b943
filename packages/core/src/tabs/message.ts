// What the tabs of a browser say to each other, on the channel that they share.
import type { Frame, PresenceFrame, Sync } from '../contract/wire.ts'
import type { HubError } from '../errors.ts'
import type { Question } from '../sources/source.ts'
import type { Vote } from './election.ts'

/**
 * Goes up with every change by which tabs of an older build would misread these messages, or a newer one's. It is part of the channel's name and of the
 * lock's, so that only tabs that speak alike share.
 */
export const VERSION = 1

/** What the hub says first. */
export type SyncFrame = Extract<Frame, Sync>

/** How the stream of a tab that leads stands. */
export interface Stream {
  /** By which it leads. */
  readonly term: number
  /** What this tab itself wants, and what the stream was, or is being, asked for. */
  question?: Question
  asked: readonly string[]
  /** What the hub said first; undefined while there is no stream. */
  sync?: SyncFrame | undefined
  /** How far it came. */
  here?: string | undefined
  /** When it began, and last said something. */
  beganAt?: number
  heardAt?: number
  /** The hub's, as it was said last. */
  heartbeatMs?: number
}

/** What a leader says of its stream: the frames as they came, and how things stand after them. */
export interface News {
  readonly kind: 'news'
  /** For this tab alone. */
  readonly to?: string
  readonly term: number
  /** Their number within the term. */
  readonly n: number
  readonly frames: readonly Frame[]
  /** How far the stream came. */
  readonly here: string | undefined
  /** What it was asked for. */
  readonly asked: readonly string[]
  /** What the hub said first; undefined while there is no stream. */
  readonly sync: SyncFrame | undefined
  /** Who is there, for a tab that has just come. */
  readonly present?: readonly PresenceFrame[]
  /** Why it is over: what makes the error, since an error's class does not travel between tabs. While `sync` is there, the next tab tries before anybody worries. */
  readonly failure?: ConstructorParameters<typeof HubError> | undefined
  /** Whether the stream has been seen to flow. */
  readonly flowed?: boolean
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
export type Message = Vote | News | Want

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
