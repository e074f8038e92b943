// The conformance cases about reading: pages, filters, gaps, and what the bounds drop.
import assert from 'node:assert/strict'
import type { Cursor, EventLog } from '../log.ts'
import { draft, drafts, follow, type LogCase, page, readAll, start } from './bench.ts'

const read = (log: EventLog, after: Cursor, limit = 500) => log.read(after, { topics: new Set(['board:7']), limit })

/** Appends 1,000-byte events one by one; answers their places. */
async function fill(log: EventLog, count: number, prefix = 'e'): Promise<number[]> {
  const positions: number[] = []
  for (let index = 0; index < count; index++) {
    const event = { ...draft(`${prefix}${index}`), json: JSON.stringify('x'.repeat(998)) }
    positions.push(...(await log.append([event])).positions)
  }
  return positions
}

/** Checks that the log holds the newest `held` of the places, and says `trimmed` exactly where it must. */
async function holdsLast(log: EventLog, positions: readonly number[], held: number): Promise<void> {
  const head = await log.head()
  const before = (index: number): Cursor => ({ ...head, position: positions[index - 1] ?? 0 })
  const first = positions.length - held
  assert.deepEqual(
    (await readAll(log, before(first))).map(({ position }) => position),
    positions.slice(first),
  )
  for (const index of [0, first - 1])
    assert.deepEqual(await read(log, before(index)), { gap: { reason: 'trimmed', to: head } })
}

/** Reading. */
export const readCases: readonly LogCase[] = [
  {
    name: 'pages of any size join into the whole',
    async run({ log }) {
      await log.append(drafts(57))
      const from = await start(log)
      for (const limit of [1, 7, 56, 57, 58]) {
        assert.deepEqual(
          (await readAll(log, from, { limit })).map(({ id }) => id),
          drafts(57).map(({ id }) => id),
          `limit ${limit}`,
        )
      }
      const { positions } = await log.append([draft('next')])
      assert.equal(page(await read(log, { ...from, position: (positions[0] ?? 0) - 1 })).events[0]?.id, 'next')
    },
  },
  {
    name: 'a filter lets its topics through and leaves no holes: `through` goes on past the others',
    async run({ log }) {
      const topics = ['board:1', 'board:10', 'board', 'Board:1', 'board:1 ', 'user:1', 'board:ä', 'board:1']
      await log.append(
        Array.from({ length: 400 }, (_, index) => draft(`e${index}`, { topic: topics[index % 8] ?? '' })),
      )
      const from = await start(log)
      const only = async (filter: string[]) =>
        (await readAll(log, from, { topics: filter, limit: 9 })).map(({ topic }) => topic)
      assert.deepEqual(await only(['board:1']), Array(100).fill('board:1'))
      assert.deepEqual(await only(['board:ä']), Array(50).fill('board:ä'))
      assert.equal((await only(['board', 'user:1', 'nobody:2'])).length, 100)
      assert.deepEqual(await only(['nobody:1']), [])
      assert.deepEqual(await only([]), [])
    },
  },
  {
    name: 'a read at the head is empty and stays there',
    async run({ log }) {
      await log.append(drafts(3))
      const head = await log.head()
      assert.deepEqual(await read(log, head), { epoch: head.epoch, events: [], through: head.position })
    },
  },
  {
    name: 'a cursor beyond the head, or of another epoch, is a gap to the head',
    async run({ log }) {
      await log.append(drafts(3))
      const head = await log.head()
      const gap = { gap: { reason: 'epoch', to: head } }
      assert.deepEqual(await read(log, { ...head, position: head.position + 1 }), gap)
      assert.deepEqual(await read(log, { ...head, position: Number.MAX_SAFE_INTEGER }), gap)
      for (const position of [0, 1, head.position])
        assert.deepEqual(await read(log, { epoch: 'elsewhere', position }), gap)
    },
  },
  {
    name: 'reading while others append misses nothing and doubles nothing',
    async run({ log }) {
      const appended = Promise.all(drafts(1_000).map((event) => log.append([event])))
      const seen: string[] = []
      let at = await start(log)
      const readOn = async () => {
        const { events, through } = page(await read(log, at, 17))
        seen.push(...events.map(({ id }) => id))
        at = { ...at, position: through }
      }
      for (let index = 0; index < 20; index++) await readOn()
      await appended
      const { position } = await log.head()
      while (at.position < position) await readOn()
      assert.deepEqual(
        seen,
        drafts(1_000).map(({ id }) => id),
      )
    },
  },
  {
    name: 'large events come in pages that move on',
    async run({ log }) {
      const text = 'x'.repeat(250_000)
      await log.append(Array.from({ length: 12 }, (_, index) => draft(`e${index}`, { text })))
      assert.equal((await readAll(log, await start(log))).length, 12)
    },
  },
  {
    name: 'what was answered is not changed by what comes later',
    bounds: { maxEvents: 3 },
    async run({ log }) {
      await log.append(drafts(3))
      const answer = await read(log, await start(log))
      const copy = structuredClone(answer)
      await log.append(drafts(3, 'f'))
      assert.deepEqual(answer, copy)
    },
  },
  {
    name: 'beyond `maxEvents` the oldest go, and only a cursor before them is `trimmed`',
    bounds: { maxEvents: 10 },
    async run({ log }) {
      await holdsLast(log, await fill(log, 25), 10)
    },
  },
  {
    name: 'beyond `maxBytes` the oldest go',
    bounds: { maxBytes: 5_999 },
    async run({ log }) {
      await holdsLast(log, await fill(log, 25), 5)
    },
  },
  {
    name: 'the newest event stays, however large it is',
    bounds: { maxBytes: 100 },
    async run({ log }) {
      await holdsLast(log, await fill(log, 3), 1)
    },
  },
  {
    name: 'beyond `maxAgeMs` events go as new ones come',
    bounds: { maxAgeMs: 60_000 },
    async run({ log, skip }) {
      const old = await fill(log, 3)
      skip(59_000)
      const young = await fill(log, 3, 'f')
      assert.equal((await readAll(log, await start(log))).length, 6)
      skip(2_000)
      await holdsLast(log, [...old, ...young, ...(await fill(log, 1, 'g'))], 4)
    },
  },
  {
    name: 'an append larger than the bounds reaches the tail as a whole',
    bounds: { maxEvents: 10 },
    async run({ log }) {
      const tail = await follow(log)
      const positions = [...(await log.append(drafts(25))).positions]
      assert.deepEqual(
        tail.ids(),
        drafts(25).map(({ id }) => id),
      )
      positions.push(...(await log.append([draft('last')])).positions)
      assert.deepEqual(tail.ids().at(-1), 'last')
      assert.deepEqual(tail.resets, [])
      await holdsLast(log, positions, 10)
      tail.stop()
    },
  },
]
