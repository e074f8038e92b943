// The real platform behind the ports: the only file of this package that touches timers, chance or the console.
import type { Clock, Random } from '@sse-hub/core'

/** The platform's time. */
export const clock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    // Beyond what it can hold, a timer would fire at once.
    const timer = setTimeout(callback, Math.min(delayMs, 2e9))
    return () => clearTimeout(timer)
  },
}

/** The platform's chance, for jitter. */
export const random: Pick<Random, 'next'> = { next: Math.random }

/** A name that nobody else will find: `randomUUID` exists only in secure contexts. */
export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-')

/** Where reports go when the application does not hear them. */
export const logError = (...what: readonly unknown[]): void =>
  // biome-ignore lint/suspicious/noConsole: nobody else would learn of it
  console.error('sse-hub', ...what)
