// Ephemeral events of low priority give way: where a reader has no room for another, the oldest of them goes first, and is counted.
import { defineContract } from '@sse-hub/core/contract'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { numbers } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import { frameOf, joinFrames } from '../wire/frames.ts'
import { Queue } from './queue.ts'

/** A queue of a hundred bytes whose reader takes what waits when it is told to. */
function queueOf(bufferBytes = 100) {
  let held = 0
  let displaced = 0
  let text = ''
  const hub = {
    bufferBytes: () => bufferBytes,
    flushSoon() {},
    join: joinFrames,
    held(bytes: number) {
      held += bytes
    },
  }
  const queue = new Queue(hub, { failed() {}, displaced: () => void displaced++ })
  const write = ({ bytes }: { readonly bytes: Uint8Array }) => {
    text += new TextDecoder().decode(bytes)
    return false
  }
  queue.push(frameOf('- '))
  queue.attach({ write, end() {}, destroy() {}, pending: 1 })
  text = ''
  /** Ephemeral events are names, filled up to so many bytes. */
  const pass = (name: string, bytes = 20, options: { readonly key?: string; readonly priority?: 'low' } = {}) =>
    queue.pass({ frame: frameOf(name.padEnd(bytes - 1, '.').concat(' ')), ...options })
  return {
    queue,
    pass,
    low: (name: string, bytes?: number, key?: string) =>
      pass(name, bytes, { priority: 'low', ...(key === undefined ? {} : { key }) }),
    /** Takes what waits. */
    take() {
      queue.resume()
      const names = text.split(' ').flatMap((word) => word.replace(/\.+$/, '') || [])
      text = ''
      return names
    },
    get held() {
      return held
    },
    get displaced() {
      return displaced
    },
  }
}

describe('where there is no room', () => {
  test('those of low priority go first, the oldest of them first, and no more than need be', () => {
    const one = queueOf()
    for (const name of ['a', 'b', 'c']) one.low(name)
    for (const name of ['x', 'y']) one.pass(name)
    expect([one.held, one.displaced]).toEqual([100, 0])
    expect(one.pass('z')).toBe('queued')
    expect([one.held, one.displaced]).toEqual([100, 1])
    expect(one.pass('w', 21)).toBe('queued')
    expect([one.held, one.displaced]).toEqual([81, 3])
    expect(one.take()).toEqual(['x', 'y', 'z', 'w'])
    expect(one.held).toBe(0)
  })

  test('one of low priority displaces nothing, and one that is not only those that are', () => {
    const one = queueOf()
    for (const name of ['a', 'b']) one.low(name)
    for (const name of ['x', 'y', 'z']) one.pass(name)
    expect(one.low('c', 1)).toBe('dropped')
    expect(one.pass('w', 40)).toBe('queued')
    expect(one.pass('v', 1)).toBe('dropped')
    expect([one.held, one.displaced]).toEqual([100, 2])
    expect(one.take()).toEqual(['x', 'y', 'z', 'w'])
  })

  test('none gives way in vain', () => {
    const one = queueOf()
    one.low('a', 40)
    one.pass('x', 40)
    expect(one.pass('y', 61)).toBe('dropped')
    expect([one.held, one.displaced]).toEqual([80, 0])
    expect(one.take()).toEqual(['a', 'x'])
  })

  test('all give way to one that fits no queue but an empty one', () => {
    const one = queueOf()
    for (const name of ['a', 'b', 'c']) one.low(name)
    expect(one.low('d', 1_000)).toBe('dropped')
    expect(one.pass('x', 1_000)).toBe('queued')
    expect([one.held, one.displaced]).toEqual([1_000, 3])
    expect(one.take()).toEqual(['x'])
  })

  test('what is durable, and what only this stream knows, keeps its room', () => {
    const one = queueOf()
    one.queue.push(frameOf('sync....... '), true)
    one.queue.push(frameOf('moved...... '))
    one.low('a', 70)
    expect(one.pass('x', 90)).toBe('dropped')
    expect(one.pass('y', 76)).toBe('queued')
    expect([one.held, one.displaced]).toEqual([100, 1])
    expect(one.take()).toEqual(['sync', 'moved', 'y'])
  })
})

describe('of one key', () => {
  test('the newest is kept, and is as old as it is itself', () => {
    const one = queueOf()
    one.low('a1', 20, 'a')
    one.low('b1', 20, 'b')
    expect(one.low('a2', 20, 'a')).toBe('replaced')
    one.pass('x', 60)
    expect(one.displaced).toBe(0)
    one.pass('y', 10)
    expect([one.held, one.displaced]).toEqual([90, 1])
    expect(one.take()).toEqual(['a2', 'x', 'y'])
  })

  test('one takes the room of the one that it replaces, and where that does not do, that one stays', () => {
    const one = queueOf()
    one.queue.push(frameOf('moved '))
    one.low('a1', 40, 'a')
    one.pass('x1', 54, { key: 'x' })
    expect(one.low('a2', 41, 'a')).toBe('dropped')
    expect(one.low('a3', 39, 'a')).toBe('replaced')
    expect(one.pass('x2', 95, { key: 'x' })).toBe('dropped')
    expect([one.held, one.displaced]).toEqual([99, 0])
    expect(one.pass('x3', 55, { key: 'x' })).toBe('replaced')
    expect([one.held, one.displaced]).toEqual([100, 0])
    expect(one.pass('x4', 56, { key: 'x' })).toBe('replaced')
    expect([one.held, one.displaced]).toEqual([62, 1])
    expect(one.low('a4', 30, 'a')).toBe('queued')
    expect(one.take()).toEqual(['moved', 'x4', 'a4'])
  })
})

