// One cell of `pnpm bench client`, in a process of its own: the readers in turn over the same parts of one stream, and what each took as one line of JSON.
import { type Corpus, makeCorpus, type Part, type Shape } from './corpus.ts'
import { type Measured, measureInTurn } from './measure.ts'
import { type Open, parserAlone, parserOverBody, wholeClient } from './readers.ts'

/** What to measure. */
export interface Cell {
  readonly shape: Shape
  readonly runs: number
}

/** What it came to. */
export interface CellResult {
  /** Events and bytes of one run. */
  readonly events: number
  readonly bytes: number
  readonly readers: Readonly<Record<'parser' | 'overBody' | 'client', Measured>>
}

const PART_BYTES = 12_000_000
// Until here the compiler still learns; measured: later runs are not faster.
const WARM_UPS = 15

/** Measures one cell. */
export async function measureCell({ shape, runs }: Cell, bytes = PART_BYTES): Promise<CellResult> {
  const corpus = makeCorpus(shape)
  const parser = await open(parserAlone, corpus)
  const overBody = await open(parserOverBody, corpus)
  const client = await open(wholeClient, corpus)
  let part = corpus.next(bytes)
  const prepare = () => {
    part = corpus.next(bytes)
    return part
  }
  const ways = { parser: parser.run, overBody: overBody.run, client: client.run }
  const readers = await measureInTurn(prepare, ways, { runs, warmUps: WARM_UPS })
  for (const { close } of [parser, overBody, client]) close()
  return { events: part.events, bytes: part.bytes, readers }
}

/** Lets the client alone read what it reads in a cell, for a profile of it. */
async function runClient({ shape, runs }: Cell): Promise<void> {
  const corpus = makeCorpus(shape)
  const { run, close } = await open(wholeClient, corpus)
  for (let round = 0; round < WARM_UPS + runs; round++) await run(corpus.next(PART_BYTES))
  close()
}

async function open(reader: Open, corpus: Corpus) {
  let heard = 0
  const { read, close } = await reader(corpus, ({ at, id }) => {
    // Looks at what came, or a compiler might find out that nobody does.
    if (at > 0 && id !== '') heard++
  })
  const run = async (part: Part) => {
    heard = 0
    await read(part)
    if (heard !== part.events) throw new Error(`${heard} of ${part.events} events were heard.`)
  }
  return { run, close }
}

if (import.meta.main) {
  const [order = '', mode] = process.argv.slice(2)
  const cell: Cell = JSON.parse(order)
  if (mode === 'profile') await runClient(cell)
  else console.log(JSON.stringify(await measureCell(cell)))
}
