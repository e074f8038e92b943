// What a page has heard is what it has read: bytes that wait for it in its browser are no news yet.
import { expect, it } from 'vitest'
import { virtualClock } from '../../packages/core/src/testing/virtual-clock.ts'
import { openExchange } from './exchange.ts'
import { startHistory } from './history.ts'
import { chance } from './random.ts'
import { processClock, runUntil } from './time.ts'

it('says heard only of what a page has read', async () => {
  const virtual = virtualClock(0)
  const clock = processClock(virtual)
  const history = startHistory(clock.now)
  const beats = new ReadableStream<Uint8Array>({
    start(hub) {
      for (const id of ['E:1', 'E:2']) hub.enqueue(new TextEncoder().encode(`event: hub.beat\nid: ${id}\ndata:\n\n`))
      hub.close()
    },
  })
  const headers = { 'content-type': 'text/event-stream' }
  const ending = new AbortController()
  const never = { copyOf: undefined, trap: undefined, refused: () => false, buffered: () => false, closed: () => {} }
  const { response } = openExchange(
    {
      clock,
      history,
      windowBytes: 1_000,
      door: () => ({ hub: 1, fetch: async () => new Response(beats, { headers }) }),
    },
    {
      ...never,
      number: 1,
      page: 1,
      url: 'http://hub.test/events',
      init: { signal: ending.signal },
      // Of pieces as they were sent.
      chance: { ...chance('whole'), maybe: () => false, fork: () => ({ ...chance('whole'), maybe: () => false }) },
      delayMs: () => 1,
      heldUntil: () => 0,
      take: (run) => run(),
    },
  )
  await runUntil(virtual, 10)
  const reader = (await response).body?.getReader()
  await reader?.read()
  const heard = () => history.entries.flatMap((one) => (one.what === 'heard' ? one.block.id : []))
  expect(history.entries.flatMap((one) => (one.what === 'client side ended' ? one.how : []))).toEqual(['end'])
  expect(heard()).toEqual(['E:1'])
  ending.abort(new Error('no more'))
  await expect(reader?.read()).rejects.toThrow('no more')
  expect(heard()).toEqual(['E:1'])
})
