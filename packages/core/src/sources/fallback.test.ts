// Proves when pages take the place of a stream that does not get through, how the stream comes back, and that nothing is lost or heard twice on the way.
import { beforeAll, describe, expect, test } from 'vitest'
import type { ClientOptions } from '../client.ts'
import type { Contract, HubEvent } from '../contract/contract.ts'
import { clientOf, eventBlock, syncBlock } from '../fixtures/scripted-server.ts'
import { type VirtualClock, virtualClock } from '../testing/virtual-clock.ts'
import { fallbackSource } from './fallback.ts'

// Loaded on demand: once, so that no test waits for it in virtual time.
beforeAll(() => import('./detour.ts'))

/** What the network does to a stream: lets it flow, holds back all of it, or all but what comes first, cuts it after that; or what the hub answers. */
type Weather =
  | 'flows'
  | 'held'
  | 'first'
  | 'cut'
  | { readonly answers: number }
  | { readonly bye: string; readonly lost?: true }

const random = { next: () => 0.5, id: () => 'random-id' }

/** A small hub with a log, behind a network with a weather, all of it in virtual time. */
function hub(clock: VirtualClock) {
  let length = 0
  let floor = 0
  let epoch = 'e'
  const open = new Set<(text: string | undefined) => void>()
  const waiting: (() => void)[] = []
  const at = (position: number) => `${epoch}:${position}`
  const block = (position: number) => eventBlock(at(position), 'board:7', position)
  const after = (start: number) => Array.from({ length: length - start }, (_, index) => start + index + 1)
  const world = {
    stream: 'flows' as Weather,
    pages: 'flows' as 'flows' | 'silent' | { readonly answers: number; readonly code?: string },
    /** Every request: what for, and after which cursor. */
    requests: [] as string[],
    /** What each of them was to be ended by. */
    signals: [] as (AbortSignal | null | undefined)[],
    /** Appends the next event, and tells whoever hears it. */
    publish() {
      length++
      for (const say of open) say(block(length))
      for (const answer of waiting.splice(0)) answer()
    },
    /** What every stream that flows hears every two seconds. */
    beat() {
      for (const say of open) say(`event: hub.beat\nid: ${at(length)}\ndata:\n\n`)
    },
    /** Ends every stream. */
    end() {
      for (const say of open) say(undefined)
      open.clear()
    },
    /** The log drops what it holds. */
    trim() {
      floor = length
    },
    /** Another log takes its place, and is as long. */
    rotate() {
      epoch = 'f'
      floor = length
    },
  }

  const begin = (asked: string | null) => {
    const ours = asked?.startsWith(`${epoch}:`)
    const start = ours ? Number(asked?.split(':')[1]) : length
    if (asked === null || (ours && start >= floor)) return { start, gaps: [] }
    return { start: length, gaps: [{ topics: ['board:7'], to: at(length), reason: ours ? 'trimmed' : 'epoch' }] }
  }
  const refusal = (status: number, code?: string) =>
    new Response(status === 204 ? null : JSON.stringify({ error: code && { code, message: 'no', retryable: true } }), {
      status,
    })

  const page = (asked: string | null, waits: boolean, topics: readonly string[], signal: AbortSignal) => {
    const { pages } = world
    if (typeof pages === 'object') return refusal(pages.answers, pages.code)
    return new Promise<Response>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      if (pages === 'silent') return
      const answer = () => {
        const { start, gaps } = begin(asked)
        const events = after(start).map((data) => {
          return { cursor: at(data), type: 'card.moved', data, topic: 'board:7', at: 1, id: `p${data}` }
        })
        const body = { after: at(start), through: at(length), topics, user: 'u1', events, gaps }
        if (world.pages === 'flows') resolve(Response.json(body))
        else if (world.pages !== 'silent') resolve(refusal(world.pages.answers, world.pages.code))
      }
      const { start, gaps } = begin(asked)
      if (waits && start === length && gaps.length === 0) {
        waiting.push(answer)
        const cancel = clock.after(10_000, answer)
        signal.addEventListener('abort', cancel)
      } else answer()
    })
  }

  const stream = (asked: string | null, topics: readonly string[], signal: AbortSignal) => {
    const { stream } = world
    if (typeof stream === 'object' && 'answers' in stream) return refusal(stream.answers)
    if (stream === 'held')
      return new Promise<Response>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const bytes = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const say = (text: string | undefined) =>
          text === undefined ? controller.close() : controller.enqueue(bytes.encode(text))
        signal.addEventListener('abort', () => {
          if (open.delete(say) || stream === 'first') controller.error(signal.reason)
        })
        if (typeof stream === 'object') {
          if (stream.lost) say(syncBlock(at(length), topics, { gaps: [{ topics, to: at(length), reason: 'trimmed' }] }))
          say(`event: hub.bye\ndata: ${JSON.stringify({ reason: stream.bye, retryMs: 7_000 })}\n\n`)
          return say(undefined)
        }
        const { start, gaps } = begin(asked)
        say([syncBlock(at(start), topics, { gaps }), ...after(start).map(block)].join(''))
        if (stream === 'cut') controller.close()
        if (stream === 'flows') open.add(say)
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }

  const fetch = async (url: string, { signal }: RequestInit) => {
    const { pathname, searchParams } = new URL(url)
    const kind = pathname.slice(1)
    const asked = searchParams.get('after')
    const topics = searchParams.get('topics')?.split(',') ?? []
    signal?.throwIfAborted()
    world.requests.push(`${kind} ${asked}`)
    world.signals.push(signal)
    if (kind === 'events') return stream(asked, topics, signal as AbortSignal)
    return page(asked, searchParams.has('wait'), topics, signal as AbortSignal)
  }
  return { world, fetch }
}

