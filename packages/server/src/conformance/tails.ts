// The conformance cases about the tail: it joins exactly, keeps order, and one follower never hurts another.
import assert from 'node:assert/strict'
import type { LogEvent } from '../log.ts'
import { draft, drafts, follow, type LogCase, readAll, start, until } from './bench.ts'

const isPlaced = (event: LogEvent) => event.position !== undefined

/** The tail. */
export const tailCases: readonly LogCase[] = [
  {
    name: 'it joins at the head and hears what comes after, in order, before the append is answered or soon after',
    async run({ log }) {
      await log.append(drafts(3, 'before'))
      const head = await log.head()
      const tail = await follow(log)
      assert.deepEqual(tail.from, head)
      const { positions } = await log.append(drafts(3))
      await log.append([draft('last')])
      await until('four events', () => tail.heard().length >= 4)
      assert.deepEqual(tail.ids(), ['e0', 'e1', 'e2', 'last'])
      assert.deepEqual(
        tail
          .heard()
          .slice(0, 3)
          .map(({ position }) => position),
        positions,
      )
      tail.stop()
    },
  },
  {
    name: 'joining while others append: everything after `from`, nothing before it, nothing twice',
    async run({ log }) {
      let writing = 4
      const write = async (prefix: string) => {
        for (const event of drafts(100, prefix)) await log.append([event])
        writing -= 1
      }
      const writers = ['a', 'b', 'c', 'd'].map(write)
      const tails: Awaited<ReturnType<typeof follow>>[] = []
      while (writing > 0) {
        const [one, other] = await Promise.all([
          follow(log),
          log.append(drafts(3, `t${tails.length}-`)).then(() => follow(log)),
        ])
        tails.push(one, other)
        if (tails.length > 60) break
      }
      await Promise.all(writers)
      for (const tail of tails) {
        const expected = (await readAll(log, tail.from)).map(({ position }) => position)
        await until('all events', () => tail.heard().length >= expected.length)
        assert.deepEqual(
          tail.heard().map(({ position }) => position),
          expected,
        )
        assert.deepEqual(tail.resets, [])
        tail.stop()
      }
    },
  },
  {
    name: 'what a read finds up to `from` and what the tail hears make the whole, once',
    async run({ log }) {
      const appends = drafts(500).map((event) => log.append([event]))
      await appends[0]
      const tail = await follow(log)
      await Promise.all(appends)
      const until = tail.from.position
      const replayed = (await readAll(log, await start(log))).filter(({ position }) => position <= until)
      assert.deepEqual(
        [...replayed.map(({ id }) => id), ...tail.ids()],
        drafts(500).map(({ id }) => id),
      )
      tail.stop()
    },
  },
  {
    name: 'one that stops hears no more, at once; stopping twice is harmless; the others go on',
    async run({ log }) {
      const [first, second] = [await follow(log), await follow(log)]
      await log.append([draft('a')])
      await until('both', () => first.ids().length + second.ids().length >= 2)
      first.stop()
      first.stop()
      await log.append([draft('b')])
      await log.announce([draft('c')])
      await until('the other', () => second.ids().length >= 3)
      assert.deepEqual(first.ids(), ['a'])
      second.stop()
      await log.append([draft('d')])
      assert.deepEqual(second.ids(), ['a', 'b', 'c'])
    },
  },
  {
    name: 'stopping in the middle of a delivery, oneself or another, holds from there on',
    async run({ log }) {
      const heard: string[] = []
      const stops: (() => void)[] = []
      const listen = async (name: string, then: () => void) => {
        const { stop } = await log.tail({
          events(events) {
            heard.push(...events.map(({ id }) => `${name} ${id}`))
            then()
          },
          reset() {},
        })
        stops.push(stop)
      }
      await listen('one', () => stops.forEach((stop) => void stop()))
      await listen('two', () => {})
      const last = await follow(log)
      await log.append([draft('a')])
      await log.append([draft('b')])
      await until('the last', () => last.ids().length >= 2)
      assert.deepEqual(heard, ['one a'])
      last.stop()
    },
  },
  {
    name: 'one that throws hurts neither the appender nor the others, and hears what comes next',
    async run({ log }) {
      const heard: string[] = []
      const bad = await log.tail({
        events(events) {
          heard.push(...events.map(({ id }) => id))
          throw new Error('on purpose')
        },
        reset() {},
      })
      const good = await follow(log)
      await log.append([draft('a')])
      await log.announce([draft('b')])
      await log.append([draft('c')])
      await until('both', () => heard.length >= 3 && good.ids().length === 3)
      assert.deepEqual([...heard].sort(), ['a', 'b', 'c'])
      bad.stop()
      good.stop()
    },
  },
  {
    name: 'one that appends in the middle of a delivery: everybody hears everything in log order',
    async run({ log }) {
      const answers: Promise<unknown>[] = []
      const first = await log.tail({
        events(events) {
          for (const { id } of events) if (id.length < 4) answers.push(log.append([draft(`${id}x`)]))
        },
        reset() {},
      })
      const second = await follow(log)
      await log.append([draft('a'), draft('b')])
      await until('eight events', () => second.ids().length >= 8)
      await Promise.all(answers)
      assert.deepEqual(
        second.heard().map(({ position }) => position),
        (await readAll(log, second.from)).map(({ position }) => position),
      )
      first.stop()
      second.stop()
    },
  },
  {
    name: 'one that joins in the middle of a delivery hears what comes after its `from`',
    async run({ log }) {
      const joined: ReturnType<typeof follow>[] = []
      const first = await log.tail({ events: () => void joined.push(follow(log)), reset() {} })
      await Promise.all(drafts(5).map((event) => log.append([event])))
      await log.append([draft('last')])
      await until('joined', () => joined.length > 0)
      for (const joining of joined) {
        const tail = await joining
        const expected = (await readAll(log, tail.from)).map(({ position }) => position)
        await until('the rest', () => tail.heard().length >= expected.length)
        assert.deepEqual(
          tail.heard().map(({ position }) => position),
          expected,
        )
        tail.stop()
      }
      first.stop()
    },
  },
  {
    name: 'one that appends and then joins in the middle of a delivery does not hear what came before its `from`',
    async run({ log }) {
      let joining: ReturnType<typeof follow> | undefined
      let appending: Promise<unknown> | undefined
      const first = await log.tail({
        events() {
          appending ??= log.append([draft('in the middle')])
          joining ??= follow(log)
        },
        reset() {},
      })
      await log.append([draft('a')])
      await until('joined', () => joining !== undefined)
      const tail = await joining
      assert(tail)
      await appending
      await log.append([draft('b')])
      const expected = (await readAll(log, tail.from)).map(({ position }) => position)
      await until('the rest', () => tail.heard().length >= expected.length)
      assert.deepEqual(
        tail.heard().map(({ position }) => position),
        expected,
      )
      tail.stop()
      first.stop()
    },
  },
  {
    name: 'the last one may leave and another come: what happened between is not told',
    async run({ log }) {
      const first = await follow(log)
      await log.append([draft('a')])
      first.stop()
      await log.append([draft('b')])
      const second = await follow(log)
      await log.append([draft('c')])
      await until('the second', () => second.ids().length > 0)
      assert.deepEqual([first.ids(), second.ids()], [['a'], ['c']])
      second.stop()
    },
  },
  {
    name: 'ephemeral events reach every tail, have no place, and are not kept',
    async run({ log }) {
      await log.announce([draft('nobody is there')])
      const [first, second] = [await follow(log), await follow(log)]
      await log.append([draft('a')])
      const head = await log.head()
      await log.announce([draft('p1'), draft('a')])
      await log.announce([draft('p1')])
      await log.announce([])
      for (const tail of [first, second]) {
        await until('all events', () => tail.heard().length >= 4)
        const ephemeral = tail.heard().filter((event) => !isPlaced(event))
        assert.deepEqual(ephemeral, [draft('p1'), draft('a'), draft('p1')])
        assert(
          tail.calls.every((events) => events.length > 0),
          'nobody is called for nothing',
        )
        tail.stop()
      }
      assert.deepEqual(await log.head(), head)
      assert.deepEqual(
        (await readAll(log, await start(log))).map(({ id }) => id),
        ['a'],
      )
      // Its id is not taken either.
      assert.notDeepEqual((await log.append([draft('p1')])).positions, [head.position])
    },
  },
]
