// `pnpm bench`: measures what is promised of speed, of requests and of what is painted, as ratios within one run, and says where it is not kept.
import { benchClient } from './client.ts'
import { benchCompress } from './hub/compress.ts'
import { benchFanout } from './hub/fanout.ts'
import { benchIdle } from './hub/idle.ts'
import { benchLoad } from './hub/load.ts'
import { benchPublish } from './hub/publish.ts'
import { benchReplay } from './hub/replay.ts'
import { benchSlow } from './hub/slow.ts'
import { benchTopics } from './hub/topics.ts'
import { benchPaint } from './paint.ts'
import { benchRequests } from './requests.ts'

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  client: benchClient,
  fanout: benchFanout,
  slow: benchSlow,
  replay: benchReplay,
  idle: benchIdle,
  load: benchLoad,
  topics: benchTopics,
  compress: benchCompress,
  publish: benchPublish,
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