describe('after', () => {
  const filled = () => {
    const one = queueOf()
    for (const name of ['a', 'b', 'c', 'd', 'e']) one.low(name)
    return one
  }
  test('all was taken, those to come give way by themselves', () => {
    const one = filled()
    one.take()
    for (const name of ['f', 'g']) one.low(name)
    one.pass('x', 81)
    expect([one.held, one.displaced]).toEqual([81, 2])
  })
  test('the last word, none gives way any more: they leave before it', () => {
    const one = filled()
    one.queue.finish(frameOf('bye '))
    expect(one.pass('x', 1)).toBe('dropped')
    expect(one.take()).toEqual(['a', 'b', 'c', 'd', 'e', 'bye'])
    expect([one.held, one.displaced]).toEqual([0, 0])
  })
  test('all was forgotten, or it was closed, nothing is held', () => {
    const one = filled()
    one.queue.forget()
    expect(one.held).toBe(0)
    one.low('f')
    one.pass('x', 81)
    expect([one.held, one.displaced]).toEqual([81, 1])
    one.queue.close(false)
    expect(one.held).toBe(0)
  })
})

test('whatever comes, what waits and what is counted is what the rule says', () => {
  const limit = 1_000
  let state = 7
  const chance = (one: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % one
  }
  const one = queueOf(limit)
  let waiting: { readonly name: string; readonly key: string | undefined; readonly isLow: boolean; bytes: number }[] =
    []
  let displaced = 0
  const outcomes = { queued: 0, replaced: 0, dropped: 0 }
  const sum = (some: readonly { readonly bytes: number }[]) => some.reduce((total, { bytes }) => total + bytes, 0)
  const fits = (some: typeof waiting, bytes: number) => some.length === 0 || sum(some) + bytes <= limit
  for (const n of numbers(10_000)) {
    if (chance(100) === 0) {
      expect(one.take()).toEqual(waiting.map(({ name }) => name))
      waiting = []
    }
    const isLow = chance(2) === 0
    const bytes = 10 + chance(chance(20) === 0 ? 1_500 : 90)
    const key = chance(2) === 0 ? `${isLow ? 'low' : 'other'}-${chance(8)}` : undefined
    const name = `e${n}`
    const others = waiting.filter((event) => key === undefined || event.key !== key)
    const expected = !fits(isLow ? others : others.filter(({ isLow }) => !isLow), bytes)
      ? 'dropped'
      : others.length < waiting.length
        ? 'replaced'
        : 'queued'
    if (expected !== 'dropped') {
      waiting = others
      while (!fits(waiting, bytes)) {
        displaced++
        waiting.splice(
          waiting.findIndex(({ isLow }) => isLow),
          1,
        )
      }
      waiting.push({ name, key, isLow, bytes })
    }
    const outcome = isLow ? one.low(name, bytes, key) : one.pass(name, bytes, key === undefined ? {} : { key })
    outcomes[outcome]++
    expect([n, outcome, one.held, one.displaced]).toEqual([n, expected, sum(waiting), displaced])
  }
  for (const often of [...Object.values(outcomes), displaced]) expect(often).toBeGreaterThan(500)
})

test('a hub makes room for others before a reader that stops: each is heard, coalesced or dropped', async () => {
  const data = z.object({ n: z.number(), pad: z.string() })
  const contract = defineContract({
    topics: ['board'],
    events: {
      hint: { topic: 'board', data, durable: false, priority: 'low' },
      pointer: { topic: 'board', data, durable: false, priority: 'low', coalesce: ({ data }) => `${data.n % 3}` },
      shout: { topic: 'board', data, durable: false },
    },
  })
  const authorize = () => ({ read: ['board:7'] })
  const hub = createHub({ contract, authorize, limits: { bufferBytes: 20_000 } })
  onTestFinished(() => hub.close())
  const { body } = await hub.fetch(new Request('http://hub/api/sse/events'))
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  let text = ''
  const take = async () => {
    text += new TextDecoder().decode((await reader.read()).value)
  }
  const heard = (type: string) => text.split(`event: ${type}\n`).length - 1
  await take()
  const published = { hint: 0, pointer: 0, shout: 0 }
  const publish = async (type: keyof typeof published, bytes: number) => {
    await hub.publish({ type, topic: 'board:7', data: { n: ++published[type], pad: 'x'.repeat(bytes) } })
    await new Promise((resolve) => setImmediate(resolve))
  }
  while (hub.stats().dropped === 0) await publish('hint', 2_000)
  const { dropped, delivered } = hub.stats()
  expect(dropped).toBe(1)
  // As much as three of them and some of a fourth, of which a part was free.
  await publish('shout', 6_500)
  expect(hub.stats()).toMatchObject({ dropped: 1 + 3, delivered: delivered + 1 })
  for (const _ of numbers(20)) await publish('pointer', 50)
  expect(hub.stats().coalesced).toBeGreaterThan(10)
  await publish('shout', 20_000)
  const all = published.hint + published.pointer + published.shout
  const ours = () => heard('hint') + heard('pointer') + heard('shout')
  while (ours() < all - hub.stats().dropped - hub.stats().coalesced) await take()
  await publish('hint', 1)
  await take()
  expect(ours()).toBe(all + 1 - hub.stats().dropped - hub.stats().coalesced)
  expect([heard('hint'), heard('shout')]).toEqual([published.hint - 4, 1])
})
