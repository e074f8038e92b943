// Proves that the tabs of a browser share one stream and lose nothing of it. The channel and the locks are Node's own, the hub and its socket are real.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHubClient, type HubClient } from '@sse-hub/core'
import { defineContract } from '@sse-hub/core/contract'
import { sharedSource } from '@sse-hub/core/tabs'
import { createHub, memoryLog } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { VERSION } from '../../packages/core/src/tabs/message.ts'

const contract = defineContract({
  topics: ['board'],
  events: { moved: { topic: 'board', data: z.number() }, seen: { topic: 'board', data: z.number(), durable: false } },
})
type Board = typeof contract

async function until(condition: () => unknown): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`It never was so: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Who is signed in, as a cookie says it; nobody for none. */
const cookieOf = (headers: Headers) => /^user=(.+)$/.exec(headers.get('cookie') ?? '')?.[1]

async function hubOf({ delayMs = 0, topics = 100 } = {}) {
  const hub = createHub({
    contract,
    log: memoryLog(),
    limits: { topics },
    authorize: async ({ headers }) => {
      const user = cookieOf(headers)
      return user === undefined ? null : { user, read: Array.from({ length: 9 }, (_, n) => `board:${n}` as const) }
    },
  })
  const requests: string[] = []
  const users: string[] = []
  const handle = toNodeHandler(hub)
  const server = createServer((request, response) => {
    requests.push(`${request.url}`.replace(/^\/api\/sse/, ''))
    if (request.url?.includes('/events')) users.push(`${request.headers.cookie}`)
    setTimeout(() => handle(request, response), delayMs)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await hub.close()
  })
  let n = 0
  return {
    hub,
    /** Ends every connection that there is, without a word. */
    cut: () => server.closeAllConnections(),
    server,
    requests,
    /** Whose streams were asked for. */
    users,
    streams: () => requests.filter((url) => url.startsWith('/events')).length,
    pages: () => requests.filter((url) => url.startsWith('/page')).length,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/sse`,
    publish: (topic = 'board:1') => hub.publish({ type: 'moved', topic: topic as 'board:1', data: ++n }),
    published: () => n,
  }
}

let browsers = 0

