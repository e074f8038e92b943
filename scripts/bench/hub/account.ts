// The account of every delivery: what a group of connections was to hear, and what each has heard.
import type { Connection, Opening } from './connection.ts'
import { type Spread, spreadOf } from './spread.ts'

/** From one moment of the monotonic clock to another. */
export interface Span {
  readonly fromMs: number
  readonly untilMs: number
}

/** What was to be heard. */
export interface Expectation {
  /** How many events there are in all, numbered from 0, and the first whose latency counts. */
  readonly events: number
  readonly from: number
  /** Only the latency of events that were due within it counts. */
  readonly during?: Span
}

/** What was heard. */
export interface Account {
  /** Deliveries that have not come and were not told of as a gap, and such as came too often. */
  readonly missing: number
  readonly extra: number
  /** Events out of their order, gaps that were told (the places that each spans), and connections that have ended. */
  readonly jumps: number
  readonly gaps: readonly number[]
  readonly ended: number
  readonly bytes: number
  /** From when an event was due to its arrival, on sampled connections. */
  readonly latency: Spread
  /** From the question until all was caught up with, on all connections. */
  readonly waits: Spread
}

/** Some connections, and how they were opened. */
export type Group = Opening & { readonly connections: readonly Connection[] }

const sum = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

/** How many of the events numbered from 0 belong to a topic. */
const ofTopic = (topic: number, topics: number, events: number) => Math.max(0, Math.ceil((events - topic) / topics))

/** By connection: how many more events it has heard than it should, or, below 0, how many fewer. What it was told that it missed counts as heard. */
export const balanceOf = ({ connections, topics, first = 0 }: Group, events: number): number[] =>
  connections.map(({ heard, topic }) => {
    const told = 'gaps' in heard ? sum(heard.gaps) : 0
    return heard.events + told - (ofTopic(topic, topics, events) - ofTopic(topic, topics, first))
  })

/** Sums it up. */
export function accountOf(group: Group, { events, from, during }: Expectation): Account {
  const { connections } = group
  const balance = balanceOf(group, events)
  const read = connections.flatMap(({ heard }) => ('latencies' in heard ? [heard] : []))
  const latencies = read.flatMap(({ numbers, dues, latencies }) => {
    const counts = (at: number) => {
      const [n = 0, due = 0] = [numbers[at], dues[at]]
      return n >= from && (!during || (due >= during.fromMs && due <= during.untilMs))
    }
    return latencies.filter((_, at) => counts(at))
  })
  return {
    missing: sum(balance.map((more) => Math.max(0, -more))),
    extra: sum(balance.map((more) => Math.max(0, more))),
    jumps: sum(read.map(({ jumps }) => jumps)),
    gaps: read.flatMap(({ gaps }) => gaps),
    ended: connections.filter(({ ended }) => ended).length,
    bytes: sum(connections.map(({ heard }) => heard.bytes)),
    latency: spreadOf(latencies),
    waits: spreadOf(connections.map(({ waitMs }) => waitMs).filter((waitMs) => !Number.isNaN(waitMs))),
  }
}

/** Whether nothing is missing, came twice or out of order. */
export const isWhole = ({ missing, extra, jumps, gaps, ended }: Account): boolean =>
  missing + extra + jumps + gaps.length + ended === 0
