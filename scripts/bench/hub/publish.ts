// `pnpm bench publish`: what it costs to publish, with nobody listening: validated, stamped, encoded, and kept by each log.
import { medianOf } from '../measure.ts'
import { startPair } from './cell.ts'
import { type Options, readOptions } from './options.ts'
import type { PeerName } from './peers.ts'
import { inTurn } from './runs.ts'
import type { Burned, Burst } from './server.ts'
import { digits, print, progress, thousands } from './table.ts'

/** Ways to publish, each of which waits until its events are kept. */
const ways = {
  'one by one': { atOnce: 1, asList: false },
  '100 at a time': { atOnce: 100, asList: false },
  'lists of 100': { atOnce: 100, asList: true },
} as const satisfies Record<string, Pick<Burst, 'atOnce' | 'asList'>>

type Way = keyof typeof ways

const names = Object.keys(ways) as Way[]
const EVENT_BYTES = 200
const WARM_UP = 2_000

type Found = Readonly<Record<Way, Burned & { readonly events: number }>>

/** Runs the command. */
export async function benchPublish(args: readonly string[]): Promise<void> {
  const options = readOptions(args, { name: 'publish', seconds: 1, connections: 1, peers: ['ours', 'ours-sqlite'] })
  if (!options) return
  const found = await inTurn(options.runs, options.peers, (peer) => measure(peer, options))
  const rows = options.peers.flatMap((peer) =>
    names.map((way) => {
      const of = (value: (one: Found[Way]) => number) => medianOf((found[peer] ?? []).map((one) => value(one[way])))
      return [
        `${peer}, ${way}`,
        `${thousands(of(({ events, wallMicros }) => (events / wallMicros) * 1_000_000))}/s`,
        digits(of(({ events, cpuMicros }) => cpuMicros / events)),
      ]
    }),
  )
  print(options, {
    name: 'publish',
    tables: [{ head: [`events of ${EVENT_BYTES} bytes`, 'published', 'CPU µs each'], rows }],
    bars: [],
    data: { options, runs: found },
  })
}

async function measure(peer: PeerName, { seconds, flags }: Options): Promise<Found> {
  const { server, end } = await startPair(peer, {}, flags)
  try {
    const found: Partial<Record<Way, Found[Way]>> = {}
    for (const way of names) {
      const burst = async (events: number) => ({
        ...(await server.call('burst', { ...ways[way], events, bytes: EVENT_BYTES })),
        events,
      })
      const { wallMicros } = await burst(WARM_UP)
      // As many as take about so long, in whole lists.
      const events = Math.ceil((WARM_UP * seconds * 1_000_000) / wallMicros / 100) * 100
      found[way] = await burst(events)
      progress(`publish · ${peer} · ${way}: ${thousands((events / found[way].wallMicros) * 1_000_000)}/s`)
    }
    return found as Found
  } finally {
    await end()
  }
}
