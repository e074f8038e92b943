// Our hub as a user gets it: with its defaults, a validated contract, and either our adapter for Node or a plain one that knows nothing of us.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineContract } from '@sse-hub/core/contract'
import { createHub, type EventLog } from '@sse-hub/server'
import { sharedGzip } from '@sse-hub/server/gzip'
import { toNodeHandler } from '@sse-hub/server/node'
import { sqliteLog } from '@sse-hub/server/sqlite'
import { z } from 'zod'
import type { BenchEvent } from '../event.ts'
import { listen, type Peer, type PeerOptions, type StartPeer } from './peer.ts'

const tick = z.object({ n: z.number(), due: z.number(), pad: z.string() })
const contract = defineContract({
  topics: ['board'],
  events: { tick: { topic: 'board', data: tick }, note: { topic: 'board', data: tick.extend({ more: z.json() }) } },
})

/** On node:http, by our adapter, with a log in memory. */
export const startDirect: StartPeer = (options) => start(options, toNodeHandler)

/** The same with a log in SQLite. */
export const startSqlite: StartPeer = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'sse-hub-bench-'))
  const log = sqliteLog({ path: join(directory, 'hub.db') })
  return {
    ...(await start(options, toNodeHandler, log)),
    async close() {
      await log.close?.()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** On node:http, by an adapter that reads the body of a Response as any other would. */
export const startFetch: StartPeer = (options) => start(options, readBody)

/** The same with shared chunks. */
export const startFetchShared: StartPeer = (options) => start({ ...options, sharedChunks: true }, readBody)

/** What a hub's own options say is nowhere chosen here, but for the number of connections. */
function makeHub({ heartbeatMs, gatherMs = 0, sharedChunks = false, compressed }: HubPeer, log?: EventLog) {
  return createHub({
    contract,
    // Everybody may read what they ask for.
    authorize: ({ url }) => ({ read: (new URL(url).searchParams.get('topics') ?? '').split(',') }),
    limits: { connections: 100_000 },
    gatherMs,
    sharedChunks,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    ...(log ? { log } : {}),
    ...(compressed ? { compression: sharedGzip() } : {}),
  })
}

/** What only our hub can be asked for. */
interface HubPeer extends PeerOptions {
  readonly sharedChunks?: boolean
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

async function start(
  options: HubPeer,
  handlerOf: (hub: ReturnType<typeof makeHub>) => Handler,
  log?: EventLog,
): Promise<Peer> {
  const hub = makeHub(options, log)
  const said = (data: BenchEvent, topic: string) => {
    const where = { topic: topic as 'board' }
    if (data.more === undefined) return { type: 'tick' as const, ...where, data }
    return { type: 'note' as const, ...where, data: data as Required<BenchEvent> }
  }
  return {
    port: await listen(createServer(handlerOf(hub))),
    path: `${hub.prefix}/events`,
    publish: (data, topic) => hub.publish(said(data, topic)),
    publishList: (list, topic) => hub.publish(list.map((data) => said(data, topic))),
    buffered: () => hub.stats().bufferedBytes,
    cursor: hub.cursor,
  }
}

const readBody =
  ({ fetch }: ReturnType<typeof makeHub>): Handler =>
  async (req, res) => {
    const gone = new AbortController()
    res.on('close', () => gone.abort())
    res.on('error', () => {})
    const headers = new Headers(req.headers as Record<string, string>)
    const response = await fetch(new Request(`http://127.0.0.1${req.url}`, { headers, signal: gone.signal }))
    res.writeHead(response.status, Object.fromEntries(response.headers))
    res.flushHeaders()
    const reader = response.body?.getReader()
    try {
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
        if (!res.write(part.value)) await new Promise((resolve) => res.once('drain', resolve).once('close', resolve))
      }
      res.end()
    } catch {
      res.destroy()
    }
  }
