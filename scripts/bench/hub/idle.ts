// `pnpm bench idle`: what a connection holds in memory that has nothing to do but show signs of life.
import { medianOf } from '../measure.ts'
import { pause, startPair } from './cell.ts'
import { type Options, readOptions } from './options.ts'
import type { PeerName } from './peers.ts'
import { inTurn } from './runs.ts'
import { bar, digits, print, progress, ratio } from './table.ts'
import { slopeOf } from './trend.ts'

/** Memory per connection, as a multiple of a response of node:http that is held open (issue 5, 3). */
const BAR = 1.1
const STEPS = 5
const HEARTBEAT_MS = 2_000

/** Bytes per connection: the slope over the number of connections. */
interface Found {
  readonly rss: number
  readonly heap: number
}

/** Runs the command. */
export async function benchIdle(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    name: 'idle',
    seconds: 3,
    connections: 5_000,
    peers: ['ours', 'ours-web', 'raw', 'better-sse', 'hono'],
  })
  if (!options) return
  const { runs, peers } = options
  const found = await inTurn(runs, peers, (peer) => measure(peer, options))
  const bytes = (peer: PeerName, kind: keyof Found) => found[peer]?.map((one) => one[kind])
  const cell = (peer: PeerName, kind: keyof Found) => `${digits(medianOf(bytes(peer, kind) ?? []) / 1_000)} kB`
  const toRaw = (peer: PeerName, kind: keyof Found) => ratio(bytes(peer, kind), bytes('raw', kind))
  const rows = peers.map((peer) => [
    peer,
    ...(['rss', 'heap'] as const).map((kind) => cell(peer, kind)),
    digits(toRaw(peer, 'rss')),
    digits(toRaw(peer, 'heap')),
  ])
  print(options, {
    name: 'idle',
    tables: [{ head: ['per idle connection', 'resident', 'heap', '× raw', 'heap × raw'], rows }],
    bars: [bar('resident memory per idle connection, to raw', toRaw('ours', 'rss'), '≤', BAR, ' ×')],
    data: { options, runs: found },
  })
}

async function measure(peer: PeerName, { connections, seconds, flags }: Options): Promise<Found> {
  const pair = await startPair(peer, { heartbeatMs: HEARTBEAT_MS }, flags)
  try {
    const points: (Found & { readonly count: number })[] = []
    const step = Math.floor(connections / STEPS)
    for (let n = 1; n <= STEPS; n++) {
      await pair.open({ group: `${n}`, count: step, sampled: 0, topics: 1, eventBytes: 200 })
      // Until everybody's heart has beaten.
      await pause(seconds * 1_000)
      points.push({ count: n * step, ...(await pair.server.call('memory', undefined)) })
    }
    const slope = (kind: keyof Found) => slopeOf(points.map((point) => [point.count, point[kind]]))
    const found = { rss: slope('rss'), heap: slope('heap') }
    progress(`idle · ${peer}: ${digits(found.rss / 1_000)} kB each, ${digits(found.heap / 1_000)} kB of it heap`)
    return found
  } finally {
    await pair.end()
  }
}
