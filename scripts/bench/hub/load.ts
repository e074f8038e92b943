// `pnpm bench load`: an ordinary day, at real pace: how long thirty users wait, what they cost beside the same program with nobody there, and whether its heap grows.
import { medianOf } from '../measure.ts'
import { type Account, isWhole } from './account.ts'
import { pause } from './cell.ts'
import { type Child, startChild } from './child.ts'
import { monotonicMs } from './clock.ts'
import { SMALL_BYTES } from './corpus.ts'
import type { GeneratorCalls } from './generator.ts'
import { readOptions } from './options.ts'
import { watchOthers } from './others.ts'
import type { PeerOptions } from './peers/peer.ts'
import type { PeerName } from './peers.ts'
import type { Load, Memory, Published, ServerCalls } from './server.ts'
import { type Bar, bar, digits, print, progress } from './table.ts'
import { type Point, type Trend, trendOf } from './trend.ts'

/** What thirty users with a hundred events a second may take (issue 5, 7). */
const P99_MS = 100
const CPU_PERCENT = 5
const ABOVE_IDLE_MB = 50
const SLOPE_MB = 1
/** For less, a slope by the hour says nothing. */
const LEAST_S = 600
const RATE = 100
/** What comes within this time leaves together: thirty users do not see that, and most of what they cost are writes. */
const GATHER_MS = 25
/** What docs/operating.md says to hubs that few use: V8 gives new objects 33 MB and more else, wherever some of them are kept. */
const SMALL_HEAP = '--max-semi-space-size=2'
const SAMPLED = 10
/** At real pace, before anything counts: until then V8 compiles anew what ran as fast as it could. At most a fifth of the time that counts. */
const SETTLE_S = 120
/** Before the heap is looked at, until all that is bounded is full: the log (10,000 events), the newest events (16 MiB) and what the hub knows of 65,536 events. */
const FILL = { rate: 3_000, seconds: 23 }
const EVERY_MS = 5_000
/** How long an event may take at all before it counts as lost. */
const LOST_MS = 30_000

type Server = Child<ServerCalls>

/** One run. Memory in bytes. */
interface Found {
  /** What the users of the hub that nobody disturbed have heard, and whether those of both have heard all, once and in order. */
  readonly account: Account
  /** The same of the hub that is told nothing. */
  readonly eager: Account
  readonly whole: boolean
  /**
   * Of one core, in percent, without what the bench takes in the same process; `eager`: of the hub that is told nothing; `raw`: of node:http that sends the same; `own`: what the bench takes,
   * by a process that makes the same events and does not publish them; `idle`: of one that nobody asks for anything.
   */
  readonly cpu: number
  readonly eagerCpu: number
  readonly rawCpu: number
  readonly ownCpu: number
  readonly idleCpu: number
  readonly resident: number
  readonly eagerResident: number
  readonly idleResident: number
  /** After a collection: of the one, in the middle of all points, and of the other. */
  readonly collected: number
  readonly idleCollected: number
  /** In megabytes by hours. */
  readonly trend: Trend
  readonly points: readonly Point[]
}

