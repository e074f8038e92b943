// The process that holds the connections: it opens them, accounts for every delivery on each, and says what that cost it.
import { connect, type Socket } from 'node:net'
import { answerCalls } from './child.ts'
import { monotonicMs } from './clock.ts'
import { topicOf } from './event.ts'
import { counting, type Heard, type Read, reading } from './reader.ts'
import { type Spread, spreadOf } from './spread.ts'

/** Connections to open. Topics go round: the n-th connection asks for the n-th, modulo their number. */
export interface Opening {
  /** What they are called afterwards. */
  readonly group: string
  readonly port: number
  readonly path: string
  readonly count: number
  /** How many of them, evenly spread, read every event. */
  readonly sampled: number
  readonly topics: number
  readonly eventBytes: number
  /** From where they resume. */
  readonly after?: string
  /** How many events there are to catch up with: how long that takes is noted. */
  readonly behind?: number
  /** They read the beginning of the answer, and then nothing until they are thawed. */
  readonly frozen?: boolean
}

/** What a group was to hear. */
export interface Expectation {
  readonly group: string
  /** How many events there are in all, numbered from 0, and the first whose latency counts. */
  readonly events: number
  readonly from: number
  /** How long to wait for what is missing. */
  readonly withinMs: number
}

/** What a group has heard. */
export interface Account {
  /** Deliveries that have not come, and such as came too often. */
  readonly missing: number
  readonly extra: number
  /** Events out of their order, gaps that were told (places spanned by each), and connections that have ended. */
  readonly jumps: number
  readonly gaps: readonly number[]
  readonly ended: number
  readonly bytes: number
  /** From when an event was due to its arrival, on sampled connections. */
  readonly latency: Spread
  /** From the question to the last event of those to be caught up with, on all connections. */
  readonly waits: Spread
  /** Microseconds of this process's processor time, and of the wall, since the last time. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

interface Connection {
  readonly heard: Heard | Read
  readonly topic: number
  readonly socket: Socket
  readonly done: { waitMs: number; ended: boolean }
}

interface Group extends Opening {
  readonly connections: readonly Connection[]
}

const AT_ONCE = 200
// Of one pair of addresses there are some 28,000 connections, those of a cell before included.
const PER_ADDRESS = 2_000
// All sockets share it: what was read is taken before the next one reads.
const buffer = Buffer.allocUnsafe(65_536)
const groups = new Map<string, Group>()
let lap = { cpu: process.cpuUsage(), at: monotonicMs() }

async function open(opening: Opening): Promise<void> {
  const connections: Connection[] = []
  const share = opening.sampled / opening.count
  const isSampled = (n: number) => Math.floor(n * share) > Math.floor((n - 1) * share)
  for (let n = 0; n < opening.count; ) {
    const wave: Promise<unknown>[] = []
    for (; wave.length < (opening.behind === undefined ? AT_ONCE : opening.count) && n < opening.count; n++) {
      const { connection, opened } = start(opening, n, isSampled(n))
      connections.push(connection)
      wave.push(opened)
    }
    await Promise.all(wave)
  }
  groups.set(opening.group, { ...opening, connections })
}

function start(opening: Opening, n: number, sampled: boolean) {
  const { port, path, topics, eventBytes, after, behind, frozen } = opening
  const topic = n % topics
  const { heard, take } = sampled || frozen ? reading(topics) : counting(eventBytes)
  const done = { waitMs: Number.NaN, ended: false }
  const begun = monotonicMs()
  const reply = Promise.withResolvers<void>()
  let isOpen = false
  const callback = (length: number, bytes: Uint8Array) => {
    take(bytes as Buffer, length)
    if (behind !== undefined && heard.events >= behind && !(done.waitMs >= 0)) done.waitMs = monotonicMs() - begun
    if (isOpen) return true
    isOpen = true
    const first = (bytes as Buffer).toString('latin1', 0, Math.min(length, 12))
    if (first === 'HTTP/1.1 200') reply.resolve()
    else reply.reject(new Error(`Connection ${n} was answered "${first}".`))
    return !frozen
  }
  const socket = connect({
    port,
    host: '127.0.0.1',
    ...(n >= PER_ADDRESS ? { localAddress: `127.0.0.${1 + Math.floor(n / PER_ADDRESS)}` } : {}),
    onread: { buffer, callback },
  })
  const resume = after === undefined || after === '' ? '' : `&after=${encodeURIComponent(after)}`
  socket.write(
    `GET ${path}?topics=${encodeURIComponent(topicOf(topic))}${resume} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n`,
  )
  const ended = (why: unknown) => {
    done.ended = true
    reply.reject(new Error(`Connection ${n} failed: ${why}`))
  }
  socket.on('error', ended).on('close', () => ended('closed'))
  return { connection: { heard, topic, socket, done } satisfies Connection, opened: reply.promise }
}

/** How many of the events numbered from 0 belong to a topic. */
const dueTo = (topic: number, topics: number, events: number) => Math.max(0, Math.ceil((events - topic) / topics))

const groupOf = (name: string): Group => {
  const group = groups.get(name)
  if (!group) throw new Error(`There is no group "${name}".`)
  return group
}

const calls = {
  open,
  /** Begins to count the cost. */
  begin() {
    lap = { cpu: process.cpuUsage(), at: monotonicMs() }
  },
  thaw(group: string) {
    for (const { socket } of groupOf(group).connections) socket.resume()
  },
  async account({ group: name, events, from, withinMs }: Expectation): Promise<Account> {
    const { connections, topics } = groupOf(name)
    const { user, system } = process.cpuUsage(lap.cpu)
    const wallMicros = (monotonicMs() - lap.at) * 1_000
    const balance = () => connections.map(({ heard, topic }) => heard.events - dueTo(topic, topics, events))
    const latest = monotonicMs() + withinMs
    while (monotonicMs() < latest && balance().some((more) => more < 0))
      await new Promise((resolve) => setTimeout(resolve, 10))
    const read = connections.flatMap(({ heard }) => ('latencies' in heard ? [heard] : []))
    return {
      missing: balance().reduce((sum, more) => sum + Math.max(0, -more), 0),
      extra: balance().reduce((sum, more) => sum + Math.max(0, more), 0),
      jumps: read.reduce((sum, { jumps }) => sum + jumps, 0),
      gaps: read.flatMap(({ gaps }) => gaps),
      ended: connections.filter(({ done }) => done.ended).length,
      bytes: connections.reduce((sum, { heard }) => sum + heard.bytes, 0),
      latency: spreadOf(
        read.flatMap(({ numbers, latencies }) => latencies.filter((_, at) => (numbers[at] ?? 0) >= from)),
      ),
      waits: spreadOf(connections.flatMap(({ done }) => (done.waitMs >= 0 ? [done.waitMs] : []))),
      cpuMicros: user + system,
      wallMicros,
    }
  },
}

/** What a generator answers. */
export type GeneratorCalls = typeof calls

if (import.meta.main) {
  process.on('disconnect', () => process.exit())
  answerCalls(calls)
}
