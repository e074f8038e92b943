// `pnpm bench client`: what one frame costs a page through the whole client, as a ratio to the parser and JSON.parse over the same bytes; and how busy a tab is that leads others.
import { parseArgs } from 'node:util'
import { browserRemedy } from '../lib/browsers.ts'
import { capture } from '../lib/run.ts'
import type { Cell, CellResult } from './cell.ts'
import type { Shape } from './corpus.ts'
import type { LeaderCell, LeaderResult } from './leader.ts'
import { machine, machineLine } from './machine.ts'
import { ratioOf } from './measure.ts'

/** What a frame may cost (issue 3, 8), as a multiple of the parser and JSON.parse. */
const BAR = 1.5
/** The part of the time that a tab which leads others may be busy (issue 3, 8). */
const BUSY_BAR = 0.5

const HELP = `pnpm bench client [options]
  --runs N     measured runs of each reader and cell, at least 5 (default 9)
  --only TEXT  only the cells whose name contains TEXT
  --json       one JSON document instead of a table
  --profile DIR  runs the client alone and leaves a .cpuprofile of each cell in DIR`

/** The cells of the table: what a page may subscribe to, and what networks do to bytes. */
export const cells: readonly { readonly name: string; readonly shape: Shape }[] = [200, 1_000].flatMap((eventBytes) =>
  [1, 10, 50].flatMap((topics) =>
    [{ events: 1 }, { events: 10 }, { bytes: 65_536 }].map((chunk) => ({
      name: nameOf({ eventBytes, topics, chunk }),
      shape: { eventBytes, topics, chunk },
    })),
  ),
)

function nameOf({ eventBytes, topics, chunk }: Shape): string {
  const size = eventBytes < 1_000 ? `${eventBytes} B` : `${eventBytes / 1_000} kB`
  const pieces = 'bytes' in chunk ? '64 KiB' : chunk.events === 1 ? '1 event' : `${chunk.events} events`
  return `${size} · ${topics} subscription${topics > 1 ? 's' : ''} · chunks of ${pieces}`
}

/** Tabs that share a stream; the first ones for comparison: what leading nobody costs, and what handing on costs where there is a processor for each tab. */
const leaders: readonly { readonly name: string; readonly cell: LeaderCell }[] = [0, 1, 10].map((followers) => ({
  name: `leader · ${followers} follower${followers === 1 ? '' : 's'} · 10,000 events/s`,
  cell: { followers, eventsPerSecond: 10_000, seconds: 10 },
}))

/** Runs the command. */
export async function benchClient(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '9' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const runs = Number(values.runs)
  if (!Number.isSafeInteger(runs) || runs < 5) {
    console.error(`--runs takes a whole number, at least 5, not "${values.runs}".`)
    process.exit(2)
  }
  const chosen = cells.filter(({ name }) => name.includes(values.only))
  const led = leaders.filter(({ name }) => name.includes(values.only) && values.profile === undefined)
  if (chosen.length + led.length === 0) {
    const names = [...cells, ...leaders].map(({ name }) => `  ${name}`)
    console.error(`No cell is called "${values.only}". There are:\n${names.join('\n')}`)
    process.exit(2)
  }
  const results: Row[] = []
  if (!values.json && values.profile === undefined) console.log(machineLine())
  if (!values.json && values.profile === undefined && chosen.length > 0) console.log(`\n${header()}`)
  for (const { name, shape } of chosen) {
    const cell = { shape, runs }
    if (values.profile !== undefined) {
      await runCell(
        'cell.ts',
        cell,
        ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', values.profile],
        'profile',
      )
      console.log(`${name}: profiled into ${values.profile}`)
      continue
    }
    const result = JSON.parse(await runCell('cell.ts', cell)) as CellResult
    const row = { name, shape, ...result, ...ratiosOf(result) }
    results.push(row)
    if (!values.json) console.log(line(row))
  }
  if (values.profile !== undefined) return
  const over = results.filter(({ ratio }) => ratio > BAR)
  if (!values.json && chosen.length > 0) console.log(`\n${verdict(over, results.length)}`)
  const tabs: LeaderRow[] = []
  for (const [index, { name, cell }] of led.entries()) {
    const result: LeaderResult | null = JSON.parse(await runCell('leader.ts', cell))
    if (!result) {
      if (!values.json) console.log(`No figures of tabs: Chromium is missing. ${browserRemedy}`)
      break
    }
    const row = { name, ...result }
    tabs.push(row)
    if (values.json) continue
    if (index === 0) console.log(`\n${leaderHeader}`)
    console.log(leaderLine(row))
  }
  if (values.json)
    console.log(JSON.stringify({ machine, bar: BAR, runs, cells: results, busyBar: BUSY_BAR, tabs }, undefined, 2))
}

interface LeaderRow extends LeaderResult {
  readonly name: string
}

interface Row extends CellResult {
  readonly name: string
  readonly shape: Shape
  /** The client to the parser and JSON.parse, both over a response's body: what the bar is about. */
  readonly ratio: number
  /** The same by the least of each, which a busy machine disturbs less. */
  readonly leastRatio: number
  /** The client to a bare loop over chunks that are there already. */
  readonly ratioToLoop: number
}

function ratiosOf({ readers: { parser, overBody, client } }: CellResult) {
  return {
    ratio: ratioOf(client, overBody),
    leastRatio: client.least / overBody.least,
    ratioToLoop: ratioOf(client, parser),
  }
}

/** Each cell lives in a process of its own: what one shape teaches the compiler must not help or hurt another. */
async function runCell(file: string, cell: Cell | LeaderCell, flags: readonly string[] = [], mode = 'measure') {
  const { code, output } = await capture('node', [...flags, `scripts/bench/${file}`, JSON.stringify(cell), mode])
  if (code !== 0) throw new Error(`The cell ${JSON.stringify(cell)} failed:\n${output}`)
  return output
}

const header = (): string =>
  `| stream | parser + JSON.parse | client | ratio | of the least | to a bare loop |
|---|---|---|---|---|---|`

const line = ({ name, events, readers, ratio, leastRatio, ratioToLoop }: Row): string => {
  const each = (micros: number): string => `${(micros / events).toFixed(2)} µs`
  const mark = ratio > BAR ? ' ✗' : ''
  return `| ${name} | ${each(readers.overBody.median)} | ${each(readers.client.median)} | ${ratio.toFixed(2)}${mark} | ${leastRatio.toFixed(2)} | ${ratioToLoop.toFixed(2)} |`
}

const leaderHeader = `| tabs | leader busy | computing | events/s published | heard by the leader | by each follower | gaps, jumps |
|---|---|---|---|---|---|---|`

const leaderLine = ({ name, busy, computing, gaps, jumps, ...row }: LeaderRow): string => {
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
  const mark = busy > BUSY_BAR ? ' ✗' : ''
  const rates = [row.publishedPerSecond, row.leaderPerSecond, row.followersPerSecond].map((rate) => rate.toFixed(0))
  return `| ${name} | ${percent(busy)}${mark} | ${percent(computing)} | ${rates.join(' | ')} | ${gaps}, ${jumps} |`
}

const verdict = (over: readonly Row[], all: number): string =>
  over.length === 0 ? `All ${all} are within ${BAR}.` : `${over.length} of ${all} are over ${BAR}.`
