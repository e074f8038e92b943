// `pnpm bench fanout`: how much one hub can send to how many, and what that costs, beside its peers.
import { medianOf } from '../measure.ts'
import { type Cell, type CellResult, runCell } from './cell.ts'
import { findLimit } from './limit.ts'
import { type Options, readOptions } from './options.ts'
import type { PeerName } from './peers.ts'
import { inTurn } from './runs.ts'
import { type Bar, bar, digits, print, progress, ratio, type Table, thousands } from './table.ts'

/** A rate holds while everything arrives, and so soon. With ten times as many connections, one event to all of them takes anybody longer than that. */
const HOLDS_MS = 50
const MANY_HOLDS_MS = 500
const WARM_UP_S = 1
const GIVE_UP_MS = 2_000
// What a delivery costs can be said of who cannot keep up, too.
const CPU_GIVE_UP_MS = 20_000
const EVENT_BYTES = 200
const PRECISION = 1.03
/** Of the time, what the generator may take at raw's limit: beyond that it may be what limits raw. */
const GENERATOR = 0.95
/** The parts of the bench: the limit, three fixed rates, and the limit with very many connections. */
const parts = ['limit', 'calm', 'cpu', 'pressed', 'many'] as const

type Part = (typeof parts)[number]

/** Deliveries per second (`calm`: events per second) at which peers are looked at beside each other. */
const CALM_EVENTS = 30
// Of few events, more seconds make a p99.
const CALM_LONGER = 3
const CPU_DELIVERIES = 200_000
const PRESSED_DELIVERIES = 800_000
const MANY_CONNECTIONS = 10_000

/** Run by run: what each peer came to. */
type Runs = { readonly [P in PeerName]?: readonly Found[] }

interface Found {
  /** Deliveries per second. */
  limit: number
  atLimit?: CellResult
  calm?: CellResult
  cpu?: CellResult
  pressed?: CellResult
  /** Deliveries per second with very many connections. */
  many: number
}

/** Runs the command. */
export async function benchFanout(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    name: 'fanout',
    seconds: 2,
    connections: 1_000,
    peers: [
      'ours',
      'ours-ungathered',
      'ours-web',
      'ours-web-shared',
      'raw',
      'raw-ungathered',
      'raw-gathered',
      'better-sse',
      'better-sse-ungathered',
      'hono',
      'nchan',
    ],
    parts,
  })
  if (!options) return
  const found = await inTurn(options.runs, options.peers, (peer, before?: Found) => measurePeer(peer, options, before))
  print(options, { name: 'fanout', tables: tablesOf(found), bars: judgeFanout(found), data: { options, runs: found } })
}

async function measurePeer(peer: PeerName, options: Options, before: Found | undefined): Promise<Found> {
  const { connections, seconds, only, flags } = options
  const wants = (part: Part) => only === '' || only === part
  const base: Omit<Cell, 'rate'> = {
    peer,
    connections,
    seconds,
    warmUp: WARM_UP_S,
    bytes: EVENT_BYTES,
    topics: 1,
    giveUpMs: GIVE_UP_MS,
  }
  const found: Found = { limit: Number.NaN, many: Number.NaN }
  const cell = (part: string, cell: Cell) => looked(part, cell, flags)

  if (wants('limit')) {
    const { rate, result } = await limitOf(base, HOLDS_MS, before?.limit, flags)
    found.limit = rate * connections
    if (result) found.atLimit = result
  }
  if (wants('calm')) found.calm = await cell('calm', { ...base, rate: CALM_EVENTS, seconds: seconds * CALM_LONGER })
  if (wants('cpu'))
    found.cpu = await cell('cpu', { ...base, rate: CPU_DELIVERIES / connections, giveUpMs: CPU_GIVE_UP_MS })
  if (wants('pressed') && (peer === 'ours' || peer === 'raw-gathered')) {
    const rate = Math.min(PRESSED_DELIVERIES, found.limit || PRESSED_DELIVERIES) / connections
    found.pressed = await cell('pressed', { ...base, rate })
  }
  if (wants('many') && (peer === 'ours' || peer === 'raw')) {
    const { rate } = await limitOf({ ...base, connections: MANY_CONNECTIONS }, MANY_HOLDS_MS, before?.many, flags)
    found.many = rate * MANY_CONNECTIONS
  }
  return found
}

/** The limit in events per second, and the last load that held. */
async function limitOf(
  cell: Omit<Cell, 'rate'>,
  withinMs: number,
  before: number | undefined,
  flags: readonly string[],
) {
  let last: CellResult | undefined
  const holds = async (rate: number) => {
    const result = await looked('limit', { ...cell, rate }, flags)
    const holds = isHeld(result, withinMs)
    if (holds) last = result
    return holds
  }
  const known = before !== undefined && before > 0
  const rate = await findLimit(holds, {
    start: known ? before / cell.connections : 100_000 / cell.connections,
    factor: known ? 1.2 : 2,
    precision: PRECISION,
    most: 20_000_000 / cell.connections,
    least: 2_000 / cell.connections,
  })
  return { rate, ...(last ? { result: last } : {}) }
}

/** Whether everything has arrived, and soon enough. */
export const isHeld = ({ whole, account }: CellResult, withinMs = HOLDS_MS): boolean =>
  whole && account.latency.p99 < withinMs

