// Proves when the clients of a page share one stream, and when each has its own.
import { expect, onTestFinished, test, vi } from 'vitest'
import { type ClientOptions, createHubClient } from './client.ts'
import type { Contract } from './contract/contract.ts'
import { type Answer, openStream, queryOf, scriptedServer, syncBlock, until } from './fixtures/scripted-server.ts'
import { virtualClock } from './testing/virtual-clock.ts'

/** The streams that two clients open, both on a page of this make. */
async function streamsOfTwo(globals: object, options: Partial<ClientOptions<Contract>> = {}): Promise<number> {
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
  onTestFinished(() => void vi.unstubAllGlobals())
  let streams = 0
  const answer: Answer = (response, arrival) => {
    const { topics } = queryOf(arrival)
    if (arrival.url.includes('/events')) {
      streams++
      openStream(response, syncBlock('e:10', topics))
      return
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ after: 'e:10', through: 'e:10', topics, user: 'u1', events: [], gaps: [] }))
  }
  const { url } = await scriptedServer(virtualClock(), answer)
  for (let n = 0; n < 2; n++) {
    const client = createHubClient<Contract>({ url, ...options })
    onTestFinished(() => client.close())
    client.subscribe({ topic: 'board:7' as never })
    await until(() => client.status.topic('board:7') === 'live')
  }
  return streams
}

// What makes a page of it; the channels and locks of Node are real.
const page = { document: new EventTarget(), window: new EventTarget() }

test('on a page, clients of one hub share a stream', async () => {
  expect(await streamsOfTwo(page)).toBe(1)
})

test('without locks, too', async () => {
  expect(await streamsOfTwo({ ...page, navigator: {} })).toBe(1)
})

test('who wants none shared has its own', async () => {
  expect(await streamsOfTwo(page, { share: false })).toBe(2)
})

test('outside of a page each has its own', async () => {
  expect(await streamsOfTwo({})).toBe(2)
})

test('in a page that is simulated within Node each has its own', async () => {
  // As happy-dom and jsdom have it: events of their own, and the channel of Node.
  expect(await streamsOfTwo({ ...page, EventTarget: class {} })).toBe(2)
})
