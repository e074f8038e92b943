// The conformance cases about `check`: a log that cannot keep anything says so, and finds out by itself that it can again.
import assert from 'node:assert/strict'
import { HubError } from '@sse-hub/core/contract'
import { draft, type LogCase, mark, outOfOrder, readAll, start, until } from './bench.ts'

/** Waits for a promise, however long it takes in the time of the log. */
async function soon<T>(promise: Promise<T>, skip: (ms: number) => void): Promise<T> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  await until('an answer', () => {
    skip(1_000)
    return settled
  })
  return promise
}

const remedy = (error: unknown) => {
  assert(error instanceof HubError, `a HubError was expected, not ${error}`)
  assert.equal(error.retryable, true)
  return true
}

/** How it fares. */
export const healthCases: readonly LogCase[] = [
  {
    name: 'a log that keeps what it is given is well, whatever it refuses',
    async run({ log }) {
      await log.check?.()
      await log.append([draft('a')])
      await assert.rejects(log.append([draft('b')], mark(7)), outOfOrder(1))
      await log.check?.()
    },
  },
  {
    name: 'a log that could keep nothing lately is not well, until it could again, though nobody appended',
    needs: 'fault',
    async run({ log, skip, fault }) {
      assert(log.check, 'a log that can be broken has `check`')
      const mend = await fault()
      await assert.rejects(soon(log.append([draft('a')]), skip), remedy)
      await assert.rejects(soon(log.check(), skip), remedy)
      await assert.rejects(soon(log.check(), skip), remedy)
      const before = await log.head()
      mend()
      // A look may count for a while.
      skip(10_000)
      await soon(log.check(), skip)
      assert.deepEqual(await log.head(), before, 'looking leaves nothing behind')
    },
  },
  {
    name: 'a log that keeps things again is well again',
    needs: 'fault',
    async run({ log, skip, fault }) {
      const mend = await fault()
      await assert.rejects(soon(log.append([draft('a')], mark(1)), skip), remedy)
      mend()
      await log.append([draft('b')], mark(1))
      await log.check?.()
      assert.equal((await readAll(log, await start(log))).at(-1)?.id, 'b')
    },
  },
]
