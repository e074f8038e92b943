// Shows that an interval that is none is not one: it must not become a loop.
import { afterEach, expect, test, vi } from 'vitest'
import { clock } from './platform.ts'
import { connect, createWorld, liveQueryOptions } from './testing/world.ts'

afterEach(() => void vi.useRealTimers())

test.each([0, Number.POSITIVE_INFINITY, Number.NaN, -1])(
  'a fallback interval of %s polls nothing',
  async (refetchInterval) => {
    const world = createWorld()
    const stop = connect(world)
    world.down()
    world.mount(liveQueryOptions({ ...world.cardsQuery('7'), topic: 'board:7', on: {}, fallback: { refetchInterval } }))
    await world.pass(500)
    // Nothing but the client's own attempts is waited for.
    expect(world.clock.pending()).toBe(1)
    stop()
    world.queryClient.clear()
    world.client.close()
  },
)

test('a wait beyond what a timer can hold is as long as it can be, and not over at once', () => {
  vi.useFakeTimers()
  const called = vi.fn()
  clock.after(2 ** 31, called)
  clock.after(Number.POSITIVE_INFINITY, called)
  vi.advanceTimersByTime(1_000_000)
  expect(called).not.toHaveBeenCalled()
})
