// better-sse as its documentation begins: a session for each request, registered in one channel that broadcasts.
import { createServer } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import { listen, type StartPeer } from './peer.ts'

/** Starts it. */
export const startBetterSse: StartPeer = async ({ heartbeatMs }) => {
  const channel = createChannel()
  const server = createServer(async (req, res) => {
    res.on('error', () => {})
    channel.register(await createSession(req, res, heartbeatMs === undefined ? {} : { keepAlive: heartbeatMs }))
  })
  return {
    port: await listen(server),
    path: '/events',
    publish: (event) => channel.broadcast(event, 'tick', { eventId: String(event.n) }),
  }
}
