// A real hub behind a real server behind a network that can be cut, for readers from outside.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineContract } from '@sse-hub/core/contract'
import { createHub, type HubOptions } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { z } from 'zod'
import { emptyPage } from './bundle.ts'
import { createProxy } from './proxy.ts'

/** The contract that these tests speak. */
export const contract = defineContract({
  topics: ['board'],
  events: {
    'card.moved': { topic: 'board', data: z.object({ n: z.number(), text: z.string() }) },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.string() }), emit: true },
    'pointer.moved': { topic: 'board', data: z.object({ x: z.number(), y: z.number() }), emit: true, durable: false },
    'button.clicked': { data: z.object({ button: z.string() }), emit: true },
  },
})

/** What a test may want different. */
export type RigOptions = Partial<Omit<HubOptions<typeof contract>, 'contract'>> & {
  /** The module at `/page.js`. */
  readonly script?: string
}

/** A hub that runs, and what a test may do to it. */
export type Rig = Awaited<ReturnType<typeof createRig>>

/** Starts a hub, its server and the network before it. */
export async function createRig({ script = '', ...options }: RigOptions = {}) {
  const hub = createHub({
    contract,
    authorize: () => ({ user: 'u1', read: ['board:7', 'board:8'], write: ['board:7'] }),
    heartbeatMs: 100,
    retryMs: 50,
    disabledRetryMs: 100,
    ...options,
  })
  const handle = toNodeHandler(hub)
  /** The requests for a stream, in order of arrival. */
  const streams: IncomingMessage[] = []
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/api/sse/')) {
      if (request.method === 'GET' && request.url.startsWith('/api/sse/events')) streams.push(request)
      handle(request, response)
      return
    }
    const page = request.url === '/page.js' ? ['text/javascript', script] : ['text/html', emptyPage]
    response.setHeader('content-type', page[0] ?? '')
    response.end(page[1])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (server.address() as AddressInfo).port
  const proxy = await createProxy(port)
  let published = 0

  return {
    hub,
    proxy,
    streams,
    /** The server through the network that can be cut. */
    origin: `http://127.0.0.1:${proxy.port}`,
    /** The server itself. */
    direct: `http://127.0.0.1:${port}`,
    /** Publishes the next events of a board, numbered from 1 in all. Answers their cursors. */
    async publish(count: number, topic: `board:${string}` = 'board:7'): Promise<(string | undefined)[]> {
      const cursors: (string | undefined)[] = []
      for (let i = 0; i < count; i++) {
        const n = ++published
        const { cursor } = await hub.publish({ type: 'card.moved', topic, data: { n, text: `é漢😀 ${n}` } })
        cursors.push(cursor)
      }
      return cursors
    },
    async close() {
      await proxy.close()
      await hub.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
