// Proves what a page knows of who is there: from the stream, from another tab's, and when it does not know any more.
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encodeBlock } from './contract/wire.ts'
import { clientOf, eventBlock, syncBlock } from './fixtures/scripted-server.ts'
import { openBody, tabsWorld, topicsOf } from './fixtures/tabs-world.ts'
import type { Fetch } from './ports.ts'
import { presenceOf } from './presence.ts'
import { virtualClock } from './testing/virtual-clock.ts'

// Loaded on demand: once, so that no test waits for it in virtual time.
beforeAll(() => import('./tabs/others.ts'))

const told = (users: readonly string[], count = users.length, topic = 'board:7') =>
  encodeBlock({ event: 'hub.presence', data: JSON.stringify({ topic, users, count }) })

/** A hub whose streams the test fills: each begins with its sync and what `first` says then. */
function scriptedHub() {
  const hub = {
    first: '',
    user: 'u1' as string | null,
    /** How far its log goes. */
    head: 0,
    granted: undefined as readonly string[] | undefined,
    /** Speaks on the newest stream. */
    say: (_: string) => {},
    end: () => {},
    streams: [] as string[][],
    fetch: (async (url: string, init: RequestInit) => {
      const topics = topicsOf(url)
      if (url.includes('/page')) {
        const after = new URL(url, 'http://hub').searchParams.get('after') ?? `e:${hub.head}`
        return Response.json({ after, through: `e:${hub.head}`, topics, user: hub.user, events: [], gaps: [] })
      }
      hub.streams.push(topics)
      const { granted = topics, user } = hub
      const body = openBody(init, syncBlock(`e:${hub.head}`, granted, { user }) + hub.first)
      hub.say = body.say
      hub.end = () =>
        body.say(encodeBlock({ event: 'hub.bye', data: JSON.stringify({ reason: 'draining', retryMs: 3_000 }) }))
      return body.response
    }) as Fetch,
  }
  return hub
}

/** One client that reads a stream of its own. */
function scene() {
  const clock = virtualClock()
  const hub = scriptedHub()
  const { client } = clientOf(clock, 'http://hub', { fetch: hub.fetch })
  const presence = presenceOf(client as never, 'board:7' as never)
  return { clock, hub, client, presence, pass: (ms = 0) => clock.advance(ms) }
}

describe('a store of who is there', () => {
  test('tells what the hub has said, as the same object until that changes', async () => {
    const { hub, presence, pass } = scene()
    let calls = 0
    expect(presence.get()).toBeUndefined()
    const stop = presence.subscribe(() => void calls++)
    hub.first = told(['u1'])
    await pass()
    const first = presence.get()
    expect(first).toEqual({ users: ['u1'], count: 1, stale: false })
    expect(presence.get()).toBe(first)
    expect(calls).toBe(1)
    // The same again, and who is elsewhere.
    hub.say(told(['u1']) + told(['u9'], 1, 'board:8'))
    await pass()
    expect([presence.get(), calls]).toEqual([first, 1])
    hub.say(told(['u1', 'u2'], 250))
    await pass()
    expect([presence.get(), calls]).toEqual([{ users: ['u1', 'u2'], count: 250, stale: false }, 2])
    stop()
    hub.say(told(['u1']))
    await pass()
    expect(calls).toBe(2)
  })

  test('knows what was told before it was asked for, and holds its topic while somebody listens', async () => {
    const { hub, client, presence, pass } = scene()
    client.subscribe({ topic: 'board:7' as never })
    hub.first = told(['u1'])
    await pass()
    expect(presence.get()?.users).toEqual(['u1'])
    const other = presenceOf(client as never, 'board:8' as never)
    const stop = other.subscribe(() => {})
    await pass(50)
    expect(hub.streams).toEqual([['board:7'], ['board:7', 'board:8']])
    expect(other.get()).toBeUndefined()
    hub.say(told(['u2'], 1, 'board:8'))
    await pass()
    expect(other.get()?.users).toEqual(['u2'])
    stop()
    await pass(1_100)
    expect(hub.streams.at(-1)).toEqual(['board:7'])
  })

  test('says that it is stale from the end of a stream until the next one has told', async () => {
    const { hub, presence, pass } = scene()
    const seen: unknown[] = []
    presence.subscribe(() => {
      const state = presence.get()
      seen.push(state && [state.users.join(), state.stale])
    })
    hub.first = told(['u1', 'u2'])
    await pass()
    hub.first = ''
    hub.end()
    await pass()
    await pass(3_000)
    expect(hub.streams).toHaveLength(2)
    expect(presence.get()).toEqual({ users: ['u1', 'u2'], count: 2, stale: true })
    hub.say(told(['u1', 'u2']))
    await pass()
    expect(seen).toEqual([
      ['u1,u2', false],
      ['u1,u2', true],
      ['u1,u2', false],
    ])
  })

  test('forgets what another user was told, and of a topic that is not granted any more', async () => {
    const { hub, presence, pass } = scene()
    presence.subscribe(() => {})
    hub.first = told(['u1', 'u2'])
    await pass()
    hub.user = 'u3'
    hub.first = ''
    hub.end()
    await pass(3_000)
    expect(presence.get()).toBeUndefined()
    hub.say(told(['u3']))
    await pass()
    expect(presence.get()?.users).toEqual(['u3'])
    hub.granted = []
    hub.end()
    await pass(3_000)
    expect(presence.get()).toBeUndefined()
  })
})

