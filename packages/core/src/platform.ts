// The real platform behind the ports: the only file of this package that touches timers, chance or the network.
import type { HubError } from './errors.ts'
import type { Ports } from './ports.ts'

/** The ports of a browser, Node 22 or later, Bun or Deno. */
export const platform: Ports = {
  clock: {
    now: () => performance.now(),
    after(delayMs, callback) {
      // Beyond what it can hold, a timer would fire at once: a server that asks for a month must not get a loop.
      const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  },
  random: {
    next: Math.random,
    // randomUUID exists only in secure contexts; a page on plain http must work too.
    id: () => crypto.getRandomValues(new Uint32Array(4)).join('-'),
  },
  // Called late, so that a test or a polyfill that replaces the global is honoured.
  fetch: (url, init) => fetch(url, init),
}

/** Where a client's reports go when the application does not hear them. What is tried again by itself is in the status meanwhile. */
export function logReport({ during, error }: { readonly during: string; readonly error: unknown }): void {
  // biome-ignore lint/suspicious/noConsole: nobody else would learn of it
  if (!(error as HubError | undefined)?.retryable) console.error('sse-hub', during, error)
}
