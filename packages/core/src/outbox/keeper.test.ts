// Proves that emits outlive their page: sent once and in order whatever ends when, as nobody else, and that a storage that fails loses nothing in silence.
import { describe, expect, test } from 'vitest'
import { type Disturb, type Fault, outboxWorld } from '../fixtures/outbox-world.ts'

const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, at) => from + at)
const HOUR_MS = 60 * 60_000

/** A record that a page has left. */
const kept = (seq: number) => ({
  ...{ producer: 'producer-1', seq, owner: JSON.stringify(['/api/sse', 'u1']), user: 'u1', id: `n${seq}`, sent: false },
  ...{ at: Date.UTC(2026, 10, 21), json: `"id":"n${seq}","type":"moved","data":${seq}}` },
})

describe('across pages', () => {
  test('what waits is kept in order, and the next page sends it before its own', async () => {
    const { away, works, page, emits, clock, hub, posts } = outboxWorld()
    away()
    const first = page()
    first.emit([1, 2, 3])
    await clock.advance(100)
    first.emit([4])
    await clock.advance(0)
    expect(emits().map(({ seq, id, sent }) => [seq, id, sent])).toEqual([
      [1, 'n1', true],
      [2, 'n2', true],
      [3, 'n3', true],
      [4, 'n4', false],
    ])
    first.die()
    works()
    const second = page()
    second.emit([5])
    await clock.advance(0)
    expect(hub.accepted).toEqual([1, 2, 3, 4, 5])
    expect(second.said()).toEqual(['n5 ok'])
    expect(second.reports).toEqual([])
    expect(emits()).toEqual([])
    // What earlier pages have begun goes on under their name.
    expect(posts.slice(-2).map(({ producer, events }) => [producer, events.map(({ seq }) => seq)])).toEqual([
      [posts[0]?.producer, [1, 2, 3, 4]],
      [expect.not.stringMatching(String(posts[0]?.producer)), [1]],
    ])
  })

  test.each([undefined, 'is slow to answer'] as const)(
    'what is emitted right before the page goes away is kept, where the storage: %s',
    async (fault) => {
      const { away, works, page, emits, clock, hub } = outboxWorld()
      away()
      const first = page({ disturb: (step) => (step === 'write' ? fault : undefined) })
      first.emit([1])
      await clock.advance(0)
      expect(emits()).toHaveLength(1)
      first.emit([2, 3])
      first.hide()
      first.die()
      expect(emits().map(({ seq }) => seq)).toEqual([1, 2, 3])
      works()
      page()
      await clock.advance(100)
      expect(hub.accepted).toEqual([1, 2, 3])
      expect(emits()).toEqual([])
    },
  )

  test('the first emit of a page that goes away at once is kept too', async () => {
    const { away, works, page, emits, clock, hub } = outboxWorld()
    away()
    const first = page()
    await clock.advance(0)
    first.emit([1])
    first.hide()
    first.die()
    expect(emits().map(({ seq }) => seq)).toEqual([1])
    works()
    page()
    await clock.advance(100)
    expect(hub.accepted).toEqual([1])
  })

  test('of a page that is there nothing is taken over, while all of one that is gone is', async () => {
    const { away, works, page, clock, hub } = outboxWorld()
    away()
    const [gone, there] = [page(), page({ disturb: (step) => (step === 'post' ? 'hangs' : undefined) })]
    gone.emit([1, 2])
    there.emit([3])
    await clock.advance(100)
    gone.die()
    works()
    page()
    await clock.advance(100)
    expect(hub.accepted).toEqual([1, 2])
  })

  test('what a storage that hangs was handed as the page was put away is uncertain: it may have been left behind', async () => {
    const { away, page, clock } = outboxWorld()
    away()
    const first = page({ disturb: (step) => (step === 'write' ? 'hangs' : undefined) })
    const padded = (n: number) => JSON.stringify({ type: 'moved', data: [n, 'x'.repeat(15_000)] })
    const all = [1, 2, 3].map((n) => first.outbox.add(`n${n}`, padded(n), 'u1', false))
    await clock.advance(0)
    first.hide()
    await clock.advance(20_000)
    const outcomes = await Promise.all(all)
    expect(outcomes.map((outcome) => outcome.ok || outcome.error.code)).toEqual(['uncertain', 'uncertain', 'uncertain'])
  })

  test('lines are taken over whole, until there are a thousand emits; the rest at the next look', async () => {
    const { put, page, clock, hub } = outboxWorld()
    for (const [line, count] of [600, 400, 1].entries()) {
      for (const seq of upTo(count)) put({ ...kept(seq), producer: `producer-${line}` })
    }
    page()
    await clock.advance(9_000)
    expect(hub.accepted).toHaveLength(1_000)
    await clock.advance(2_000)
    expect(hub.accepted).toHaveLength(1_001)
  })

  test('what is closed once more while it is put away is kept all the same, and said to be', async () => {
    const { away, page, emits, clock } = outboxWorld()
    away()
    const first = page({ disturb: (step) => (step === 'write' ? 'is slow to answer' : undefined) })
    first.emit([1])
    await clock.advance(100)
    first.emit([2])
    first.hide()
    first.outbox.close()
    await clock.advance(100)
    expect(first.said()).toEqual(['n1 closed kept', 'n2 closed kept'])
    expect(emits()).toHaveLength(2)
  })

  test('what is answered is forgotten, and written down once until then', async () => {
    const steps: string[] = []
    const { page, emits, clock, posts } = outboxWorld()
    const { emit, said } = page({
      disturb(step) {
        if (step !== 'read') steps.push(step)
        return undefined
      },
    })
    await clock.advance(0)
    emit([1, 2])
    await clock.advance(0)
    expect(said()).toEqual(['n1 ok', 'n2 ok'])
    expect(posts).toHaveLength(1)
    expect(emits()).toEqual([])
    // Each is said twice: as it begins, and as it ends.
    expect(steps.filter((step) => step === 'write').length / 2).toBe(2)
  })

  test('the common path does not wait for the disk', async () => {
    const { page, clock, hub } = outboxWorld()
    const { emit, said } = page({ disturb: (step) => (step === 'write' || step === 'hold' ? 'hangs' : undefined) })
    await clock.advance(0)
    emit([1])
    await clock.advance(0)
    expect(said()).toEqual(['n1 ok'])
    expect(hub.accepted).toEqual([1])
  })

  test('an outbox whose page lives is nobody else’s, and one that ends is adopted by one page alone', async () => {
    const { away, works, page, clock, hub, posts } = outboxWorld()
    away()
    const first = page()
    first.emit([1, 2])
    await clock.advance(100)
    const others = [page(), page()]
    await clock.advance(60_000)
    expect(posts.every(({ atMs, events }) => events.length === 2 && atMs >= 0)).toBe(true)
    const before = posts.length
    for (const { outbox } of others) outbox.sync('u1')
    await clock.advance(0)
    expect(posts).toHaveLength(before)
    first.die()
    works()
    for (const { outbox } of others) outbox.sync('u1')
    await clock.advance(0)
    expect(hub.accepted).toEqual([1, 2])
    expect(posts).toHaveLength(before + 1)
  })

  test('a page that was there when others looked, and ends, leaves what it has to them', async () => {
    const { away, works, page, clock, hub } = outboxWorld()
    away()
    const first = page()
    first.emit([1, 2])
    await clock.advance(100)
    page()
    await clock.advance(100)
    first.die()
    works()
    expect(hub.accepted).toEqual([])
    await clock.advance(20_000)
    expect(hub.accepted).toEqual([1, 2])
  })

  test('whoever could not read what is left once, reads it later', async () => {
    const { away, works, page, clock, hub } = outboxWorld()
    away()
    const first = page()
    first.emit([1, 2])
    await clock.advance(100)
    first.die()
    works()
    let reads = 0
    // It has taken the lock by then: nobody else could take it over.
    const second = page({ disturb: (step) => (step === 'read' && ++reads === 3 ? 'rejects' : undefined) })
    await clock.advance(20_000)
    expect(second.codes()).toEqual(['storage'])
    expect(hub.accepted).toEqual([1, 2])
  })

  test('what a page wrote until it ended is found, and not only what was there when its lock was asked for', async () => {
    const { page, clock, hub, away, works, emits, put } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.die()
    works()
    const [kept] = emits()
    page({
      disturb(step) {
        if (step === 'hold' && kept) put({ ...kept, seq: 2, id: 'n2', json: '"id":"n2","type":"moved","data":2}' })
        return undefined
      },
    })
    await clock.advance(10)
    expect(hub.accepted).toEqual([1, 2])
  })

  test('an answer that is lost and asked for again hours later, by another page, is still once', async () => {
    const { page, clock, hub, away, works, emits } = outboxWorld()
    const first = page({ disturb: (step) => (step === 'post' ? 'loses the answer' : undefined) })
    first.emit([1, 2])
    await clock.advance(0)
    expect(hub.accepted).toEqual([1, 2])
    first.die()
    away()
    const second = page()
    second.emit([3])
    await clock.advance(3 * HOUR_MS)
    works()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([1, 2, 3])
    expect(second.said()).toEqual(['n3 ok'])
    expect(second.reports.every(({ retryable }) => retryable)).toBe(true)
    expect(emits()).toEqual([])
  })

  test('three pages, one after the other, none of which gets through', async () => {
    const { page, clock, hub, away, works } = outboxWorld()
    away()
    for (const from of [1, 4, 7]) {
      const { emit, die } = page()
      await clock.advance(50)
      emit(upTo(3, from))
      await clock.advance(50)
      die()
    }
    works()
    page()
    await clock.advance(0)
    expect(hub.accepted).toEqual(upTo(9))
  })

  test('ephemeral ones, and those of nobody yet, are never kept', async () => {
    const { page, clock, away, emits } = outboxWorld()
    away()
    const { emit, outbox } = page({ identity: undefined } as object)
    emit([1], { ephemeral: true })
    void outbox.add('n2', '{"type":"moved","data":2}', undefined, false)
    await clock.advance(10)
    expect(emits()).toEqual([])
    emit([3])
    await clock.advance(10)
    expect(emits().map(({ id, user }) => [id, user])).toEqual([['n3', 'u1']])
  })
})