/** A client by the default source, which hears one topic. */
function scene(options: Partial<ClientOptions<Contract>> = {}) {
  const clock = virtualClock()
  const { world, fetch } = hub(clock)
  const { client } = clientOf(clock, 'http://hub', { source: fallbackSource({ random }), fetch, ...options })
  const heard: string[] = []
  const listener = {
    topic: 'board:7' as never,
    onEvent: ({ data }: HubEvent) => void heard.push(`${data}`),
    onGap: ({ reason, to }: { reason: string; to: string }) => void heard.push(`${reason} ${to}`),
  }
  const status = client.status.get
  const steps: string[] = []
  client.status.subscribe(() => {
    const now = status()
    const more = 'degraded' in now && now.degraded ? ` for ${now.degraded.code}` : ''
    steps.push(`${now.phase}${'via' in now ? ` ${now.via}` : ''}${'reason' in now ? ` ${now.reason}` : ''}${more}`)
  })
  const isLive = (via: string) => {
    const now = status()
    return now.phase === 'live' && now.via === via
  }
  /** Lets time pass, in steps, until something is so. */
  const pass = async (ms: number, isDone: () => unknown = () => false) => {
    for (let left = ms; left > 0 && !isDone(); left -= 250) {
      await clock.advance(250)
      if (clock.now() % 2_000 === 0) world.beat()
    }
    await clock.advance(0)
  }
  const count = (kind: 'events' | 'page') => world.requests.filter((request) => request.startsWith(kind)).length
  client.subscribe(listener)
  return { clock, world, client, heard, listener, status, steps, isLive, pass, count }
}

/** One whose network holds back streams. */
async function degraded() {
  const it = scene()
  it.world.stream = 'held'
  await it.pass(10_000, () => it.isLive('poll'))
  return it
}

