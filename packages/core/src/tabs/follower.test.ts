// Proves what a tab that follows makes of the leader's news, with tabs that share nothing but a channel and a lock in memory.
import { expect, onTestFinished, test } from 'vitest'
import type { Frame } from '../contract/wire.ts'
import type { HubError } from '../errors.ts'
import { until } from '../fixtures/scripted-server.ts'
import type { Tabs } from '../ports.ts'
import type { Question, Source } from '../sources/source.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { sharedSource } from './shared.ts'

/** A browser: whoever opens a tab first leads. */
function browser() {
  const clock = virtualClock()
  const channels = new Map<object, (message: unknown) => void>()
  let isHeld = false
  const waiting: (() => void)[] = []
  const request = (_: string, __: LockOptions, held: () => Promise<void>) => {
    if (isHeld) return new Promise((resolve) => waiting.push(() => resolve(held())))
    isHeld = true
    return held()
  }
  const tabs: Tabs = {
    now: clock.now,
    locks: { request } as unknown as LockManager,
    channel(_, hear) {
      const me = {}
      channels.set(me, hear)
      return {
        post: (message) => {
          for (const [other, hears] of channels) if (other !== me) hears(structuredClone(message))
        },
        close: () => void channels.delete(me),
      }
    },
  }
  let ids = 0
  return {
    /** Opens a tab that reads `hub` if it leads, and is answered by `page` when it asks for pages. */
    open(
      hub: Source,
      after: string | undefined,
      page: (url: string, signal?: AbortSignal) => unknown = () => ({}),
      topics = ['board:1'],
    ) {
      const frames: (Frame | HubError)[] = []
      const controller = new AbortController()
      const source = sharedSource({
        hub,
        tabs,
        life: undefined,
        identity: 'u1',
        clock,
        random: { next: () => 0.5, id: () => `tab-${++ids}` },
      })
      const question: Question = {
        url: '/api/sse',
        topics,
        after,
        get: async (url, _, init) => new Response(JSON.stringify(page(url, init?.signal))),
        take: (batch) => void frames.push(...batch),
        clock,
        signal: controller.signal,
      }
      source.open(question).catch((error: HubError) => frames.push(error))
      onTestFinished(() => controller.abort())
      return frames
    },
    /** The tab that leads is gone. */
    handOver: () => waiting.shift()?.(),
    async pass(ms = 10) {
      await clock.advance(ms)
      // What follows is loaded when it is needed, and looks anew then.
      await import('./others.ts')
      await clock.advance(10)
    },
    /** Says something to every tab. */
    post(message: unknown) {
      for (const hears of channels.values()) hears(message)
    },
  }
}

/** A hub that says what the test says. */
function scripted() {
  const said: (readonly Frame[])[] = []
  const asked: (string | undefined)[] = []
  const topics: string[] = []
  let take: Question['take'] = (batch) => said.push(batch)
  const source: Source = {
    via: 'sse',
    open(question) {
      take = question.take
      asked.push(question.after)
      topics.push(question.topics.join())
      said.splice(0).forEach(take)
      return new Promise((_, reject) => question.signal.addEventListener('abort', () => reject(question.signal.reason)))
    },
  }
  return { source, asked, topics, say: (...batch: readonly Frame[]) => take(batch) }
}

const sync = (cursor: string): Frame => ({
  kind: 'sync',
  cursor,
  topics: ['board:1'],
  gaps: [],
  user: 'u1',
  heartbeatMs: 5_000,
})
const gap = (from: string, to: string): Frame => ({ kind: 'gap', topics: ['board:1'], from, to, reason: 'trimmed' })
const event = (cursor: string) => ({ cursor, type: 'moved', data: 1, topic: 'board:1', at: 1, id: cursor })
const page = (after: string, through: string, ...events: readonly object[]) => ({
  after,
  through,
  topics: ['board:1'],
  user: 'u1',
  gaps: [],
  events,
})

test('a tab that is further than the stream is not told what the stream has lost, but asks for what it lacks itself', async () => {
  const { open, pass } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:5'))
  await pass()
  const asked: string[] = []
  const frames = open(hub.source, 'E:20', (url) => {
    asked.push(url)
    return page('E:20', 'E:30', event('E:25'))
  })
  await pass()
  expect(frames).toMatchObject([{ kind: 'sync', cursor: 'E:20' }])
  // The leader's stream is slow, and the log keeps little.
  hub.say({ kind: 'beat', cursor: 'E:6' })
  hub.say(gap('E:6', 'E:30'))
  await pass()
  await until(() => frames.length > 2)
  expect(asked).toEqual(['/api/sse/page?topics=board%3A1&after=E%3A20'])
  expect(frames).not.toContainEqual(expect.objectContaining({ kind: 'gap' }))
  expect(frames).toContainEqual({ kind: 'event', event: event('E:25') })
})

test('a tab that is no further than the stream is told what it has lost', async () => {
  const { open, pass } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:5'))
  await pass()
  const frames = open(hub.source, 'E:5')
  await pass()
  hub.say(gap('E:5', 'E:30'))
  await pass()
  expect(frames).toMatchObject([{ kind: 'sync' }, { kind: 'gap' }])
})

