// Proves that the scripted hub is taken for a hub by the real client, through MSW and without it, and that what a test lets it say arrives.
import { http } from 'msw'
import { setupServer } from 'msw/node'
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { type ClientOptions, createHubClient } from '../client.ts'
import { defineContract } from '../contract/define.ts'
import type { TopicGap } from '../sequence.ts'
import { pollSource } from '../sources/poll.ts'
import { type HubHandlersOptions, hubHandlers } from './scripted-hub.ts'

const contract = defineContract({
  topics: ['board'],
  events: {
    'card.moved': { topic: 'board', data: z.object({ n: z.number() }) },
    'pointer.moved': { topic: 'board', data: z.object({ x: z.number() }), durable: false },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.string() }), emit: true },
    'button.clicked': { data: z.object({ button: z.string() }), emit: true },
  },
})
type C = typeof contract

const url = 'http://localhost/api/sse'
const move = (n: number) => ({ type: 'card.moved', topic: 'board:7', data: { n } }) as const
const until = (holds: () => void) => vi.waitFor(holds, { timeout: 5_000, interval: 5 })

/** Both ways to a client. */
const ways = {
  msw(handlers: ReturnType<typeof scripted>['handlers']) {
    const server = setupServer(...handlers)
    server.listen()
    onTestFinished(() => server.close())
    return {}
  },
  fetch: (_: unknown, fetch: ReturnType<typeof scripted>['fetch']) => ({ fetch }),
}

const scripted = (options: Partial<HubHandlersOptions<C, unknown>> = {}) =>
  hubHandlers({ url, contract, ...options, http })

function listen(options: Partial<ClientOptions<C>>) {
  const client = createHubClient<C>({ url, onReport: () => {}, ...options })
  onTestFinished(() => client.close())
  const heard: unknown[] = []
  const gaps: TopicGap['reason'][] = []
  const stop = client.subscribe({
    topic: 'board:7',
    onEvent: ({ data }) => void heard.push(Object.values(data)[0]),
    onGap: ({ reason }) => void gaps.push(reason),
  })
  return { client, heard, gaps, stop }
}

test.each(Object.entries(ways))('by %s: events, durable and ephemeral, and a cut that loses none', async (_, way) => {
  const hub = scripted()
  const { client, heard, gaps } = listen(way(hub.handlers, hub.fetch))
  await until(() => expect(client.status.topic('board:7')).toBe('live'))
  expect(hub.streams).toEqual([{ topics: ['board:7'], after: null }])
  hub.publish(move(1))
  hub.publish({ type: 'pointer.moved', topic: 'board:7', data: { x: -1 } })
  hub.publish({ ...move(0), topic: 'board:8' })
  await until(() => expect(heard).toEqual([1, -1]))
  const { length } = heard
  hub.cut()
  expect(hub.streams).toEqual([])
  hub.publish(move(2))
  await until(() => expect(heard.slice(length)).toEqual([2]))
  expect(hub.streams).toMatchObject([{ topics: ['board:7'] }])
  expect(gaps).toEqual(['added'])
})

test.each(Object.entries(ways))('by %s: gaps, good-byes, refusals and an outage', async (_, way) => {
  const hub = scripted()
  const { client, heard, gaps } = listen(way(hub.handlers, hub.fetch))
  await until(() => expect(client.status.topic('board:7')).toBe('live'))
  hub.gap()
  hub.gap('epoch')
  hub.publish(move(1))
  await until(() => expect(heard).toEqual([1]))
  expect(gaps).toEqual(['added', 'trimmed', 'epoch'])
  hub.bye('draining', 0)
  hub.gap()
  await until(() => expect(gaps).toEqual(['added', 'trimmed', 'epoch', 'trimmed']))
  hub.down()
  await until(() => expect(client.status.get()).toMatchObject({ phase: 'down', reason: 'network' }))
  hub.publish(move(2))
  hub.up()
  client.start()
  await until(() => expect(heard).toEqual([1, 2]))
  hub.refuse('board:7')
  await until(() => expect(client.status.topic('board:7')).toBe('refused'))
})

test.each(Object.entries(ways))(
  'by %s: emits are taken down once, reach who reads their topic, and can be refused',
  async (_, way) => {
    const forbidden = { code: 'refused', message: 'Not today.', retryable: false }
    const hub = scripted({ onEmit: ({ type }) => (type === 'button.clicked' ? forbidden : undefined) })
    const { client } = listen(way(hub.handlers, hub.fetch))
    const themes: string[] = []
    client.subscribe({
      topic: 'user',
      on: { 'theme.changed': ({ data, user }) => void themes.push(`${user} ${data.theme}`) },
    })
    await until(() => expect(client.status.topic('user')).toBe('live'))
    const { id, accepted } = client.emit({ type: 'theme.changed', data: { theme: 'dark' } })
    expect(await accepted).toEqual({ ok: true, id, cursor: hub.cursor() })
    await until(() => expect(themes).toEqual(['u1 dark']))
    const no = await client.emit({ type: 'button.clicked', data: { button: 'save' } }).accepted
    expect(no).toMatchObject({ ok: false, error: { code: 'refused', message: 'Not today.' } })
    expect(hub.emitted).toMatchObject([{ id, data: { theme: 'dark' } }, { data: { button: 'save' } }])
  },
)

test('a batch that comes again is answered as before, and taken down once', async () => {
  const hub = scripted()
  const body = JSON.stringify({
    producer: 'p-12345678',
    events: [{ seq: 1, id: 'a', type: 'button.clicked', data: { button: 'b' } }],
  })
  const post = async () => (await hub.fetch(`${url}/events`, { method: 'POST', body })).json()
  expect(await post()).toEqual({ user: 'u1', results: [{ id: 'a' }] })
  expect(await post()).toEqual({ user: 'u1', results: [{ id: 'a' }] })
  expect(hub.emitted).toHaveLength(1)
})

test('pages of the same log, for a client that polls', async () => {
  const hub = scripted()
  const { heard, client } = listen({ fetch: hub.fetch, source: pollSource })
  await until(() => expect(client.status.topic('board:7')).toBe('live'))
  hub.publish(move(1))
  await until(() => expect(heard).toEqual([1]))
})

test('what does not fit the contract is an error of the test, and reaches nobody', async () => {
  const hub = scripted()
  const { client, heard } = listen({ fetch: hub.fetch })
  await until(() => expect(client.status.topic('board:7')).toBe('live'))
  expect(() => hub.publish({ ...move(1), data: { n: 'x' as unknown as number } })).toThrow(/does not fit the contract/)
  expect(() => hub.publish({ ...move(1), type: 'card.gone' as 'card.moved' })).toThrow(/no event "card.gone"/)
  expect(() => hub.publish({ ...move(1), topic: 'news' as 'board:7' })).toThrow(/kind "board"/)
  hub.publish(move(2))
  await until(() => expect(heard).toEqual([2]))
})
