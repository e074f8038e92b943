// `pnpm bench client`: what one frame costs a page through the whole client, as a ratio to the parser and JSON.parse over the same bytes.
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { capture } from '../lib/run.ts'
import type { Cell, CellResult } from './cell.ts'
import type { Shape } from './corpus.ts'

/** What a frame may cost (issue 3, 8), as a multiple of the parser and JSON.parse. */
const BAR = 1.5

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

/** The machine that figures belong to. */
const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${release()} ${arch()}`,
  node: process.version,
  v8: process.versions.v8,
}

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
  if (chosen.length === 0) {
    console.error(`No cell is called "${values.only}". There are:\n${cells.map(({ name }) => `  ${name}`).join('\n')}`)
    process.exit(2)
  }
  const results: Row[] = []
  if (!values.json && values.profile === undefined) console.log(`${described()}\n\n${header()}`)
  for (const { name, shape } of chosen) {
    const cell = { shape, runs }
    if (values.profile !== undefined) {
      await runCell(cell, ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', values.profile], 'profile')
      console.log(`${name}: profiled into ${values.profile}`)
      continue
    }
    const result = JSON.parse(await runCell(cell)) as CellResult
    const row = { name, shape, ...result, ...ratiosOf(result) }
    results.push(row)
    if (!values.json) console.log(line(row))
  }
  if (values.profile !== undefined) return
  const over = results.filter(({ ratio }) => ratio > BAR)
  if (values.json) console.log(JSON.stringify({ machine, bar: BAR, runs, cells: results }, undefined, 2))
  else console.log(`\n${verdict(over, results.length)}`)
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
    ratio: client.median / overBody.median,
    leastRatio: client.least / overBody.least,
    ratioToLoop: client.median / parser.median,
  }
}

/** Each cell lives in a process of its own: what one shape teaches the compiler must not help or hurt another. */
async function runCell(cell: Cell, flags: readonly string[] = [], mode = 'measure'): Promise<string> {
  const { code, output } = await capture('node', [...flags, 'scripts/bench/cell.ts', JSON.stringify(cell), mode])
  if (code !== 0) throw new Error(`The cell ${JSON.stringify(cell)} failed:\n${output}`)
  return output
}

const described = (): string =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node} (V8 ${machine.v8})`

const header = (): string =>
  `| stream | parser + JSON.parse | client | ratio | of the least | to a bare loop |
|---|---|---|---|---|---|`

const line = ({ name, events, readers, ratio, leastRatio, ratioToLoop }: Row): string => {
  const each = (micros: number): string => `${(micros / events).toFixed(2)} µs`
  const mark = ratio > BAR ? ' ✗' : ''
  return `| ${name} | ${each(readers.overBody.median)} | ${each(readers.client.median)} | ${ratio.toFixed(2)}${mark} | ${leastRatio.toFixed(2)} | ${ratioToLoop.toFixed(2)} |`
}

const verdict = (over: readonly Row[], all: number): string =>
  over.length === 0 ? `All ${all} are within ${BAR}.` : `${over.length} of ${all} are over ${BAR}.`
