// A server that a bench measures, as the bench sees it.
import type { Server } from 'node:http'
import type { BenchEvent } from '../event.ts'

/** A server that listens. */
export interface Peer {
  readonly port: number
  /** Where its stream is. A bench adds `?topics=` and `&after=`, which most peers do not know. */
  readonly path: string
  /** Sends an event to whoever has asked for the topic; a peer without topics sends it to everybody. */
  readonly publish: (event: BenchEvent, topic: string) => unknown
  /** Publishes several as one, where the peer knows of such a thing. */
  readonly publishList?: (events: readonly BenchEvent[], topic: string) => unknown
  /** Microseconds of processor time since it began, where that is not this process's. */
  readonly cpu?: () => number
  /** Bytes that it says it holds for its readers. */
  readonly buffered?: () => number
  /** Its newest place, to resume from. */
  readonly cursor?: () => Promise<string>
  /** Ends what does not end with the process. */
  readonly close?: () => Promise<void>
}

/** What is asked of a peer when it starts. */
export interface PeerOptions {
  /** How often a silent stream shows a sign of life, where the peer can do that. Default: the peer's own default. */
  readonly heartbeatMs?: number
  /** How long an event may wait for others to leave with. Only our hub can do that. */
  readonly gatherMs?: number
  /** Whether it compresses for who accepts it, and everybody does. Only our hub can do that. */
  readonly compressed?: boolean
}

/** Starts a peer in this process. */
export type StartPeer = (options: PeerOptions) => Promise<Peer>

/** Has a server listen on this machine alone; answers where. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}
