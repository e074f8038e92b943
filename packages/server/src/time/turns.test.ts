// Who catches up waits for a turn, so that a thousand of them do not fill one.
import { describe, expect, it } from 'vitest'
import { virtualClock } from '../../../core/src/testing/virtual-clock.ts'
import { contract, numbers } from '../fixtures/world.ts'
import { createHub } from '../hub.ts'
import { platform } from '../ports.ts'
import { createTurns } from './turns.ts'

describe('turns', () => {
  const asked = (count: number, most: number) => {
    const turns: (() => void)[] = []
    const next = createTurns({ ...virtualClock(), soon: (callback) => void turns.push(callback) }, () => most)
    const gone: number[] = []
    const ask = (n: number) => void next().then(() => gone.push(n))
    numbers(count).forEach(ask)
    /** Lets one turn go by. */
    const turn = async () => {
      for (const callback of turns.splice(0)) callback()
      await Promise.resolve()
      return gone.splice(0)
    }
    return { ask, turn }
  }

  it('are taken by a few at once, in the order in which they asked', async () => {
    const { ask, turn } = asked(5, 2.9)
    expect(await turn()).toEqual([1, 2])
    ask(6)
    expect([await turn(), await turn(), await turn()]).toEqual([[3, 4], [5, 6], []])
    ask(7)
    expect(await turn()).toEqual([7])
  })

  it('are taken by one at least', async () => {
    const { turn } = asked(2, 0.001)
    expect([await turn(), await turn()]).toEqual([[1], [2]])
  })
})

it('lets what is live go out between those who catch up', async () => {
  let turns = 0
  const clock = {
    ...platform.clock,
    soon: (callback: () => void) =>
      void setImmediate(() => {
        turns++
        callback()
      }),
  }
  const hub = createHub({ contract, authorize: () => ({ read: ['news'] }), clock, limits: { bufferBytes: 100_000 } })
  const after = await hub.cursor()
  const said = (n: number) => ({ type: 'news.said' as const, topic: 'news' as const, data: { text: `${n}` } })
  await hub.publish(numbers(100).map(said))
  let done = 0
  const readers = numbers(50).map(async () => {
    const { body } = await hub.fetch(new Request(`http://hub/api/sse/events?topics=news&after=${after}`))
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    let text = ''
    while (!text.includes('"100"')) text += new TextDecoder().decode((await reader.read()).value)
    done++
  })
  const before = turns
  await Promise.all(readers)
  // A megabyte at once is ten of them.
  expect(done).toBe(50)
  expect(turns - before).toBeGreaterThanOrEqual(5)
  await hub.close()
})
