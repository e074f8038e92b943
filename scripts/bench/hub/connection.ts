// One connection of the generator: it asks for a stream, and notes what comes.
import { connect, type Socket } from 'node:net'
import { monotonicMs } from './clock.ts'
import { topicOf } from './event.ts'
import { counting, type Heard, type Read, reading, weighing } from './reader.ts'

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
  /** They accept gzip. All have to be sent the very same, so that those that are not sampled need not inflate it: one topic, and no heartbeats. */
  readonly compressed?: boolean
  /** From where they resume. */
  readonly after?: string
  /** The number of the first event that they are to hear. Default 0. */
  readonly first?: number
  /** How many events there are to catch up with: how long that takes is noted. All of them ask at once. */
  readonly behind?: number
  /** They read the beginning of the answer, and then nothing until they are thawed. */
  readonly frozen?: boolean
}

/** One connection. */
export interface Connection {
  readonly heard: Heard | Read
  readonly topic: number
  readonly socket: Socket
  /** Resolves with the first bytes of an answer of 200. */
  readonly opened: Promise<void>
  /** From the question until it had caught up, in milliseconds; NaN before. */
  waitMs: number
  ended: boolean
}

// Of one pair of addresses there are some 28,000 connections, those of a cell before included.
const PER_ADDRESS = 2_000
// All sockets share it: what was read is taken before the next one reads.
const buffer = Buffer.allocUnsafe(65_536)

/** Opens the n-th connection. `like` is a sampled one, which is sent the same. */
export function openConnection(opening: Opening, n: number, sampled: boolean, like?: Heard): Connection {
  const { port, path, topics, eventBytes, compressed, after = '', behind = Number.POSITIVE_INFINITY, frozen } = opening
  const topic = n % topics
  const unread = () => (compressed && like ? weighing(like) : counting(eventBytes))
  const { heard, take } = sampled || frozen ? reading(topics, compressed) : unread()
  const begun = monotonicMs()
  const reply = Promise.withResolvers<void>()
  let isOpen = false
  const callback = (length: number, bytes: Uint8Array) => {
    take(bytes as Buffer, length)
    if (heard.events >= behind && Number.isNaN(connection.waitMs)) connection.waitMs = monotonicMs() - begun
    if (isOpen) return true
    isOpen = true
    const first = (bytes as Buffer).toString('latin1', 0, Math.min(length, 12))
    if (first === 'HTTP/1.1 200') reply.resolve()
    else reply.reject(new Error(`Connection ${n} was answered "${first}".`))
    // False pauses it.
    return !frozen
  }
  const socket = connect({
    port,
    host: '127.0.0.1',
    ...(n >= PER_ADDRESS ? { localAddress: `127.0.0.${1 + Math.floor(n / PER_ADDRESS)}` } : {}),
    onread: { buffer, callback },
  })
  const resume = after === '' ? '' : `&after=${encodeURIComponent(after)}`
  const target = `${path}?topics=${encodeURIComponent(topicOf(topic))}${resume}`
  const accepts = `Accept: text/event-stream\r\n${compressed ? 'Accept-Encoding: gzip\r\n' : ''}`
  socket.write(`GET ${target} HTTP/1.1\r\nHost: bench\r\n${accepts}\r\n`)
  const ended = (why: unknown) => {
    connection.ended = true
    const remedy = String(why).includes('EMFILE') ? ' Raise `ulimit -n`, or ask for fewer `--connections`.' : ''
    reply.reject(new Error(`Connection ${n} failed: ${why}.${remedy}`))
  }
  socket.on('error', ended).on('close', () => ended('closed'))
  const connection: Connection = { heard, topic, socket, opened: reply.promise, waitMs: Number.NaN, ended: false }
  return connection
}
