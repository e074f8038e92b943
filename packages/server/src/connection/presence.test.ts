// Proves who is told to be there, to whom, how soon, for how long after they have left, and at what cost.
import type { HubError } from '@sse-hub/core/contract'
import { describe, expect, onTestFinished, test } from 'vitest'
import { contract as others, testClock, until, world } from '../fixtures/world.ts'
import type { HubOptions } from '../options.ts'
import { createAttendance, type Guest } from './presence.ts'

const path = '/api/sse/events?topics=board:7'
const as = (user: string) => ({ 'x-user': user })

const contract = { ...others, presence: ['board'] as const }

/** A hub whose time only the test passes. */
async function scene(options: Partial<HubOptions<typeof contract>> = {}) {
  const clock = testClock()
  const made = await world({ contract, clock, ...options })
  const { hub, open, get } = made
  const here = () => hub.presence('board:7').users
  const streams = (count: number) => until(() => expect(hub.stats().phases.live ?? 0).toBe(count))
  const enter = async (user: string, at = path) => {
    const stream = await open(at, as(user))
    await stream.first('hub.sync')
    return stream
  }
  return {
    ...made,
    clock,
    here,
    streams,
    enter,
    page: (query: string, user: string) => get(`/api/sse/page?${query}`, as(user)),
  }
}

describe('who is there', () => {
  test('is said although the clock was set back meanwhile', async () => {
    const clock = testClock()
    let backMs = 0
    const attendance = createAttendance(contract, { ...clock, now: () => clock.now() - backMs })
    onTestFinished(attendance.close)
    let told = 0
    const bob = attendance.enter({ user: 'bob', present: ['board:7'] })
    attendance.enter({ user: 'ada', present: ['board:7'], tell: () => ++told > 0 })
    await clock.advance(1_000)
    const before = told
    bob.leave()
    backMs = 3_600_000
    await clock.advance(6_000)
    expect(attendance.of('board:7').users).toEqual(['ada'])
    expect(told).toBe(before + 1)
  })

  test('is said after the sync, to everybody as it changes, once for all pages of a user, and by the hub itself', async () => {
    const { hub, clock, enter, here } = await scene()
    expect(hub.presence('board:7')).toEqual({ topic: 'board:7', users: [], count: 0 })
    const ada = await enter('ada')
    expect(await ada.first('hub.presence')).toEqual({ topic: 'board:7', users: ['ada'], count: 1 })
    expect(ada.blocks.map(({ event, id }) => [event, id !== undefined]).slice(0, 2)).toEqual([
      ['hub.sync', true],
      ['hub.presence', false],
    ])
    const bob = await enter('bob')
    expect(await bob.first('hub.presence')).toEqual({ topic: 'board:7', users: ['ada', 'bob'], count: 2 })
    await clock.advance(0)
    await until(() => expect(ada.of('hub.presence').at(-1).users).toEqual(['ada', 'bob']))
    // Nobody is told what they know.
    const second = await enter('bob')
    await second.first('hub.presence')
    await clock.advance(1_000)
    expect(ada.of('hub.presence')).toHaveLength(2)
    expect(bob.of('hub.presence')).toHaveLength(1)
    expect(here()).toEqual(['ada', 'bob'])
  })

  test('is nobody who names no topic, reads another one, or is anonymous; but who is anonymous hears', async () => {
    const { hub, clock, enter, here } = await scene()
    const all = await enter('ada', '/api/sse/events')
    const other = await enter('bob', '/api/sse/events?topics=news,board:8&x-read=news,board:7')
    const nobody = await enter('anonymous')
    expect(await nobody.first('hub.presence')).toEqual({ topic: 'board:7', users: [], count: 0 })
    await enter('cleo')
    await clock.advance(0)
    await until(() => expect(nobody.of('hub.presence').at(-1).users).toEqual(['cleo']))
    expect(here()).toEqual(['cleo'])
    await hub.publish({ type: 'card.moved', topic: 'board:7', data: { n: 1 } })
    await all.first('card.moved')
    expect([all.of('hub.presence'), other.of('hub.presence')]).toEqual([[], []])
    // Not granted, and so nowhere.
    expect(hub.presence('board:8').count).toBe(0)
  })

  test('is not told of a topic whose kind the contract does not name', async () => {
    const { hub, enter } = await scene()
    const stream = await enter('ada', '/api/sse/events?topics=news,user')
    await hub.publish({ type: 'news.said', topic: 'news', data: { text: 'a' } })
    await stream.first('news.said')
    expect(stream.of('hub.presence')).toEqual([])
    for (const topic of ['news', 'user:ada', 'nonsense:7']) {
      expect(() => hub.presence(topic as 'board:7')).toThrow(
        expect.objectContaining({
          code: 'invalid_topic',
          message: expect.stringContaining('defineContract'),
        }) as HubError,
      )
    }
  })
})

