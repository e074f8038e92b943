// Shows that many queries cost each what one does: what is done for all of them whenever one comes or goes would take minutes for thousands.
import { expect, test, vi } from 'vitest'
import { connect, createWorld } from './testing/world.ts'

/** How many timers so many queries with a topic and a fallback each take to be mounted, loaded and unmounted. */
async function timersOf(count: number): Promise<number> {
  const world = createWorld()
  const stop = connect(world)
  const leave = world.mount(world.cardsQuery('first'))
  await vi.waitFor(() => import('./fallback.ts'))
  await world.pass(2_000)
  const after = vi.spyOn(world.clock, 'after')
  const unmounts = Array.from({ length: count }, (_, i) => world.mount(world.cardsQuery(`${i}`)))
  await world.pass(2_000)
  expect(world.client.status.topic(`board:${count - 1}`)).toBe('live')
  for (const unmount of unmounts) unmount()
  await world.pass(5_000)
  const { length } = after.mock.calls
  leave()
  stop()
  world.queryClient.clear()
  world.client.close()
  return length
}

test('twice as many take about twice the timers', async () => {
  const few = await timersOf(20)
  expect(await timersOf(40)).toBeLessThan(2.2 * few)
})