test('a tab that is granted less than the stream carries does not settle for it', async () => {
  const { open, pass } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:30'))
  await pass()
  // The grant was withdrawn, which the hub has not told the leader yet; nor will it, should it be given back before.
  const frames = open(hub.source, 'E:20', () => ({ ...page('E:20', 'E:30'), topics: [] }))
  await pass()
  expect(frames).toMatchObject([{ code: 'changed', retryable: true }])
})

test('a stream that did not carry what a tab reads, and is over when the tab hears of it, refuses it nothing', async () => {
  const { open, pass, post } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:5'))
  await pass()
  const frames = open(hub.source, 'E:5')
  await pass()
  // Both wait in the tab when it goes on: the leader asked for less, and then again for all.
  const news = { kind: 'news', term: 1e15, here: 'E:5' }
  const less: Frame = { ...(sync('E:5') as Extract<Frame, { kind: 'sync' }>), topics: [] }
  post({ ...news, n: 1, frames: [less], asked: [], sync: less })
  post({ ...news, n: 2, frames: [sync('E:5')], asked: ['board:1'], sync: sync('E:5') })
  await pass()
  expect(frames).toEqual([sync('E:5'), sync('E:5')])
})

test('a tab that finds another log than the leader knows of does not read on and on in it', async () => {
  const { open, pass } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:30'))
  await pass()
  let asked = 0
  const busy = () => {
    const at = Math.min(asked++, 20)
    const gaps = at === 0 ? [{ topics: ['board:1'], to: 'F:0', reason: 'epoch' }] : []
    return { ...page(`F:${at}`, `F:${Math.min(at + 1, 20)}`, event(`F:${at + 1}`)), gaps }
  }
  const frames = open(hub.source, 'E:20', busy)
  await pass()
  expect(asked).toBe(1)
  expect(frames).toContainEqual({ kind: 'event', event: event('F:1') })
})

test('what is not kept comes once, though a stream of this tab and the leader’s overlap', async () => {
  const { open, pass, post } = browser()
  open(scripted().source, undefined)
  const own = scripted()
  const frames = open(own.source, 'E:5')
  await pass()
  const { cursor: _, ...pointer } = event('E:6')
  const moved: Frame = { kind: 'event', event: pointer }
  const first = sync('E:5')
  // Nobody carries what this tab reads, so it streams by itself.
  const news = { kind: 'news', term: 1e15, here: 'E:5', sync: first }
  post({ ...news, n: 1, frames: [], asked: [] })
  await pass(1_000)
  post({ ...news, n: 2, frames: [], asked: [] })
  await pass(1_000)
  post({ ...news, n: 3, frames: [], asked: [] })
  await pass()
  own.say(first, moved)
  expect(frames).toEqual([first, moved])
  // The leader does now, and is slower: it says what this tab has heard.
  post({ ...news, n: 4, frames: [first], asked: ['board:1'] })
  await pass()
  post({ ...news, n: 5, frames: [], asked: ['board:1'] })
  await pass()
  post({ ...news, n: 6, frames: [moved], asked: ['board:1'] })
  await pass()
  expect(frames).toEqual([first, moved, first])
})

test('a tab that is further than the stream it follows goes on from where it is when it leads', async () => {
  const { open, pass, handOver } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:5'))
  await pass()
  const own = scripted()
  open(own.source, 'E:20')
  await pass()
  hub.say({ kind: 'beat', cursor: 'E:6' })
  await pass()
  handOver()
  await pass()
  expect(own.asked).toEqual(['E:20'])
})

test('what the leader reads may end a request of its own', async () => {
  const { open, pass } = browser()
  const own = new AbortController()
  const signals: (AbortSignal | undefined)[] = []
  const hub: Source = {
    via: 'sse',
    async open({ get, take }) {
      await get('/api/sse/events', 'text/event-stream', { signal: own.signal })
      take([])
    },
  }
  open(hub, undefined, (_, signal) => signals.push(signal))
  await pass()
  expect(signals).toEqual([own.signal])
})

test('a tab that the leader had forgotten for a moment asks for what was said meanwhile', async () => {
  const { open, pass, post } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:5'))
  await pass()
  const frames = open(hub.source, 'E:5', () => page('E:5', 'E:6', event('E:6')))
  await pass()
  post({ kind: 'want', tab: 'tab-2', topics: [] })
  hub.say({ kind: 'event', event: event('E:6') })
  await pass()
  post({ kind: 'want', tab: 'tab-2', topics: ['board:1'] })
  await pass()
  expect(frames).toContainEqual({ kind: 'event', event: event('E:6') })
})

test('a tab that the leader has forgotten streams by itself, and says again what it reads', async () => {
  const { open, pass, post } = browser()
  const hub = scripted()
  open(hub.source, undefined)
  hub.say(sync('E:5'))
  await pass()
  const own = scripted()
  open(own.source, 'E:5', undefined, ['board:2'])
  // Before the leader asks for both, its leave of before comes in.
  post({ kind: 'want', tab: 'tab-2', topics: [] })
  await pass()
  for (let n = 0; n < 4; n++) {
    post({ kind: 'want', tab: 'tab-2', topics: [] })
    hub.say({ kind: 'beat', cursor: 'E:5' })
    await pass(1_000)
  }
  await pass(100)
  expect([own.topics, hub.topics]).toEqual([['board:2'], ['board:1', 'board:1,board:2']])
})
