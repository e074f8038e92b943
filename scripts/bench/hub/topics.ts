// `pnpm bench topics`: what it costs to deliver to many topics with one connection each, beside few topics with many.
import { medianOf } from '../measure.ts'
import { type CellResult, runCell } from './cell.ts'
import { readOptions } from './options.ts'
import type { PeerName } from './peers.ts'
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

type Case = (typeof cases)[number]

/** CPU in microseconds for each delivery. */
interface Found {
  readonly result: CellResult
  /** Of all that the server's process did. */
  readonly total: number
  /** Of that, what the bench took itself, to keep to the rate and to make the events; and what publishing them to nobody takes besides. */
  readonly own: number
  readonly publishing: number
  /** The rest. */
  readonly delivering: number
}

/** Runs the command. */
export async function benchTopics(args: readonly string[]): Promise<void> {
  const options = readOptions(args, { name: 'topics', seconds: 5, connections: 10_000, peers: ['ours', 'raw'] })
  if (!options) return
  const { connections, seconds, runs, peers, flags } = options

  const measure = async (peer: PeerName, which: Case): Promise<Found> => {
    const topics = which === 'few' ? FEW : connections
    const rate = (DELIVERIES * topics) / connections
    const load = { peer, seconds, rate, warmUp: seconds / 2, bytes: 200, topics, heartbeatMs: HEARTBEAT_MS } as const
    const result = await runCell({ ...load, connections, giveUpMs: LOST_MS }, flags)
    const alone = await runCell({ ...load, connections: 0, giveUpMs: LOST_MS }, flags)
    const idle = await runCell({ ...load, connections: 0, giveUpMs: LOST_MS, unpublished: true }, flags)
    const each = ({ published }: CellResult) => published.cpuMicros / result.deliveries
    const found = {
      result,
      total: each(result),
      own: each(idle),
      publishing: each(alone) - each(idle),
      delivering: each(result) - each(alone),
    }
    const state = result.whole ? 'all' : `NOT ALL (${result.account.missing} missing)`
    progress(
      `topics · ${peer} · ${topics}: ${state}, ${digits(found.total)} µs each: ${digits(found.own)} the bench's own, ${digits(found.publishing)} publishing, ${digits(found.delivering)} delivering`,
    )
    return found
  }
  const names = peers.flatMap((peer) => cases.map((which) => `${peer} ${which}` as const))
  const found = await inTurn(runs, names, (name) => {
    const [peer, which] = name.split(' ') as [PeerName, Case]
    return measure(peer, which)
  })

  const of = (peer: PeerName, which: Case, value: (one: Found) => number) => found[`${peer} ${which}`]?.map(value) ?? []
  const columns: ((one: Found) => number)[] = [
    ({ delivering }) => delivering,
    ({ publishing }) => publishing,
    ({ own }) => own,
    ({ total }) => total,
  ]
  const ratioOf = (peer: PeerName, value: (one: Found) => number) =>
    ratio(of(peer, 'many', value), of(peer, 'few', value))
  const rows = peers.flatMap((peer) => [
    ...cases.map((which) => [
      `${peer}, ${which === 'few' ? `${FEW} topics of ${connections / FEW}` : `${connections} topics of 1`}`,
      ...[...columns, ({ result }: Found) => result.account.latency.p99].map((value) =>
        digits(medianOf(of(peer, which, value))),
      ),
      found[`${peer} ${which}`]?.every(({ result }) => result.whole) ? 'yes' : 'no',
    ]),
    [
      `${peer}, ratio`,
      digits(ratioOf(peer, ({ delivering }) => delivering)),
      '',
      '',
      digits(ratioOf(peer, ({ total }) => total)),
      '',
      '',
    ],
  ])
  const whole = peers.flatMap((peer) => cases.flatMap((which) => found[`${peer} ${which}`] ?? []))
  const isWhole = whole.every(({ result }) => result.whole)
  const head = [
    `${DELIVERIES} deliveries/s`,
    'delivering, CPU µs each',
    'publishing',
    'the bench',
    'total',
    'p99 ms',
    'all delivered',
  ]
  print(options, {
    name: 'topics',
    tables: [{ head, rows }],
    bars: [
      bar(
        'CPU of delivering, many topics to few',
        ratioOf('ours', ({ delivering }) => delivering),
        '≤',
        BAR,
        ' ×',
      ),
      { what: 'all is delivered', measured: isWhole ? 'yes' : 'no', bar: 'yes', holds: isWhole },
    ],
    data: { options, runs: found },
  })
}
