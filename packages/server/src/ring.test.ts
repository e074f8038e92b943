// A ring holds what a list would, however it has grown and shrunk.
import { describe, expect, test } from 'vitest'
import { Ring } from './ring.ts'

const all = <T>(ring: Ring<T>) => Array.from({ length: ring.length }, (_, index) => ring.at(index))

describe('a ring', () => {
  test.each([1, 2, 3, 4, 5])('holds what a list would hold, whatever is pushed and shifted (%i)', (seed) => {
    const ring = new Ring<number>()
    const list: number[] = []
    let state = seed * 7_919
    const chance = () => {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
    let longest = 0
    for (let step = 0; step < 5_000; step++) {
      // It grows for a while, then shrinks for a while.
      if (chance() < (Math.floor(step / 700) % 2 === 0 ? 0.7 : 0.35)) {
        ring.push(step)
        list.push(step)
      } else {
        ring.shift()
        list.shift()
      }
      longest = Math.max(longest, list.length)
      expect(ring.length).toBe(list.length)
      expect(ring.at(0)).toBe(list[0])
      expect(ring.at(list.length - 1)).toBe(list.at(-1))
      if (step % 100 === 0) expect(all(ring)).toEqual(list)
    }
    expect(longest).toBeGreaterThan(128)
    expect(all(ring)).toEqual(list)
  })

  test('has nothing at an index that nothing stands at, nor after it was cleared', () => {
    const ring = new Ring<string>()
    ring.shift()
    ring.push('a')
    expect([ring.at(-1), ring.at(0), ring.at(1)]).toEqual([undefined, 'a', undefined])
    ring.clear()
    expect([ring.length, ring.at(0)]).toEqual([0, undefined])
    ring.push('b')
    expect(all(ring)).toEqual(['b'])
  })
})
