// Proves that the hub for tests is a hub, and that each of its misfortunes reaches a real client as the real one would.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ClientOptions, createHubClient, type TopicGap } from '@sse-hub/core'
import { expect, onTestFinished, test } from 'vitest'
import { contract, until } from './fixtures/world.ts'
import { toNodeHandler } from './node.ts'
import { createTestHub, type TestHub } from './testing-hub.ts'

type C = typeof contract

function hubOf(): TestHub<C> {
  const hub = createTestHub({ contract })
  onTestFinished(() => hub.close())
  return hub
}

/** A client of the hub that takes down what it hears of `board:7`. */
function listen(hub: TestHub<C>, options: Partial<ClientOptions<C>> = {}) {
  const client = createHubClient<C>({ url: hub.url, fetch: hub.fetch, onReport: () => {}, ...options })
  onTestFinished(() => client.close())
  const heard: number[] = []
  const gaps: TopicGap['reason'][] = []
  client.subscribe({
    topic: 'board:7',
    on: { 'card.moved': ({ data }) => void heard.push(data.n) },
    onGap: ({ reason }) => void gaps.push(reason),
  })
  return { client, heard, gaps }
}

const move = (n: number) => ({ type: 'card.moved', topic: 'board:7', data: { n } }) as const

/** Both doors: `fetch` without a port, and a server. */
const doors = {
  fetch: async (hub: TestHub<C>) => ({ url: hub.url, fetch: hub.fetch }),
  async node(hub: TestHub<C>) {
    const server = createServer(toNodeHandler(hub))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    // Node's own fetch says no origin by itself.
    return { url: `${origin}${hub.prefix}`, headers: { origin } }
  },
}

test.each(Object.entries(doors))('through %s: events, emits, and a cut that loses nothing', async (_, door) => {
  const hub = hubOf()
  const { client, heard, gaps } = listen(hub, await door(hub))
  await hub.connected(1)
  await until(() => expect(client.status.get().phase).toBe('live'))
  await hub.publish(move(1))
  await until(() => expect(heard).toEqual([1]))
  hub.cut()
  expect(hub.hub.stats().connections).toBe(0)
  await hub.publish([move(2), move(3)])
  await hub.connected(1)
  await until(() => expect(heard).toEqual([1, 2, 3]))
  expect(gaps).toEqual(['added'])
  const { accepted } = client.emit({ type: 'card.noted', topic: 'board:8', data: { note: 'x' } })
  expect(await accepted).toMatchObject({ ok: true })
})

test.each(Object.entries(doors))('through %s: down, until it is up again', async (_, door) => {
  const hub = hubOf()
  const { client, heard } = listen(hub, await door(hub))
  await hub.connected(1)
  await until(() => expect(client.status.get().phase).toBe('live'))
  hub.down()
  await until(() => expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'network' }))
  await hub.publish(move(1))
  hub.up()
  client.start()
  await until(() => expect(heard).toEqual([1]))
})

test('a restart on the same log loses nothing, and handlers stay', async () => {
  const hub = hubOf()
  const clicked: string[] = []
  hub.on('button.clicked', ({ data }) => clicked.push(data.button))
  const { client, heard, gaps } = listen(hub)
  await hub.connected(1)
  const before = hub.hub
  await hub.publish(move(1))
  await hub.restart()
  await hub.publish(move(2))
  await until(() => expect(heard).toEqual([1, 2]))
  expect(gaps).toEqual(['added'])
  expect(hub.hub).not.toBe(before)
  expect(await client.emit({ type: 'button.clicked', data: { button: 'save' } }).accepted).toMatchObject({ ok: true })
  expect(clicked).toEqual(['save'])
})

test('a restart without its log is a gap of reason epoch', async () => {
  const hub = hubOf()
  const { heard, gaps } = listen(hub)
  await hub.connected(1)
  await hub.restart({ log: 'lost' })
  await until(() => expect(gaps).toEqual(['added', 'epoch']))
  await hub.publish(move(1))
  await until(() => expect(heard).toEqual([1]))
})

test('a trim is a gap for who is there and for who comes back, as often as it happens, and not for who comes later', async () => {
  const hub = hubOf()
  const there = listen(hub)
  const away = listen(hub)
  await hub.connected(2)
  away.client.close()
  await hub.connected(1)
  await hub.publish(move(1))
  await hub.trim()
  await until(() => expect(there.gaps).toEqual(['added', 'trimmed']))
  expect(there.heard).toEqual([1])
  await hub.trim()
  await until(() => expect(there.gaps).toEqual(['added', 'trimmed', 'trimmed']))
  away.client.start()
  await until(() => expect(away.gaps).toEqual(['added', 'trimmed']))
  hub.cut()
  await hub.publish(move(2))
  await until(() => expect([there.heard, away.heard]).toEqual([[1, 2], [2]]))
  expect(there.gaps).toHaveLength(3)
})

test('a topic that is revoked is refused, and granted again; a user who is revoked is signed out', async () => {
  const hub = hubOf()
  const { client } = listen(hub)
  const ada = listen(hub, { headers: { 'x-user': 'ada' } })
  await hub.connected(2)
  expect(ada.client.status.get()).toMatchObject({ user: 'ada' })
  hub.revoke('board:7')
  await until(() => expect(client.status.topic('board:7')).toBe('refused'))
  const { accepted } = client.emit({ type: 'card.noted', topic: 'board:7', data: { note: 'x' } })
  expect(await accepted).toMatchObject({ ok: false, error: { code: 'forbidden' } })
  hub.grant('board:7')
  hub.cut()
  await until(() => expect(client.status.topic('board:7')).toBe('live'))
  hub.revoke('user:ada')
  await until(() =>
    expect(ada.client.status.get()).toMatchObject({ phase: 'stopped', error: { code: 'unauthorized' } }),
  )
  await hub.connected(1)
})

test('the kill switch, and back', async () => {
  const hub = hubOf()
  const { client, heard } = listen(hub)
  await hub.connected(1)
  hub.disable()
  await until(() => expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'disabled' }))
  await hub.publish(move(1))
  hub.enable()
  await until(() => expect(heard).toEqual([1]))
})

test('who waits for clients that do not come is told how many there are', async () => {
  const hub = hubOf()
  listen(hub)
  await hub.connected(1)
  await expect(hub.connected(2, 20)).rejects.toThrow(/^1 streams are live and 1 of them read, not 2/)
})

test('a request that is given up is refused, and its stream forgotten', async () => {
  const hub = hubOf()
  const leaving = new AbortController()
  const { body } = await hub.fetch('/api/sse/events?topics=board:7', { signal: leaving.signal })
  const reader = body?.getReader()
  await reader?.read()
  // Caught below, or it would be nobody's meanwhile.
  const next = reader?.read().catch((error: unknown) => String(error))
  await hub.connected(1)
  leaving.abort()
  await hub.connected(0)
  expect(await next).toMatch(/ended this stream/)
  await expect(hub.fetch('/api/sse/health', { signal: leaving.signal })).rejects.toThrow(/abort/)
})