describe('what ends when', () => {
  const lived = async (dieAt: number) => {
    const { page, clock, hub, emits } = outboxWorld()
    let steps = 0
    let die = () => {}
    const first = page({
      disturb(step) {
        if (step !== 'read' && steps++ === dieAt) die()
        return undefined
      },
    })
    die = first.die
    first.emit([1, 2])
    await clock.advance(1)
    first.emit([3])
    first.emit([4], {})
    await clock.advance(20_000)
    first.emit([5])
    await clock.advance(20_000)
    const isDead = steps > dieAt
    first.die()
    const kept = emits().map(({ id }) => Number(id.slice(1)))
    const known = new Set([...hub.accepted, ...kept])
    const second = page()
    await clock.advance(60_000)
    return { hub, known, isDead, left: emits(), second }
  }

  test('a page that ends before or after any step: what was kept or sent is accepted once, in order', async () => {
    let deaths = 0
    for (let at = 0; ; at++) {
      const { hub, known, isDead, left, second } = await lived(at)
      if (!isDead) break
      deaths++
      expect(hub.accepted, `death at step ${at}`).toEqual([...known].sort())
      expect(left).toEqual([])
      expect(second.reports).toEqual([])
    }
    // Two moments of each write, hold and POST.
    expect(deaths).toBeGreaterThan(15)
  })
})

