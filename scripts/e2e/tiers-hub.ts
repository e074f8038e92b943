// A hub in a process of its own, on a log in a file, so that a test can kill it while the API lives: started with what it is to be as JSON.
import { createServer } from 'node:http'
import { createHub } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { sqliteLog } from '@sse-hub/server/sqlite'
import { contract } from './tiers-contract.ts'

/** What it is started with. */
export interface TiersHub {
  readonly port: number
  /** Where its log is. */
  readonly path: string
  /** The origin of the pages. */
  readonly origin: string
  /** What was committed while there was no hub: published before anybody is let in. */
  readonly missed: readonly number[]
}

const { port, path, origin, missed } = JSON.parse(process.argv[2] ?? '') as TiersHub
// With the heartbeat and the waits that a hub has by default.
const hub = createHub({
  contract,
  log: sqliteLog({ path }),
  origins: [origin],
  authorize: () => ({ user: 'u1', read: ['board:7'] }),
})
const publish = (n: number) => hub.publish({ type: 'card.moved', topic: 'board:7', data: { n } })
for (const n of missed) await publish(n)
process.on('message', (n: number) => void publish(n))
createServer(toNodeHandler(hub)).listen(port, '127.0.0.1', () => process.send?.('listening'))
