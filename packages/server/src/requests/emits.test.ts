// Emits as raw POSTs (docs/PROTOCOL.md §5): each accepted once and in order, refused with the expected seq, or settled as the contract says.
import { defineContract, HubError } from '@sse-hub/core/contract'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { numbers, testClock, until, world } from '../fixtures/world.ts'
import type { EventLog } from '../log.ts'
import { memoryLog } from '../logs/memory.ts'

const noted = (seq: number, note = `n${seq}`) => ({
  seq,
  id: `e${seq}`,
  type: 'card.noted',
  topic: 'board:7',
  data: { note },
})
const grant = { 'x-read': 'board:7', 'x-write': 'board:7' }
const batch = (events: unknown[], producer = 'producer-1') => ({ producer, events })

/** A hub, a stream that shows what was accepted, and the epoch of its log. */
async function emitting(options: Parameters<typeof world>[0] = {}) {
  const one = await world<typeof import('../fixtures/world.ts').contract>(options as object)
  const stream = await one.open('/api/sse/events', grant)
  await stream.first('hub.sync')
  const epoch = (await one.hub.cursor()).split(':')[0] ?? ''
  const notes = () => stream.of('card.noted').map(({ data }) => data.note)
  const emit = (events: unknown[], producer?: string, headers: Record<string, string> = {}) =>
    one.post(batch(events, producer), { ...grant, ...headers })
  return { ...one, stream, epoch, notes, emit }
}

describe('one producer', () => {
  test('a batch is accepted in order, each with its cursor, and stamped with the user', async () => {
    const { emit, epoch, notes, stream } = await emitting()
    const { status, body } = await emit([noted(1), noted(2), noted(3)])
    expect(status).toBe(200)
    expect(body).toEqual({ user: 'u1', results: numbers(3).map((n) => ({ id: `e${n}`, cursor: `${epoch}:${n}` })) })
    await until(() => expect(notes()).toEqual(['n1', 'n2', 'n3']))
    expect(stream.of('card.noted')[0]).toMatchObject({ user: 'u1', id: 'e1', topic: 'board:7' })
  })

  test('a repeat is answered the same again, and does nothing', async () => {
    const { emit, notes } = await emitting()
    const first = await emit([noted(1), noted(2)])
    const again = await emit([noted(1), noted(2)])
    expect(again.body).toEqual(first.body)
    const longer = await emit([noted(2), noted(3)])
    expect(longer.body.results[0]).toEqual(first.body.results[1])
    await until(() => expect(notes()).toEqual(['n1', 'n2', 'n3']))
  })

  test('a repeat of what was refused for good is refused the same again', async () => {
    const { emit, notes } = await emitting()
    const first = await emit([{ ...noted(1), data: {} }, noted(2)])
    expect(first.body.results[0].error).toMatchObject({ code: 'invalid_data', retryable: false })
    const again = await emit([noted(1), noted(2)])
    expect(again.body).toEqual(first.body)
    await until(() => expect(notes()).toEqual(['n2']))
  })

  test('an old repeat, whose result is forgotten, is still known', async () => {
    const { emit, notes } = await emitting()
    for (const from of [1, 101, 201, 301]) await emit(numbers(100, from).map((n) => noted(n)))
    expect((await emit([noted(1)])).body.results).toEqual([{ id: 'e1', repeated: true }])
    expect((await emit([noted(400)])).body.results[0].cursor).toMatch(/:400$/)
    await until(() => expect(notes().length).toBe(400))
  })

  test.each([
    ['a jump ahead', [noted(3)], 1],
    ['a jump in a batch', [noted(1), noted(3), noted(4)], 2],
  ])('%s is refused with the seq that is expected, and ends the batch', async (_, events, expected) => {
    const { emit, notes } = await emitting()
    const { status, body } = await emit(events)
    expect(status).toBe(200)
    expect(body.results.length).toBe(expected)
    expect(body.results.at(-1).error).toMatchObject({ code: 'out_of_order', retryable: true, expected })
    await emit([noted(expected)])
    await until(() => expect(notes()).toEqual(numbers(expected).map((n) => `n${n}`)))
  })

  test('parallel posts of the same emits settle each once', async () => {
    const { emit, notes } = await emitting()
    const answers = await Promise.all(numbers(20).map(() => emit(numbers(5).map((n) => noted(n)))))
    for (const { body } of answers) expect(body).toEqual(answers[0]?.body)
    await until(() => expect(notes()).toEqual(['n1', 'n2', 'n3', 'n4', 'n5']))
  })

  test('parallel posts of successive emits are taken in turn or refused, never reordered', async () => {
    const { emit, notes } = await emitting()
    let left = numbers(30)
    while (left.length > 0) {
      const answers = await Promise.all(left.map((n) => emit([noted(n)])))
      left = left.filter((_, index) => answers[index]?.body.results?.[0].error)
    }
    await until(() => expect(notes()).toEqual(numbers(30).map((n) => `n${n}`)))
  })

  test('posts beyond what one outbox has on the way are told to wait', async () => {
    const held: (() => void)[] = []
    const { emit, hub } = await emitting()
    hub.on('card.noted', () => new Promise<void>((resolve) => void held.push(resolve)))
    const posts = numbers(40).map((n) => emit([noted(n)]))
    const refused = await Promise.all(posts.slice(32))
    expect(refused.every(({ status, headers }) => status === 429 && headers['retry-after'] === '1')).toBe(true)
    let settled = 0
    for (const post of posts.slice(0, 32)) void post.then(() => settled++)
    await until(() => {
      for (const resolve of held.splice(0)) resolve()
      expect(settled).toBe(32)
    })
  })
})