describe('the tabs of a browser', () => {
  /** Tabs that share a stream of a hub, which tells who is there when the stream begins. */
  function browser() {
    const hub = scriptedHub()
    hub.first = told(['u1'])
    const world = tabsWorld()
    const open = () => {
      const { client } = world.open(hub.fetch)
      onTestFinished(() => client.close())
      const presence = presenceOf(client as never, 'board:7' as never)
      presence.subscribe(() => {})
      return { client, presence }
    }
    return { hub, open, pass: (ms = 500) => world.clock.advance(ms) }
  }

  test('all know, whenever they come; and follow what changes', async () => {
    const { hub, open, pass } = browser()
    const tabs = [open()]
    await pass()
    tabs.push(open())
    await pass()
    hub.say(told(['u1', 'u2']))
    await pass()
    tabs.push(open())
    await pass()
    const all = () => tabs.map(({ presence }) => presence.get())
    expect(tabs.map(({ client }) => (client.status.get() as { via?: string }).via)).toEqual(['sse', 'tab', 'tab'])
    expect(all()).toEqual(Array(3).fill({ users: ['u1', 'u2'], count: 2, stale: false }))
    hub.say(told(['u1']))
    await pass()
    expect(all()).toEqual(Array(3).fill({ users: ['u1'], count: 1, stale: false }))
    expect(hub.streams).toHaveLength(1)
  })

  test('hear it from the tab that leads next', async () => {
    const { hub, open, pass } = browser()
    const [first, second, third] = [open(), open(), open()]
    await pass()
    hub.first = told(['u1', 'u3'])
    first.client.close()
    await pass()
    expect([second, third].map(({ presence }) => presence.get())).toEqual(
      Array(2).fill({ users: ['u1', 'u3'], count: 2, stale: false }),
    )
    // It is the newest that a tab hears which comes now, and nothing of the old stream.
    hub.say(told(['u3']))
    await pass()
    const late = open()
    await pass()
    expect(late.presence.get()?.users).toEqual(['u3'])
  })

  test('know again what has not changed since they went', async () => {
    const { open, pass } = browser()
    open()
    await pass()
    const { client, presence } = open()
    await pass()
    client.close()
    expect(presence.get()?.stale).toBe(true)
    client.start()
    await pass()
    expect(presence.get()).toEqual({ users: ['u1'], count: 1, stale: false })
  })

  test('know it where they lack something else, and where the first they hear is something else', async () => {
    const { hub, open, pass } = browser()
    open()
    const [{ client, presence }] = [open(), open()]
    await pass()
    client.close()
    hub.head = 1
    hub.say(eventBlock('e:1', 'board:7', 1))
    await pass()
    client.start()
    await pass()
    expect(presence.get()?.stale).toBe(false)
    client.close()
    await pass()
    client.start()
    hub.head = 2
    hub.say(eventBlock('e:2', 'board:7', 2))
    await pass()
    expect(presence.get()?.stale).toBe(false)
  })

  test('do not take for new what an earlier stream has told', async () => {
    const { hub, open, pass } = browser()
    const [first, { client, presence }, third] = [open(), open(), open()]
    await pass()
    hub.first = ''
    // Another tab leads when it comes back.
    client.close()
    first.client.close()
    await pass()
    client.start()
    await pass()
    expect(presence.get()).toEqual({ users: ['u1'], count: 1, stale: true })
    hub.say(told(['u1']))
    await pass()
    expect(presence.get()?.stale).toBe(false)
    // The same tab leads, by another stream; then this one asks for what that has already.
    third.client.subscribe({ topic: 'board:8' as never })
    await pass()
    client.subscribe({ topic: 'board:8' as never })
    await pass()
    expect(presence.get()?.stale).toBe(true)
  })
})
