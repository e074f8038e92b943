// The server by itself, over real sockets: what it refuses, what it keeps together, and what its logs promise.
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Card, Message } from '../contract.ts'
import { type AppOptions, createApp } from '../server/app.ts'
import { scratch } from './stage.ts'

async function start(options: AppOptions = {}) {
  const folder = scratch()
  const path = join(folder.path, 'board.db')
  const app = await createApp({ port: 0, path, ...options })
  onTestFinished(async () => {
    await app.close({ overMs: 0 })
    folder.remove()
  })
  const ask = (method: string, where: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${app.url}${where}`, {
      method,
      headers: { 'Content-Type': 'application/json', 'Board-User': 'ada', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  const get = async <T>(where: string): Promise<T> => (await (await ask('GET', where)).json()) as T
  const page = async (after: string, topics: string) =>
    (
      await get<{ events: { type: string; topic: string; data: Partial<Card> }[] }>(
        `/api/sse/page?after=${after}&topics=${topics}`,
      )
    ).events
  return { ...app, path, ask, get, page }
}

test.each<
  [
    what: string,
    status: number,
    code: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ]
>([
  ['no name', 401, 'unauthorized', 'POST', '/api/cards', { title: 'x' }, { 'Board-User': '' }],
  [
    'a form of another site',
    415,
    'unsupported_media_type',
    'POST',
    '/api/cards',
    'title=x',
    { 'Content-Type': 'text/plain' },
  ],
  ['another origin', 403, 'forbidden_origin', 'POST', '/api/cards', { title: 'x' }, { Origin: 'https://evil.example' }],
  ['an opaque origin', 403, 'forbidden_origin', 'DELETE', '/api/cards/talk', undefined, { Origin: 'null' }],
  ['no JSON', 400, 'malformed', 'POST', '/api/cards', '{'],
  ['no title', 400, 'invalid_data', 'POST', '/api/cards', { title: '  ' }],
  ['an unknown member', 400, 'invalid_data', 'POST', '/api/cards', { title: 'x', version: 7 }],
  ['an id with a path in it', 400, 'invalid_data', 'POST', '/api/cards', { title: 'x', id: '../x' }],
  ['an unknown column', 400, 'invalid_data', 'PATCH', '/api/cards/talk', { column: 'later' }],
  ['a move and an edit at once', 400, 'invalid_data', 'PATCH', '/api/cards/talk', { column: 'done', title: 'x' }],
  ['too much', 413, 'too_large', 'POST', '/api/cards', { title: 'x'.repeat(70_000) }],
  ['an unknown card', 404, 'not_found', 'PATCH', '/api/cards/nope', { title: 'x' }],
  ['an unknown path', 404, 'not_found', 'GET', '/api/nothing'],
])('%s is answered %i %s', async (_, status, code, method, path, body, headers) => {
  const { ask, get } = await start()
  const before = await get<Card[]>('/api/cards')
  const answer = await ask(method, path, body, headers)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ error: { code, message: expect.any(String) } })
  expect(await get<Card[]>('/api/cards')).toEqual(before)
})

test.each([
  '/../package.json',
  '/..%2fpackage.json',
  '/%2e%2e/package.json',
  '/assets/../../contract.ts',
  '/%00',
  '/%',
])('no file outside of the page is served: %s', async (path) => {
  const { url } = await start()
  const { port } = new URL(url)
  // fetch would tidy the path.
  const status = await new Promise((resolve, reject) =>
    request({ port, path }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end(),
  )
  expect([400, 404]).toContain(status)
})

test('a page makes its visitor known by a cookie: the name that was said, or a friendly one', async () => {
  const { ask } = await start({ page: join(import.meta.dirname, '..') })
  const cookie = async (path: string, said: Record<string, string> = {}) =>
    (await ask('GET', path, undefined, { 'Board-User': '', ...said })).headers.get('set-cookie')?.split(';')[0]
  expect(await cookie('/?user=Ada%20Lovelace')).toBe('board_user=ada-lovelace')
  expect(await cookie('/', { Cookie: 'board_user=grace' })).toBe('board_user=grace')
  expect(await cookie('/')).toMatch(/^board_user=[a-z]+-[a-z]+$/)
})

for (const log of ['sqlite', 'memory'] as const) {
  test(`every change is in the state and among the events after the cursor that was read before it (${log})`, async () => {
    const { ask, get, page } = await start({ log })
    const { headers } = await ask('GET', '/api/cards')
    const after = headers.get('hub-cursor') ?? ''
    await ask('POST', '/api/cards', { id: 'new', title: 'New' })
    await ask('PATCH', '/api/cards/new', { text: 'More' })
    await ask('PATCH', '/api/cards/new', { column: 'done', before: 'start' })
    await ask('POST', '/api/cards/new/messages', { id: 'm', text: 'Hello' })
    const said = await page(after, 'board,conversation:new')
    expect(said.map(({ type, topic, data }) => [type, topic, data.version])).toEqual([
      ['card.created', 'board', 1],
      ['card.updated', 'board', 2],
      ['card.moved', 'board', 3],
      ['card.commented', 'board', 4],
      ['message.posted', 'conversation:new', undefined],
    ])
    const cards = await get<Card[]>('/api/cards')
    expect(cards.filter(({ column }) => column === 'done').map(({ id }) => id)).toEqual(['new', 'start'])
    expect(cards.find(({ id }) => id === 'new')).toMatchObject({
      text: 'More',
      messages: 1,
      version: 4,
      changedBy: 'ada',
    })
    expect(await get<Message[]>('/api/cards/new/messages')).toMatchObject([{ id: 'm', author: 'ada', text: 'Hello' }])

    await ask('DELETE', '/api/cards/new')
    expect(await get<Message[]>('/api/cards/new/messages')).toEqual([])
    expect(await page(after, 'board')).toHaveLength(5)
  })
}

test('what is made twice under one name is made once, and changes at the same time count one after the other', async () => {
  const { ask, get } = await start()
  const { headers } = await ask('GET', '/api/cards')
  const make = () => ask('POST', '/api/cards', { id: 'once', title: 'Once' })
  const made = await Promise.all([make(), make(), make()])
  expect(new Set(await Promise.all(made.map((answer) => answer.text()))).size).toBe(1)
  await Promise.all(Array.from({ length: 20 }, (_, n) => ask('PATCH', '/api/cards/once', { text: `Text ${n}` })))
  const cards = await get<Card[]>('/api/cards')
  expect(cards.filter(({ id }) => id === 'once')).toMatchObject([{ version: 21 }])
  const { events } = await get<{ events: { data: Card }[] }>(
    `/api/sse/page?after=${headers.get('hub-cursor')}&topics=board`,
  )
  expect(events.map(({ data }) => data.version)).toEqual(Array.from({ length: 21 }, (_, n) => n + 1))
})

test('a request that comes again under its name is answered as before and changes nothing; its event bears the name', async () => {
  const { ask, get } = await start()
  const { headers } = await ask('GET', '/api/cards')
  const after = headers.get('hub-cursor') ?? ''
  const named = (key: string) => ({ 'Idempotency-Key': key })
  const twice = async (key: string, method: string, path: string, body?: unknown) => {
    const [first, again] = [await ask(method, path, body, named(key)), await ask(method, path, body, named(key))]
    expect(again.status).toBe(first.status)
    expect(await again.text()).toBe(await first.text())
  }
  await twice('k1', 'PATCH', '/api/cards/talk', { column: 'done' })
  await twice('k2', 'POST', '/api/cards', { title: 'One' })
  await twice('k3', 'POST', '/api/cards/talk/messages', { text: 'Hello' })
  const said = await get<{ events: { type: string; id: string }[] }>(
    `/api/sse/page?after=${after}&topics=board,conversation:talk`,
  )
  expect(said.events.map(({ type, id }) => [type, id])).toEqual([
    ['card.moved', 'k1'],
    ['card.created', 'k2'],
    ['card.commented', 'k3.1'],
    ['message.posted', 'k3'],
  ])
  await twice('k4', 'DELETE', '/api/cards/talk')
  // Who takes the name of another person's request changes nothing.
  const stolen = await ask('PATCH', '/api/cards/start', { column: 'todo' }, { ...named('k1'), 'Board-User': 'grace' })
  expect(stolen.status).toBe(422)
  expect(await get<Card[]>('/api/cards')).toContainEqual(expect.objectContaining({ id: 'start', column: 'done' }))
})

test('a place between two cards can be taken for ever', async () => {
  const { ask, get } = await start()
  for (const id of ['top', 'bottom', 'a', 'b']) await ask('POST', '/api/cards', { id, title: id, column: 'done' })
  // Each move halves the distance, which floating point numbers bear some fifty times.
  for (let turn = 0; turn < 70; turn++) {
    const [id, before] = turn % 2 === 0 ? ['a', 'b'] : ['b', 'a']
    expect((await ask('PATCH', `/api/cards/${id}`, { column: 'done', before })).status).toBe(200)
    const done = (await get<Card[]>('/api/cards')).filter(({ column }) => column === 'done').map((card) => card.id)
    expect(done).toEqual(['start', 'top', 'bottom', id, before])
  }
})

test('the board and its stream outlive the process that served them', async () => {
  const first = await start()
  const { headers } = await first.ask('GET', '/api/cards')
  await first.ask('PATCH', '/api/cards/talk', { column: 'done' })
  await first.close({ overMs: 0 })
  const again = await createApp({ port: 0, path: first.path })
  onTestFinished(() => again.close({ overMs: 0 }))
  const answer = await fetch(`${again.url}/api/sse/page?after=${headers.get('hub-cursor')}&topics=board`)
  expect(await answer.json()).toMatchObject({
    gaps: [],
    events: [{ type: 'card.moved', data: { id: 'talk', version: 2 } }],
  })
})

test('a theme is kept per person, by an emit', async () => {
  const { ask, get, url } = await start()
  const events = [{ seq: 1, id: 'e1', type: 'theme.changed', data: { theme: 'dark' } }]
  const answer = await ask('POST', '/api/sse/events', { producer: 'p-12345678', events }, { Origin: url })
  expect(await answer.json()).toMatchObject({ user: 'ada', results: [{ id: 'e1' }] })
  expect(await get('/api/theme')).toEqual({ theme: 'dark' })
  expect(await (await ask('GET', '/api/theme', undefined, { 'Board-User': 'grace' })).json()).toEqual({ theme: null })
})
