// How a world is made: what a seed decides about it once, apart from what happens in it.

/** Whether the answers of a page's REST say their cursor: with the state in one snapshot, read before it, not at all, or sometimes. */
export type Cursors = 'snapshot' | 'before' | 'none' | 'some'

/** One page of the world: who looks at it, and how far away it is. */
export interface PageConfig {
  readonly user: string
  /** Whether its client is given the contract, and so validates. */
  readonly validates: boolean
  /** Whether its client is told who uses it; else the hub tells it. */
  readonly identifies: boolean
  /** Where its client's frames come from. */
  readonly via: 'sse' | 'poll'
  /** Whether it gives its stream up while nobody sees it. */
  readonly pauses: boolean
  /** Whether the answers that its live queries get say their cursor. */
  readonly cursors: Cursors
  readonly latencyMs: readonly [number, number]
  /** The browser that it is a tab of, if it shares one; its tabs share one stream per user. */
  readonly browser?: string
}

/** How the world is made. */
export interface Config {
  readonly pages: readonly PageConfig[]
  /** Which of the browsers have Web Locks. */
  readonly locks: readonly string[]
  /** The topics of the application; besides these, each user has their own. */
  readonly topics: readonly string[]
  /** The topics of lists that pages keep in query caches; none in most worlds. */
  readonly lists: readonly string[]
  /** Whether the events of mutations bear their ids. */
  readonly tagged: boolean
  /** How many events the log keeps. */
  readonly logEvents: number
  /** How long the log keeps an event, at most: what is older goes with the next append. */
  readonly logAgeMs: number
  readonly heartbeatMs: number
  readonly recheckMs: number
  readonly disabledRetryMs: number
  /** How long a step of the log may take, at most and in each direction. */
  readonly diskMs: number
  /** What one connection may have waiting in the hub. */
  readonly bufferBytes: number
  /** What the kernels hold under way. */
  readonly windowBytes: number
  /** How long things happen before the faults stop. */
  readonly activeMs: number
}
