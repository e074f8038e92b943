// What a source is: where a client's frames come from, whatever carries them.
import type { Frame, PresenceFrame } from '../contract/wire.ts'
import type { HubError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Via } from '../status.ts'

/** What a source is asked for, and what it may use. */
export interface Question {
  /** Where the hub is mounted. */
  readonly url: string
  /** The topics wanted, sorted. */
  readonly topics: readonly string[]
  /** The cursor to resume from; undefined for the present. */
  readonly after: string | undefined
  /**
   * Makes a GET request; resolves with an answer of status 2xx and the content type expected. A `signal` of its own stands for the question's.
   * @throws HubError for any other
   */
  readonly get: (
    url: string,
    expect: string,
    init?: { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
  ) => Promise<Response>
  /** Takes the frames, in batches as the network brings them; an empty batch is a sign of life. It never throws, and takes nothing any more once `signal` has aborted. */
  readonly take: (frames: readonly Frame[]) => void
  /** Who is there, as the client has heard: for other tabs, which may come later. */
  readonly present?: ReadonlyMap<string, PresenceFrame>
  /** The client's clock. */
  readonly clock: Clock
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal
}

/** Where a client's frames come from. */
export interface Source {
  /** What `status` calls it. */
  readonly via: Via
  /** Reads, until there is no more: then it resolves, or rejects with what went wrong; the client decides what follows. The first frame is `sync` (or `bye`). */
  readonly open: (question: Question) => Promise<void>
  /**
   * Hears how the stream of another tab fares: what is wrong with the network there is wrong here, too. It has failed, or, without an error, is well. `flowed`: it has
   * brought something for `FLOWED_MS`.
   */
  readonly learn?: (error: HubError | undefined, flowed: boolean, clock: Clock) => void
}

/** A stream that has brought something for so long was no fault, whatever became of it. */
export const FLOWED_MS = 1_000

/** The query that asks for a question's topics from its cursor on. */
export function queryOf(topics: readonly string[], after: string | undefined): string {
  return `?${new URLSearchParams({ topics: topics.join(), ...(after && { after }) })}`
}

/** A question that can be ended by itself, and ends with the one that it is part of. */
export interface Part extends Question {
  /** Ends it. To be called when it is over, too. */
  readonly end: (reason?: unknown) => void
}

/** Makes a part of a question, which takes frames as `take` does. */
export function partOf(question: Question, take = question.take): Part {
  const ending = new AbortController()
  const { signal } = ending
  // Not by `AbortSignal.any`: all that hangs on what it makes lives until one of the two aborts.
  const end = (reason?: unknown) => {
    question.signal.removeEventListener('abort', follow)
    ending.abort(reason)
  }
  const follow = () => end(question.signal.reason)
  question.signal.addEventListener('abort', follow)
  return {
    ...question,
    signal,
    end,
    get: (to, as, init) => question.get(to, as, { signal, ...init }),
    take(frames) {
      if (!signal.aborted) take(frames)
    },
  }
}
