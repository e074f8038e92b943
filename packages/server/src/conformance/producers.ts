// The conformance cases about producers (docs/PROTOCOL.md §5): each seq is settled once, in order, and its result is remembered.
import assert from 'node:assert/strict'
import { formatCursor } from '@sse-hub/core/contract'
import { draft, follow, type LogCase, mark, outOfOrder, readAll, start } from './bench.ts'

const HOUR_MS = 3_600_000
const refused = { id: 'emit-1', error: { code: 'forbidden', message: 'No.', retryable: false } }

/** Producers. */
export const producerCases: readonly LogCase[] = [
  {
    name: 'a producer that nobody heard of has settled nothing',
    async run({ log }) {
      assert.deepEqual(await log.producer('u1', 'p-00000001', 1), { last: 0, result: undefined })
    },
  },
  {
    name: 'a seq is settled with its event, and its result remembers where that stands',
    async run({ log }) {
      const { epoch } = await log.head()
      for (const seq of [1, 2, 3]) {
        const { positions } = await log.append([draft(`e${seq}`)], mark(seq))
        const cursor = formatCursor({ epoch, position: positions[0] ?? 0 })
        assert.deepEqual(await log.producer('u1', 'p-00000001', seq), {
          last: seq,
          result: { id: `emit-${seq}`, cursor },
        })
      }
      assert.equal((await log.producer('u1', 'p-00000001', 1)).result?.id, 'emit-1')
      assert.deepEqual(await log.producer('u1', 'p-00000001', 4), { last: 3, result: undefined })
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        ['e1', 'e2', 'e3'],
      )
    },
  },
  {
    name: 'a seq is settled without an event, accepted or refused',
    async run({ log }) {
      const head = await log.head()
      assert.deepEqual((await log.append([], mark(1, { result: refused }))).positions, [])
      await log.append([], mark(2))
      assert.deepEqual(await log.producer('u1', 'p-00000001', 1), { last: 2, result: refused })
      assert.deepEqual(await log.producer('u1', 'p-00000001', 2), { last: 2, result: { id: 'emit-2' } })
      assert.deepEqual(await log.head(), head)
    },
  },
  {
    name: 'a repeated seq and a jump are refused with the expected one, and leave no trace',
    async run({ log }) {
      await log.append([draft('e1')], mark(1))
      const head = await log.head()
      const tail = await follow(log)
      for (const seq of [1, 0, 3, 100])
        await assert.rejects(log.append([draft('no')], mark(seq, { result: refused })), outOfOrder(2))
      await assert.rejects(log.append([], mark(3)), outOfOrder(2))
      assert.deepEqual(await log.head(), head)
      assert.deepEqual(tail.calls, [])
      assert.equal((await log.producer('u1', 'p-00000001', 1)).result?.id, 'emit-1')
      assert.equal((await log.producer('u1', 'p-00000001', 3)).result, undefined)
      await log.append([draft('e2')], mark(2))
      assert.deepEqual(tail.ids(), ['e2'])
      tail.stop()
    },
  },
  {
    name: 'of the same seq posted many times at once, one is settled',
    async run({ log }) {
      const attempts = Array.from({ length: 20 }, (_, index) =>
        log.append([draft(`e${index}`)], mark(1, { result: { id: `r${index}` } })),
      )
      const outcomes = await Promise.allSettled(attempts)
      const won = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []))
      assert.equal(won.length, 1)
      for (const outcome of outcomes) if (outcome.status === 'rejected') outOfOrder(2)(outcome.reason)
      assert.equal((await log.producer('u1', 'p-00000001', 1)).result?.id, `r${won[0]}`)
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        [`e${won[0]}`],
      )
    },
  },
  {
    name: 'successive seqs of a producer that are appended at once are all settled; after a jump none is',
    async run({ log }) {
      const seqs = Array.from({ length: 50 }, (_, index) => index + 1)
      const outcomes = await Promise.allSettled(
        seqs.map((seq) => log.append(seq % 5 === 0 ? [] : [draft(`e${seq}`)], mark(seq < 41 ? seq : seq + 1))),
      )
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected') outOfOrder(41)(outcome.reason)
        assert.equal(outcome.status, index < 40 ? 'fulfilled' : 'rejected')
      }
      assert.equal((await log.producer('u1', 'p-00000001', 40)).last, 40)
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        seqs.filter((seq) => seq < 41 && seq % 5 !== 0).map((seq) => `e${seq}`),
      )
    },
  },
  {
    name: 'what fails does not fail what is appended beside it',
    async run({ log }) {
      const outcomes = await Promise.allSettled([
        log.append([draft('a')]),
        log.append([draft('b'), draft('c')], mark(7)),
        log.append([draft('d')]),
        log.append([draft('e')], mark(1)),
      ])
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
      )
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        ['a', 'd', 'e'],
      )
    },
  },
  {
    name: 'two producers, and one name under two users, do not know of each other',
    async run({ log }) {
      const others = [{ producer: 'p-00000002' }, { user: 'u2' }, { user: '' }, { user: 'u1:p-00000001' }]
      await log.append([], mark(1))
      await log.append([], mark(2))
      for (const other of others) {
        await assert.rejects(log.append([], mark(3, other)), outOfOrder(1))
        await log.append([], mark(1, { ...other, result: { id: 'mine' } }))
      }
      for (const { user, producer } of others.map((other) => mark(1, other))) {
        assert.deepEqual(await log.producer(user, producer, 1), { last: 1, result: { id: 'mine' } })
      }
      assert.equal((await log.producer('u1', 'p-00000001', 2)).last, 2)
    },
  },
  {
    name: 'the results of the last 256 are remembered',
    async run({ log }) {
      for (let seq = 1; seq <= 300; seq++) await log.append([], mark(seq))
      assert.deepEqual(await log.producer('u1', 'p-00000001', 45), { last: 300, result: { id: 'emit-45' } })
      assert.deepEqual(await log.producer('u1', 'p-00000001', 300), { last: 300, result: { id: 'emit-300' } })
      assert.deepEqual(await log.producer('u1', 'p-00000001', 44), { last: 300, result: undefined })
      await assert.rejects(log.append([], mark(1)), outOfOrder(301))
    },
  },
  {
    name: 'a producer is remembered for 48 hours after its last emit, whatever is dropped meanwhile',
    bounds: { maxEvents: 2, maxAgeMs: HOUR_MS },
    async run({ log, skip }) {
      await log.append([draft('e1')], mark(1))
      skip(24 * HOUR_MS)
      await log.append([draft('e2')], mark(2))
      skip(47 * HOUR_MS)
      for (let seq = 1; seq <= 3; seq++) await log.append([draft(`o${seq}`)], mark(seq, { user: 'u2' }))
      assert.equal((await log.producer('u1', 'p-00000001', 1)).result?.id, 'emit-1')
      await log.append([draft('e3')], mark(3))
    },
  },
  {
    name: 'a user with too many producers loses the longest idle of its own, and nobody else’s; anonymous users are one',
    bounds: { maxProducersPerUser: 3 },
    async run({ log, skip }) {
      const settle = (user: string, producer: string, seq: number) => {
        // One after the other, also for a clock of milliseconds.
        skip(1)
        return log.append([], mark(seq, { user, producer }))
      }
      const lasts = async (user: string) => {
        const states = ['p-a', 'p-b', 'p-c', 'p-d', 'p-e'].map((producer) => log.producer(user, producer, 1))
        return (await Promise.all(states)).map(({ last, result }) => (result === undefined ? 0 : last))
      }
      await settle('u2', 'p-a', 1)
      for (const user of ['u1', '']) {
        for (const producer of ['p-a', 'p-b', 'p-c']) await settle(user, producer, 1)
        await settle(user, 'p-a', 2)
        assert.deepEqual(await lasts(user), [2, 1, 1, 0, 0])
        for (const producer of ['p-d', 'p-e']) await settle(user, producer, 1)
        assert.deepEqual(await lasts(user), [2, 0, 0, 1, 1])
      }
      assert.deepEqual(await lasts('u2'), [1, 0, 0, 0, 0])
      // What is forgotten begins anew, in its turn.
      await assert.rejects(settle('u1', 'p-b', 2), outOfOrder(1))
      await settle('u1', 'p-b', 1)
      assert.deepEqual(await lasts('u1'), [0, 1, 0, 1, 1])
      await settle('u1', 'p-e', 2)
    },
  },
  {
    name: 'a restart keeps producers and their results',
    needs: 'restart',
    async run({ log, restart }) {
      await log.append([draft('e1')], mark(1))
      await log.append([], mark(2, { result: refused }))
      const before = [await log.producer('u1', 'p-00000001', 1), await log.producer('u1', 'p-00000001', 2)]
      const again = await restart()
      assert.deepEqual(
        [await again.producer('u1', 'p-00000001', 1), await again.producer('u1', 'p-00000001', 2)],
        before,
      )
      await assert.rejects(again.append([draft('e1')], mark(1)), outOfOrder(3))
      await again.append([draft('e3')], mark(3))
    },
  },
]