/** Runs the command. */
export async function benchLoad(args: readonly string[]): Promise<void> {
  const options = readOptions(args, { name: 'load', runs: 1, seconds: LEAST_S, connections: 30, peers: ['ours'] })
  if (!options) return
  const { runs, connections, seconds, flags } = options
  const found: Found[] = []
  for (let run = 0; run < runs; run++) found.push(await measure(connections, seconds, flags))
  const of = (value: (one: Found) => number) => medianOf(found.map(value))
  const megabytes = (value: (one: Found) => number) => of(value) / 1_000_000
  const isKept = found.every(({ whole }) => whole)
  const latencies = (['p50', 'p99', 'max'] as const).map((at) => digits(of(({ account }) => account.latency[at])))
  const memory = (resident: (one: Found) => number, collected: (one: Found) => number) =>
    [resident, collected].map((value) => `${digits(megabytes(value))} MB`)
  const rows = [
    [
      `${connections} users, ${RATE} events/s, ${digits(seconds / 60)} min`,
      ...latencies,
      `${digits(of(({ cpu }) => cpu))} %`,
      ...memory(
        ({ resident }) => resident,
        ({ collected }) => collected,
      ),
      `${digits(of(({ trend }) => trend.slope))} (up to ${digits(of(({ trend }) => trend.most))}) MB/h`,
      isKept ? 'yes' : 'no',
    ],
    [
      'the same, all defaults',
      ...(['p50', 'p99', 'max'] as const).map((at) => digits(of(({ eager }) => eager.latency[at]))),
      `${digits(of(({ eagerCpu }) => eagerCpu))} %`,
      `${digits(megabytes(({ eagerResident }) => eagerResident))} MB`,
      ...['', '', ''],
    ],
    ['raw', ...latencies.map(() => ''), `${digits(of(({ rawCpu }) => rawCpu))} %`, '', '', '', ''],
    ["the bench's own", ...latencies.map(() => ''), `${digits(of(({ ownCpu }) => ownCpu))} %`, '', '', '', ''],
    [
      'idle',
      ...latencies.map(() => ''),
      `${digits(of(({ idleCpu }) => idleCpu))} %`,
      ...memory(
        ({ idleResident }) => idleResident,
        ({ idleCollected }) => idleCollected,
      ),
      '',
      '',
    ],
  ]
  const above = (what: string, value: (one: Found) => number) =>
    bar(`${what}, above idle`, megabytes(value), '<', ABOVE_IDLE_MB, ' MB')
  const bars: Bar[] = [
    bar(
      'p99 end to end',
      of(({ account }) => account.latency.p99),
      '<',
      P99_MS,
      ' ms',
    ),
    bar(
      'CPU of one core',
      of(({ cpu }) => cpu),
      '<',
      CPU_PERCENT,
      ' %',
    ),
    above('most resident', ({ resident, idleResident }) => resident - idleResident),
    above('collected', ({ collected, idleCollected }) => collected - idleCollected),
    slopeBar(
      of(({ trend }) => trend.most),
      seconds,
    ),
    { what: 'everybody heard everything', measured: isKept ? 'yes' : 'no', bar: 'yes', holds: isKept },
  ]
  const head = ['', 'p50 ms', 'p99', 'max', 'CPU', 'most resident', 'collected', 'grows by', 'all delivered']
  print(options, { name: 'load', tables: [{ head, rows }], bars, data: { options, runs: found } })
}

/** Whether the heap grows, of which nothing can be said too early. */
export function slopeBar(most: number, seconds: number): Bar {
  const judged = bar('95 % bound of what the collected heap grows by', most, '<', SLOPE_MB, ' MB/h')
  if (seconds >= LEAST_S) return judged
  return { ...judged, measured: `${judged.measured}, which means nothing in less than ten minutes`, holds: undefined }
}

/**
 * Two hubs under the same load beside one that has none: of the first, which nobody disturbs, come times, CPU and resident memory; the second, whose log and caches are filled before,
 * has its garbage collected all the while, which would spoil those of the first. Plain node:http sends the same: what of the CPU is the machine's.
 */