describe('who leaves', () => {
  test('is there for five seconds more, and does not flicker who comes back within them', async () => {
    const { clock, enter, here, streams } = await scene()
    const ada = await enter('ada')
    const bob = await enter('bob')
    await clock.advance(0)
    await until(() => expect(ada.of('hub.presence')).toHaveLength(2))
    bob.destroy()
    await streams(1)
    await clock.advance(4_999)
    expect(here()).toEqual(['ada', 'bob'])
    const back = await enter('bob')
    await clock.advance(6_000)
    expect(ada.of('hub.presence')).toHaveLength(2)
    back.destroy()
    await streams(1)
    await clock.advance(5_000)
    expect(here()).toEqual(['ada'])
    await clock.advance(250)
    await until(() => expect(ada.of('hub.presence').at(-1).users).toEqual(['ada']))
  })

  test('is gone only with the last stream', async () => {
    const { clock, enter, here, streams } = await scene()
    const one = await enter('bob')
    await enter('bob')
    one.destroy()
    await streams(1)
    await clock.advance(10_000)
    expect(here()).toEqual(['bob'])
  })

  test('is gone at once when it was revoked, lately left or not; and after the rest when the grant has changed', async () => {
    const granted: Record<string, readonly string[] | null> = {}
    const { hub, clock, enter, here, streams } = await scene({
      recheckMs: 60_000,
      authorize: ({ headers }) => {
        const user = headers.get('x-user') ?? ''
        const read = user in granted ? granted[user] : ['board:7']
        return read ? { user, read } : null
      },
    })
    const ada = await enter('ada')
    await enter('bob')
    const cleo = await enter('cleo')
    await enter('dan')
    await enter('eve', '/api/sse/events?topics=board:7,user')
    cleo.destroy()
    await streams(4)
    expect(here()).toEqual(['ada', 'bob', 'cleo', 'dan', 'eve'])
    hub.disconnect('bob')
    hub.disconnect('cleo')
    expect(here()).toEqual(['ada', 'dan', 'eve'])
    await clock.advance(0)
    await until(() => expect(ada.of('hub.presence').at(-1).users).toEqual(['ada', 'dan', 'eve']))
    granted.dan = null
    granted.eve = []
    await clock.advance(55_000)
    await until(() => expect(here()).toEqual(['ada', 'eve']))
    await until(() => expect(hub.stats().connections).toBe(1))
    await clock.advance(5_000)
    expect(here()).toEqual(['ada'])
  })

  test.each(['disable', 'drain'] as const)('is gone after the rest when the hub does %s', async (what) => {
    const { hub, clock, enter, here } = await scene()
    const ada = await enter('ada')
    if (what === 'disable') hub.disable()
    else void hub.drain({ overMs: 0 })
    await clock.advance(0)
    await until(() => expect(ada.ended).toBe('end'))
    expect(here()).toEqual(['ada'])
    await clock.advance(5_000)
    expect(here()).toEqual([])
    hub.enable()
    if (what === 'disable') expect((await (await enter('bob')).first('hub.presence')).users).toEqual(['bob'])
  })

  test('leaves nothing behind in a hub that is closed', async () => {
    const { hub, clock, enter, here } = await scene()
    await enter('ada')
    await enter('bob')
    await hub.close()
    expect(here()).toEqual([])
    expect(clock.pending()).toBe(0)
  })
})

describe('a page', () => {
  test('counts while it waits, and for five seconds after it was answered', async () => {
    const { hub, clock, page, here, enter } = await scene()
    const ada = await enter('ada')
    const waiting = page(`topics=board:7&wait=10000&after=${await hub.cursor()}`, 'bob')
    await until(() => expect(hub.stats().phases).toEqual({ live: 1, page: 1 }))
    expect(here()).toEqual(['ada', 'bob'])
    await clock.advance(10_000)
    expect((await waiting).body).not.toHaveProperty('users')
    await clock.advance(4_999)
    expect(here()).toEqual(['ada', 'bob'])
    await page('topics=board:7', 'bob')
    await clock.advance(4_999)
    expect(here()).toEqual(['ada', 'bob'])
    await clock.advance(1)
    expect(here()).toEqual(['ada'])
    await clock.advance(250)
    await until(() => expect(ada.of('hub.presence').map(({ count }) => count)).toEqual([1, 2, 1]))
  })

  test('that names no topic is nowhere; one that is revoked is gone at once', async () => {
    const { hub, page, here } = await scene()
    await page('', 'ada')
    expect(here()).toEqual([])
    const waiting = page(`topics=board:7&wait=10000&after=${await hub.cursor()}`, 'bob')
    await until(() => expect(here()).toEqual(['bob']))
    hub.disconnect('bob')
    expect((await waiting).status).toBe(503)
    expect(here()).toEqual([])
  })
})

