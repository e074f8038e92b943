// The floor that others are measured by: node:http with nothing in between, each event framed once for all and written to the sockets.
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { BenchEvent } from '../event.ts'
import { listen, type Peer, type PeerOptions, type StartPeer } from './peer.ts'

const blockOf = (event: BenchEvent) => `id: ${event.n}\nevent: tick\ndata: ${JSON.stringify(event)}\n\n`

/** One chunk of HTTP/1.1's chunked encoding. */
const chunkOf = (text: string) => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)

/** Writes every event at once to those who have asked for its topic. */
export const startRaw: StartPeer = async (options) => {
  const { sockets: _, readers, ...rest } = await open(options)
  return {
    ...rest,
    publish(event, topic) {
      const chunk = chunkOf(blockOf(event))
      for (const socket of readers.get(topic) ?? []) socket.write(chunk)
    },
  }
}

/** Writes the events of a turn of the event loop at its end, as one, to everybody. */
export const startGathered: StartPeer = async (options) => {
  const { sockets, readers: _, ...rest } = await open(options)
  let turn = ''
  const flush = () => {
    const chunk = chunkOf(turn)
    turn = ''
    for (const socket of sockets) socket.write(chunk)
  }
  return {
    ...rest,
    publish(event) {
      if (turn === '') setImmediate(flush)
      turn += blockOf(event)
    },
  }
}

interface Readers {
  readonly sockets: ReadonlySet<Socket>
  readonly readers: ReadonlyMap<string, ReadonlySet<Socket>>
}

async function open({ heartbeatMs = 2_000 }: PeerOptions): Promise<Omit<Peer, 'publish'> & Readers> {
  const sockets = new Set<Socket>()
  const readers = new Map<string, Set<Socket>>()
  const server = createServer(({ url }, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    res.flushHeaders()
    const { socket } = res
    if (!socket) return
    socket.setNoDelay(true)
    // A reader that goes away ends its connection, not the process.
    socket.on('error', () => {})
    const topic = new URL(url ?? '', 'http://bench').searchParams.get('topics') ?? ''
    const some = readers.get(topic) ?? new Set()
    readers.set(topic, some.add(socket))
    sockets.add(socket)
    res.on('close', () => {
      sockets.delete(socket)
      some.delete(socket)
    })
  })
  const beat = chunkOf(': beat\n\n')
  setInterval(() => {
    for (const socket of sockets) socket.write(beat)
  }, heartbeatMs)
  const buffered = () => [...sockets].reduce((sum, { writableLength }) => sum + writableLength, 0)
  return { port: await listen(server), path: '/events', sockets, readers, buffered }
}
