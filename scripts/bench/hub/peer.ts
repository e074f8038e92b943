// What a bench measures: servers that send the same events to everybody, ours and others.
import type { Server } from 'node:http'
import type { BenchEvent } from './event.ts'

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
  /** Whether it compresses for who accepts it, and everybody does. Only our hub can do that. */
  readonly compressed?: boolean
}

/** Starts a peer in this process. */
export type StartPeer = (options: PeerOptions) => Promise<Peer>

/** One way to serve. */
interface Kind {
  readonly load: () => Promise<StartPeer>
  /** For the help of a bench. */
  readonly what: string
  /** Whether its publisher leaves a turn of the event loop to every event, so that it cannot gather. */
  readonly oneATurn?: boolean
}

const hub = () => import('./peers/hub.ts')
const raw = () => import('./peers/raw.ts')

/** The peers by the names that tables give them; a server loads no other than its own. */
export const peers = {
  ours: { load: async () => (await hub()).startDirect, what: 'the hub on node:http, gathering' },
  'ours-ungathered': {
    load: async () => (await hub()).startDirect,
    what: 'the same, never two events in a turn',
    oneATurn: true,
  },
  'ours-web': {
    load: async () => (await hub()).startFetch,
    what: 'hub.fetch behind an adapter that only reads the body',
  },
  'ours-sqlite': { load: async () => (await hub()).startSqlite, what: 'the hub on node:http, its log in SQLite' },
  raw: { load: async () => (await raw()).startRaw, what: 'node:http, one prepared buffer and one write per event' },
  'raw-gathered': {
    load: async () => (await raw()).startGathered,
    what: 'the same, one buffer and one write per turn',
  },
  'better-sse': {
    load: async () => (await import('./peers/better-sse.ts')).startBetterSse,
    what: 'a channel that broadcasts',
  },
  hono: { load: async () => (await import('./peers/hono.ts')).startHono, what: 'streamSSE on its node-server' },
  nchan: {
    load: async () => (await import('./peers/nchan.ts')).startNchan,
    what: 'nginx with nchan, published to by POST',
  },
} satisfies Record<string, Kind>

/** The name of a peer. */
export type PeerName = keyof typeof peers

/** The way that a name stands for. */
export const kindOf = (name: PeerName): Kind => peers[name]

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
