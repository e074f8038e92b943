// One cell of a bench: a fresh server, a fresh generator, one load, and the account of every delivery.
import { type Account, isWhole } from './account.ts'
import { type Child, startChild } from './child.ts'
import type { Opening } from './connection.ts'
import type { GeneratorCalls } from './generator.ts'
import { watchOthers } from './others.ts'
import type { PeerOptions } from './peers/peer.ts'
import type { PeerName } from './peers.ts'
import type { Load, Published, ServerCalls } from './server.ts'

/** What to measure. */
export interface Cell extends Load, PeerOptions {
  readonly peer: PeerName
  readonly connections: number
}

/** What came of it. */
export interface CellResult {
  readonly published: Published
  readonly account: Account
  /** Whether the server could keep to the rate, and every event came to every connection once and in order. */
  readonly whole: boolean
  /** Deliveries that count, and microseconds of the server's processor time for each; NaN where it gave up. */
  readonly deliveries: number
  readonly cpuPerDelivery: number
  /** The share of the time that server and generator were computing. */
  readonly serverBusy: number
  readonly generatorBusy: number
}

/** A server and a generator, and a way to let the second connect to the first. */
export interface Pair {
  readonly server: Child<ServerCalls>
  readonly generator: Child<GeneratorCalls>
  open(opening: Omit<Opening, 'port' | 'path'>): Promise<void>
  end(): Promise<void>
}

const SAMPLED = 20
// Until everybody is heard of who has been let in.
const SETTLE_MS = 300

/** Starts a server and a generator. */
export async function startPair(
  peer: PeerName,
  options: PeerOptions = {},
  flags: readonly string[] = [],
): Promise<Pair> {
  const noteOthers = watchOthers()
  const server = await startChild<ServerCalls>('server.ts', [peer, JSON.stringify(options)], flags)
  const generator = await startChild<GeneratorCalls>('generator.ts', [])
  const where = await server.call('where', undefined)
  return {
    server,
    generator,
    async open(opening) {
      await generator.call('open', { ...where, ...opening })
      await pause(SETTLE_MS)
    },
    async end() {
      const [generating, serving] = await Promise.all([generator.end(), server.end()])
      noteOthers(generating + serving)
    },
  }
}

/** Measures one cell. */
export async function runCell(cell: Cell, flags: readonly string[] = []): Promise<CellResult> {
  const { peer, connections, heartbeatMs, compressed = false, ...load } = cell
  const { topics, bytes: eventBytes } = load
  const pair = await startPair(peer, { compressed, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) }, flags)
  try {
    const sampled = Math.min(SAMPLED, connections)
    await pair.open({ group: 'all', count: connections, sampled, topics, eventBytes, compressed })
    await pair.generator.call('begin', undefined)
    const published = await pair.server.call('publish', load)
    const { events, from, gaveUp } = published
    const { cpuMicros, wallMicros, ...account } = await pair.generator.call('account', {
      group: 'all',
      events,
      from,
      withinMs: gaveUp ? 0 : load.giveUpMs,
    })
    const deliveries = (Math.max(0, events - from) / topics) * connections
    return {
      published,
      account,
      whole: !gaveUp && isWhole(account),
      deliveries,
      cpuPerDelivery: gaveUp ? Number.NaN : published.cpuMicros / deliveries,
      serverBusy: published.cpuMicros / published.wallMicros,
      generatorBusy: cpuMicros / wallMicros,
    }
  } finally {
    await pair.end()
  }
}

/** Waits. */
export const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))
