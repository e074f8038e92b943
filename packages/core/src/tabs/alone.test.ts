// Proves that tabs which cannot get the code for sharing (a deploy has removed it, or the way to it is cut) each have a stream of their own, in peace.
import { expect, test, vi } from 'vitest'
import { syncBlock } from '../fixtures/scripted-server.ts'
import { openBody, tabsWorld, topicsOf } from '../fixtures/tabs-world.ts'
import type { Fetch } from '../ports.ts'

vi.mock('./others.ts', () => {
  throw new TypeError('Failed to fetch dynamically imported module')
})

test.each([2, 5])('%i tabs without the code for sharing', async (count) => {
  const { clock, open, locks, channels } = tabsWorld()
  const streams = new Map<number, number>()
  const fetchOf =
    (tab: number): Fetch =>
    async (url, init) => {
      streams.set(tab, (streams.get(tab) ?? 0) + 1)
      const { response, say } = openBody(init, syncBlock('e:1', topicsOf(url)))
      const beat = () => {
        if (init.signal?.aborted) return
        say('event: hub.beat\nid: e:1\ndata:\n\n')
        clock.after(2_000, beat)
      }
      beat()
      return response
    }
  const tabs = Array.from({ length: count }, (_, tab) => open(fetchOf(tab)))
  for (const { client } of tabs) client.subscribe({ topic: 'board:1' as never })
  for (let second = 0; second < 60; second++) {
    await clock.advance(1_000)
    // The code is asked for in real time.
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const { client } of tabs) expect(client.status.get()).toMatchObject({ phase: 'live', via: 'sse' })
  for (const [, opened] of streams) expect(opened).toBeLessThanOrEqual(2)
  // Who keeps to itself is in nobody's way; the last one has nobody to talk to.
  expect(channels.size).toBeLessThanOrEqual(1)
  expect(locks.count()).toBeLessThanOrEqual(1)
})
