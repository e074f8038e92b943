// The conformance cases about keeping events: order, completeness, and ids that are published again.
import assert from 'node:assert/strict'
import type { NewEvent } from '../log.ts'
import { draft, drafts, follow, type LogCase, mark, readAll, start, until } from './bench.ts'

const places = (positions: readonly number[]) =>
  positions.every((position, index) => index === 0 || position > (positions[index - 1] ?? 0))

/** Keeping events. */
export const appendCases: readonly LogCase[] = [
  {
    name: 'an empty log is at position 0 of its epoch',
    async run({ log }) {
      const head = await log.head()
      assert.equal(head.position, 0)
      assert.match(head.epoch, /^[A-Za-z0-9_-]{1,64}$/)
      assert.deepEqual(await log.read(head, { topics: new Set(['board:7']), limit: 10 }), {
        epoch: head.epoch,
        events: [],
        through: 0,
      })
    },
  },
  {
    name: 'events are kept in the order given, each at a place of its own',
    async run({ log }) {
      const { epoch } = await log.head()
      const first = await log.append(drafts(3, 'a'))
      const second = await log.append(drafts(2, 'b'))
      assert.equal(first.epoch, epoch)
      assert.equal(first.positions.length, 3)
      assert(places([0, ...first.positions, ...second.positions]), 'positions grow')
      assert.deepEqual(await log.head(), { epoch, position: second.positions[1] })
      const events = await readAll(log, { epoch, position: 0 })
      assert.deepEqual(
        events.map(({ id }) => id),
        ['a0', 'a1', 'a2', 'b0', 'b1'],
      )
      assert.deepEqual(
        events.map(({ position }) => position),
        [...first.positions, ...second.positions],
      )
    },
  },
  {
    name: 'an append of nothing changes nothing',
    async run({ log }) {
      await log.append([draft('a')])
      const head = await log.head()
      const tail = await follow(log)
      assert.deepEqual(await log.append([]), { epoch: head.epoch, positions: [] })
      assert.deepEqual(await log.head(), head)
      assert.deepEqual(tail.calls, [])
      tail.stop()
    },
  },
  {
    name: 'an event comes back as it was given, by the tail and by a read, whatever it holds',
    async run({ log }) {
      const events: NewEvent[] = [
        draft('emoji 👩‍👩‍👧‍👦 ', { topic: 'board:Ünïcödé 🗂', text: '雪🙂\u2028\u2029"\\ \u{10ffff}' }),
        { ...draft('0'), at: 0 },
        { ...draft("'; DROP TABLE events; --"), type: 'A', at: Number.MAX_SAFE_INTEGER },
        draft('large', { text: 'é🙂x'.repeat(100_000) }),
      ]
      const tail = await follow(log)
      const { positions } = await log.append(events)
      const placed = events.map((event, index) => ({ ...event, position: positions[index] ?? 0 }))
      assert.deepEqual(tail.heard(), placed)
      assert.deepEqual(await readAll(log, await start(log), { topics: events.map(({ topic }) => topic) }), placed)
      tail.stop()
    },
  },
  {
    name: 'what the caller does with its events afterwards does not reach the log',
    async run({ log }) {
      const mine = [{ ...draft('a') }]
      const appending = log.append(mine)
      await appending
      const [event] = mine
      if (event) event.json = 'changed'
      mine.push(draft('b'))
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ json }) => json),
        [draft('a').json],
      )
    },
  },
  {
    name: 'thousands of appends at once are each kept once, in the order of the calls',
    async run({ log }) {
      const tail = await follow(log)
      const ids = Array.from({ length: 3_000 }, (_, index) => `e${index}`)
      const answers = await Promise.all(ids.map((id) => log.append([draft(id)])))
      assert(places(answers.flatMap(({ positions }) => positions)), 'positions grow with the calls')
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        ids,
      )
      assert.deepEqual(tail.ids(), ids)
      tail.stop()
    },
  },
  {
    name: 'what is published again with its id keeps its first place, and nobody hears of it twice',
    async run({ log }) {
      const { positions } = await log.append([draft('a'), draft('b')])
      const tail = await follow(log)
      assert.deepEqual((await log.append([draft('b', { text: 'again' })])).positions, [positions[1]])
      assert.equal((await log.head()).position, positions[1])
      assert.deepEqual(tail.calls, [])
      tail.stop()
    },
  },
  {
    name: 'an id twice in one append is one event, and a known id does not keep the others out',
    async run({ log }) {
      const [first] = (await log.append([draft('a')])).positions
      const { positions } = await log.append([draft('b'), draft('a'), draft('b'), draft('c')])
      assert.equal(positions[1], first)
      assert.equal(positions[0], positions[2])
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        ['a', 'b', 'c'],
      )
    },
  },
  {
    name: 'an event that is said to be new is known under its id afterwards, and comes back without saying so',
    async run({ log }) {
      const tail = await follow(log)
      const { positions } = await log.append(drafts(2).map((event) => ({ ...event, isNew: true })))
      const placed = drafts(2).map((event, index) => ({ ...event, position: positions[index] ?? 0 }))
      assert.deepEqual((await log.append(drafts(2).reverse())).positions, [...positions].reverse())
      assert.equal((await log.head()).position, positions[1])
      assert.deepEqual(await readAll(log, await start(log)), placed)
      await log.announce([{ ...draft('x'), isNew: true }])
      await until('three events', () => tail.heard().length >= 3)
      assert.deepEqual(tail.heard(), [...placed, draft('x')])
      tail.stop()
    },
  },
  {
    name: 'of many who publish an id at once, all are answered the one place',
    async run({ log }) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => log.append([draft('a')])))
      assert.equal(new Set(answers.flatMap(({ positions }) => positions)).size, 1)
      assert.equal((await readAll(log, await start(log))).length, 1)
    },
  },
  {
    name: 'the id of an emit suppresses nothing: no publication, and no other emit',
    async run({ log }) {
      await log.append([draft('a')], mark(1))
      await log.append([draft('a')], mark(2))
      const { positions } = await log.append([draft('a', { text: 'published' })])
      assert.deepEqual((await log.append([draft('a')])).positions, positions)
      await log.append([draft('a')], mark(3))
      const events = await readAll(log, await start(log))
      assert.equal(events.length, 4)
      assert.equal(events[2]?.position, positions[0])
    },
  },
  {
    name: 'a restart keeps events, places, ids and the epoch',
    needs: 'restart',
    async run({ log, restart }) {
      const { positions } = await log.append(drafts(5))
      const head = await log.head()
      const again = await restart()
      assert.deepEqual(await again.head(), head)
      assert.deepEqual(
        (await readAll(again, { ...head, position: 0 })).map(({ id }) => id),
        drafts(5).map(({ id }) => id),
      )
      assert.deepEqual((await again.append([draft('e3')])).positions, [positions[3]])
      const next = await again.append([draft('new')])
      assert(places([head.position, ...next.positions]), 'positions go on')
    },
  },
]
