// Proves the client's promises over a real server and in virtual time.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createHubClient } from './client.ts'
import type { HubEvent } from './contract/contract.ts'

test('connects, delivers, reconnects from its cursor', async () => {
  const urls: string[] = []
  const streams: ServerResponse[] = []
  const server = createServer((request, response) => {
    urls.push(request.url ?? '')
    streams.push(response)
    const after = new URL(request.url ?? '', 'http://x').searchParams.get('after') ?? 'e:0'
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(
      `retry: 100\nevent: hub.sync\ndata: ${JSON.stringify({ cursor: after, topics: ['board:7'], gaps: [], user: 'u1', heartbeatMs: 2000 })}\n\n`,
    )
    const n = Number(after.split(':')[1]) + 1
    response.write(
      `event: card.moved\nid: e:${n}\ndata: ${JSON.stringify({ data: n, topic: 'board:7', at: 1, id: 'x' })}\n\n`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const client = createHubClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/sse` })
  const got: HubEvent[] = []
  const gaps: unknown[] = []
  client.subscribe({ topic: 'board:7' as never, onEvent: (e) => got.push(e), onGap: (g) => gaps.push(g) })
  await expect.poll(() => got.length).toBe(1)
  streams[0]?.end()
  await expect.poll(() => got.length, { timeout: 3000 }).toBe(2)
  expect(urls).toEqual(['/api/sse/events?topics=board%3A7', '/api/sse/events?topics=board%3A7&after=e%3A1'])
  expect(gaps).toEqual([{ topic: 'board:7', to: 'e:0', reason: 'added' }])
  expect(client.status.topic('board:7')).toEqual({ state: 'live', live: true })
  client.close()
  server.close()
})