describe('producers apart', () => {
  test('two producers of one user count for themselves', async () => {
    const { emit, notes } = await emitting()
    expect((await emit([noted(1, 'a1')], 'producer-a')).body.results[0].error).toBeUndefined()
    expect((await emit([noted(1, 'b1')], 'producer-b')).body.results[0].error).toBeUndefined()
    expect((await emit([noted(2, 'b2')], 'producer-b')).body.results[0].error).toBeUndefined()
    await until(() => expect(notes()).toEqual(['a1', 'b1', 'b2']))
  })

  test('the same name under another user is another producer, an anonymous one included', async () => {
    const { emit, notes } = await emitting()
    for (const user of ['u1', 'u2', 'anonymous']) {
      const { body } = await emit([noted(1, user)], 'producer-a', { 'x-user': user })
      expect(body.results[0].error).toBeUndefined()
      expect(body.user).toBe(user === 'anonymous' ? null : user)
    }
    await until(() => expect(notes()).toEqual(['u1', 'u2', 'anonymous']))
  })

  test.each([
    ['u2', 'u1'],
    ['u1', 'anonymous'],
    [null, 'u1'],
  ])('a batch of %s from %s is refused whole', async (believed, actual) => {
    const { post, notes, emit } = await emitting()
    const { status, body } = await post({ ...batch([noted(1)]), user: believed }, { ...grant, 'x-user': actual })
    expect(status).toBe(409)
    expect(body.error).toMatchObject({ code: 'identity_mismatch', retryable: false })
    expect((await emit([noted(1)], 'producer-1', { 'x-user': actual })).body.results[0].cursor).toMatch(/:1$/)
    await until(() => expect(notes()).toEqual(['n1']))
  })

  test('a batch that names the right user, or the anonymous one, is taken', async () => {
    const { post } = await emitting()
    expect((await post({ ...batch([noted(1)]), user: 'u1' }, grant)).status).toBe(200)
    expect((await post({ ...batch([noted(1)]), user: null }, { ...grant, 'x-user': 'anonymous' })).status).toBe(200)
  })
})