async function measure(connections: number, seconds: number, flags: readonly string[]): Promise<Found> {
  const noteOthers = watchOthers()
  const settle = Math.min(SETTLE_S, seconds / 5)
  const start = (peer: PeerName = 'ours', options: PeerOptions = {}, more: readonly string[] = []) =>
    startChild<ServerCalls>('server.ts', [peer, JSON.stringify(options)], [...flags, ...more])
  // One event a turn, however fast: gathered ones leave less behind than those that come at real pace.
  const servers = {
    idle: await start(),
    plain: await start('ours', { gatherMs: GATHER_MS }, [SMALL_HEAP]),
    eager: await start(),
    maker: await start(),
    collected: await start('ours-ungathered'),
    raw: await start('raw'),
  }
  const { idle, plain, eager, maker, collected, raw } = servers
  const generator = await startChild<GeneratorCalls>('generator.ts', [])
  const account = (group: string, { events, from }: { readonly events: number; readonly from: number }) =>
    generator.call('account', { group, events, from, withinMs: LOST_MS })
  try {
    const load = { topics: 1, bytes: SMALL_BYTES, corpus: 'small', giveUpMs: LOST_MS } as const
    const open = async (group: string, server: Server) => {
      const where = await server.call('where', undefined)
      const sampled = Math.min(SAMPLED, connections)
      await generator.call('open', { ...where, group, count: connections, sampled, topics: 1, eventBytes: SMALL_BYTES })
    }
    await open('collected', collected)
    await open('plain', plain)
    await open('eager', eager)
    await open('raw', raw)
    const { rate } = FILL
    const filled = await collected.call('publish', {
      ...load,
      rate,
      warmUp: 0,
      seconds: Math.min(FILL.seconds, seconds),
    })
    await account('collected', filled)
    progress(`load · filled with ${filled.events} events`)

    const began = { atMs: monotonicMs(), cpu: await idle.call('spent', undefined) }
    let isOver = false
    const publish = (server: Server, more: Partial<Load> = {}) =>
      server.call('publish', { ...load, rate: RATE, warmUp: settle, seconds, ...more })
    const published = Promise.all([
      publish(plain, { watched: true }),
      publish(collected),
      publish(eager, { watched: true }),
      publish(raw),
      publish(maker, { unpublished: true }),
    ]).finally(() => {
      isOver = true
    })
    const points: Point[] = []
    for (let said = 0; !isOver; ) {
      await Promise.race([published, pause(Math.min(EVERY_MS, seconds * 100))])
      const megabytes = sizeOf(await collected.call('memory', undefined)) / 1_000_000
      const hours = (monotonicMs() - began.atMs) / 3_600_000
      if (hours * 3_600 >= settle) points.push([hours, megabytes])
      if (hours * 60 < said) continue
      said = Math.floor(hours * 60) + 1
      progress(`load · minute ${said - 1}: ${digits(megabytes)} MB collected`)
    }
    const [undisturbed, other, hasty, floor, made] = await published
    const idleCpu = (await idle.call('spent', undefined)) - began.cpu
    const idleMs = monotonicMs() - began.atMs
    const idleResident = await idle.call('resident', undefined)
    const heard = await account('plain', undisturbed)
    const atOnce = await account('eager', hasty)
    return {
      account: heard,
      eager: atOnce,
      whole:
        [heard, atOnce, await account('collected', other)].every(isWhole) &&
        [undisturbed, other, hasty].every(({ gaveUp }) => !gaveUp),
      cpu: cpuOf(undisturbed) - cpuOf(made),
      eagerCpu: cpuOf(hasty) - cpuOf(made),
      rawCpu: cpuOf(floor) - cpuOf(made),
      ownCpu: cpuOf(made),
      idleCpu: idleCpu / 10 / idleMs,
      resident: undisturbed.peakRss,
      eagerResident: hasty.peakRss,
      idleResident,
      collected: medianOf(points.map(([, megabytes]) => megabytes)) * 1_000_000,
      idleCollected: sizeOf(await idle.call('memory', undefined)),
      trend: trendOf(points),
      points,
    }
  } finally {
    const spent = await Promise.all([generator, ...Object.values(servers)].map((child) => child.end()))
    noteOthers(spent.reduce((sum, micros) => sum + micros, 0))
  }
}

/** In percent of one core. */
const cpuOf = ({ cpuMicros, wallMicros }: Published) => (100 * cpuMicros) / wallMicros

/** The heap, and the buffers that it holds outside of itself. */
const sizeOf = ({ heap, external }: Memory) => heap + external
