// `pnpm bench slow`: a tenth of the readers never reads, and neither the hub's memory nor the other readers may feel it.
import { medianOf } from '../measure.ts'
import { type Account, isWhole } from './account.ts'
import { startPair } from './cell.ts'
import { type Options, readOptions } from './options.ts'
import type { PeerName } from './peers.ts'
import { inTurn } from './runs.ts'
import type { Published } from './server.ts'
import { type Bar, bar, digits, print, progress } from './table.ts'

/** What the others' p99 may be with the slow ones there: so many times as long, or so much longer (issue 5, 2). */
const TIMES = 1.2
const MORE_MS = 5
const RATE = 200
const EVENT_BYTES = 1_000
const SHARE = 0.1
/** `limits.bufferBytes` and `limits.memoryBytes` of a hub that is told nothing. */
const BUFFER_BYTES = 262_144
const MEMORY_BYTES = 268_435_456
/** What the log in memory keeps. */
const LOG_EVENTS = 10_000
const LOST_MS = 60_000
/** V8 doubles its room for new objects some time or other within such a run, which is 33 or 66 MB: here it begins with as much as it ends with. */
const ROOMY = ['--min-semi-space-size=32', '--max-semi-space-size=32']

const cases = ['with', 'without'] as const

interface Found {
  readonly live: Account
  /** Those that did not read, after they have read. */
  readonly slow: Account
  readonly published: Published
}

/** Runs the command. */
export async function benchSlow(args: readonly string[]): Promise<void> {
  const options = readOptions(args, {
    name: 'slow',
    seconds: 60,
    connections: 1_000,
    peers: ['ours', 'raw', 'better-sse'],
  })
  if (!options) return
  const { runs, peers, connections } = options
  const names = peers.flatMap((peer) => cases.map((which) => `${peer} ${which}` as const))
  const found = await inTurn(runs, names, (name) => {
    const [peer, which] = name.split(' ') as [PeerName, (typeof cases)[number]]
    return measure(peer, which, options)
  })
  const of = (peer: PeerName, which: (typeof cases)[number], value: (one: Found) => number) =>
    medianOf((found[`${peer} ${which}`] ?? []).map(value))
  const p99 = (one: Found) => one.live.latency.p99
  const megabytes = (bytes: number) => `${digits(bytes / 1_000_000)} MB`
  const rows = names.map((name) => {
    const [peer, which] = name.split(' ') as [PeerName, (typeof cases)[number]]
    const all = found[name] ?? []
    return [
      `${peer}, ${which} slow readers`,
      `${digits(of(peer, which, (one) => one.live.latency.p50))} / ${digits(of(peer, which, p99))} ms`,
      megabytes(of(peer, which, (one) => one.published.peakRss)),
      megabytes(of(peer, which, (one) => one.published.peakBuffered)),
      all.every(({ live }) => isWhole(live)) ? 'yes' : 'no',
      which === 'with' ? told(all) : '',
    ]
  })
  const head = [
    '',
    'p50 / p99 of the others',
    'most resident',
    'most waiting',
    'others got all',
    'slow ones, once they read',
  ]
  print(options, { name: 'slow', tables: [{ head, rows }], bars: barsOf(), data: { options, runs: found } })

  function barsOf(): Bar[] {
    if (!peers.includes('ours')) return []
    const budget = Number((budgetOf(connections, connections * SHARE) / 1_000_000).toFixed(1))
    const ours = found['ours with'] ?? []
    const base = of('ours', 'without', p99)
    const most = Math.max(TIMES * base, base + MORE_MS)
    const more =
      of('ours', 'with', (one) => one.published.peakRss) - of('ours', 'without', (one) => one.published.peakRss)
    const isKept = ours.every(({ slow, live }) => isWhole(live) && isFair(slow))
    return [
      bar(
        'bytes that wait for slow readers',
        of('ours', 'with', (one) => one.published.peakBuffered) / 1_000_000,
        '≤',
        budget,
        ' MB',
      ),
      bar('resident memory, over that without them', more / 1_000_000, '≤', budget, ' MB'),
      bar('p99 of the others', of('ours', 'with', p99), '≤', Number(most.toFixed(1)), ' ms'),
      {
        what: 'everything arrives, or a gap that the log explains',
        measured: isKept ? 'yes' : told(ours),
        bar: 'yes',
        holds: isKept,
      },
    ]
  }
}

/**
 * What may wait for so many slow readers among so many connections, in bytes: for each its queue, what its socket has taken, and what comes while it reads from the log, none of them more than
 * `bufferBytes`, or than a third of its share of `memoryBytes` (docs/decisions/0021).
 */
export const budgetOf = (connections: number, slow: number): number =>
  slow * 3 * Math.min(BUFFER_BYTES, Math.max(4_096, MEMORY_BYTES / (3 * connections)))

/** Whether slow readers got everything, but for what they were told that the log had dropped, and it had. */
export const isFair = ({ missing, extra, jumps, ended, gaps }: Account): boolean =>
  missing + extra + jumps + ended === 0 && gaps.every((span) => span > LOG_EVENTS)

const told = (all: readonly Found[]): string => {
  const sum = (value: (slow: Account) => number) => all.reduce((sum, { slow }) => sum + value(slow), 0)
  const worst = `${sum(({ missing }) => missing)} lost, ${sum(({ ended }) => ended)} cut off, ${sum(({ gaps }) => gaps.length)} gaps told`
  return all.every(({ slow }) => isWhole(slow)) ? 'got all' : worst
}

async function measure(
  peer: PeerName,
  which: (typeof cases)[number],
  { connections, seconds, flags }: Options,
): Promise<Found> {
  const pair = await startPair(peer, {}, [...ROOMY, ...flags])
  const { server, generator } = pair
  try {
    const group = { topics: 1, eventBytes: EVENT_BYTES }
    const slow = which === 'with' ? Math.round(connections * SHARE) : 0
    await pair.open({ ...group, group: 'slow', count: slow, sampled: 0, frozen: true })
    await pair.open({ ...group, group: 'live', count: Math.round(connections * (1 - SHARE)), sampled: 20 })
    const load = { rate: RATE, warmUp: 1, seconds, bytes: EVENT_BYTES, topics: 1, giveUpMs: LOST_MS, watched: true }
    const published = await server.call('publish', load)
    const { events, from } = published
    const live = await generator.call('account', { group: 'live', events, from, withinMs: LOST_MS })
    await generator.call('thaw', 'slow')
    const late = await generator.call('account', { group: 'slow', events, from, withinMs: LOST_MS })
    const { peakRss, peakBuffered } = published
    progress(
      `slow · ${peer} ${which}: p99 ${digits(live.latency.p99)} ms, ${digits(peakRss / 1e6)} MB, ${digits(peakBuffered / 1e6)} MB waiting; ${told([{ live, slow: late, published }])}`,
    )
    return { live, slow: late, published }
  } finally {
    await pair.end()
  }
}