describe('after a restart', () => {
  test('on the same log: a repeat is known, the next goes on', async () => {
    const log = memoryLog()
    const one = await emitting({ log })
    const first = await one.emit([noted(1), noted(2)])
    await one.hub.close()
    const two = await emitting({ log })
    const again = await two.emit([noted(2), noted(3)])
    expect(again.body.results[0]).toEqual(first.body.results[1])
    expect(again.body.results[1].cursor).toBe(`${two.epoch}:3`)
    await until(() => expect(two.notes()).toEqual(['n3']))
  })

  test('on a fresh log: the hub says that it expects the first', async () => {
    const { emit } = await emitting()
    expect((await emit([noted(3)])).body.results).toEqual([
      { id: 'e3', error: expect.objectContaining({ code: 'out_of_order', retryable: true, expected: 1 }) },
    ])
  })

  test('another node that settles the same seq meanwhile: its answer stands', async () => {
    const log = memoryLog()
    const one = await emitting({ log })
    const two = await emitting({ log })
    const release: (() => void)[] = []
    one.hub.on('card.noted', () => new Promise<void>((resolve) => void release.push(resolve)))
    const slow = one.emit([noted(1)])
    await until(() => expect(release.length).toBe(1))
    const fast = await two.emit([noted(1)])
    release[0]?.()
    expect((await slow).body).toEqual(fast.body)
    await until(() => expect(one.notes()).toEqual(['n1']))
  })
})

describe('what is settled without the log', () => {
  test('an ephemeral emit carries no seq, has no cursor, and reaches who is there', async () => {
    const { emit, stream } = await emitting()
    const { body } = await emit([{ id: 'p1', type: 'pointer.moved', topic: 'board:7', data: { x: 1 } }])
    expect(body.results).toEqual([{ id: 'p1' }])
    expect(await stream.first('pointer.moved')).toMatchObject({ data: { x: 1 }, user: 'u1' })
    expect(stream.blocks.at(-1)?.id).toBeUndefined()
  })

  test('one that carries a seq all the same is settled in its turn', async () => {
    const { emit, stream } = await emitting()
    const pointer = { seq: 2, id: 'p2', type: 'pointer.moved', topic: 'board:7', data: { x: 2 } }
    expect((await emit([pointer])).body.results[0].error).toMatchObject({ expected: 1 })
    const answer = await emit([noted(1), pointer, noted(3)])
    expect(answer.body.results.map(({ cursor }: { cursor?: string }) => cursor !== undefined)).toEqual([
      true,
      false,
      true,
    ])
    await emit([pointer])
    await until(() => expect(stream.of('card.noted').length).toBe(2))
    expect(stream.of('pointer.moved').length).toBe(1)
  })

  test('an event without a topic reaches only handlers, once per settled seq', async () => {
    const { emit, hub, stream } = await emitting()
    const heard: unknown[] = []
    hub.on('button.clicked', (event) => void heard.push(event))
    const click = { seq: 1, id: 'c1', type: 'button.clicked', data: { button: 'save' } }
    expect((await emit([click])).body.results).toEqual([{ id: 'c1' }])
    expect((await emit([click])).body.results).toEqual([{ id: 'c1' }])
    expect(heard).toEqual([
      { type: 'button.clicked', topic: '', data: { button: 'save' }, at: expect.any(Number), id: 'c1', user: 'u1' },
    ])
    await emit([noted(2)])
    await stream.first('card.noted')
    expect(stream.of('button.clicked')).toEqual([])
  })

  test('the own topic may be left out, or be written in short or in full', async () => {
    const { emit, stream } = await emitting()
    const theme = (seq: number, topic?: string) => ({
      seq,
      id: `t${seq}`,
      type: 'theme.changed',
      topic,
      data: { theme: 'dark' },
    })
    const { body } = await emit([theme(1), theme(2, 'user'), theme(3, 'user:u1')])
    expect(body.results.every(({ cursor }: { cursor?: string }) => cursor)).toBe(true)
    await until(() =>
      expect(stream.of('theme.changed').map(({ topic }) => topic)).toEqual(['user:u1', 'user:u1', 'user:u1']),
    )
  })
})