describe('a stream that is held back', () => {
  test('from its first byte on: pages go on from the same cursor, and the stream comes back when it flows', async () => {
    const { world, heard, status, steps, isLive, pass, count } = scene()
    await pass(2_000, () => isLive('sse'))
    world.publish()
    // The network is another one.
    world.stream = 'held'
    world.end()
    await pass(10_000, () => isLive('poll'))
    const { degraded } = status() as { degraded?: { message: string } }
    expect(degraded).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/held back.*buffers it on the way/),
    })
    const pages = world.requests.filter((request) => request.startsWith('page'))
    expect(pages).toEqual(['page e:1', 'page e:1'])
    world.publish()
    world.publish()
    await pass(2_000)
    expect(heard).toEqual(['added e:0', '1', '2', '3'])
    // Probes come later and later, from where the pages are, and none is read.
    await pass(20_000)
    expect(isLive('poll')).toBe(true)
    const [first, second, ...probes] = world.requests.filter((request) => request.startsWith('events'))
    expect([first, second]).toEqual(['events null', 'events e:1'])
    expect(new Set(probes)).toEqual(new Set(['events e:3']))
    expect(probes.length).toBeGreaterThan(1)
    expect(count('events')).toBeLessThan(8)
    world.stream = 'flows'
    await pass(30_000, () => isLive('sse'))
    expect(status()).not.toHaveProperty('degraded')
    world.publish()
    await pass(250)
    expect(heard).toEqual(['added e:0', '1', '2', '3', '4'])
    expect(steps.slice(1)).toEqual([
      'connecting sse',
      'live sse',
      'down ended',
      'connecting sse',
      'live poll for timeout',
      'live sse',
    ])
    // And by one stream alone.
    const before = world.requests.length
    await pass(15_000)
    expect(world.requests).toHaveLength(before)
    expect(isLive('sse')).toBe(true)
  })

  test('after its first bytes: the first silence is enough', async () => {
    const { world, heard, steps, isLive, pass, clock, count } = scene()
    world.stream = 'first'
    await pass(10_000, () => isLive('poll'))
    expect(clock.now()).toBeLessThan(7_000)
    expect(steps.slice(1)).toEqual([
      'connecting sse',
      'live sse',
      'down timeout',
      'connecting sse',
      'live poll for timeout',
    ])
    world.publish()
    await pass(250)
    // A probe is not believed for its first bytes.
    await pass(20_000)
    expect(count('events')).toBeGreaterThan(2)
    expect(isLive('poll')).toBe(true)
    world.stream = 'flows'
    await pass(30_000, () => isLive('sse'))
    world.publish()
    await pass(250)
    expect(heard).toEqual(['added e:0', '1', '2'])
  })

  test('what comes while it is probed is heard once, in order, however it comes', async () => {
    const { world, heard, isLive, pass } = await degraded()
    world.stream = 'flows'
    let published = 0
    await pass(30_000, () => {
      world.publish()
      published++
      return isLive('sse')
    })
    expect(isLive('sse')).toBe(true)
    for (let i = 0; i < 3; i++, published++) world.publish()
    await pass(250)
    expect(heard.slice(1)).toEqual(Array.from({ length: published }, (_, index) => `${index + 1}`))
  })

  test('a page that fails as well proves nothing: the stream is waited for', async () => {
    const { world, steps, pass } = scene()
    world.stream = 'held'
    world.pages = { answers: 500 }
    await pass(10_500, () => steps.includes('down timeout'))
    expect(steps.slice(1)).toEqual(['connecting sse', 'down timeout'])
  })
})

test('failed connects and early ends: the second in a row is enough', async () => {
  const { world, steps, isLive, pass, count } = scene()
  world.stream = 'cut'
  await pass(10_000, () => isLive('poll'))
  expect(count('events')).toBe(2)
  expect(steps.at(-1)).toBe('live poll for ended')
})

