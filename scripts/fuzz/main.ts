// `pnpm fuzz`: tries to get through the doors, millions of times: frames into a stream through its fields, trouble into a hub through requests.
import { parseArgs } from 'node:util'
import { fuzzDoor } from './door.ts'
import { type Failure, fuzzWire } from './wire.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    share: { type: 'string' },
  },
})

/** A whole number of the command line. */
function whole(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error(
    `--${name} takes a whole number, not "${text}".\npnpm fuzz [--runs 10000000] [--seed 1] [--from 0] [--share small]`,
  )
  process.exit(2)
}

// Most refusals are errors that nobody will look at: without their stacks they cost a quarter less.
Error.stackTraceLimit = 0

// A share of a test run is the same every time; a run by hand tries something new.
const small = values.share !== undefined
const runs = whole('runs', values.runs ?? (small ? '200000' : '1000000'))
const seed = whole('seed', values.seed ?? (small ? '1' : String(Date.now() % 1_000_000)))
const from = whole('from', values.from)

/** Runs one kind of input in slices, and says how fast. */
async function fuzz(
  name: string,
  count: number,
  slice: number,
  run: (seed: number, from: number, count: number) => Failure[] | Promise<Failure[]>,
): Promise<{ passed: number; failed: number }> {
  const started = performance.now()
  const failures: Failure[] = []
  let done = 0
  let told = started
  while (done < count && failures.length < 10) {
    const size = Math.min(slice, count - done)
    failures.push(...(await run(seed, from + done, size)))
    done += size
    if (performance.now() - told > 5_000) {
      told = performance.now()
      console.log(`${name}: ${done} of ${count} (${Math.round((done / (told - started)) * 1000)}/s)`)
    }
  }
  for (const { index, message } of failures) console.error(`✗ --seed ${seed} --from ${index} --runs 1: ${message}`)
  const seconds = (performance.now() - started) / 1000
  console.log(`${name}: ${done} inputs of seed ${seed} in ${seconds.toFixed(1)} s (${Math.round(done / seconds)}/s)`)
  return { passed: done - failures.length, failed: failures.length }
}

const wire = await fuzz('wire', runs, 10_000, fuzzWire)
// A request costs as much as fifty blocks.
const door = await fuzz('door', Math.ceil(runs / 50), 1_000, fuzzDoor)
console.log(`${wire.passed + door.passed} passed, ${wire.failed + door.failed} failed`)
process.exitCode = wire.failed + door.failed > 0 ? 1 : 0
