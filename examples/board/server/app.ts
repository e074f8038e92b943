// The whole server in one place: the store, the hub over it, the REST API, the page, and how they stop.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { memoryLog } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { sqliteLog } from '@sse-hub/server/sqlite'
import { createLive } from './live.ts'
import { createRest } from './rest.ts'
import { createStatic } from './static.ts'
import { openStore } from './store.ts'

/** What `createApp` takes. */
export interface AppOptions {
  /** Default 3000; 0 takes any free port. */
  readonly port?: number
  /** Where the board is kept. Default: `data/board.db` in this example. */
  readonly path?: string
  /** Whether events are kept beside the board, in the same file, or only in memory. Default `sqlite`. */
  readonly log?: 'sqlite' | 'memory'
  /** Where the built page is. Default: `dist` in this example. */
  readonly page?: string
}

const home = resolve(import.meta.dirname, '..')

/** Starts the board; resolves when it listens. */
export async function createApp(options: AppOptions = {}) {
  const { port = 3000, path = resolve(home, 'data/board.db'), log = 'sqlite', page = resolve(home, 'dist') } = options
  const store = openStore(path)
  const live = createLive(store, log === 'memory' ? memoryLog() : sqliteLog({ path }))

  const sse = toNodeHandler(live.hub)
  const rest = createRest(store, live)
  const files = createStatic(page)
  const server = createServer(async (req, res) => {
    const url = URL.parse(req.url ?? '/', 'http://board')
    if (!url) res.writeHead(400).end()
    else if (url.pathname.startsWith('/api/sse/')) sse(req, res)
    else if (url.pathname.startsWith('/api/')) await rest(req, res, url)
    else await files(req, res, url)
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, listening)
  })

  let closing: Promise<void> | undefined
  async function end(overMs: number): Promise<void> {
    await live.hub.drain({ overMs })
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
    await live.hub.close()
    store.close()
  }

  return {
    hub: live.hub,
    store,
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    /** Sends everybody away over a second, so that not all come back at once, and lets go of port and files. May be called twice. */
    close: ({ overMs = 1_000 } = {}) => (closing ??= end(overMs)),
  }
}