/** A browser: its tabs share channels and locks. */
function browserOf(url: string, { locks = true, denied = false, named = true } = {}) {
  const scope = ++browsers
  const tabs: HubClient<Board>[] = []
  let cookie = 'user=u1'
  onTestFinished(() => {
    for (const tab of tabs) tab.close()
  })
  return {
    tabs,
    /** What all tabs send from now on. */
    signIn(user: string) {
      cookie = `user=${user}`
    },
    /** Opens a tab; what it `loses` of the channel, it never hears. */
    open(
      topic: `board:${number}` = 'board:1',
      loses: (message: unknown) => boolean = () => false,
      after?: string,
      own?: string,
      names: string[] = [],
    ) {
      const heard: number[] = []
      const gaps: string[] = []
      const client = createHubClient<Board>({
        url,
        fetch: (asked, init) =>
          fetch(asked, { ...init, headers: { ...init.headers, cookie: own ? `user=${own}` : cookie } }),
        source: sharedSource({
          ...(named && { identity: 'u1' }),
          tabs: {
            channel(name, hear) {
              names.push(name)
              const channel = new BroadcastChannel(`${scope} ${name}`)
              channel.onmessage = ({ data }: { data: unknown }) => {
                if (!loses(data)) hear(data)
              }
              return { post: (message) => channel.postMessage(message), close: () => channel.close() }
            },
            now: Date.now,
            locks: locks
              ? ({
                  request(name: string, options: LockOptions, held: () => Promise<void>) {
                    names.push(name)
                    return denied
                      ? Promise.reject(new DOMException('Not in this context', 'SecurityError'))
                      : navigator.locks.request(`${scope} ${name}`, options, held)
                  },
                } as never)
              : undefined,
          },
        }),
        onReport: () => {},
      })
      client.subscribe({
        topic,
        ...(after !== undefined && { after }),
        on: { moved: ({ data }) => void heard.push(data) },
        onGap: ({ reason }) => void gaps.push(reason),
      })
      tabs.push(client)
      const live = () => client.status.topic(topic) === 'live'
      const via = () => {
        const status = client.status.get()
        return 'via' in status ? status.via : status.phase
      }
      const user = () => {
        const status = client.status.get()
        return status.phase === 'live' ? status.user : status.phase
      }
      return { client, heard, gaps, live, via, user }
    },
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

describe.each([{ locks: true }, { locks: false }, { locks: true, denied: true }])('tabs (%o)', (options) => {
  test('share one stream, and each hears everything once', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const tabs = [browser.open(), browser.open(), browser.open()]
    await until(() => tabs.every(({ live }) => live()))
    for (let n = 0; n < 100; n++) await one.publish()
    await until(() => tabs.every(({ heard }) => heard.length === 100))
    for (const { heard, gaps } of tabs) expect([heard, gaps]).toEqual([numbers(1, 100), ['added']])
    expect(tabs.map(({ via }) => via()).sort()).toEqual(['sse', 'tab', 'tab'])
    expect([one.streams(), one.pages()]).toEqual([1, 0])
  })

  test('whose leader closes go on with nothing lost and nothing doubled', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const first = browser.open()
    await until(first.live)
    const others = [browser.open(), browser.open(), browser.open()]
    await until(() => others.every(({ live }) => live()))
    let publishing = true
    const traffic = (async () => {
      while (publishing) {
        await one.publish()
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    await until(() => others.every(({ heard }) => heard.length > 20))
    first.client.close()
    const at = one.published()
    await until(() => others.every(({ heard }) => (heard.at(-1) ?? 0) > at + 50))
    publishing = false
    await traffic
    await until(() => others.every(({ heard }) => heard.at(-1) === one.published()))
    for (const { heard, gaps } of others) {
      expect(heard).toEqual(numbers(heard[0] ?? 0, one.published()))
      expect(gaps).toEqual(['added'])
    }
    // The next stream began where they were.
    expect([one.streams(), one.pages()]).toEqual([2, 0])
  })

  test('whose leader loses its stream go on by another tab, and notice nothing', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const first = browser.open()
    await until(first.live)
    const others = [browser.open(), browser.open()]
    await until(() => others.every(({ live }) => live()))
    const seen = new Set<unknown>()
    for (const { client } of others) client.status.subscribe(() => void seen.add(client.status.get().phase))
    one.cut()
    await until(() => one.streams() === 2)
    await one.publish()
    await until(() => [first, ...others].every(({ heard }) => heard.length === 1))
    expect([...seen].filter((phase) => phase !== 'live')).toEqual([])
    expect(one.streams()).toBe(2)
  })

  test('that miss a message ask the hub for what they lack', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const leader = browser.open()
    await until(leader.live)
    let lost = 0
    const tab = browser.open('board:1', (message) => JSON.stringify(message).includes('"data":5,') && ++lost > 0)
    await until(tab.live)
    for (let n = 0; n < 10; n++) {
      await one.publish()
      await until(() => leader.heard.length === n + 1)
    }
    await until(() => tab.heard.length === 10)
    expect([tab.heard, tab.gaps, lost]).toEqual([numbers(1, 10), ['added'], 1])
    expect([one.streams(), one.pages()]).toEqual([1, 1])
  })

  test('that have read further than the stream has come are live at once', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const leader = browser.open()
    await until(leader.live)
    for (let n = 0; n < 3; n++) await one.publish('board:2')
    const tab = browser.open('board:1', () => false, await one.hub.cursor())
    await until(tab.live)
    await one.publish()
    await until(() => tab.heard.length === 1 && leader.heard.length === 1)
    expect([tab.heard, tab.gaps, one.streams()]).toEqual([[4], [], 1])
  })

  test('that want another topic while the stream is being opened get it right after', async () => {
    const one = await hubOf({ delayMs: 150 })
    const browser = browserOf(one.url, options)
    const first = browser.open('board:1')
    await until(() => one.streams() === 1)
    const second = browser.open('board:2')
    await until(() => first.live() && second.live())
    await one.publish('board:2')
    await until(() => second.heard.length === 1)
    expect(one.streams()).toBe(2)
  })

  test('that want more together than the hub allows: what does not fit streams by itself', async () => {
    const one = await hubOf({ topics: 2 })
    const browser = browserOf(one.url, options)
    const tabs = [browser.open('board:1')]
    await until(() => tabs[0]?.live())
    tabs.push(browser.open('board:2'), browser.open('board:3'))
    await until(() => tabs.every(({ live }) => live()))
    for (const topic of ['board:1', 'board:2', 'board:3']) await one.publish(topic)
    await until(() => tabs.every(({ heard }) => heard.length === 1))
    expect(tabs.map(({ heard, gaps }) => [heard, gaps])).toEqual([1, 2, 3].map((n) => [[n], ['added']]))
  })

  test('read different topics over one stream', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const a = browser.open('board:1')
    await until(a.live)
    const b = browser.open('board:2')
    await until(b.live)
    for (const topic of ['board:1', 'board:2', 'board:2']) await one.publish(topic)
    await until(() => a.heard.length === 1 && b.heard.length === 2)
    expect([a.heard, b.heard]).toEqual([[1], [2, 3]])
    expect(one.streams()).toBe(2)
    expect([a.gaps, b.gaps]).toEqual([['added'], ['added']])
    const topics = ({ client }: typeof a) => {
      const status = client.status.get()
      return status.phase === 'live' && status.topics
    }
    expect([topics(a), topics(b)]).toEqual([['board:1'], ['board:2']])
  })

  test('are told why there is no stream, and whichever tries again first has it', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, options)
    const tabs = [browser.open(), browser.open(), browser.open()]
    await until(() => tabs.every(({ live }) => live()))
    await one.publish()
    await one.hub.disable()
    const reason = ({ client }: (typeof tabs)[number]) => {
      const status = client.status.get()
      return status.phase === 'down' && status.reason
    }
    await until(() => tabs.every((tab) => reason(tab) === 'disabled'))
    await one.hub.enable()
    const follower = tabs.find(({ via }) => via() !== 'sse') ?? tabs[0]
    for (const tab of [follower, ...tabs]) {
      tab?.client.start()
      await until(() => tab?.live())
    }
    await one.publish()
    await until(() => tabs.every(({ heard }) => heard.length === 2))
    for (const { heard, gaps } of tabs) expect([heard, gaps]).toEqual([[1, 2], ['added']])
    expect(follower?.via()).toBe('sse')
    expect(tabs.map(({ via }) => via()).sort()).toEqual(['sse', 'tab', 'tab'])
  })
})