async function looked(part: string, cell: Cell, flags: readonly string[]): Promise<CellResult> {
  const result = await runCell(cell, flags)
  const { account, serverBusy, generatorBusy, cpuPerDelivery } = result
  const rate = thousands(cell.rate * cell.connections)
  progress(
    `${part} · ${cell.peer} · ${cell.connections} connections · ${rate}/s: ${result.whole ? 'all' : result.published.gaveUp ? 'TOO LATE' : `NOT ALL (${account.missing} missing)`}, p99 ${digits(account.latency.p99)} ms, ${digits(cpuPerDelivery)} µs each, server ${percent(serverBusy)}, generator ${percent(generatorBusy)}`,
  )
  return result
}

const percent = (share: number) => (Number.isNaN(share) ? '–' : `${(share * 100).toFixed(0)} %`)

const series = (found: Runs, peer: PeerName, value: (found: Found) => number | undefined) =>
  found[peer]?.map((one) => value(one) ?? Number.NaN)

const middle = (values: readonly number[] | undefined) =>
  medianOf((values ?? []).filter((value) => !Number.isNaN(value)))

function tablesOf(found: Runs): Table[] {
  const names = Object.keys(found) as PeerName[]
  const head = [
    '',
    'limit, deliveries/s',
    '× raw',
    '× better-sse',
    'generator busy there',
    'p50 / p99 at 30 events/s',
    'CPU µs each there',
    'CPU µs each at 200 k/s',
    'p99 at 800 k/s, or at the limit',
    'bytes each',
    `limit at ${MANY_CONNECTIONS}`,
  ]
  const rows = names.map((name) => {
    const of = (value: (found: Found) => number | undefined) => series(found, name, value)
    const limit = of((one) => one.limit)
    const each = [...(limit ?? [])].filter((value) => !Number.isNaN(value))
    const spread = each.length > 1 ? ` (${thousands(Math.min(...each))} – ${thousands(Math.max(...each))})` : ''
    const against = (other: PeerName) =>
      digits(
        ratio(
          limit,
          series(found, other, (one) => one.limit),
        ),
      )
    return [
      name,
      `${thousands(middle(limit))}${spread}`,
      against('raw'),
      against('better-sse'),
      percent(middle(of((one) => one.atLimit?.generatorBusy))),
      `${digits(middle(of((one) => one.calm?.account.latency.p50)))} / ${digits(middle(of((one) => one.calm?.account.latency.p99)))} ms`,
      digits(middle(of((one) => one.calm?.cpuPerDelivery))),
      digits(middle(of((one) => one.cpu?.cpuPerDelivery))),
      digits(middle(of((one) => one.pressed?.account.latency.p99))),
      digits(middle(of((one) => one.calm && bytesEach(one.calm)))),
      thousands(middle(of((one) => one.many))),
    ]
  })
  return [{ head, rows }]
}

const bytesEach = ({ account, deliveries, published }: CellResult) =>
  account.bytes / ((deliveries / (published.events - published.from)) * published.events)

/** The bars of the fan-out (issue 5, 1). */
export function judgeFanout(found: Runs): Bar[] {
  const limit = (peer: PeerName) => series(found, peer, (one) => one.limit)
  const calm = (peer: PeerName) => series(found, peer, (one) => one.calm?.account.latency.p99)
  const calmCpu = (peer: PeerName) => series(found, peer, (one) => one.calm?.cpuPerDelivery)
  const cpu = (peer: PeerName) => series(found, peer, (one) => one.cpu?.cpuPerDelivery)
  const many = (peer: PeerName) => series(found, peer, (one) => one.many)
  const generator = (peer: PeerName) => series(found, peer, (one) => one.atLimit?.generatorBusy)
  const pressed = (peer: PeerName) => series(found, peer, (one) => one.pressed?.account.latency.p99)
  return [
    bar('limit, one event a turn, to raw', ratio(limit('ours-ungathered'), limit('raw-ungathered')), '≥', 0.95, ' ×'),
    bar(
      'limit, one event a turn, to better-sse',
      ratio(limit('ours-ungathered'), limit('better-sse-ungathered')),
      '≥',
      2,
      ' ×',
    ),
    // Told one event a turn, ours gathers all the same while it writes to a thousand: what its writes cost shows where it cannot.
    bar('CPU of a write of its own, at 30 events/s, to raw', ratio(calmCpu('ours'), calmCpu('raw')), '≤', 1.05, ' ×'),
    bar('limit, gathering, to better-sse', ratio(limit('ours'), limit('better-sse')), '≥', 6, ' ×'),
    bar('limit, gathering, to nchan', ratio(limit('ours'), limit('nchan')), '≥', 2.5, ' ×'),
    bar('p99 at 800 k deliveries/s, or at the limit', middle(pressed('ours')), '<', 15, ' ms'),
    // The same where writes cost more: node:http takes 12 ms where the bar was set.
    bar('p99 there, to raw-gathered', ratio(pressed('ours'), pressed('raw-gathered')), '≤', 15 / 12, ' ×'),
    bar('CPU at 200 k deliveries/s, to raw', ratio(cpu('ours'), cpu('raw')), '≤', 1.15, ' ×'),
    bar('p99 at 30 events/s, to raw', ratio(calm('ours'), calm('raw')), '≤', 1.2, ' ×'),
    bar('limit with 10,000 connections, to raw', ratio(many('ours'), many('raw')), '≥', 3, ' ×'),
    bar('limit on plain Web Streams, to better-sse', ratio(limit('ours-web'), limit('better-sse')), '≥', 5, ' ×'),
    bar('the same with shared chunks', ratio(limit('ours-web-shared'), limit('better-sse')), '≥', 5, ' ×'),
    bar('not the limit itself: the generator at that of raw', middle(generator('raw')), '<', GENERATOR, ' of a core'),
  ]
}
