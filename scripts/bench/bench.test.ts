// Proves that benchmarks measure what they say: the corpus is a stream of a hub, every reader hears all of it, and the arithmetic is right. No time is looked at.
import { decodeBlock } from '@sse-hub/core/contract'
import { createParser } from 'eventsource-parser'
import { expect, test } from 'vitest'
import { measureCell } from './cell.ts'
import { cells } from './client.ts'
import { makeCorpus } from './corpus.ts'
import { measureInTurn, medianOf } from './measure.ts'
import { brief } from './office.ts'
import { parserAlone, parserOverBody, wholeClient } from './readers.ts'
import { compare } from './requests.ts'

test('the corpus is what a hub sends, in blocks of the size that it says, over all topics, and goes on where it was', () => {
  for (const { name, shape } of cells) {
    const corpus = makeCorpus(shape)
    const parts = [corpus.next(60_000), corpus.next(60_000)]
    const frames: ReturnType<typeof decodeBlock>[] = []
    const parser = createParser({ onEvent: (block) => void frames.push(decodeBlock(block)) })
    const decoder = new TextDecoder()
    for (const chunk of [corpus.head, ...parts.flatMap(({ chunks }) => chunks)]) {
      parser.feed(decoder.decode(chunk, { stream: true }))
    }
    const [sync, ...rest] = frames
    const events = rest.flatMap((frame) => (frame?.kind === 'event' ? [frame.event] : []))
    expect(sync, name).toMatchObject({ kind: 'sync', topics: corpus.topics })
    expect(events.length, name).toBe(parts.reduce((sum, part) => sum + part.events, 0))
    expect(new Set(events.map(({ topic }) => topic)), name).toEqual(new Set(corpus.topics))
    const positions = events.map(({ cursor }) => Number(cursor?.split(':')[1]))
    expect(positions, name).toEqual(positions.map((_, index) => (positions[0] ?? 0) + index))
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
    expect(Math.abs(bytes / events.length / shape.eventBytes - 1), name).toBeLessThan(0.15)
  }
})

test('chunks are cut as asked, and their bytes are the stream', () => {
  const shape = { eventBytes: 200, topics: 3 }
  const whole = makeCorpus({ ...shape, chunk: { events: 1 } }).next(200_000)
  expect(whole.chunks).toHaveLength(whole.events)
  for (const chunk of [{ events: 10 }, { bytes: 65_536 }]) {
    const part = makeCorpus({ ...shape, chunk }).next(200_000)
    expect(Buffer.concat(part.chunks).equals(Buffer.concat(whole.chunks))).toBe(true)
    expect(part.chunks).toHaveLength(
      'bytes' in chunk ? Math.ceil(part.bytes / chunk.bytes) : Math.ceil(part.events / 10),
    )
  }
})

test('every reader hears the same events, part after part', async () => {
  const heard: string[][] = []
  for (const open of [parserAlone, parserOverBody, wholeClient]) {
    const corpus = makeCorpus({ eventBytes: 200, topics: 10, chunk: { bytes: 1_000 } })
    const ids: string[] = []
    const reader = await open(corpus, ({ id }) => void ids.push(id))
    for (let n = 0; n < 3; n++) await reader.read(corpus.next(20_000))
    reader.close()
    heard.push(ids)
  }
  expect(heard[0]?.length).toBeGreaterThan(300)
  expect(heard[1]).toEqual(heard[0])
  expect(heard[2]).toEqual(heard[0])
})

test('a cell measures every reader', async () => {
  const { readers, events } = await measureCell(
    { shape: { eventBytes: 1_000, topics: 2, chunk: { events: 10 } }, runs: 5 },
    20_000,
  )
  expect(events).toBeGreaterThan(15)
  for (const { least, median, most } of Object.values(readers)) {
    expect(least).toBeLessThanOrEqual(median)
    expect(median).toBeLessThanOrEqual(most)
  }
})

test('readers take turns, on the same work, and only runs after the warm-ups count', async () => {
  const order: string[] = []
  let n = 0
  const way = (name: string) => async (work: number) => void order.push(`${name}${work}`)
  await measureInTurn(() => n++, { a: way('a'), b: way('b') }, { runs: 2, warmUps: 1 })
  expect(order).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2'])
  expect([medianOf([3, 1, 2]), medianOf([4, 1, 2, 3]), medianOf([7])]).toEqual([2, 2.5, 7])
})

test('for the same office the hub costs a fraction of the requests, and what people see is newer', async () => {
  const { requests, fewer, p95, bytes, whileUp, unexplained, missed } = await compare(
    { ...brief, users: 3, minutes: 30 },
    2,
  )
  // Cards are polled twice a minute, and read once by the hub's users.
  expect(requests.polling.cards).toBeGreaterThan(3 * 29 * 2)
  expect(requests.hub.cards).toBe(3)
  expect(requests.hub.heartbeat).toBeUndefined()
  expect(fewer).toBeGreaterThan(0.9)
  expect(p95.cards.polling).toBeGreaterThan(20_000)
  expect(p95.cards.hub).toBeLessThan(100)
  expect(bytes.overhead).toBeGreaterThan(1_000)
  expect(bytes.overhead).toBeLessThan(bytes.stream)
  expect({ whileUp, unexplained }).toEqual({ whileUp: 0, unexplained: 0 })
  expect(missed.filter((why) => !why.includes('are saved'))).toEqual([])
})
