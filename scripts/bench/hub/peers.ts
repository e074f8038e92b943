// What a bench measures: servers that send the same events to everybody, ours and others, by their names.
import type { StartPeer } from './peers/peer.ts'

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
  'ours-web-shared': {
    load: async () => (await hub()).startFetchShared,
    what: 'the same, where all who read get the same chunks',
  },
  'ours-sqlite': { load: async () => (await hub()).startSqlite, what: 'the hub on node:http, its log in SQLite' },
  raw: { load: async () => (await raw()).startRaw, what: 'node:http, one prepared buffer and one write per event' },
  'raw-ungathered': {
    load: async () => (await raw()).startRaw,
    what: 'the same, never two events in a turn',
    oneATurn: true,
  },
  'raw-gathered': {
    load: async () => (await raw()).startGathered,
    what: 'as raw, one buffer and one write per turn',
  },
  'better-sse': {
    load: async () => (await import('./peers/better-sse.ts')).startBetterSse,
    what: 'a channel that broadcasts',
  },
  'better-sse-ungathered': {
    load: async () => (await import('./peers/better-sse.ts')).startBetterSse,
    what: 'the same, never two events in a turn',
    oneATurn: true,
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
