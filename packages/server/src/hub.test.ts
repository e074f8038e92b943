// createHub as an application meets it: publishing, preparing, cursors, and a restart on a file.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type contract, numbers, type RawStream, until, type World, world } from './fixtures/world.ts'
import { memoryLog } from './logs/memory.ts'
import { sqliteLog } from './logs/sqlite.ts'

const moved = (n: number, id?: string) => ({
  type: 'card.moved' as const,
  topic: 'board:7' as const,
  data: { n },
  ...(id ? { id } : {}),
})
const seen = (stream: RawStream) => stream.of('card.moved').map(({ data }) => data.n)

describe('publish', () => {
  test('answers the id and the cursor; what travels is the validator’s output', async () => {
    const { hub, open } = await world()
    const stream = await open()
    await stream.first('hub.sync')
    const published = await hub.publish({ ...moved(1, 'mine'), data: { n: 1, extra: 'stripped' } as { n: number } })
    expect(published).toEqual({ id: 'mine', cursor: await hub.cursor() })
    const { at, ...event } = await stream.first('card.moved')
    expect(event).toEqual({ data: { n: 1 }, topic: 'board:7', id: 'mine' })
    expect(Math.abs(Date.now() - at)).toBeLessThan(10_000)
    expect(stream.blocks.at(-1)?.id).toBe(published.cursor)
  })

  test('without an id makes one up; an ephemeral event has no cursor', async () => {
    const { hub } = await world()
    expect((await hub.publish(moved(1))).id).toMatch(/^[0-9a-f-]{36}$/)
    expect(await hub.publish({ type: 'pointer.moved', topic: 'board:7', data: { x: 1 }, id: 'p' })).toEqual({ id: 'p' })
  })

  test('several at once are answered in order, durable or not', async () => {
    const { hub, open } = await world()
    const stream = await open()
    await stream.first('hub.sync')
    const [one, pointer, two] = await hub.publish([
      moved(1, 'a'),
      { type: 'pointer.moved', topic: 'board:7', data: { x: 1 }, id: 'p' },
      moved(2, 'b'),
    ])
    const [epoch] = (await hub.cursor()).split(':')
    expect([one, pointer, two]).toEqual([
      { id: 'a', cursor: `${epoch}:1` },
      { id: 'p' },
      { id: 'b', cursor: `${epoch}:2` },
    ])
    await until(() => expect(stream.blocks.length).toBe(4))
    expect(await hub.publish([])).toEqual([])
  })

  test('again with the same id does nothing, and answers the same', async () => {
    const { hub, open } = await world()
    const stream = await open()
    await stream.first('hub.sync')
    const first = await hub.publish(moved(1, 'same'))
    expect(await hub.publish(moved(1, 'same'))).toEqual(first)
    await hub.publish(moved(2))
    await until(() => expect(seen(stream)).toEqual([1, 2]))
  })

  test('again with the id that was made for it does nothing, either, and what was prepared may be appended twice', async () => {
    const log = memoryLog()
    const { hub } = await world({ log })
    const { type, topic, data } = moved(1)
    const first = await hub.publish({ type, topic, data })
    expect(await hub.publish({ type, topic, data, id: first.id })).toEqual(first)
    const prepared = await hub.prepare([{ type, topic, data }])
    const { positions } = await log.append(prepared)
    expect(await log.append(prepared)).toMatchObject({ positions })
  })

  test('calls made one after the other keep their order without being awaited', async () => {
    const { hub, open } = await world()
    const stream = await open()
    await stream.first('hub.sync')
    await Promise.all(numbers(500).map((n) => hub.publish(moved(n))))
    await until(() => expect(seen(stream)).toEqual(numbers(500)))
  })
})

test('`fetch`, `GET` and `POST` need no `this`', async () => {
  const { hub } = await world()
  const { fetch: GET } = hub
  expect((await GET(new Request('http://hub/api/sse/health'))).status).toBe(200)
})

test('hub.cursor() read before the state: a stream from there misses nothing and has no gap', async () => {
  const { hub, open } = await world()
  await hub.publish(moved(1))
  const cursor = await hub.cursor()
  await hub.publish(moved(2))
  const stream = await open(`/api/sse/events?after=${cursor}`)
  expect((await stream.first('hub.sync')).gaps).toEqual([])
  await until(() => expect(seen(stream)).toEqual([2]))
})

test('one slow or failing reporter does not matter', async () => {
  const { hub, get } = await world({
    onReport: () => {
      throw new Error('reporter')
    },
    authorize: () => {
      throw new Error('down')
    },
  })
  expect((await get('/api/sse/page')).status).toBe(503)
  expect((await hub.fetch(new Request('http://hub/api/sse/health'))).status).toBe(200)
})

