// `pnpm bench`: measures what is promised of speed, of requests and of what is painted, as ratios within one run, and says where it is not kept.
import { benchClient } from './client.ts'
import { benchFanout } from './hub/fanout.ts'
import { benchPaint } from './paint.ts'
import { benchRequests } from './requests.ts'

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  client: benchClient,
  fanout: benchFanout,
  paint: benchPaint,
  requests: benchRequests,
}

const [name = '', ...args] = process.argv.slice(2)
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (bench) await bench(args)
else {
  console.error(`pnpm bench ${Object.keys(benches).join(' | ')} [--help]`)
  process.exitCode = 2
}