describe('what the hub says is obeyed, and is no reason to go elsewhere', () => {
  test.each<[string, Weather, string]>([
    ['disabled', { bye: 'disabled' }, 'down disabled'],
    ['draining', { bye: 'draining' }, 'down draining'],
    ['overloaded', { bye: 'overloaded' }, 'down overloaded'],
    ['401', { answers: 401 }, 'stopped'],
    ['403', { answers: 403 }, 'stopped'],
    ['204', { answers: 204 }, 'stopped'],
    ['400', { answers: 400 }, 'stopped'],
    ['429', { answers: 429 }, 'down http'],
  ])('%s', async (_, weather, last) => {
    const { world, steps, pass, count } = scene()
    world.stream = weather
    await pass(60_000, () => steps.filter((step) => step === last).length === 3)
    expect(count('page')).toBe(0)
    expect(steps.at(-1)).toBe(last)
  })

  test('a hub that is disabled while pages are read: they go on when it is back', async () => {
    const { world, status, isLive, pass, count } = await degraded()
    world.pages = { answers: 503, code: 'disabled' }
    await pass(2_000)
    const streams = count('events')
    world.publish()
    await pass(10_000, () => status().phase === 'down')
    expect(status()).toMatchObject({ phase: 'down' })
    world.pages = 'flows'
    await pass(10_000, () => isLive('poll'))
    expect(isLive('poll')).toBe(true)
    expect(count('events')).toBeLessThan(streams + 2)
  })

  test.each([
    ['', { bye: 'disabled' }],
    [', also where it is worth nothing else', { bye: 'disabled', lost: true }],
  ] as const)('good-bye to a probe is good-bye%s', async (_, stream) => {
    const { world, status, pass } = await degraded()
    world.stream = stream
    await pass(20_000, () => status().phase === 'down')
    expect(status()).toMatchObject({ reason: 'disabled', retryInMs: 7_000 })
    const before = world.requests.length
    await pass(6_500)
    expect(world.requests).toHaveLength(before)
    // It says nothing of whether streams get through.
    await pass(1_000)
    expect(world.requests[before]).toBe('page e:0')
  })

  test('a probe that is shut out is the end', async () => {
    const { world, status, pass } = await degraded()
    world.stream = { answers: 401 }
    await pass(20_000, () => status().phase === 'stopped')
    expect(status()).toMatchObject({ error: { code: 'unauthorized' } })
  })
})

test('where pages do not work either, stream and pages take turns, and neither is hammered', async () => {
  const { world, heard, steps, isLive, pass } = scene()
  world.stream = { answers: 502 }
  world.pages = { answers: 502 }
  await pass(60_000)
  const kinds = world.requests.map((request) => request.split(' ')[0])
  expect(kinds).toEqual(['events', 'events', 'page', 'events', 'page', 'events', 'page', 'events'])
  expect(steps.filter((step) => step.startsWith('live'))).toEqual([])
  // Whichever answers first is taken, and the stream it is in the end.
  world.pages = 'flows'
  await pass(60_000, () => isLive('poll'))
  world.stream = 'flows'
  await pass(60_000, () => isLive('sse'))
  world.publish()
  await pass(250)
  expect(heard).toEqual(['added e:0', '1'])
})

test.each(['trim', 'rotate'] as const)(
  'the log loses something meanwhile (%s): pages tell of it, once, and no probe does',
  async (how) => {
    const { world, heard, isLive, pass, count } = await degraded()
    world.publish()
    await pass(2_000)
    // Pages say no more; a probe hears of the loss at once.
    world.pages = 'silent'
    world.publish()
    await pass(2_000)
    world.publish()
    world[how]()
    const probes = count('events')
    world.stream = 'flows'
    await pass(20_000, () => count('events') > probes)
    await pass(2_000)
    expect(isLive('poll')).toBe(true)
    expect(heard.slice(1)).toEqual(['1'])
    world.pages = 'flows'
    await pass(90_000, () => isLive('sse'))
    world.publish()
    await pass(250)
    expect(heard.slice(1)).toEqual(['1', how === 'trim' ? 'trimmed e:3' : 'epoch f:3', '4'])
  },
)

test('another question keeps to the pages, and closing leaves nothing behind', async () => {
  const { world, client, clock, listener, status, pass, count } = await degraded()
  const streams = count('events')
  client.subscribe({ ...listener, topic: 'board:8' as never })
  await pass(500, () => client.status.topic('board:8') === 'live')
  expect(count('events')).toBe(streams)
  expect(status()).toMatchObject({ phase: 'live', via: 'poll', degraded: { code: 'timeout' } })
  client.close()
  await clock.advance(1_000)
  expect(clock.pending()).toBe(0)
  const before = world.requests.length
  await pass(10_000)
  expect(world.requests).toHaveLength(before)
})

test.each<[string, Weather]>([
  ['said good-bye', { bye: 'disabled' }],
  ['refused', { answers: 401 }],
  ['ended', 'cut'],
  ['been held back', 'held'],
])('a stream that has %s is let go of, answers that nobody has read to their end included', async (_, weather) => {
  const { world, pass } = scene()
  world.stream = weather
  await pass(4_000, () => world.requests.length > 1)
  expect(world.signals[0]?.aborted).toBe(true)
})
