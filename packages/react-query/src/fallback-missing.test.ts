// Shows what happens where the file with what polls cannot be had, as in an old page after a deployment.
import { expect, test, vi } from 'vitest'
import { connect, createWorld } from './testing/world.ts'

let isThere = false
let tries = 0
vi.mock('./fallback.ts', (original) => {
  tries++
  if (!isThere) throw new Error('404')
  return original()
})

test('it is said once, and asked for again while the hub is down', async () => {
  const world = createWorld()
  const stop = connect(world)
  // What is loaded comes in a time that is not the world's.
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      await world.pass(1_000)
      await vi.dynamicImportSettled()
    }
  }
  world.mount(world.cardsQuery('7'))
  await pass(5)
  expect(world.reports).toMatchObject([{ during: 'fallback', queryKey: ['cards', '7'] }])
  const before = tries
  for (let i = 0; i < 10; i++) {
    world.save('board:7', 'a', `t${i}`)
    await pass(1)
  }
  expect(tries).toBe(before)
  world.down()
  await pass(30)
  expect(tries).toBeGreaterThan(before)
  expect(tries).toBeLessThan(before + 20)
  isThere = true
  world.fetches.length = 0
  await pass(60)
  expect(world.fetches.length).toBeGreaterThan(2)
  expect(world.reports).toHaveLength(1)
  stop()
  world.client.close()
  world.queryClient.clear()
})