describe('without an identity', () => {
  const anybody = { named: false }

  test('a tab that follows asks once who it is', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, anybody)
    const tabs = [browser.open(), browser.open(), browser.open()]
    await until(() => tabs.every(({ live }) => live()))
    await one.publish()
    await until(() => tabs.every(({ heard }) => heard.length === 1))
    expect(tabs.map(({ via }) => via()).sort()).toEqual(['sse', 'tab', 'tab'])
    expect([one.streams(), one.pages()]).toEqual([1, 2])
  })

  test('whoever signs in as another user is never told of the stream of the user before, and takes the other tabs along', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, anybody)
    const before = [browser.open(), browser.open()]
    await until(() => before.every(({ live }) => live()))
    browser.signIn('u2')
    const tab = browser.open()
    const seen = new Set<unknown>()
    tab.client.status.subscribe(() => void seen.add(tab.user()))
    const tabs = [...before, tab]
    await until(() => tabs.every(({ user }) => user() === 'u2'))
    await until(
      () =>
        tabs
          .map(({ via }) => via())
          .sort()
          .join() === 'sse,tab,tab',
    )
    await one.publish()
    await until(() => tabs.every(({ heard }) => heard.length === 1))
    expect([...seen]).toEqual(['connecting', 'u2'])
    expect(one.users).toEqual(['user=u1', 'user=u2'])
  })

  test('where the leading tab stays who it is, the other one streams by itself', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, anybody)
    const leader = browser.open('board:1', () => false, undefined, 'u1')
    await until(leader.live)
    browser.signIn('u2')
    const other = browser.open()
    await until(other.live)
    for (let n = 0; n < 3; n++) await one.publish()
    await until(() => leader.heard.length === 3 && other.heard.length === 3)
    expect([leader.user(), other.user()]).toEqual(['u1', 'u2'])
    // The leader has looked once whether it is somebody else by now.
    expect(one.users).toEqual(['user=u1', 'user=u1', 'user=u2'])
    const pages = one.pages()
    other.client.subscribe({ topic: 'board:2' })
    await until(() => other.client.status.topic('board:2') === 'live')
    expect([one.users.slice(3), one.pages() - pages]).toEqual([['user=u2'], 0])
  })

  test('whoever is signed out is told so, and not what the others hear', async () => {
    const one = await hubOf()
    const browser = browserOf(one.url, anybody)
    const leader = browser.open()
    await until(leader.live)
    browser.signIn('')
    const tab = browser.open()
    await until(() => tab.via() === 'stopped')
    await one.publish()
    await until(() => leader.heard.length === 1)
    expect([tab.heard, tab.client.status.get()]).toMatchObject([[], { error: { code: 'unauthorized' } }])
    // Signed in again, in the same tab.
    browser.signIn('u1')
    tab.client.start()
    await until(tab.live)
    expect([tab.via(), one.streams()]).toEqual(['tab', 1])
  })
})

test('tabs of another version of the messages do not share', async () => {
  const one = await hubOf()
  const browser = browserOf(one.url)
  const names: string[] = []
  const spied = browser.open('board:1', () => false, undefined, undefined, names)
  await until(spied.live)
  expect(names).toEqual([`sse-hub ${VERSION} ${one.url} u1`, `sse-hub ${VERSION} ${one.url} u1`])
})
