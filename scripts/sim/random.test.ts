// The same name says the same for ever, and no name hears what another was asked.
import { expect, it } from 'vitest'
import { chance } from './random.ts'

it('says the same again', () => {
  const [a, b] = [chance('x'), chance('x')]
  const draw = (dice: typeof a) => [
    dice.next(),
    dice.between(1, 6),
    dice.pick(['a', 'b', 'c']),
    dice.id(),
    dice.maybe(0.5),
  ]
  expect(draw(a)).toEqual(draw(b))
  expect(chance('y').next()).not.toBe(chance('x').next())
})

it('forks by name only', () => {
  const dice = chance('x')
  const before = dice.fork('child').next()
  dice.next()
  expect(dice.fork('child').next()).toBe(before)
  expect(dice.fork('other').next()).not.toBe(before)
})

it('is even enough', () => {
  const dice = chance('even')
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 40_000; i++) {
    const face = dice.between(0, 3)
    counts[face] = (counts[face] ?? 0) + 1
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(600)
  const kinds = { rare: 0, often: 0 }
  for (let i = 0; i < 10_000; i++) kinds[dice.weighted({ rare: 1, often: 9 })]++
  expect(kinds.rare).toBeGreaterThan(800)
  expect(kinds.rare).toBeLessThan(1_200)
})
