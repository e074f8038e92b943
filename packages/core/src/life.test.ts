// Proves what a connection does when its page is put away, hidden, seen again, or believes to be online: at once, but not too often.
import { expect, test } from 'vitest'
import type { ClientOptions } from './client.ts'
import type { Contract } from './contract/contract.ts'
import { clientOf, openStream, pass, queryOf, scriptedServer, syncBlock, until } from './fixtures/scripted-server.ts'
import type { Turn } from './ports.ts'
import { virtualClock } from './testing/virtual-clock.ts'

/** A client that is live, in a page whose life the test leads. */
async function scene(options: Partial<ClientOptions<Contract>> = {}) {
  const clock = virtualClock()
  let sleptMs = 0
  let refusal: string | undefined
  let ended = 0
  const server = await scriptedServer(clock, (response, arrival) => {
    if (refusal !== undefined) return void response.writeHead(503, { 'retry-after': refusal }).end()
    openStream(response, syncBlock(queryOf(arrival).after ?? 'e:1', ['board:7']))
    response.on('close', () => void ended++)
  })
  const listeners = new Set<(turn: Turn) => void>()
  const { client } = clientOf(clock, server.url, {
    // What has slept has a clock that went on and timers that did not.
    clock: { now: () => clock.now() + sleptMs, after: clock.after },
    life: {
      listen(turned) {
        listeners.add(turned)
        return () => void listeners.delete(turned)
      },
    },
    ...options,
  })
  const stop = client.subscribe({ topic: 'board:7' as never })
  const phase = () => client.status.get().phase
  clock.runNext()
  await until(() => phase() === 'live')
  return {
    clock,
    client,
    server,
    stop,
    phase,
    listeners,
    ended: () => ended,
    turn(turn: Turn) {
      for (const turned of [...listeners]) turned(turn)
    },
    sleep(ms: number) {
      sleptMs += ms
    },
    /** Refuses what comes from now on, with a `Retry-After`; or no more. */
    refuse(retryAfter: string | undefined) {
      refusal = retryAfter
    },
  }
}

test.each(['seen', 'back', 'online'] as const)(
  'a stream that is too old is asked for anew as soon as the page is %s',
  async (turn) => {
    const it = await scene()
    it.sleep(4_000)
    it.turn(turn)
    await it.clock.advance(0)
    expect([it.phase(), it.server.arrivals.length]).toEqual(['live', 1])
    it.sleep(1_000)
    it.turn(turn)
    it.clock.runNext()
    expect(it.phase()).toBe('connecting')
    await until(() => it.phase() === 'live')
    expect(it.server.arrivals.map((arrival) => queryOf(arrival).after)).toEqual([null, 'e:1'])
    await until(() => it.ended() === 1)
  },
)

test.each(['seen', 'back', 'online'] as const)(
  'who waits to try again tries when the page is %s, once a second at most',
  async (turn) => {
    const it = await scene()
    it.refuse('')
    it.sleep(60_000)
    it.turn(turn)
    it.clock.runNext()
    await until(() => it.phase() === 'down')
    const before = it.server.arrivals.length
    for (let i = 0; i < 40; i++) {
      it.turn(turn)
      await pass(it.clock, it.clock.now() + 100, () => it.phase() === 'down')
      await it.clock.advance(100)
    }
    expect(it.server.arrivals.length - before).toBeLessThanOrEqual(5)
    expect(it.server.arrivals.length - before).toBeGreaterThanOrEqual(3)
    it.refuse(undefined)
    it.turn(turn)
    await pass(it.clock, it.clock.now() + 1_000, () => it.phase() !== 'connecting')
    expect(it.phase()).toBe('live')
  },
)

test('nobody asks sooner than the hub has said, however often the page is seen', async () => {
  const it = await scene()
  it.refuse('20')
  it.sleep(60_000)
  it.turn('seen')
  it.clock.runNext()
  await until(() => it.phase() === 'down')
  it.turn('away')
  for (let i = 0; i < 19; i++) {
    it.turn('back')
    it.turn('online')
    await it.clock.advance(1_000)
  }
  expect(it.server.arrivals).toHaveLength(2)
  it.refuse(undefined)
  await it.clock.advance(1_000)
  await until(() => it.phase() === 'live')
})

test('a page that is put away lets go of its stream, and takes up where it left when it is back', async () => {
  const it = await scene()
  it.turn('away')
  await until(() => it.ended() === 1)
  expect(it.phase()).toBe('paused')
  expect(it.clock.pending()).toBe(0)
  it.turn('online')
  await it.clock.advance(60_000)
  expect([it.phase(), it.server.arrivals.length]).toEqual(['paused', 1])
  it.turn('back')
  it.clock.runNext()
  await until(() => it.phase() === 'live')
  expect(it.server.arrivals.map((arrival) => queryOf(arrival).after)).toEqual([null, 'e:1'])
})

test('a hidden page keeps its stream, unless it was told to pause', async () => {
  const keeps = await scene()
  keeps.turn('hidden')
  await keeps.clock.advance(4_000)
  expect([keeps.phase(), keeps.ended()]).toEqual(['live', 0])

  const pauses = await scene({ pauseWhenHiddenMs: 1_000 })
  pauses.turn('hidden')
  await pauses.clock.advance(500)
  pauses.turn('seen')
  await pauses.clock.advance(1_500)
  expect(pauses.phase()).toBe('live')
  pauses.turn('hidden')
  await pauses.clock.advance(1_000)
  expect(pauses.phase()).toBe('paused')
  await until(() => pauses.ended() === 1)
  pauses.turn('seen')
  pauses.clock.runNext()
  await until(() => pauses.phase() === 'live')
})

test('what is closed, stopped or idle stays so, and listens to nothing', async () => {
  const closed = await scene()
  closed.client.close()
  expect(closed.listeners.size).toBe(0)
  const idle = await scene({ lingerMs: 0 })
  idle.stop()
  await idle.clock.advance(100)
  expect([idle.phase(), idle.listeners.size]).toEqual(['idle', 0])
  for (const it of [closed, idle]) {
    for (const turn of ['away', 'back', 'hidden', 'seen', 'online'] as const) it.turn(turn)
    await it.clock.advance(10_000)
    expect(it.server.arrivals).toHaveLength(1)
  }
})
