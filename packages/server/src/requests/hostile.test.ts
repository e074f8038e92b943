// What a reviewer broke: bodies that come slowly, application code that hangs or answers nonsense, and who is let in meanwhile. Each was seen failing.
import { defineContract } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { contract, testClock, until } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import type { EventLog } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'
import type { HubOptions, Report } from '../options.ts'

type Options = Partial<HubOptions<typeof contract>>

function hubOf(options: Options = {}) {
  const clock = testClock()
  const reports: unknown[] = []
  const hub = createHub({
    contract,
    clock,
    authorize: () => ({ user: 'u1', read: ['board:7'], write: ['board:7'] }),
    onReport: ({ error }) => void reports.push(error),
    ...options,
  })
  const post = (body: BodyInit) =>
    hub.fetch(
      new Request('http://hub/api/sse/events', {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: 'http://hub' },
        body,
        duplex: 'half',
      } as RequestInit),
    )
  return { hub, clock, reports, post }
}

const note = (id: string, seq = 1) =>
  JSON.stringify({
    producer: 'producer-1',
    events: [{ id, seq, type: 'card.noted', topic: 'board:7', data: { note: 'x' } }],
  })

/** A body whose end the test chooses. */
function slowBody() {
  let finish = (_text: string) => {}
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      finish = (text) => {
        controller.enqueue(new TextEncoder().encode(text))
        controller.close()
      }
    },
  })
  return { body, finish: (text: string) => finish(text) }
}

const never = () => new Promise<never>(() => {})

describe('a POST', () => {
  test('whose user was signed out while its body came is not accepted', async () => {
    let user: string | null = 'u1'
    const { hub, clock, post } = hubOf({ authorize: () => (user === null ? null : { user, write: ['board:7'] }) })
    const { body, finish } = slowBody()
    const answer = post(body)
    await clock.advance(2_000)
    user = null
    finish(note('late'))
    expect((await answer).status).toBe(401)
    expect(await hub.cursor()).toMatch(/:0$/)
  })

  test('whose body does not end is given up, and does not hold up closing', async () => {
    const { hub, clock, post } = hubOf()
    const answer = post(slowBody().body)
    let closed = false
    await clock.advance(0)
    const closing = hub.close().then(() => {
      closed = true
    })
    await clock.advance(31_000)
    expect((await answer).status).toBe(400)
    await closing
    expect(closed).toBe(true)
  })

  test('whose handler hangs is answered, and the next of its producer has its turn', async () => {
    const { hub, clock, post } = hubOf()
    const stop = hub.on('card.noted', never)
    const first = post(note('a'))
    await clock.advance(31_000)
    expect(await (await first).json()).toMatchObject({ results: [{ error: { code: 'refused', retryable: true } }] })
    stop()
    expect(await (await post(note('a'))).json()).toMatchObject({ results: [{ id: 'a', cursor: expect.any(String) }] })
  })
})

describe('a validator that hangs', () => {
  const hanging = () => {
    const at = { calls: 0 }
    const data = z.object({ note: z.string() }).refine(async () => {
      at.calls++
      return never()
    })
    const contract = defineContract({
      topics: ['board'],
      events: { 'card.noted': { topic: 'board', data, emit: true } },
    })
    const clock = testClock()
    const reports: Report[] = []
    const hub = createHub({
      contract,
      clock,
      authorize: () => ({ user: 'u1', write: ['board:7'] }),
      onReport: (report) => void reports.push(report),
    })
    const called = () => until(() => expect(at.calls).toBeGreaterThan(0))
    return { hub, clock, reports, called }
  }

  test('fails the publish, and does not hold up closing', async () => {
    const { hub, clock, called } = hanging()
    const publishing = hub.publish({ type: 'card.noted', topic: 'board:7', data: { note: 'x' } })
    const refused = expect(publishing).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
      message: expect.stringContaining('The validator of "card.noted"'),
    })
    await called()
    const closing = hub.close()
    await clock.advance(5_000)
    await refused
    await closing
  })

  test('is the hub’s failure to whoever emits: reported, and to be tried again', async () => {
    const { hub, clock, reports, called } = hanging()
    const request = new Request('http://hub/api/sse/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'http://hub' },
      body: note('a'),
    })
    const answer = hub.fetch(request)
    await called()
    await clock.advance(5_000)
    expect(await (await answer).json()).toMatchObject({ results: [{ error: { code: 'internal', retryable: true } }] })
    expect(reports).toMatchObject([{ during: 'emit', type: 'card.noted', error: { code: 'timeout' } }])
  })
})