describe('many', () => {
  test('are told as a hundred and how many there are, in frames that all share, and not more often than the topic can bear', async () => {
    const clock = testClock()
    const attendance = createAttendance(contract, clock)
    onTestFinished(attendance.close)
    const frames = new Set<unknown>()
    let told = 0
    const guest = (user: string): Guest => ({
      user,
      present: ['board:7'],
      tell({ frame }) {
        told++
        frames.add(frame)
        return true
      },
    })
    const stays = Array.from({ length: 2_000 }, (_, n) => attendance.enter(guest(`u${n}`)))
    // Each is told where it comes to.
    expect(told).toBe(2_000)
    const { users, count } = attendance.of('board:7')
    expect([users.length, users[0], users[99], count]).toEqual([100, 'u0', 'u99', 2_000])
    await clock.advance(10_000)
    told = 0
    frames.clear()
    // A deployment: everybody comes again, bit by bit, within ten seconds.
    for (const [n, stay] of stays.entries()) {
      stay.leave()
      stays[n] = attendance.enter(guest(`u${n}`))
      if (n % 20 === 0) await clock.advance(100)
    }
    // Nobody was seen to leave: each new stream was told, and nobody else.
    expect([told, frames.size]).toEqual([2_000, 1])
    told = 0
    frames.clear()
    // Everybody leaves, within ten seconds: one frame every two seconds, for those who are left.
    for (const [n, stay] of stays.entries()) {
      stay.leave(true)
      if (n % 20 === 0) await clock.advance(100)
    }
    expect(frames.size).toBeLessThan(20)
    expect(told).toBeLessThan(2_000 * 6)
    expect(attendance.of('board:7').count).toBe(0)
    await clock.advance(10_000)
    expect(clock.pending()).toBe(0)
  })

  test('changes of one moment are one frame, and changes that follow wait for a quarter of a second', async () => {
    const clock = testClock()
    const attendance = createAttendance(contract, clock)
    const heard: number[] = []
    const guest = (user: string, tell?: Guest['tell']): Guest => ({ user, present: ['board:7'], ...(tell && { tell }) })
    attendance.enter(
      guest('ada', ({ frame }) => {
        heard.push(JSON.parse(new TextDecoder().decode(frame.bytes).split('data: ')[1] ?? '').count)
        return true
      }),
    )
    const enter = (user: string) => attendance.enter(guest(user))
    for (const user of ['b', 'c', 'd']) enter(user)
    await clock.advance(0)
    expect(heard).toEqual([1, 4])
    enter('e')
    await clock.advance(249)
    enter('f')
    expect(heard).toEqual([1, 4])
    await clock.advance(1)
    expect(heard).toEqual([1, 4, 6])
    attendance.close()
    expect(clock.pending()).toBe(0)
  })

  test('one for whom there was no room is told again, and one who has taken it is not', async () => {
    const clock = testClock()
    const attendance = createAttendance(contract, clock)
    let hasRoom = false
    let told = 0
    const { remind, leave } = attendance.enter({
      user: 'ada',
      present: ['board:7', 'news'],
      tell() {
        told++
        return hasRoom
      },
    })
    expect(told).toBe(1)
    remind()
    expect(told).toBe(2)
    hasRoom = true
    remind()
    remind()
    expect(told).toBe(3)
    leave()
    leave()
    remind()
    expect([told, clock.pending()]).toEqual([3, 1])
    await clock.advance(5_000)
    expect([attendance.of('board:7').count, clock.pending()]).toEqual([0, 0])
  })

  test('a stream for whose first snapshot there was no room hears it with a heartbeat', async () => {
    const { clock, open, enter } = await scene({ limits: { bufferBytes: 300 }, heartbeatMs: 2_000 })
    for (const n of [1, 2, 3]) await enter(`${n}${'y'.repeat(100)}`)
    await clock.advance(1_000)
    // Nothing changes, so that nobody else is told.
    const stream = await open(path, as(`1${'y'.repeat(100)}`))
    await stream.first('hub.sync')
    expect(stream.of('hub.presence')).toEqual([])
    await clock.advance(2_000)
    expect((await stream.first('hub.presence')).count).toBe(3)
  })

  test('whoever still holds what was closed, or left by all others, hurts nobody', async () => {
    const clock = testClock()
    const attendance = createAttendance(contract, clock)
    const page = attendance.enter({ user: null, present: ['board:7'] })
    const ada = attendance.enter({ user: 'ada', present: ['board:7'], tell: () => true })
    ada.leave(true)
    const bob = attendance.enter({ user: 'bob', present: ['board:7'], tell: () => true })
    page.leave()
    expect(attendance.of('board:7').users).toEqual(['bob'])
    // Somebody is about to be told, and leaves.
    attendance.enter({ user: 'cleo', present: ['board:7'] }).leave(true)
    bob.leave(true)
    expect(clock.pending()).toBe(0)
    const eve = attendance.enter({ user: 'eve', present: ['board:7'], tell: () => true })
    attendance.close()
    eve.leave()
    expect(clock.pending()).toBe(0)
  })
})