test('what the contract does not allow does not compile', () => {
  const never = async ({ hub }: World<typeof contract>) => {
    // @ts-expect-error: no such type
    await hub.publish({ type: 'card.unknown', topic: 'board:7', data: { n: 1 } })
    // @ts-expect-error: no such payload
    await hub.publish({ type: 'card.moved', topic: 'board:7', data: { n: 'one' } })
    // @ts-expect-error: a topic of another kind
    await hub.publish({ type: 'card.moved', topic: 'news', data: { n: 1 } })
    // @ts-expect-error: an event without a topic
    await hub.publish({ type: 'button.clicked', topic: 'board:7', data: { button: 'b' } })
    // @ts-expect-error: whose own topic it is must be said
    await hub.prepare([{ type: 'theme.changed', topic: 'user', data: { theme: 'dark' } }])
    // @ts-expect-error: clients cannot emit it
    hub.on('card.moved', () => {})
    // @ts-expect-error: no such member
    hub.on('theme.changed', ({ data }) => data.colour)
    const [one] = await hub.publish([moved(1), { type: 'news.said', topic: 'news', data: { text: 'a' } }])
    return one?.cursor
  }
  expect(never).toBeTypeOf('function')
})

describe('on a SQLite file', () => {
  const file = () => {
    const directory = mkdtempSync(join(tmpdir(), 'hub-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    return join(directory, 'hub.db')
  }
  const noted = (seq: number) => ({
    seq,
    id: `e${seq}`,
    type: 'card.noted',
    topic: 'board:7',
    data: { note: `n${seq}` },
  })
  const batch = (...seqs: number[]) => ({ producer: 'producer-1', events: seqs.map(noted) })
  const grant = { 'x-read': 'board:7', 'x-write': 'board:7' }

  test('a restart loses and doubles nothing, for streams, pages and emits', async () => {
    const path = file()
    const one = await world({ log: sqliteLog({ path }) })
    const stream = await one.open('/api/sse/events', grant)
    await stream.first('hub.sync')
    await one.hub.publish(numbers(3).map((n) => moved(n)))
    const first = await one.post(batch(1, 2), grant)
    await until(() => expect(stream.of('card.noted').length).toBe(2))
    await one.hub.close()
    await until(() => expect(stream.ended).toBe('end'))

    const two = await world({ log: sqliteLog({ path }) })
    const again = await two.post(batch(2, 3), grant)
    expect(again.body.results[0]).toEqual(first.body.results[1])
    expect(again.body.results[1].cursor).toMatch(/:6$/)
    expect((await two.post(batch(5), grant)).body.results[0].error.expected).toBe(4)
    await two.hub.publish(moved(4))
    const resumed = await two.open('/api/sse/events', { ...grant, 'last-event-id': stream.lastId() ?? '' })
    expect((await resumed.first('hub.sync')).gaps).toEqual([])
    await until(() =>
      expect(resumed.blocks.map(({ event }) => event)).toEqual(['hub.sync', 'card.noted', 'card.moved']),
    )
    const { body } = await two.get(`/api/sse/page?after=${stream.lastId()}`, grant)
    expect(body.events.map(({ id }: { id: string }) => id)).toEqual(resumed.blocks.slice(1).map(({ data }) => data.id))
  })

  test('what `prepare` made commits with the application’s state, or not at all', async () => {
    const path = file()
    const log = sqliteLog({ path })
    const { hub, open } = await world({ log })
    const stream = await open()
    await stream.first('hub.sync')
    const app = new DatabaseSync(path)
    onTestFinished(() => app.close())
    app.exec('CREATE TABLE cards (n INTEGER)')
    const move = async (n: number, fails: boolean) => {
      const ready = await hub.prepare([moved(n)])
      app.exec('BEGIN IMMEDIATE')
      app.prepare('INSERT INTO cards VALUES (?)').run(n)
      log.appendIn(app, ready)
      app.exec(fails ? 'ROLLBACK' : 'COMMIT')
    }
    await move(1, false)
    await move(2, true)
    await move(3, false)
    await until(() => expect(seen(stream)).toEqual([1, 3]))
    expect(app.prepare('SELECT n FROM cards').all()).toEqual([{ n: 1 }, { n: 3 }])
  })

  test('streams that join while it is written to get each event once', async () => {
    const { hub, open } = await world({ log: sqliteLog({ path: file(), synchronous: 'normal' }) })
    const after = await hub.cursor()
    const total = 600
    let published = 0
    const publishing = (async () => {
      for (const n of numbers(total)) {
        void hub.publish(moved(n))
        published = n
        if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    const streams: RawStream[] = []
    for (let joined = 1; joined <= 10; joined++) {
      await until(() => expect(published).toBeGreaterThanOrEqual(joined * 40))
      streams.push(await open(`/api/sse/events?after=${after}`))
    }
    await publishing
    await until(() => {
      for (const stream of streams) expect(seen(stream).length).toBe(total)
    })
    for (const stream of streams) expect(seen(stream)).toEqual(numbers(total))
  })
})
