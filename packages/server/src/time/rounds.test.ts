// Rounds: who is called back, when, and with whom.
import { describe, expect, test } from 'vitest'
import { numbers, testClock } from '../fixtures/world.ts'
import { createRounds } from './rounds.ts'

describe('rounds', () => {
  const roundsOf = (everyMs: number, parts: number) => {
    const clock = testClock()
    const called: string[] = []
    const call = (name: string) => void called.push(`${name} ${clock.now()}`)
    const rounds = createRounds(clock, { everyMs, parts, call })
    return { clock, called, rounds, start: clock.now() }
  }

  test('call each back after the interval, or a part of it sooner, together with who came in the same part', async () => {
    const { clock, called, rounds, start } = roundsOf(160, 4)
    rounds.enter('a')
    await clock.advance(10)
    rounds.enter('b')
    await clock.advance(40)
    rounds.enter('c')
    expect(clock.pending()).toBe(1)
    await clock.advance(310)
    expect(called).toEqual(
      [
        ['a', 160],
        ['b', 160],
        ['c', 200],
        ['a', 320],
        ['b', 320],
        ['c', 360],
      ].map(([name, ms]) => `${name} ${start + Number(ms)}`),
    )
  })

  test('forget who leaves, also while others are called, and leave no timer behind', async () => {
    const clock = testClock()
    const called: string[] = []
    const rounds = createRounds<string>(clock, {
      everyMs: 100,
      parts: 2,
      call(name) {
        called.push(name)
        rounds.leave('b')
      },
    })
    for (const name of ['a', 'b', 'c']) rounds.enter(name)
    await clock.advance(100)
    expect(called).toEqual(['a', 'c'])
    rounds.leave('a')
    rounds.leave('a')
    expect(clock.pending()).toBe(1)
    rounds.leave('c')
    expect(clock.pending()).toBe(0)
    rounds.enter('d')
    await clock.advance(100)
    expect(called).toEqual(['a', 'c', 'd'])
  })

  test('of a short interval have parts that a timer can keep', async () => {
    const { clock, called, rounds, start } = roundsOf(25, 16)
    rounds.enter('a')
    await clock.advance(12)
    expect([clock.pending(), called]).toEqual([1, []])
    await clock.advance(13)
    expect(called).toEqual([`a ${start + 25}`])
  })

  test('part those who came together, so that they are called a few at a time', async () => {
    const { clock, called, rounds } = roundsOf(160, 4)
    for (const n of numbers(40)) rounds.enter(`m${n}`)
    await clock.advance(480)
    const times = called.map((line) => line.split(' ')[1])
    const some = [...new Set(times)].map((at) => times.filter((time) => time === at).length)
    expect(some).toEqual(Array(12).fill(10))
    expect(new Set(called.slice(0, 40)).size).toBe(40)
  })
})
