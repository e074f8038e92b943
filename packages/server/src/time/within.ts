// Bounds a wait in time, so that what hangs (an authorization, a log, a validator) fails instead of holding on for ever.
import { HubError } from '@sse-hub/core/contract'
import type { Clock } from '../ports.ts'

/**
 * Settles as the promise does, or rejects after `delayMs`.
 * @throws HubError `timeout`, retryable
 */
export function within<T>(clock: Clock, delayMs: number, what: string, promise: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = clock.after(delayMs, () => {
      reject(new HubError('timeout', `${what} did not answer within ${delayMs} ms`, { retryable: true }))
    })
    promise.then(
      (value) => {
        stop()
        resolve(value)
      },
      (error: unknown) => {
        stop()
        reject(error)
      },
    )
  })
}