describe('a storage that fails', () => {
  test('what it could not forget it forgets when it works again, or the hub that has lost its memory takes it twice', async () => {
    const { page, clock, hub, emits, away, works } = outboxWorld()
    let isFull = false
    const first = page({ disturb: (step) => (isFull && step === 'write' ? 'rejects' : undefined) })
    away()
    first.emit([1, 2])
    await clock.advance(10)
    expect(emits()).toHaveLength(2)
    isFull = true
    works()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([1, 2])
    isFull = false
    first.outbox.close()
    await clock.advance(100)
    hub.producers.clear()
    page()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([1, 2])
    expect(emits()).toEqual([])
  })

  const steps = ['read', 'write', 'hold'] as const
  const faults: readonly Fault[] = ['rejects', 'throws', 'hangs', 'loses the answer']
  test.each(steps.flatMap((step) => faults.map((fault) => [step, fault] as const)))(
    '%s %s: reported once, and all goes out from memory, once and in order',
    async (step, fault) => {
      const { page, clock, hub, away, works } = outboxWorld()
      away()
      let isBroken = true
      const disturb: Disturb = (what) => (isBroken && what === step ? fault : undefined)
      const { emit, codes, said, outbox } = page({ disturb })
      emit([1, 2])
      await clock.advance(10_000)
      emit([3])
      await clock.advance(10_000)
      works()
      await clock.advance(60_000)
      emit([4])
      await clock.advance(10_000)
      expect(hub.accepted).toEqual([1, 2, 3, 4])
      expect(said()).toEqual(['n1 ok', 'n2 ok', 'n3 ok', 'n4 ok'])
      expect(codes().filter((code) => code === 'storage').length).toBeGreaterThan(0)
      expect(codes().filter((code) => code === 'storage').length).toBeLessThan(3)
      isBroken = false
      outbox.close()
      const second = page()
      await clock.advance(60_000)
      expect(hub.accepted).toEqual([1, 2, 3, 4])
      expect(second.reports).toEqual([])
    },
  )

  test.each(steps)('%s hangs for good: that is told once, and delays what is emitted once', async (step) => {
    const { page, clock, hub } = outboxWorld()
    const { emit, outbox, codes, said } = page({ disturb: (what) => (what === step ? 'hangs' : undefined) })
    for (const n of upTo(30)) {
      emit([n])
      outbox.sync('u1')
      await clock.advance(1_000)
    }
    emit([31])
    await clock.advance(0)
    expect(hub.accepted).toEqual(upTo(31))
    outbox.close()
    emit([32])
    outbox.start()
    await clock.advance(0)
    expect(said()).toHaveLength(32)
    expect(codes()).toEqual(['storage'])
  })

  test.each(steps)(
    '%s fails once, at any time, and the page ends: nothing is doubled, and the order is kept',
    async (step) => {
      for (let at = 0; at < 12; at++) {
        for (const fault of faults) {
          const { page, clock, hub, away, works } = outboxWorld()
          let count = 0
          const first = page({ disturb: (what) => (what === step && count++ === at ? fault : undefined) })
          first.emit([1])
          await clock.advance(10)
          away()
          first.emit([2, 3])
          await clock.advance(10_000)
          first.emit([4])
          await clock.advance(10)
          first.die()
          works()
          const second = page()
          await clock.advance(60_000)
          second.emit([5])
          await clock.advance(10_000)
          const numbers = hub.accepted as number[]
          expect(numbers, `${step} ${fault} at ${at}`).toEqual([...new Set(numbers)].sort())
          expect(numbers).toContain(5)
          if (count <= at) expect(numbers).toEqual([1, 2, 3, 4, 5])
        }
      }
    },
  )
})

