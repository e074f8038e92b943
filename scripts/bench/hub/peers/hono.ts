// Hono's streamSSE on its own server for Node: a stream that is held open for each request, and written to in turn.
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { listen, type StartPeer } from './peer.ts'

/** Starts it. */
export const startHono: StartPeer = async ({ heartbeatMs = 2_000 }) => {
  const streams = new Set<SSEStreamingApi>()
  const app = new Hono()
  app.get('/events', (context) =>
    streamSSE(context, async (stream) => {
      streams.add(stream)
      await new Promise<void>((resolve) => stream.onAbort(resolve))
      streams.delete(stream)
    }),
  )
  const write = (message: Parameters<SSEStreamingApi['writeSSE']>[0]) => {
    for (const stream of streams) void stream.writeSSE(message)
  }
  setInterval(() => write({ event: 'beat', data: '' }), heartbeatMs)
  return {
    port: await listen(createServer(getRequestListener(app.fetch))),
    path: '/events',
    publish: (event) => write({ id: String(event.n), event: 'tick', data: JSON.stringify(event) }),
  }
}
