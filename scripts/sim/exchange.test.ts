// What a page has heard is what it has read: bytes that wait for it in its browser are no news yet; and what has all arrived was not cut short.
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

it('cuts nothing of an answer that has been said, though the hub hears of the cut before the page has it', async () => {
  const virtual = virtualClock(0)
  const clock = processClock(virtual)
  const history = startHistory(clock.now)
  // The way there, that of the head and of the body, when the page learns of the cut, and the hub.
  const delays = [5, 5, 5, 20, 1]
  const sameEach = { ...chance('last'), maybe: () => false, between: (_: number, most: number) => most }
  const exchange = openExchange(
    {
      clock,
      history,
      windowBytes: 2,
      door: () => ({ hub: 1, fetch: async () => Response.json({ events: [] }) }),
    },
    {
      copyOf: undefined,
      trap: undefined,
      refused: () => false,
      buffered: () => false,
      closed: () => {},
      number: 1,
      page: 1,
      url: 'http://hub.test/page',
      init: {},
      chance: { ...sameEach, fork: () => sameEach },
      delayMs: () => delays.shift() ?? 1,
      heldUntil: () => 0,
      take: (run) => run(),
    },
  )
  await runUntil(virtual, 6)
  exchange.cut('end', 'told')
  const text = exchange.response.then((response) => response.text())
  await runUntil(virtual, 40)
  expect(await text).toBe('{"events":[]}')
  expect(history.entries.flatMap((one) => (one.what === 'client side ended' ? one.how : []))).toEqual(['end'])
})
