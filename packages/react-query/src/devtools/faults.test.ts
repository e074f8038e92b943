// Shows the faults at the only place where they act: between a client and its `fetch`.
import { beforeEach, expect, test } from 'vitest'
import { createFaults, type Faults } from './faults.ts'

let asked: string[]
let feeds: ReadableStreamDefaultController<Uint8Array>[]
let faults: Faults
beforeEach(() => {
  asked = []
  feeds = []
  faults = createFaults(async (url) => {
    asked.push(url)
    const body = new ReadableStream<Uint8Array>({ start: (feed) => void feeds.push(feed) })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
})

const text = (part: Uint8Array | undefined) => new TextDecoder().decode(part)
const bytes = (part: string) => new TextEncoder().encode(part)
async function open(url = '/api/sse/events?topics=a&after=e%3A5') {
  const { body } = await faults.fetch(url, {})
  if (!body) throw new Error('There is no body')
  return body.getReader()
}
const settled = async (promise: Promise<unknown>) => {
  const late = new Promise((resolve) => setTimeout(resolve, 20, 'waits'))
  return Promise.race([
    promise.then(
      () => 'came',
      () => 'failed',
    ),
    late,
  ])
}

test('without a fault all passes', async () => {
  const reader = await open()
  feeds[0]?.enqueue(bytes('a'))
  expect(text((await reader.read()).value)).toBe('a')
  feeds[0]?.close()
  expect((await reader.read()).done).toBe(true)
  await faults.fetch('/api/sse/events', { method: 'POST' })
  expect(asked).toEqual(['/api/sse/events?topics=a&after=e%3A5', '/api/sse/events'])
})

test('a cut breaks what is read, and nothing that follows', async () => {
  const reader = await open()
  const reading = reader.read()
  faults.cut()
  await expect(reading).rejects.toThrow('devtools')
  const next = await open()
  feeds[1]?.enqueue(bytes('b'))
  expect(text((await next.read()).value)).toBe('b')
})

test('a gap is asked for once, of the hub itself', async () => {
  const reader = await open()
  faults.gap()
  await expect(reader.read()).rejects.toThrow()
  await open()
  await open()
  expect(asked.slice(1)).toEqual(['/api/sse/events?topics=a&after=devtools:1', '/api/sse/events?topics=a&after=e%3A5'])
})

test('silence holds back what comes and what is asked, until it ends', async () => {
  const reader = await open()
  faults.set('silent')
  const reading = reader.read()
  feeds[0]?.enqueue(bytes('late'))
  const asking = faults.fetch('/api/sse/events', { method: 'POST' })
  expect(await settled(Promise.race([reading, asking]))).toBe('waits')
  expect(asked).toHaveLength(1)
  faults.set(undefined)
  expect(text((await reading).value)).toBe('late')
  await asking
  expect(asked).toHaveLength(2)
})

test('who gives up in the silence does so at once', async () => {
  faults.set('silent')
  const ending = new AbortController()
  const asking = faults.fetch('/api/sse/events?topics=a', { signal: ending.signal })
  ending.abort(new Error('enough'))
  await expect(asking).rejects.toThrow('enough')
})

test('a hub that is disabled says good-bye, refuses pages, and takes emits', async () => {
  const reader = await open()
  const reading = reader.read()
  faults.set('disabled')
  await expect(reading).rejects.toThrow()
  const bye = await faults.fetch('/api/sse/events?topics=a', {})
  expect(bye.headers.get('content-type')).toBe('text/event-stream')
  expect(await bye.text()).toContain('event: hub.bye\ndata: {"reason":"disabled"')
  const page = await faults.fetch('/api/sse/page?topics=a', {})
  expect([page.status, await page.json()]).toMatchObject([503, { error: { code: 'disabled' } }])
  await faults.fetch('/api/sse/events', { method: 'POST' })
  expect(asked).toHaveLength(2)
})
