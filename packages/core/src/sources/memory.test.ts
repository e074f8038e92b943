// What a stream that is over leaves behind: nothing, however long the client lives on.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { HubError } from '../errors.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { partOf, type Question } from './source.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

test('a part that is over is let go, while what it was a part of goes on', async () => {
  const whole = new AbortController()
  const question: Question = {
    url: '/api/sse',
    topics: ['board:1'],
    after: undefined,
    get: () => Promise.reject(new HubError('network', 'There is none', { retryable: true })),
    take: () => {},
    clock: virtualClock(),
    signal: whole.signal,
  }
  /** As a source reads it: something of the platform hangs on its signal, and it ends by itself. */
  const read = () => {
    const held = { body: 'of an answer' }
    const part = partOf(question, () => held)
    part.signal.addEventListener('abort', () => held)
    part.end()
    return new WeakRef(held)
  }
  const refs = Array.from({ length: 10 }, read)
  // A reference that was looked at lives until the end of its turn.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(refs.filter((ref) => ref.deref())).toEqual([])
  expect(whole.signal.aborted).toBe(false)
})
