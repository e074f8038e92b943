// The network between one window and the server, at its worst: it refuses, delays and loses changes as a seed says, and cuts streams.
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** One change as the network has seen it, with all attempts under its name. */
export interface Run {
  /** Its `Idempotency-Key`. */
  readonly key: string
  readonly method: string
  readonly path: string
  attempts: number
  /** The status that the window was told last; undefined while it has heard none. */
  status: number | undefined
}

export type Network = Awaited<ReturnType<typeof createNetwork>>

/** What becomes of a change: how many of a hundred. Where an answer is late or lost, the event comes first. */
const faults = { forbidden: 6, refused: 8, dropped: 4, slow: 8, lost: 10, late: 24 } as const
type Fault = keyof typeof faults | 'none'

/** Starts a network to a port of this machine. */
export async function createNetwork(upstream: number, random: () => number) {
  const runs = new Map<string, Run>()
  const streams = new Set<ServerResponse>()
  const met: Partial<Record<Fault | 'cut', number>> = {}
  let healthy = false

  const meet = (fault: Fault | 'cut') => {
    met[fault] = (met[fault] ?? 0) + 1
  }
  const faultOf = (): Fault => {
    let at = random() * 100
    for (const [fault, share] of Object.entries(faults)) {
      at -= share
      if (at < 0 && !healthy) return fault as Fault
    }
    return 'none'
  }
  const moment = () => pause(100 + random() * 1_000)

  const server = createServer(async (req, res) => {
    const { method = 'GET', url = '/', headers } = req
    const key = headers['idempotency-key'] as string | undefined
    const run =
      key === undefined ? undefined : (runs.get(key) ?? { key, method, path: url, attempts: 0, status: undefined })
    if (key !== undefined && run) runs.set(key, run)
    const fault = run ? faultOf() : 'none'
    if (run) {
      run.attempts++
      meet(fault)
    }
    const say = (status: number) => {
      if (run) run.status = status
      const body = JSON.stringify({ error: { code: fault, message: `The network says: ${fault}.` } })
      res.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
    }
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    if (fault === 'forbidden') return say(403)
    if (fault === 'refused') return say(503)
    if (fault === 'dropped') return void req.socket.destroy()
    if (fault === 'slow') await moment()
    const far = request({ port: upstream, method, path: url, headers }, async (answer) => {
      if (fault === 'late') await moment()
      if (fault === 'lost') return lose()
      if (run) run.status = answer.statusCode
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', () => res.destroy()).pipe(res)
      if (!url.startsWith('/api/sse/events') || method !== 'GET') return
      res.flushHeaders()
      streams.add(res)
      res.on('close', () => {
        streams.delete(res)
        answer.destroy()
      })
    })
    const lose = () => void req.socket.destroy()
    // The server is away.
    far.on('error', lose)
    far.end(Buffer.concat(chunks))
  })
  await new Promise<void>((listening) => void server.listen(0, listening))

  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    /** The changes, in the order in which they were tried first. */
    runs,
    /** How often each fault was met. */
    met,
    /** Cuts the streams that are open. */
    cut() {
      for (const stream of streams) {
        meet('cut')
        stream.destroy()
      }
    },
    /** From now on it does what a network should. */
    heal() {
      healthy = true
    },
    async close() {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    },
  }
}
