// A reporter may publish: what it says must not overtake, or push out, what is on its way.
import { defineContract } from '@sse-hub/core/contract'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { authorize, contract, numbers, until } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import { memoryLog } from '../logs/memory.ts'

/** Reads a stream, and says the positions of what has come. */
function positionsOf(body: ReadableStream<Uint8Array> | null): () => number[] {
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  const read = async (): Promise<void> => {
    const { done, value } = await reader.read()
    if (done) return
    text += decoder.decode(value)
    return read()
  }
  read().catch(() => {})
  return () => [...text.matchAll(/^id: e:(\d+)$/gm)].map(([, position]) => Number(position))
}

test('who catches up with the newest events misses none when a report of one of them publishes another', async () => {
  const log = memoryLog({ epoch: 'e' })
  const hub = createHub({
    contract,
    authorize,
    log,
    limits: { recentBytes: 11_000 },
    onReport: ({ during }) => {
      if (during === 'schema') void hub.publish({ type: 'news.said', topic: 'news', data: { text: 'a schema failed' } })
    },
  })
  onTestFinished(() => hub.close())
  const open = async (query: string) =>
    positionsOf((await hub.fetch(new Request(`http://hub/api/sse/events?topics=${query}`))).body)
  const others = await open('news')
  await until(() => expect(others().length).toBeGreaterThan(0))
  const unfit = { type: 'card.moved', topic: 'board:7', at: 1, json: '{"data":{"n":"unfit"},"topic":"board:7","at":1}' }
  for (const n of numbers(40)) {
    if ([28, 31, 34].includes(n)) await log.append([{ ...unfit, id: `unfit-${n}` }])
    else await hub.publish({ type: 'card.moved', topic: 'board:7', data: { n } })
  }
  const mine = await open('board:7&after=e:25')
  await until(() => expect(mine()).toContain(40))
  await until(() => expect(others()).toContain(43))
  expect(mine().filter((position) => position > 25 && position <= 40)).toEqual(numbers(40).slice(25))
})

test('an event behind an asynchronous validator is not overtaken by what a report of its delivery publishes', async () => {
  const slow = z.object({ n: z.number(), pad: z.string() }).refine(async () => true)
  const asynchronous = defineContract({
    topics: ['board'],
    events: {
      'card.slow': { topic: 'board', data: slow },
      'card.fast': { topic: 'board', data: z.object({ n: z.number() }) },
    },
  })
  const log = memoryLog({ epoch: 'e' })
  let isBroken = false
  const fails = <T>(answer: T) => {
    if (isBroken) throw new Error('no')
    return answer
  }
  const hub = createHub({
    contract: asynchronous,
    authorize: () => ({ user: 'u1', read: ['board:7'] }),
    log,
    heartbeatMs: 60_000,
    limits: { bufferBytes: 4_000 },
    compression: { deflate: (bytes) => fails(bytes), crc32: () => fails(0) },
    onReport: ({ during }) => {
      if (during === 'stream') void hub.publish({ type: 'card.fast', topic: 'board:7', data: { n: 99 } })
    },
  })
  onTestFinished(() => hub.close())
  const open = async (headers: Record<string, string>) => {
    const { body } = await hub.fetch(new Request('http://hub/api/sse/events?topics=board:7', { headers }))
    return positionsOf(body)
  }
  await open({ 'accept-encoding': 'gzip' })
  const bystander = await open({})
  await until(() => expect(hub.stats().phases).toEqual({ live: 2 }))
  isBroken = true
  const event = (n: number) => {
    const said = { topic: 'board:7', at: 1, id: `slow-${n}` }
    return { type: 'card.slow', ...said, json: JSON.stringify({ data: { n, pad: 'x'.repeat(2_500) }, ...said }) }
  }
  await log.append([event(1), event(2)])
  await until(() => expect(bystander()).toContain(3))
  expect(bystander()).toEqual([0, 1, 2, 3])
})
