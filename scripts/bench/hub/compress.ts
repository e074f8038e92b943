// `pnpm bench compress`: what streams in gzip cost and save that is paid for once, beside the same streams as they are.
import { medianOf } from '../measure.ts'
import { type CellResult, runCell } from './cell.ts'
import { CORPUS_BYTES } from './corpus.ts'
import { readOptions } from './options.ts'
import { inTurn } from './runs.ts'
import { bar, digits, print, progress, ratio } from './table.ts'

/** CPU per delivery, and bytes, as multiples of those without (issue 5, 6). */
const CPU_BAR = 1.5
const loads = {
  single: { what: 'single events', rate: 100, atOnce: 1, bytesBar: 0.85 },
  batch: { what: 'batches of 10', rate: 200, atOnce: 10, bytesBar: 0.55 },
} as const
// Signs of life are the same in both, and would make connections differ by when each was opened.
const HEARTBEAT_MS = 600_000

type LoadName = keyof typeof loads
const names = ['single as it is', 'single in gzip', 'batch as it is', 'batch in gzip'] as const

/** Runs the command. */
export async function benchCompress(args: readonly string[]): Promise<void> {
  const options = readOptions(args, { name: 'compress', seconds: 5, connections: 1_000, peers: ['ours'] })
  if (!options) return
  const { connections, seconds, runs, flags } = options

  const measure = async (name: (typeof names)[number]): Promise<CellResult> => {
    const { rate, atOnce } = loads[name.startsWith('single') ? 'single' : 'batch']
    const compressed = name.endsWith('gzip')
    const load = {
      rate,
      atOnce,
      seconds,
      warmUp: seconds / 5,
      bytes: CORPUS_BYTES,
      corpus: 'whole' as const,
      topics: 1,
    }
    const common = { peer: 'ours', connections, heartbeatMs: HEARTBEAT_MS, giveUpMs: 10_000 } as const
    const result = await runCell({ ...common, compressed, ...load }, flags)
    const { whole, cpuPerDelivery, account } = result
    const state = whole ? 'all' : `NOT ALL (${account.missing} missing, or not in step)`
    progress(`compress · ${name}: ${state}, ${digits(cpuPerDelivery)} µs and ${digits(bytesEach(result))} bytes each`)
    return result
  }
  const found = await inTurn(runs, names, measure)

  const cpu = (name: (typeof names)[number]) => found[name]?.map(({ cpuPerDelivery }) => cpuPerDelivery)
  const bytes = (name: (typeof names)[number]) => found[name]?.map(bytesEach)
  const both = (load: LoadName) => [`${load} in gzip`, `${load} as it is`] as const
  const isWhole = (name: (typeof names)[number]) => found[name]?.every(({ whole }) => whole) === true
  const rows = names.map((name) => [
    name,
    digits(medianOf(cpu(name) ?? [])),
    digits(medianOf(bytes(name) ?? [])),
    digits(medianOf(found[name]?.map(({ account }) => account.latency.p99) ?? [])),
    isWhole(name) ? 'yes' : 'no',
  ])
  const bars = (Object.keys(loads) as LoadName[]).flatMap((load) => {
    const { what, bytesBar } = loads[load]
    const [one, other] = both(load)
    return [
      bar(`CPU per delivery, ${what}, to that without`, ratio(cpu(one), cpu(other)), '≤', CPU_BAR, ' ×'),
      bar(`bytes, ${what}, to those without`, ratio(bytes(one), bytes(other)), '≤', bytesBar, ' ×'),
    ]
  })
  print(options, {
    name: 'compress',
    tables: [{ head: ['events of 1 kB', 'CPU µs each', 'bytes each', 'p99 ms', 'all delivered, in step'], rows }],
    bars: [
      ...bars,
      {
        what: 'all is delivered',
        measured: rows.map((row) => row.at(-1)).join(', '),
        bar: 'yes',
        holds: names.every(isWhole),
      },
    ],
    data: { options, runs: found },
  })
}

const bytesEach = ({ account, deliveries, published }: CellResult) =>
  account.bytes / ((deliveries / (published.events - published.from)) * published.events)