describe('what the application answers', () => {
  test.each([[false], [0], [''], [undefined]])('authorize answering %j is a refusal', async (grant) => {
    const { post, hub } = hubOf({ authorize: () => grant as never })
    expect((await post(note('a'))).status).toBe(401)
    expect((await hub.fetch(new Request('http://hub/api/sse/events'))).status).toBe(401)
  })

  test.each([[true], ['u1'], [[]]])('authorize answering %j is a mistake that is reported', async (grant) => {
    const { post, reports } = hubOf({ authorize: () => grant as never })
    expect((await post(note('a'))).status).toBe(503)
    expect(String(reports[0])).toContain('answer one, or null')
  })

  test('an asynchronous `origins` allows nothing', async () => {
    const { hub } = hubOf({ origins: (async () => false) as never })
    const request = new Request('http://hub/api/sse/health', { headers: { origin: 'https://evil.example' } })
    const { status, headers } = await hub.fetch(request)
    expect([status, headers.get('access-control-allow-origin')]).toEqual([403, null])
  })

  test('a reporter that rejects ends nothing', async () => {
    const unhandled: unknown[] = []
    const hear = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', hear)
    const { post } = hubOf({
      authorize: () => Promise.reject(new Error('database down')),
      onReport: (async () => Promise.reject(new Error('reporter down'))) as never,
    })
    expect((await post(note('a'))).status).toBe(503)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })
})

test('disconnect reaches a stream that is being let in', async () => {
  let allowed = true
  const waiting: (() => void)[] = []
  const { hub } = hubOf({
    authorize: async () => {
      const answer = allowed ? { user: 'u1', read: ['board:7'] } : null
      await new Promise<void>((resolve) => void waiting.push(resolve))
      return answer
    },
  })
  const answer = hub.fetch(new Request('http://hub/api/sse/events'))
  await until(() => expect(waiting).toHaveLength(1))
  allowed = false
  hub.disconnect('u1')
  waiting[0]?.()
  await until(() => expect(waiting).toHaveLength(2))
  waiting[1]?.()
  expect((await answer).status).toBe(401)
})

describe('a page', () => {
  const page = (hub: ReturnType<typeof hubOf>['hub'], after: string) =>
    hub.fetch(new Request(`http://hub/api/sse/page?after=${after}`))

  test('that waits for a log which hangs ends with the kill switch', async () => {
    const memory = memoryLog()
    const log: EventLog = { ...memory, read: never }
    const { hub } = hubOf({ log })
    const answer = page(hub, await hub.cursor())
    await until(() => expect(hub.stats().phases).toEqual({ page: 1 }))
    hub.disable()
    expect((await answer).status).toBe(503)
    expect(hub.stats().connections).toBe(0)
  })

  test('is answered although the log answers more slowly than its tail runs', async () => {
    const memory = memoryLog()
    let publish = async () => {}
    const log: EventLog = {
      ...memory,
      async read(after, options) {
        await publish()
        const answer = await memory.read(after, options)
        await publish()
        return answer
      },
    }
    const { hub } = hubOf({ log })
    publish = async () => void (await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'more' } }))
    const answer = await page(hub, await hub.cursor())
    expect(answer.status).toBe(200)
  })
})