describe('what the hub has forgotten', () => {
  test('what was kept and never sent goes out under its number, what was sent is uncertain, and is reported', async () => {
    const { page, clock, hub, away, works, emits, posts } = outboxWorld()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    away()
    first.emit([2, 3])
    await clock.advance(10)
    first.emit([4, 5])
    await clock.advance(10)
    first.die()
    hub.producers.clear()
    works()
    const second = page()
    await clock.advance(1_000)
    expect(hub.accepted).toEqual([1, 4, 5])
    expect(second.reports.map(({ code, details }) => [code, details.id])).toEqual([
      ['uncertain', 'n2'],
      ['uncertain', 'n3'],
    ])
    expect(posts.at(-1)?.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
    expect(emits()).toEqual([])
  })

  test('what a page could not write down is a gap in the numbers: the hub is sure of what it has not taken, and all behind it goes out', async () => {
    const { page, clock, hub, away, works } = outboxWorld()
    let isFull = false
    const first = page({ disturb: (step) => (isFull && step === 'write' ? 'rejects' : undefined) })
    first.emit([1])
    await clock.advance(10)
    away()
    isFull = true
    first.emit([2])
    await clock.advance(10)
    isFull = false
    first.emit([3, 4])
    await clock.advance(60_000)
    first.die()
    works()
    const second = page()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([1, 3, 4])
    expect(second.reports).toEqual([])
  })

  test('what is still on its way as its page ends is not accepted twice, though it arrives after what the next page has sent, whenever that one ends', async () => {
    let deaths = 0
    for (let at = 0; at < 20; at++) {
      const { page, clock, hub, posts, answers, works, emits } = outboxWorld()
      let isFull = false
      const first = page({ disturb: (step) => (isFull && step === 'write' ? 'rejects' : undefined) })
      first.emit([1])
      await clock.advance(10)
      answers(() => {
        throw new TypeError('not there yet')
      })
      isFull = true
      first.emit([2])
      await clock.advance(10)
      isFull = false
      first.emit([3, 4])
      first.hide()
      await clock.advance(10)
      first.die()
      expect(first.said()).toEqual(['n1 ok', 'n2 uncertain', 'n3 closed kept', 'n4 closed kept'])
      const late = posts.filter(({ keepalive }) => keepalive)
      expect(late[0]?.events.map(({ id }) => id)).toEqual(['n2', 'n3', 'n4'])
      works()
      let steps = 0
      const second = page({
        disturb() {
          if (steps++ !== at) return undefined
          deaths++
          second.die()
          return undefined
        },
      })
      await clock.advance(100)
      for (const posted of late) hub.take(posted)
      second.die()
      const third = page()
      await clock.advance(60_000)
      expect(
        hub.accepted.filter((n) => n !== 2),
        `death at ${at}`,
      ).toEqual([1, 3, 4])
      expect(third.reports).toEqual([])
      expect(emits()).toEqual([])
    }
    expect(deaths).toBeGreaterThan(5)
  })

  test('the hub never knew of the first, and its page ended before it could write down that it had sent the rest', async () => {
    const { page, clock, hub, posts, answers, works, emits } = outboxWorld()
    let fault: Fault | undefined = 'rejects'
    const first = page({ disturb: (step) => (step === 'write' ? fault : undefined) })
    answers(() => {
      throw new TypeError('not there yet')
    })
    first.emit([1])
    await clock.advance(10)
    fault = undefined
    first.emit([2])
    await clock.advance(10)
    fault = 'hangs'
    first.hide()
    first.die()
    const late = posts.filter(({ keepalive }) => keepalive)
    expect(late[0]?.events.map(({ id }) => id)).toEqual(['n1', 'n2'])
    expect(emits().map(({ id, sent }) => [id, sent])).toEqual([['n2', false]])
    works()
    const second = page()
    await clock.advance(1_000)
    for (const posted of late) hub.take(posted)
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([2])
    expect([...emits(), ...second.reports]).toEqual([])
  })

  test.each<[string, (seq: number) => unknown]>([
    ['again and again, whatever fills it', (seq) => (seq > 2 ? 2 : undefined)],
    ['half a number less', (seq) => seq - 0.5],
    ['a text', () => '2'],
    ['a list', () => [2]],
    ['a number below all', () => -5],
    ['more than it was sent', (seq) => seq + 1],
    ['nothing', () => undefined],
  ])('a hub that expects %s is not hammered', async (_, expected) => {
    const { page, clock, posts, hub, answers, put, works } = outboxWorld()
    put(kept(3))
    hub.producers.set('producer-1', [{ id: 'n1' }])
    answers(({ events }) => {
      const [{ id, seq = 0, type } = { id: '', type: '' }] = events
      const code = type === 'hub.skip' ? 'unknown_type' : 'out_of_order'
      const error = { code, message: '', retryable: code === 'out_of_order', expected: expected(seq) as number }
      return Response.json({ user: 'u1', results: [{ id, error }] })
    })
    const { said, emit } = page()
    await clock.advance(10_000)
    expect(posts.length).toBeLessThan(12)
    works()
    emit([7])
    await clock.advance(60_000)
    expect(said()).toEqual(['n7 ok'])
  })

  test('of two lines that lack a number each is filled, whatever became of the other', async () => {
    const { page, clock, hub, put, answers } = outboxWorld()
    const [one, other] = [kept(3), { ...kept(3), producer: 'producer-2', id: 'm3' }]
    put(one)
    // Whoever cannot be sure of it has to say that it is uncertain, and not to send it anew.
    put({ ...other, sent: true })
    for (const { producer } of [one, other]) hub.producers.set(producer, [{ id: 'n1' }])
    // Something before the hub does not like what the first line says.
    answers((posted) =>
      posted.producer === one.producer && posted.events.some(({ id }) => id === one.id) && posted.events.length > 1
        ? new Response(null, { status: 403 })
        : Response.json({ user: 'u1', results: hub.take(posted) }),
    )
    const { reports } = page()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([3])
    expect(reports.map(({ code, details: { id } }) => [id, code])).toEqual([['n3', 'forbidden']])
  })

  test('what fills a gap leaves the application its room', async () => {
    const { page, clock, hub, put } = outboxWorld()
    put(kept(1_001))
    hub.producers.set('producer-1', [{ id: 'n1' }])
    const { emit, said } = page()
    for (let n = 0; n < 40; n++) {
      await Promise.resolve()
      emit([2_000 + n])
    }
    await clock.advance(60_000)
    expect(said().filter((one) => !one.endsWith('ok'))).toEqual([])
    expect(hub.accepted).toHaveLength(41)
  })

  test.each([
    ['its own', 'dies'],
    ['its own', 'is put away, and dies'],
    ['taken over', 'dies'],
    ['taken over', 'is put away, and dies'],
  ])(
    'what goes out again, since the hub has forgotten what is %s, does so once, though the page %s',
    async (whose, end) => {
      let deaths = 0
      for (let at = 0; at < 14; at++) {
        const { page, clock, hub, away, works, emits } = outboxWorld()
        let isCounted = false
        const disturb = () => {
          if (isCounted && steps++ === at) {
            deaths++
            die()
          }
          return undefined
        }
        let steps = 0
        let die = () => {}
        const first = page({ disturb })
        first.emit([1])
        await clock.advance(10)
        away()
        // So large that it goes alone: nothing behind it is sent.
        const text = JSON.stringify({ type: 'moved', data: 'x'.repeat(60_000) })
        void first.outbox.add('n2', text, 'u1', false)
        first.emit([3, 4])
        await clock.advance(10)
        if (whose !== 'its own') first.die()
        hub.producers.clear()
        works()
        isCounted = true
        const second = whose === 'its own' ? first : page({ disturb })
        die = () => {
          if (end !== 'dies') second.hide()
          second.die()
        }
        await clock.advance(whose === 'its own' ? 5_000 : 100)
        second.die()
        const third = page()
        await clock.advance(60_000)
        const uncertain = third.reports.filter(({ code }) => code === 'uncertain').map(({ details }) => details.id)
        const lost = [3, 4].filter((n) => uncertain.includes(`n${n}`) && !hub.accepted.includes(n))
        expect([...hub.accepted, ...lost], `death at ${at}`).toEqual([1, 3, 4])
        expect(emits()).toEqual([])
      }
      expect(deaths).toBeGreaterThan(7)
    },
  )

  test.each(['hangs', 'rejects'] as const)(
    'a storage that %s as they are numbered anew sends nothing twice',
    async (fault) => {
      for (let at = 0; at < 12; at++) {
        const { page, clock, hub, away, works } = outboxWorld()
        const first = page()
        first.emit([1])
        await clock.advance(10)
        away()
        const text = JSON.stringify({ type: 'moved', data: 'x'.repeat(60_000) })
        void first.outbox.add('n2', text, 'u1', false)
        first.emit([3, 4])
        await clock.advance(10)
        first.die()
        hub.producers.clear()
        works()
        let steps = 0
        const second = page({ disturb: (step) => (steps++ >= at && step !== 'post' ? fault : undefined) })
        await clock.advance(60_000)
        second.die()
        page()
        await clock.advance(60_000)
        expect(new Set(hub.accepted).size, `from step ${at} on`).toBe(hub.accepted.length)
        expect(hub.accepted, `from step ${at} on`).toEqual(expect.arrayContaining([1, 3, 4]))
      }
    },
  )

  test('what was left under its old number, since the storage failed, stays there when it works again', async () => {
    const { page, clock, hub, answers, works } = outboxWorld()
    let isFull = false
    const first = page({ disturb: (step) => (isFull && step === 'write' ? 'rejects' : undefined) })
    first.emit([1])
    await clock.advance(10)
    answers(() => Response.json({ error: { code: 'overloaded', message: 'no', retryable: true } }, { status: 503 }))
    first.emit([2])
    await clock.advance(10)
    // Written down, and looked at by nobody: now the hub forgets, and the storage is full.
    hub.producers.clear()
    isFull = true
    works()
    await clock.advance(5_000)
    expect(first.said()).toEqual(['n1 ok', 'n2 storage kept'])
    isFull = false
    // Whatever is written next must not take back what was promised.
    first.emit([3])
    await clock.advance(10)
    first.die()
    const second = page()
    await clock.advance(60_000)
    // It was sent, and the hub has forgotten: whether it was accepted nobody can tell, and that is said.
    expect(second.reports.map(({ code, details }) => `${details.id} ${code}`)).toEqual(['n2 uncertain'])
    expect(hub.accepted).toEqual([1, 3])
  })

  test('dying as they are numbered anew', async () => {
    for (let at = 0; at < 12; at++) {
      const { page, clock, hub, away, works, emits } = outboxWorld()
      const first = page()
      first.emit([1])
      await clock.advance(10)
      away()
      first.emit([2])
      await clock.advance(10)
      first.emit([3, 4])
      await clock.advance(10)
      first.die()
      hub.producers.clear()
      works()
      let steps = 0
      let die = () => {}
      const second = page({
        disturb() {
          if (steps++ === at) die()
          return undefined
        },
      })
      die = second.die
      await clock.advance(100)
      second.die()
      const third = page()
      await clock.advance(60_000)
      // Whoever dies as it sends them leaves doubt; nothing is doubled, and nothing goes without a word.
      const uncertain = third.reports.filter(({ code }) => code === 'uncertain').map(({ details }) => details.id)
      const lost = [3, 4].filter((n) => uncertain.includes(`n${n}`) && !hub.accepted.includes(n))
      expect([...hub.accepted, ...lost], `death at ${at}`).toEqual([1, 3, 4])
      expect(emits()).toEqual([])
    }
  })
})

describe('whose they are', () => {
  test('another user neither sees nor sends them', async () => {
    const { page, clock, hub, away, works, emits } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.die()
    works()
    const other = page({ identity: 'u2' })
    other.emit([2])
    await clock.advance(10_000)
    expect(hub.accepted).toEqual([2])
    expect(emits().map(({ user }) => user)).toEqual(['u1'])
    page()
    await clock.advance(0)
    expect(hub.accepted).toEqual([2, 1])
  })

  test('without an identity: as soon as the hub has said who we are', async () => {
    const { page, clock, hub, away, works } = outboxWorld()
    const anybody = { identity: undefined } as object
    away()
    const first = page(anybody)
    first.emit([1])
    await clock.advance(10)
    first.die()
    works()
    const second = page(anybody)
    await clock.advance(10_000)
    expect(hub.accepted).toEqual([])
    second.outbox.sync('u2')
    await clock.advance(10)
    expect(hub.accepted).toEqual([])
    second.outbox.sync('u1')
    await clock.advance(10)
    expect(hub.accepted).toEqual([1])
  })

  test.each([
    [409, 'identity_mismatch'],
    [401, 'unauthorized'],
  ])('%i: settled as %s, kept for their owner, and sent when they are back', async (status, code) => {
    const { page, clock, hub, refuses, works, posts, emits } = outboxWorld()
    refuses(status, code)
    const first = page()
    first.emit([1, 2])
    await clock.advance(10_000)
    expect(first.said()).toEqual([`n1 ${code} kept`, `n2 ${code} kept`])
    expect(posts).toHaveLength(1)
    expect(emits().map(({ id }) => id)).toEqual(['n1', 'n2'])
    works()
    // In another page, though the first one lives; its next emits are of another line.
    const second = page()
    await clock.advance(0)
    expect(hub.accepted).toEqual([1, 2])
    expect(second.reports).toEqual([])
    first.emit([3])
    await clock.advance(0)
    expect(hub.accepted).toEqual([1, 2, 3])
  })

  test('401: what is of others is not written before it is held', async () => {
    const { page, clock, answers, emits, posts } = outboxWorld()
    const error = { code: 'unauthorized', message: 'Sign in', retryable: false }
    answers(({ user }) => {
      if (user === 'u1') return Response.json({ error }, { status: 401 })
      throw new TypeError('away')
    })
    let holds = 0
    const disturb: Disturb = (step) => (step === 'hold' && ++holds > 2 ? 'hangs' : undefined)
    const first = page({ identity: undefined, disturb } as object)
    first.emit([1])
    first.emit([2], { user: 'u2' })
    await clock.advance(10)
    expect(posts.map(({ user }) => user)).toEqual(['u1', 'u2'])
    expect(emits().map(({ id }) => id)).toEqual(['n1'])
  })

  test('409 without a storage is an end', async () => {
    const { page, clock, refuses, works, hub } = outboxWorld()
    refuses(409, 'identity_mismatch')
    const { emit, said } = page({ storage: null })
    emit([1])
    await clock.advance(10)
    works()
    emit([2])
    await clock.advance(10)
    expect(said()).toEqual(['n1 identity_mismatch', 'n2 ok'])
    expect(hub.accepted).toEqual([2])
  })

  test('what the hub refuses for good of an earlier page is reported', async () => {
    const { page, clock, away, answers, emits } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.die()
    answers(({ events }) => {
      const error = { code: 'invalid_data', message: 'no', retryable: false }
      return Response.json({ results: events.map(({ id }) => ({ id, error })) })
    })
    const { reports } = page()
    await clock.advance(10)
    expect(reports.map(({ code, message, details }) => [code, message, details.id])).toEqual([
      ['invalid_data', 'no', 'n1'],
    ])
    expect(emits()).toEqual([])
  })
})

describe('bounds', () => {
  test('what is older than maxAgeMs is given up, and said', async () => {
    const { page, clock, away, works, hub, emits } = outboxWorld()
    away()
    const first = page({ maxAgeMs: HOUR_MS })
    first.emit([1])
    await clock.advance(10)
    first.emit([2])
    await clock.advance(50 * 60_000)
    first.emit([3])
    await clock.advance(15 * 60_000)
    expect(first.said()).toEqual(['n1 uncertain', 'n2 uncertain'])
    first.die()
    await clock.advance(50 * 60_000)
    works()
    const second = page({ maxAgeMs: HOUR_MS })
    await clock.advance(0)
    expect(hub.accepted).toEqual([])
    expect(second.reports.map(({ code, details }) => [code, details.id])).toEqual([['uncertain', 'n3']])
    expect(emits()).toEqual([])
  })

  test('whatever maxAgeMs says, nothing goes out when the hub may have forgotten what it has accepted', async () => {
    const { page, clock, hub, away, works } = outboxWorld()
    away()
    const first = page({ maxAgeMs: Number.POSITIVE_INFINITY })
    first.emit([1])
    await clock.advance(0)
    first.outbox.close()
    await clock.advance(48 * HOUR_MS + 1)
    works()
    const second = page({ maxAgeMs: Number.POSITIVE_INFINITY })
    await clock.advance(0)
    expect(hub.accepted).toEqual([])
    expect(second.codes()).toEqual(['uncertain'])
  })

  test('a number that nobody sends any more does not stop those behind it', async () => {
    const { page, clock, answers, works, hub } = outboxWorld()
    const { emit, said } = page({ maxAgeMs: HOUR_MS })
    emit([1])
    await clock.advance(0)
    // Not looked at: it is certain that nothing was accepted.
    answers(() => new Response('', { status: 503 }))
    emit([2])
    await clock.advance(30 * 60_000)
    emit([3])
    await clock.advance(40 * 60_000)
    works()
    await clock.advance(60_000)
    expect(said()).toEqual(['n1 ok', 'n2 timeout', 'n3 ok'])
    expect(hub.accepted).toEqual([1, 3])
  })

  test('by bytes too', async () => {
    const { page, clock, away } = outboxWorld()
    away()
    const { outbox } = page()
    const outcomes: string[] = []
    for (let n = 0; n < 6; n++) {
      const text = JSON.stringify({ type: 'moved', data: 'x'.repeat(900_000) })
      void outbox.add(`n${n}`, text, 'u1', false).then((outcome) => {
        outcomes.push(`${outcome.id} ${outcome.ok || outcome.error.code}`)
      })
    }
    await clock.advance(10)
    expect(outcomes).toEqual(['n4 overloaded', 'n5 overloaded'])
  })

  test('a page takes over about a thousand, and the rest when it has room again', async () => {
    const { page, clock, away, works, hub, emits } = outboxWorld()
    away()
    const pages = Array.from({ length: 4 }, () => page())
    for (const [at, { emit }] of pages.entries()) {
      await clock.advance(10)
      emit(upTo(400, 1 + at * 400))
    }
    await clock.advance(10)
    for (const { die } of pages) die()
    expect(emits().length).toBe(1_600)
    page()
    await clock.advance(60_000)
    works()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual(upTo(1_600))
  })
})

describe('close, hide and start', () => {
  test('what waits is settled as closed and kept, and goes out at the next start of the same page', async () => {
    const { page, clock, away, works, hub, held } = outboxWorld()
    away()
    const { emit, outbox, said, reports } = page()
    emit([1, 2])
    await clock.advance(10)
    outbox.close()
    outbox.close()
    await clock.advance(60_000)
    expect(said()).toEqual(['n1 closed kept', 'n2 closed kept'])
    expect(held.size).toBe(0)
    works()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([])
    outbox.start()
    emit([3])
    await clock.advance(10)
    expect(hub.accepted).toEqual([1, 2, 3])
    expect(reports.map(({ code }) => code)).toEqual(['network'])
  })

  test('closing while it reads what others have left', async () => {
    const { page, clock, away, works, hub } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.die()
    works()
    const second = page()
    second.outbox.close()
    await clock.advance(10)
    expect(hub.accepted).toEqual([])
    page()
    await clock.advance(10)
    expect(hub.accepted).toEqual([1])
  })

  test('closed, it does not look any more for what others leave, however often it had begun to', async () => {
    const { page, clock, away, works, hub } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    const second = page()
    second.outbox.sync('u1')
    await clock.advance(10)
    second.outbox.close()
    await clock.advance(10)
    first.die()
    works()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([])
  })

  test('put away, closed, and back: it stays closed', async () => {
    const { page, clock, away, works, hub } = outboxWorld()
    away()
    const { emit, hide, show, outbox } = page()
    emit([1])
    await clock.advance(10)
    hide()
    outbox.close()
    await clock.advance(10)
    works()
    show()
    await clock.advance(60_000)
    expect(hub.accepted).toEqual([])
    outbox.start()
    await clock.advance(10)
    expect(hub.accepted).toEqual([1])
  })

  test('hidden: what waits is sent in a way that outlives the page, as far as it may be large, and another page may go on', async () => {
    const { page, clock, hub, posts, answers, works } = outboxWorld()
    const hanging = page({ disturb: (step) => (step === 'post' ? 'hangs' : undefined) })
    hanging.emit([1])
    await clock.advance(10)
    hanging.emit([2])
    await clock.advance(10)
    hanging.die()
    expect(posts).toEqual([])

    const { emit, outbox, said, die, hide } = page()
    await clock.advance(10)
    expect(hub.accepted).toEqual([1, 2])
    answers((posted) => {
      hub.take(posted)
      throw new TypeError('the page is gone')
    })
    emit([3, 4])
    for (const n of [5, 6]) {
      const text = JSON.stringify({ type: 'moved', data: `${n}${'x'.repeat(15_000)}` })
      void outbox.add(`n${n}`, text, 'u1', false)
    }
    // In the same moment: nothing has been sent or written yet.
    hide()
    expect(posts.at(-1)).toMatchObject({ keepalive: true, events: [{ seq: 1 }, { seq: 2 }, { seq: 3 }] })
    await clock.advance(0)
    die()
    expect(said()).toEqual(['n3 closed kept', 'n4 closed kept'])
    works()
    page()
    await clock.advance(10)
    expect((hub.accepted as (number | string)[]).map((data) => Number.parseInt(String(data), 10))).toEqual(upTo(6))
    expect(posts.at(-1)?.keepalive).toBe(false)
  })

  test('hidden while an ephemeral emit is on its way: it is not sent once more', async () => {
    const { page, clock, posts, answers } = outboxWorld()
    const { emit, said, hide } = page()
    answers(() => new Promise(() => {}) as never)
    emit([1], { ephemeral: true })
    await clock.advance(10)
    emit([2])
    hide()
    await clock.advance(10)
    expect(posts.map(({ events }) => events.map(({ id }) => id))).toEqual([['n1'], ['n2']])
    expect(said()).toEqual(['n1 uncertain', 'n2 closed kept'])
  })

  test('a page that comes back from the back/forward cache', async () => {
    const { page, clock, hub, away, works } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.hide()
    expect(first.hiding.size).toBe(0)
    await clock.advance(10)
    works()
    page()
    await clock.advance(10)
    expect(hub.accepted).toEqual([1])
    first.outbox.start()
    first.emit([2])
    await clock.advance(10)
    expect(hub.accepted).toEqual([1, 2])
    expect(first.said()).toEqual(['n1 closed kept', 'n2 ok'])
  })

  test('a page that comes back with what it had: that goes out by itself, and before what is emitted then', async () => {
    const { page, clock, hub, away, works, emits } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.hide()
    await clock.advance(10)
    works()
    first.show()
    first.emit([2])
    await clock.advance(10)
    expect(hub.accepted).toEqual([1, 2])
    expect(emits()).toEqual([])
  })

  test('closed and started, by a user whom only the hub has named', async () => {
    const { page, clock, hub, away, works, emits } = outboxWorld()
    const { outbox, emit } = page({ identity: undefined as never })
    outbox.sync('u1')
    away()
    emit([1])
    await clock.advance(10)
    outbox.close()
    await clock.advance(10)
    works()
    outbox.start()
    emit([2])
    await clock.advance(10)
    expect(hub.accepted).toEqual([1, 2])
    expect(emits()).toEqual([])
  })

  test('one that was closed before it was there sends nothing and holds nothing until it is started', async () => {
    const { page, clock, hub, away, works, held } = outboxWorld()
    away()
    const first = page()
    first.emit([1])
    await clock.advance(10)
    first.die()
    works()
    const late = page({ isClosed: true })
    late.emit([2], { late: true })
    // The client that made it had been live a moment before.
    late.outbox.sync('u1')
    await clock.advance(10)
    expect(late.said()).toEqual(['n2 closed'])
    expect([hub.accepted.length, held.size]).toEqual([0, 0])
    late.outbox.start()
    await clock.advance(10)
    expect(hub.accepted).toEqual([1])
  })
})