describe('handlers', () => {
  test('run before the answer and before the event is kept', async () => {
    const { emit, hub } = await emitting()
    const seen: string[] = []
    hub.on('card.noted', async ({ data }) => {
      seen.push(`${data.note} at ${await hub.cursor()}`)
    })
    const { body } = await emit([noted(1)])
    expect(seen[0]).toMatch(/^n1 at .*:0$/)
    expect(body.results[0].cursor).toMatch(/:1$/)
  })

  test('a throw refuses for good and uses up the seq; its message stays on the server', async () => {
    const { emit, hub, notes, reports } = await emitting()
    hub.on('card.noted', ({ data }) => {
      if (data.note === 'n1') throw new Error('secret detail')
    })
    const { body } = await emit([noted(1), noted(2)])
    expect(body.results[0].error).toMatchObject({ code: 'refused', retryable: false })
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(reports).toEqual([expect.objectContaining({ during: 'handler', type: 'card.noted', user: 'u1' })])
    expect((await emit([noted(1)])).body.results[0]).toEqual(body.results[0])
    await until(() => expect(notes()).toEqual(['n2']))
  })

  test('a HubError that can be retried refuses for now, and ends the batch', async () => {
    const { emit, hub, notes } = await emitting()
    let closed = true
    hub.on('card.noted', () => {
      if (closed) throw new HubError('refused', 'The board is being saved.', { retryable: true })
    })
    const first = await emit([noted(1), noted(2)])
    expect(first.body.results).toEqual([
      { id: 'e1', error: { code: 'refused', message: 'The board is being saved.', retryable: true } },
    ])
    closed = false
    const second = await emit([noted(1), noted(2)])
    expect(second.body.results.length).toBe(2)
    await until(() => expect(notes()).toEqual(['n1', 'n2']))
  })

  test('one whose hub closes meanwhile refuses for now: the next hub may take it', async () => {
    const { emit, hub } = await emitting()
    hub.on('card.noted', async () => {
      void hub.close()
      await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'noted' } })
    })
    expect((await emit([noted(1)])).body.results).toEqual([
      { id: 'e1', error: expect.objectContaining({ code: 'refused', retryable: true }) },
    ])
  })

  test('one that is taken off is not asked', async () => {
    const { emit, hub } = await emitting()
    const off = hub.on('card.noted', () => {
      throw new Error('no')
    })
    off()
    off()
    expect((await emit([noted(1)])).body.results[0].error).toBeUndefined()
  })
})

