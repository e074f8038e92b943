// The log: the ordered, append-only store of durable events, as the hub needs it. One public suite (testing.ts) holds every implementation to this.
import type { Cursor, EmitResult } from '@sse-hub/core/contract'

export type { Cursor } from '@sse-hub/core/contract'

/** An event on its way into the log: validated, stamped, and encoded once. */
export interface NewEvent {
  /** The event's type. */
  readonly type: string
  /** Its topic. */
  readonly topic: string
  /** The publisher's id for it. */
  readonly id: string
  /** When the hub accepted it, in milliseconds since 1970. */
  readonly at: number
  /** The `data:` line of its block, as `encodeEvent` wrote it. */
  readonly json: string
  /** Its id was made for it just now, so no log has it yet, and need not look for it. It is remembered under its id like any other; whoever appends it a second time takes this off. Not for the tail, and never kept. */
  readonly isNew?: boolean
}

/** An event that the tail or a read delivers. */
export interface LogEvent extends Omit<NewEvent, 'isNew'> {
  /** Its place in the log; absent on an ephemeral event. */
  readonly position?: number
}

/** One step of a producer: what its emit with this `seq` is settled as. */
export interface ProducerMark {
  /** The user it is scoped to; an empty string for anonymous users. */
  readonly user: string
  /** The producer. */
  readonly producer: string
  /** The seq that is settled; it must be the last settled one plus 1. */
  readonly seq: number
  /** What is remembered as its answer. The log adds the cursor of the appended event. */
  readonly result: EmitResult
}

/** What an append came to: the position of each event, in the order given. */
export interface Appended {
  /** The epoch of the positions. */
  readonly epoch: string
  /** The place of each event. An event whose `id` the log remembers keeps its first place. */
  readonly positions: readonly number[]
}

/** What the log remembers of a producer. */
export interface ProducerState {
  /** The last settled seq; 0 for a producer that it does not know. */
  readonly last: number
  /** Looks up what was answered for a settled seq; undefined once it is forgotten. */
  readonly result: EmitResult | undefined
}

/** A part of the log that matches a filter. */
export interface LogPage {
  /** The epoch read. */
  readonly epoch: string
  /** Matching durable events in order, each with its position. */
  readonly events: readonly (LogEvent & { readonly position: number })[]
  /** What was scanned: everything matching up to here is in `events`. */
  readonly through: number
  readonly gap?: undefined
}

/** The answer to a read that the log cannot serve: delivery can continue only from `to`, the head. */
export interface LogGap {
  readonly gap: {
    /** `trimmed`: no longer held. `epoch`: a cursor of another epoch, or beyond the head. */
    readonly reason: 'trimmed' | 'epoch'
    /** The head at this moment. */
    readonly to: Cursor
  }
}

/** Who follows the end of the log. */
export interface TailListener {
  /** New events, durable ones in log order without omission, each batch as one call. May be called before the append that caused it resolves. */
  events(events: readonly LogEvent[]): void
  /** The tail cannot continue: the log began a new epoch, or events were missed. Delivery continues from `to`. */
  reset(gap: LogGap['gap']): void
}

/** The ordered, append-only store of durable events. */
export interface EventLog {
  /**
   * Keeps events, all or none, in order; resolves when they are kept. With `producer`, settles that seq in the same step, and refuses
   * (rejecting with a HubError `out_of_order` whose `details.expected` says the next) when it is not the next one. `events` may be empty then.
   * Calls take effect in the order in which they are made, also those that do not wait for each other: a batch of emits comes as one call for each.
   * An event whose `id` was appended before *by publishing* (without `producer`) and is still remembered is not appended again.
   */
  append(events: readonly NewEvent[], producer?: ProducerMark): Promise<Appended>
  /** What is remembered of a producer, and of one of its seqs. */
  producer(user: string, producer: string, seq: number): Promise<ProducerState>
  /** Hands ephemeral events to every tail, on every node. */
  announce(events: readonly NewEvent[]): Promise<void>
  /** The place of the newest event; position 0 of the epoch while there is none. */
  head(): Promise<Cursor>
  /** Reads on from a cursor: at most `limit` events of the topics. Scans at least one event further, unless it is at the head. */
  read(
    after: Cursor,
    options: { readonly topics: ReadonlySet<string>; readonly limit: number },
  ): Promise<LogPage | LogGap>
  /** Follows the end of the log: every event after `from`, the head at which it joins, is delivered; perhaps before this resolves. */
  tail(listener: TailListener): Promise<{ readonly from: Cursor; readonly stop: () => void }>
  /**
   * Rejects, with an error that names the remedy, while the log cannot keep what it is given: its last append failed for a reason of its own, and it
   * still could not write; or what it writes to is not there any more. Asked by every look at `/health`, so it costs next to nothing while all is well,
   * and finds out by itself that it is well again. A log without it is taken at its word as long as it answers.
   */
  check?(): Promise<void>
  /** Lets go of files and connections. A hub closes its log when it is closed. */
  close?(): Promise<void>
}
