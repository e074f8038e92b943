// Holds the memory log to the conformance suite, and to what only it promises.
import { describe, expect, it } from 'vitest'
import type { EventLog, LogGap, LogPage, NewEvent, ProducerMark } from '../log.ts'
import { describeEventLog } from '../testing.ts'
import { memoryLog } from './memory.ts'

describeEventLog({ describe, it }, 'memoryLog', (options) => ({ log: memoryLog(options) }))
describeEventLog(
  { describe, it },
  'memoryLog, given to a new hub',
  (options) => {
    const log = memoryLog(options)
    return { log, restart: () => log }
  },
  { restart: true },
)

const draft = (id: string): NewEvent => ({ type: 'card.moved', topic: 'board:7', id, at: 1, json: '{}' })
const mark = (producer: string, seq: number): ProducerMark => ({ user: 'u1', producer, seq, result: { id: `r${seq}` } })
const read = (log: EventLog, epoch: string, position: number): Promise<LogPage | LogGap> =>
  log.read({ epoch, position }, { topics: new Set(['board:7']), limit: 100_000 })

describe('memoryLog', () => {
  it('has a fresh epoch each time, or the one it is given', async () => {
    const epochs = await Promise.all(Array.from({ length: 100 }, async () => (await memoryLog().head()).epoch))
    expect(new Set(epochs).size).toBe(100)
    expect((await memoryLog({ epoch: 'e-1' }).head()).epoch).toBe('e-1')
  })

  it.each([
    ['maxEvents', { maxEvents: 0 }],
    ['maxBytes', { maxBytes: -1 }],
    ['maxAgeMs', { maxAgeMs: 1.5 }],
    ['maxProducers', { maxProducers: Number.NaN }],
    ['maxProducersPerUser', { maxProducersPerUser: 0 }],
    ['epoch', { epoch: 'a:b' }],
    ['epoch', { epoch: '' }],
  ])('refuses a senseless %s and says what is right', (name, options) => {
    expect(() => memoryLog(options)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(name) }),
    )
  })

  it('forgets the id of an event with the event', async () => {
    const log = memoryLog({ maxEvents: 2 })
    await log.append([draft('a'), draft('b'), draft('c')])
    expect((await log.append([draft('a'), draft('c')])).positions).toEqual([4, 3])
  })

  it('knows an event under the id that was made for it, as long as it is there', async () => {
    const log = memoryLog({ maxEvents: 4 })
    const made = (id: string) => ({ ...draft(id), isNew: true })
    await log.append([made('a'), made('b')])
    await log.append([], mark('p', 1))
    await log.append([made('c')])
    expect((await log.append([draft('b'), draft('a')])).positions).toEqual([2, 1])
    expect((await log.append([made('d'), made('e')])).positions).toEqual([4, 5])
    expect((await log.append([draft('e'), draft('b'), draft('c')])).positions).toEqual([5, 2, 3])
    expect((await log.append([draft('a')])).positions).toEqual([6])
    expect((await log.append([draft('a'), draft('b')])).positions).toEqual([6, 7])
  })

  it('takes what a client emitted under the same id for another event', async () => {
    const log = memoryLog()
    await log.append([draft('a')], mark('p', 1))
    expect((await log.append([draft('a')])).positions).toEqual([2])
    expect((await log.append([draft('a')])).positions).toEqual([2])
  })

  it('forgets the producer that was idle longest when there are too many, and all that were idle for days', async () => {
    let now = 0
    const clock = { now: () => now, after: () => () => {}, soon: () => {} }
    const log = memoryLog({ maxProducers: 3, clock })
    for (const producer of ['a', 'b', 'c']) await log.append([], mark(producer, 1))
    await log.append([], mark('a', 2))
    await log.append([], mark('d', 1))
    const lasts = async () =>
      Promise.all(['a', 'b', 'c', 'd'].map(async (name) => (await log.producer('u1', name, 1)).last))
    expect(await lasts()).toEqual([2, 0, 1, 1])
    now = 48 * 3_600_000 + 1
    await log.append([], mark('d', 2))
    expect(await lasts()).toEqual([0, 0, 0, 2])
  })

  it('bounds the results it remembers, not only the producers', async () => {
    const log = memoryLog({ maxProducers: 2 })
    for (let seq = 1; seq <= 15; seq++) await log.append([], mark('a', seq))
    for (let seq = 1; seq <= 15; seq++) await log.append([], mark('b', seq))
    expect((await log.producer('u1', 'a', 15)).last).toBe(0)
    expect((await log.producer('u1', 'b', 1)).result).toEqual({ id: 'r1' })
  })

  it('bounds the results of one user without touching those of others', async () => {
    const log = memoryLog({ maxProducersPerUser: 2 })
    const settle = (user: string, producer: string, count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => log.append([], { ...mark(producer, n + 1), user })))
    await settle('u2', 'a', 1)
    await settle('u1', 'a', 15)
    await settle('u1', 'b', 15)
    expect((await log.producer('u1', 'a', 15)).last).toBe(0)
    expect((await log.producer('u1', 'b', 1)).result).toEqual({ id: 'r1' })
    await settle('u1', 'c', 256)
    expect((await log.producer('u1', 'c', 1)).result).toEqual({ id: 'r1' })
    expect((await log.producer('u2', 'a', 1)).result).toEqual({ id: 'r1' })
  })

  it('reads a bounded part of the log at a time', async () => {
    const log = memoryLog({ maxEvents: 50_000, epoch: 'e' })
    await log.append(Array.from({ length: 25_000 }, (_, index) => ({ ...draft(`e${index}`), topic: 'board:8' })))
    expect(await read(log, 'e', 0)).toEqual({ epoch: 'e', events: [], through: 10_000 })
    expect(await read(log, 'e', 20_000)).toEqual({ epoch: 'e', events: [], through: 25_000 })
    const large = memoryLog({ epoch: 'e' })
    await large.append(Array.from({ length: 50 }, (_, index) => ({ ...draft(`e${index}`), json: 'x'.repeat(100_000) })))
    expect(await read(large, 'e', 0)).toMatchObject({ through: 11 })
  })

  it('says what a follower throws', async () => {
    const errors: unknown[] = []
    const log = memoryLog({
      onError(error) {
        errors.push(error)
        throw new Error('and this is nobody’s')
      },
    })
    const wrong = new Error('on purpose')
    await log.tail({
      events() {
        throw wrong
      },
      reset() {},
    })
    await log.append([draft('a')])
    await log.append([draft('b')])
    expect(errors).toEqual([wrong, wrong])
  })
})
