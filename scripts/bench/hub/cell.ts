// One cell of a bench: a fresh server, a fresh generator, one load, and the account of every delivery.
import { type Child, startChild } from './child.ts'
import type { Account, GeneratorCalls, Opening } from './generator.ts'
import type { PeerName, PeerOptions } from './peer.ts'
import type { Load, Published, ServerCalls } from './server.ts'

/** What to measure. */
export interface Cell extends Load {
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
      await Promise.all([generator.end(), server.end()])
    },
  }
}

/** Measures one cell. */
export async function runCell(cell: Cell, flags: readonly string[] = []): Promise<CellResult> {
  const { peer, connections, topics, bytes: eventBytes, ...rest } = cell
  const load: Load = { topics, bytes: eventBytes, ...rest }
  const pair = await startPair(peer, {}, flags)
  try {
    await pair.open({ group: 'all', count: connections, sampled: Math.min(SAMPLED, connections), topics, eventBytes })
    await pair.generator.call('begin', undefined)
    const published = await pair.server.call('publish', load)
    const { events, from, gaveUp } = published
    const account = await pair.generator.call('account', {
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
      generatorBusy: account.cpuMicros / account.wallMicros,
    }
  } finally {
    await pair.end()
  }
}

/** Whether nothing is missing, came twice or out of order. */
export const isWhole = ({ missing, extra, jumps, gaps, ended }: Account): boolean =>
  missing + extra + jumps + gaps.length + ended === 0

/** Waits. */
export const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))
