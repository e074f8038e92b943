// `pnpm bench replay`: everybody comes back at once, each a thousand events behind, while others go on living off the same hub.
import { medianOf } from '../measure.ts'
import { type Account, isWhole } from './account.ts'
import { pause, startPair } from './cell.ts'
import { type Options, readOptions } from './options.ts'
import type { PeerName } from './peers.ts'
import { inTurn } from './runs.ts'
import { type Bar, bar, digits, print, progress } from './table.ts'

/** The longest that anybody may wait, and what the others may be delayed by (issue 5, 5). */
const WAIT_MS = 5_000
const LIVE_MS = 100
const BEHIND = 1_000
const LIVE_CONNECTIONS = 100
const EVENT_BYTES = 200
const LIVE_RATE = 100
/** How long an event may take at all before it counts as lost. */
const LOST_MS = 30_000

interface Found {
  /** How long those who came back have waited, in milliseconds. */
  readonly resumed: Account
  /** What the others heard of the events that were due meanwhile. */
  readonly live: Account
  /** Whether everybody has heard everything, once and in order. */
  readonly whole: boolean
}

/** Runs the command. */
export async function benchReplay(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    name: 'replay',
    seconds: 8,
    connections: 1_000,
    peers: ['ours', 'ours-sqlite'],
  })
  if (!options) return
  const { runs, peers, connections } = options
  const found = await inTurn(runs, peers, (peer) => measure(peer, options))
  const middle = (peer: PeerName, value: (one: Found) => number) => medianOf(found[peer]?.map(value) ?? [])
  const isKept = (peer: PeerName) => found[peer]?.every(({ whole }) => whole) ?? false
  const rows = peers.map((peer) => [
    peer,
    ...(['p50', 'p99', 'max'] as const).map((at) => digits(middle(peer, (one) => one.resumed.waits[at]))),
    ...(['p50', 'p99', 'max'] as const).map((at) => digits(middle(peer, (one) => one.live.latency[at]))),
    isKept(peer) ? 'yes' : 'no',
  ])
  const bars = peers.flatMap((peer): Bar[] => [
    bar(
      `${peer}: the longest wait`,
      middle(peer, (one) => one.resumed.waits.max),
      '≤',
      WAIT_MS,
      ' ms',
    ),
    bar(
      `${peer}: live p99 meanwhile`,
      middle(peer, (one) => one.live.latency.p99),
      '<',
      LIVE_MS,
      ' ms',
    ),
    {
      what: `${peer}: everybody heard everything`,
      measured: isKept(peer) ? 'yes' : 'no',
      bar: 'yes',
      holds: isKept(peer),
    },
  ])
  const head = [
    `${connections} come back, ${BEHIND} events behind`,
    'wait p50 ms',
    'p99',
    'max',
    'live p50 ms',
    'p99',
    'max',
    'all delivered',
  ]
  print(options, { name: 'replay', tables: [{ head, rows }], bars, data: { options, runs: found } })
}

async function measure(peer: PeerName, { connections, seconds, flags }: Options): Promise<Found> {
  const pair = await startPair(peer, {}, flags)
  const { server, generator } = pair
  try {
    const group = { topics: 1, eventBytes: EVENT_BYTES }
    const load = { topics: 1, bytes: EVENT_BYTES, giveUpMs: LOST_MS }
    await pair.open({ ...group, group: 'live', count: LIVE_CONNECTIONS, sampled: 20 })
    const after = await server.call('cursor', undefined)
    await server.call('publish', { ...load, rate: 1_000, warmUp: 0, seconds: BEHIND / 1_000 })
    const publishing = server.call('publish', { ...load, rate: LIVE_RATE, warmUp: 0, seconds })
    await pause(1_000)
    await pair.open({ ...group, group: 'resuming', count: connections, sampled: 20, after, behind: BEHIND })
    const during = await generator.call('caughtUp', { group: 'resuming', withinMs: LOST_MS })
    const { events, from } = await publishing
    const told = { events, from, withinMs: LOST_MS }
    const resumed = await generator.call('account', { ...told, group: 'resuming' })
    const live = await generator.call('account', { ...told, group: 'live', during })
    const whole = isWhole(resumed) && isWhole(live)
    progress(
      `replay · ${peer}: ${whole ? 'all' : `NOT ALL (${resumed.missing + live.missing} missing)`}, waits up to ${digits(resumed.waits.max)} ms, live p99 ${digits(live.latency.p99)} ms of ${live.latency.count}`,
    )
    return { resumed, live, whole }
  } finally {
    await pair.end()
  }
}
