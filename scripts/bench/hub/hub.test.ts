// Proves that the benches of the hub measure what they say: every peer delivers, a lost delivery is noticed, and the arithmetic is right. No time is looked at.
import { createServer, type Server, type ServerResponse } from 'node:http'
import { expect, test, vi } from 'vitest'
import type { Account } from './account.ts'
import { runCell } from './cell.ts'
import { startChild } from './child.ts'
import { benchCompress } from './compress.ts'
import { CORPUS_BYTES, corpusEvent, SMALL_BYTES } from './corpus.ts'
import { MARK, makeEvent } from './event.ts'
import { benchFanout } from './fanout.ts'
import type { GeneratorCalls } from './generator.ts'
import { benchIdle } from './idle.ts'
import { findLimit } from './limit.ts'
import { benchLoad, slopeBar } from './load.ts'
import { nchanIsMissing } from './peers/nchan.ts'
import { listen } from './peers/peer.ts'
import { type PeerName, peers } from './peers.ts'
import { benchPublish } from './publish.ts'
import { createBody, weighing } from './reader.ts'
import { benchReplay } from './replay.ts'
import { benchSlow, budgetOf, isFair } from './slow.ts'
import { type Bar, bar, print } from './table.ts'
import { benchTopics } from './topics.ts'

const names = (Object.keys(peers) as PeerName[]).filter((name) => name !== 'nchan' || !nchanIsMissing())

test.concurrent.each(names)('%s delivers everything once and in order, to each of a few', async (peer) => {
  const load = { rate: 50, warmUp: 0.2, seconds: 0.8, bytes: 200, topics: 1, giveUpMs: 30_000 }
  const { whole, account, published } = await runCell({ peer, connections: 30, ...load })
  expect({ whole, account }).toMatchObject({ whole: true, account: { missing: 0, extra: 0, jumps: 0, ended: 0 } })
  expect(published).toMatchObject({ events: 50, from: 10, gaveUp: false })
  // Every one of the sampled connections has read all that counts.
  expect(account.latency.count).toBe(20 * 40)
})

test('the hub sends an event to those who have asked for its topic, and the account knows', async () => {
  const load = { rate: 60, warmUp: 0, seconds: 1, bytes: 200, topics: 7, giveUpMs: 30_000 }
  const { whole, deliveries } = await runCell({ peer: 'ours', connections: 21, ...load })
  expect(whole).toBe(true)
  expect(deliveries).toBeCloseTo((60 / 7) * 21)
})

test('streams in gzip are accounted for like others', async () => {
  const load = {
    rate: 50,
    atOnce: 5,
    warmUp: 0.2,
    seconds: 0.8,
    bytes: CORPUS_BYTES,
    corpus: 'whole' as const,
    topics: 1,
  }
  const gzip = { compressed: true, heartbeatMs: 600_000, giveUpMs: 30_000 }
  const { whole, account, published } = await runCell({ peer: 'ours', connections: 30, ...gzip, ...load })
  expect({ whole, account }).toMatchObject({ whole: true, account: { missing: 0, extra: 0, jumps: 0, ended: 0 } })
  expect(published).toMatchObject({ events: 50, from: 10, gaveUp: false })
  expect(account.latency.count).toBe(20 * 40)
  // Of some 1,200 bytes each, with the blocks' own.
  expect(account.bytes).toBeLessThan(30 * 50 * 1_000)
})

test('one that is only weighed has heard what the other has while it weighs the same, and nothing otherwise', () => {
  const like = { events: 7, bytes: 1_000 }
  const { heard, take } = weighing(like)
  const events = [400, 600, 1].map((length) => {
    take(Buffer.alloc(0), length)
    return heard.events
  })
  expect(events).toEqual([0, 7, 0])
})

test.concurrent.each([
  { what: 'nothing', lose: [], account: { missing: 0, extra: 0, jumps: 0 } },
  { what: 'one on a connection that is only counted', lose: [[1, 5]], account: { missing: 1, extra: 0, jumps: 0 } },
  { what: 'one on a sampled connection', lose: [[0, 5]], account: { missing: 1, extra: 0, jumps: 1 } },
  { what: 'the last one', lose: [[1, 9]], account: { missing: 1, extra: 0, jumps: 0 } },
  { what: 'one, with another one twice', lose: [[0, 3]], twice: [[1, 4]], account: { missing: 1, extra: 1, jumps: 1 } },
])('the account notices what a server has lost: $what', async ({ lose, twice = [], account }) => {
  const streams: ServerResponse[] = []
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    streams.push(res)
  })
  const generator = await startChild<GeneratorCalls>('generator.ts', [])
  try {
    const port = await listen(server)
    // One at a time, so that the server knows who is who.
    for (const [n, sampled] of [1, 0, 0].entries()) {
      const group = `reader ${n}`
      await generator.call('open', { group, port, path: '/', count: 1, sampled, topics: 1, eventBytes: 200 })
    }
    for (let n = 0; n < 10; n++) {
      const block = `data: ${JSON.stringify(makeEvent(n, 0, 200))}\n\n`
      for (const [at, res] of streams.entries()) {
        const is = (list: readonly (readonly number[])[]) => list.some(([who, what]) => who === at && what === n)
        if (!is(lose)) res.write(is(twice) ? block + block : block)
      }
    }
    await Promise.all(streams.map((res) => new Promise<void>((resolve) => res.write(': end\n\n', () => resolve()))))
    const sum = { missing: 0, extra: 0, jumps: 0 }
    for (const n of [0, 1, 2]) {
      const found = await generator.call('account', { group: `reader ${n}`, events: 10, from: 0, withinMs: 300 })
      for (const name of ['missing', 'extra', 'jumps'] as const) sum[name] += found[name]
    }
    expect(sum).toEqual(account)
  } finally {
    await generator.end()
    await close(server)
  }
})

