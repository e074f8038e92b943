// Proves that virtual time is ordered, exact and cancellable.
import { expect, test } from 'vitest'
import { virtualClock } from './virtual-clock.ts'

test('callbacks run in order of time, then of asking', async () => {
  const clock = virtualClock(1_000)
  const ran: string[] = []
  const say = (name: string) => () => ran.push(`${name}@${clock.now()}`)
  clock.after(20, say('c'))
  clock.after(10, say('a'))
  clock.after(10, say('b'))
  clock.soon(say('soon'))
  expect(clock.pending()).toBe(4)
  await clock.advance(15)
  expect(ran).toEqual(['soon@1000', 'a@1010', 'b@1010'])
  expect(clock.now()).toBe(1_015)
  expect(clock.runNext()).toBe(true)
  expect(clock.runNext()).toBe(false)
  expect(ran.at(-1)).toBe('c@1020')
})

test('a cancelled callback never runs, and cancelling twice is harmless', async () => {
  const clock = virtualClock()
  const ran: number[] = []
  const cancels = [1, 2, 3].map((n) => clock.after(5, () => ran.push(n)))
  cancels[1]?.()
  cancels[1]?.()
  await clock.advance(5)
  cancels[0]?.()
  expect(ran).toEqual([1, 3])
  expect(clock.pending()).toBe(0)
})

test('what is asked for behind a promise still falls due in the same advance', async () => {
  const clock = virtualClock()
  const ran: number[] = []
  clock.after(1, () => {
    void Promise.resolve().then(() => clock.after(1, () => ran.push(clock.now())))
  })
  await clock.advance(10)
  expect(ran).toEqual([2])
})