describe('a batch', () => {
  /** A log that holds back its appends until they are let go, or failed. */
  const holding = () => {
    const log = memoryLog()
    const held: { readonly seq: number; go(): void; fail(): void }[] = []
    const slow: EventLog = {
      ...log,
      async append(events, mark) {
        const fails = await new Promise<boolean>((resolve) => {
          held.push({ seq: mark?.seq ?? 0, go: () => resolve(false), fail: () => resolve(true) })
        })
        if (fails) throw new Error('disk full')
        return log.append(events, mark)
      },
    }
    const seqs = () => held.map(({ seq }) => seq)
    return { log: slow, held, seqs }
  }
  const click = (seq: number) => ({ seq, id: `c${seq}`, type: 'button.clicked', data: { button: 'b' } })

  test('is on its way to the log as a whole, so that it can be committed at once', async () => {
    const { log, held, seqs } = holding()
    const { emit, notes } = await emitting({ log })
    const answer = emit([noted(1), { ...noted(2), data: {} }, noted(3), click(4), noted(5)])
    await until(() => expect(seqs()).toEqual([1, 2, 3, 4, 5]))
    for (const one of held) one.go()
    const { results } = (await answer).body
    expect(results.map(({ id, error }: { id: string; error?: { code: string } }) => [id, error?.code])).toEqual([
      ['e1', undefined],
      ['e2', 'invalid_data'],
      ['e3', undefined],
      ['c4', undefined],
      ['e5', undefined],
    ])
    await until(() => expect(notes()).toEqual(['n1', 'n3', 'n5']))
  })

  test('ends at the first that the log could not keep: the log keeps nothing after it, and one report is made', async () => {
    const { log, held, seqs } = holding()
    const { emit, notes, reports } = await emitting({ log })
    const answer = emit(numbers(5).map((n) => noted(n)))
    await until(() => expect(seqs()).toEqual(numbers(5)))
    for (const one of held.splice(0)) one.seq === 3 ? one.fail() : one.go()
    const { results } = (await answer).body
    expect(results.map(({ id }: { id: string }) => id)).toEqual(['e1', 'e2', 'e3'])
    expect(results[2].error).toMatchObject({ code: 'internal', retryable: true })
    expect(reports).toEqual([expect.objectContaining({ during: 'emit' })])
    const again = emit(numbers(5).map((n) => noted(n)))
    await until(() => expect(seqs()).toEqual([3, 4, 5]))
    for (const one of held) one.go()
    expect((await again).body.results.every(({ cursor }: { cursor?: string }) => cursor)).toBe(true)
    await until(() => expect(notes()).toEqual(numbers(5).map((n) => `n${n}`)))
  })

  test('asks no handler before all that precedes it is kept', async () => {
    const { log, held, seqs } = holding()
    const { emit, hub } = await emitting({ log })
    const heard: string[] = []
    hub.on('button.clicked', ({ id }) => void heard.push(id))
    const answer = emit([noted(1), click(2), noted(3), click(4)])
    await until(() => expect(seqs()).toEqual([1]))
    for (let turned = 0; turned < 10; turned++) await new Promise((resolve) => setImmediate(resolve))
    expect([heard, seqs()]).toEqual([[], [1]])
    held[0]?.go()
    await until(() => expect(seqs()).toEqual([1, 2, 3]))
    expect(heard).toEqual(['c2'])
    held[1]?.fail()
    held[2]?.go()
    const { results } = (await answer).body
    expect(results.map(({ error }: { error?: { code: string } }) => error?.code)).toEqual([undefined, 'internal'])
    expect(heard).toEqual(['c2'])
  })

  test('whose user is signed out meanwhile lets nothing go on behind the answer', async () => {
    const clock = testClock()
    const { log, held, seqs } = holding()
    let user: string | null = 'u1'
    const data = z.object({ note: z.string() }).refine(async ({ note }) => {
      // As long as it takes to be asked again.
      if (note === 'slow') await new Promise<void>((resolve) => void clock.after(2_000, resolve))
      return true
    })
    const one = await world({
      clock,
      log,
      contract: defineContract({ topics: ['board'], events: { 'card.noted': { topic: 'board', data, emit: true } } }),
      authorize: () => (user === null ? null : { user, write: ['board:7'] }),
    })
    let status: number | undefined
    const answer = one.post(batch([noted(1), noted(2, 'slow'), noted(3)])).then((given) => {
      status = given.status
    })
    await until(() => expect(seqs()).toEqual([1]))
    user = null
    await clock.advance(2_000)
    await until(() => expect(seqs()).toEqual([1, 2]))
    for (let turned = 0; turned < 10; turned++) await new Promise((resolve) => setImmediate(resolve))
    expect(status).toBeUndefined()
    for (const { go } of held) go()
    await answer
    expect([status, seqs()]).toEqual([401, [1, 2]])
    expect(await one.hub.cursor()).toMatch(/:2$/)
  })
})

describe('a log that fails', () => {
  const failing = (method: 'append' | 'producer' | 'announce') => {
    const log = memoryLog()
    let fails = true
    const broken: EventLog = {
      ...log,
      [method]: (...given: never[]) =>
        fails ? Promise.reject(new Error('disk full')) : (log[method] as (...given: never[]) => unknown)(...given),
    }
    return {
      log: broken,
      heal: () => {
        fails = false
      },
    }
  }

  test.each(['append', 'producer'] as const)('in %s: the emit can be tried again, once', async (method) => {
    const { log, heal } = failing(method)
    const { emit, notes, reports } = await emitting({ log })
    const { body } = await emit([noted(1), noted(2)])
    expect(body.results).toEqual([{ id: 'e1', error: expect.objectContaining({ code: 'internal', retryable: true }) }])
    expect(reports).toEqual([expect.objectContaining({ during: 'emit' })])
    heal()
    expect((await emit([noted(1), noted(2)])).body.results.length).toBe(2)
    await until(() => expect(notes()).toEqual(['n1', 'n2']))
  })

  test('in announce: an ephemeral emit is lost, and says so', async () => {
    const { log } = failing('announce')
    const { emit } = await emitting({ log })
    const { body } = await emit([{ id: 'p1', type: 'pointer.moved', topic: 'board:7', data: { x: 1 } }])
    expect(body.results[0].error).toMatchObject({ code: 'internal' })
  })
})
