// `pnpm bench topics`: what it costs to deliver to many topics with one connection each, beside few topics with many.
import { medianOf } from '../measure.ts'
import { type CellResult, runCell } from './cell.ts'
import { readOptions } from './options.ts'
import { inTurn } from './runs.ts'
import { bar, digits, print, progress, ratio } from './table.ts'

/** CPU per delivery with one connection to a topic, as a multiple of that with a thousand (issue 5, 4). */
const BAR = 1.5
const FEW = 10
const DELIVERIES = 10_000
// Signs of life would be a third of what is measured, and the same in both.
const HEARTBEAT_MS = 60_000
/** How long an event may take at all before it counts as lost. */
const LOST_MS = 30_000

const cases = ['few', 'many'] as const

interface Found {
  readonly result: CellResult
  /** Microseconds for each delivery, without what it costs to publish the same to nobody. */
  readonly net: number
  /** Microseconds for each delivery that the bench takes itself in the server's process, to keep to the rate and to make the events. */
  readonly own: number
}

/** Runs the command. */
export async function benchTopics(args: readonly string[]): Promise<void> {
  const options = readOptions(args, { name: 'topics', seconds: 5, connections: 10_000, peers: ['ours'] })
  if (!options) return
  const { connections, seconds, runs, flags } = options

  const measure = async (which: (typeof cases)[number]): Promise<Found> => {
    const topics = which === 'few' ? FEW : connections
    const rate = (DELIVERIES * topics) / connections
    const load = {
      peer: 'ours',
      seconds,
      rate,
      warmUp: seconds / 2,
      bytes: 200,
      topics,
      heartbeatMs: HEARTBEAT_MS,
    } as const
    const result = await runCell({ ...load, connections, giveUpMs: LOST_MS }, flags)
    const alone = await runCell({ ...load, connections: 0, giveUpMs: LOST_MS }, flags)
    const idle = await runCell({ ...load, connections: 0, giveUpMs: LOST_MS, unpublished: true }, flags)
    const net = (result.published.cpuMicros - alone.published.cpuMicros) / result.deliveries
    const own = idle.published.cpuMicros / result.deliveries
    const state = result.whole ? 'all' : `NOT ALL (${result.account.missing} missing)`
    progress(
      `topics · ${topics}: ${state}, ${digits(result.cpuPerDelivery)} µs each, ${digits(net)} µs net, ${digits(own)} µs the bench's own`,
    )
    return { result, net, own }
  }
  const found = await inTurn(runs, cases, measure)

  const total = (which: (typeof cases)[number]) => found[which]?.map(({ result }) => result.cpuPerDelivery)
  const net = (which: (typeof cases)[number]) => found[which]?.map((one) => one.net)
  const own = (which: (typeof cases)[number]) => found[which]?.map((one) => one.own)
  const hubs = (which: (typeof cases)[number]) => found[which]?.map(({ result, own }) => result.cpuPerDelivery - own)
  const rows = cases.map((which) => [
    which === 'few' ? `${FEW} topics of ${connections / FEW}` : `${connections} topics of 1`,
    digits(medianOf(total(which) ?? [])),
    digits(medianOf(own(which) ?? [])),
    digits(medianOf(hubs(which) ?? [])),
    digits(medianOf(net(which) ?? [])),
    digits(medianOf(found[which]?.map(({ result }) => result.account.latency.p99) ?? [])),
    found[which]?.every(({ result }) => result.whole) ? 'yes' : 'no',
  ])
  print(options, {
    name: 'topics',
    tables: [
      {
        head: [
          `${DELIVERIES} deliveries/s`,
          'CPU µs each',
          'of that the bench',
          'the hub',
          'without publishing',
          'p99 ms',
          'all delivered',
        ],
        rows: [
          ...rows,
          [
            'ratio',
            digits(ratio(total('many'), total('few'))),
            '',
            digits(ratio(hubs('many'), hubs('few'))),
            digits(ratio(net('many'), net('few'))),
            '',
            '',
          ],
        ],
      },
    ],
    bars: [
      bar('CPU per delivery, many topics to few', ratio(total('many'), total('few')), '≤', BAR, ' ×'),
      {
        what: 'all is delivered',
        measured: rows.map((row) => row.at(-1)).join(', '),
        bar: 'yes',
        holds: rows.every((row) => row.at(-1) === 'yes'),
      },
    ],
    data: { options, runs: found },
  })
}
