// `pnpm bench`: measures what is promised of speed, as ratios within one run, and says where it is not kept.
import { benchClient } from './client.ts'

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { client: benchClient }

const [name = '', ...args] = process.argv.slice(2)
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (bench) await bench(args)
else {
  console.error(`pnpm bench ${Object.keys(benches).join(' | ')} [--help]`)
  process.exitCode = 2
}