test('a body is the same however its bytes are cut', () => {
  const text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nabc\ndef\r\n10\r\n0123456789abcdef\r\n'
  for (let size = 1; size <= text.length; size++) {
    let body = ''
    const take = createBody((part) => {
      body += part
    })
    for (let at = 0; at < text.length; at += size) take(text.slice(at, at + size))
    expect(body, `pieces of ${size}`).toBe('abc\ndef0123456789abcdef')
  }
})

test.each([
  { limit: 1_000, start: 100, factor: 2 },
  { limit: 1_000, start: 5_000, factor: 2 },
  { limit: 1_000, start: 999, factor: 1.2 },
])(
  'the limit is found from $start by $factor, and a rate that was disturbed once still counts',
  async ({ limit, start, factor }) => {
    const tried = new Map<number, number>()
    const holds = async (rate: number) => {
      tried.set(rate, (tried.get(rate) ?? 0) + 1)
      return rate <= limit && tried.get(rate) === 2
    }
    const found = await findLimit(holds, { start, factor, precision: 1.03, most: 1e6, least: 1 })
    expect(found).toBeLessThanOrEqual(limit)
    expect(found).toBeGreaterThanOrEqual(limit / 1.03)
  },
)

test('one rate that does not hold is no limit where a higher one does', async () => {
  const search = { start: 100, factor: 2, precision: 1.03, most: 10_000, least: 10 }
  const found = await findLimit(async (rate) => rate < 1_000 && Math.abs(rate - 200) > 50, search)
  expect(found).toBeGreaterThan(1_000 / 1.03)
})

test('a server that holds nothing has no limit, and one that holds everything has the most', async () => {
  const search = { start: 100, factor: 2, precision: 1.03, most: 1_000, least: 10 }
  expect(await findLimit(async () => false, search)).toBe(0)
  expect(await findLimit(async () => true, search)).toBe(800)
})

test.each([
  { name: 'fanout', run: benchFanout, args: ['--only', 'calm', '--peers', 'ours,raw'] },
  { name: 'slow', run: benchSlow, args: ['--peers', 'ours'] },
  { name: 'replay', run: benchReplay, args: ['--peers', 'ours', '--seconds', '2'] },
  { name: 'idle', run: benchIdle, args: ['--peers', 'ours,raw'] },
  { name: 'topics', run: benchTopics, args: [] },
  { name: 'compress', run: benchCompress, args: [] },
  { name: 'load', run: benchLoad, args: [] },
  { name: 'publish', run: benchPublish, args: ['--seconds', '0.02'] },
])('bench $name runs for a moment with a few connections, and loses nothing', async ({ name, run, args }) => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await run(['--runs', '1', '--connections', '20', '--seconds', '0.5', '--json', ...args])
  // Bars of a speed may be missed here; nobody looks.
  process.exitCode = undefined
  const said = JSON.parse(String(log.mock.calls[0]?.[0]))
  vi.restoreAllMocks()
  expect(said).toMatchObject({ bench: name, options: { runs: 1 } })
  const complete = said.bars.filter(({ bar }: Bar) => bar === 'yes')
  expect(complete.filter(({ holds }: Bar) => !holds)).toEqual([])
})

test('a bar that is missed ends the process with 1, and one that could not be measured does not', () => {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  const codes = [2, 3, Number.NaN].map((value) => {
    process.exitCode = undefined
    print({ json: true }, { name: '', tables: [], bars: [bar('', value, '≤', 2)], data: {} })
    return process.exitCode
  })
  process.exitCode = undefined
  vi.restoreAllMocks()
  expect(codes).toEqual([undefined, 1, undefined])
})

test('slow readers may miss what they were told of, if the log had dropped it, and nothing else', () => {
  const fine = { missing: 0, extra: 0, jumps: 0, ended: 0, gaps: [] } as unknown as Account
  expect(isFair(fine)).toBe(true)
  expect(isFair({ ...fine, gaps: [10_500] })).toBe(true)
  expect(isFair({ ...fine, gaps: [9_000] })).toBe(false)
  expect(isFair({ ...fine, missing: 1 })).toBe(false)
  expect(isFair({ ...fine, ended: 1 })).toBe(false)
})

test.each([
  { connections: 100, slow: 10, each: 3 * 262_144 },
  { connections: 1_000, slow: 100, each: 268_435.456 },
  { connections: 100_000, slow: 10_000, each: 3 * 4_096 },
])('$slow slow readers of $connections may have waiting what the hub says', ({ connections, slow, each }) => {
  expect(budgetOf(connections, slow)).toBeCloseTo(slow * each)
})

test('of less than ten minutes nobody says whether the heap grows', () => {
  expect([slopeBar(0.5, 600).holds, slopeBar(1.5, 600).holds, slopeBar(0.5, 60).holds]).toEqual([
    true,
    false,
    undefined,
  ])
  expect(slopeBar(0.5, 60).measured).toContain('means nothing')
})

test('small events of the corpus have some 200 bytes, and their mark once', () => {
  const events = Array.from({ length: 240 }, (_, n) => JSON.stringify(corpusEvent(50_000 + n, 1_234_567.891, 'small')))
  const sizes = events.map(({ length }) => length)
  expect(Math.min(...sizes)).toBeGreaterThan(SMALL_BYTES)
  expect(Math.max(...sizes)).toBeLessThan(220)
  expect(events.every((event) => event.split(String.fromCharCode(MARK)).length === 2)).toBe(true)
})

const close = (server: Server) =>
  new Promise((resolve) => {
    server.closeAllConnections()
    server.close(resolve)
  })
