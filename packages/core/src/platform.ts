// The real platform behind the ports: the only file of this package that touches timers, chance, the network or the page.
import type { HubError } from './errors.ts'
import type { Life, Ports, Tabs, Turn } from './ports.ts'

/** The ports of a browser, Node 22 or later, Bun or Deno. */
export const platform: Ports = {
  clock: {
    now: () => performance.now(),
    after(delayMs, callback) {
      // Beyond 24 days a timer would fire at once: a server that asks for a month must not get a loop.
      const timer = setTimeout(callback, Math.min(delayMs, 2e9))
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
  hasKept: async () => 'sse-hub emits' in localStorage,
}

/** The time of day, in milliseconds. */
export const timeOfDay = (): number => Date.now()

/** Where a client's reports go when the application does not hear them. What is tried again by itself is in the status meanwhile. */
export function logReport({ during, error }: { readonly during: string; readonly error: unknown }): void {
  // biome-ignore lint/suspicious/noConsole: nobody else would learn of it
  if (!(error as HubError | undefined)?.retryable) console.error('sse-hub', during, error)
}

/** The tabs and the life of this page; undefined where there are none: on a server, or where tabs cannot talk. */
export function page(): { readonly tabs?: Tabs | undefined; readonly life?: Life } {
  if (typeof document === 'undefined') return {}
  // In a page that is simulated within Node (happy-dom, jsdom) the channel is Node's: its clients are no tabs of a browser.
  return { tabs: globalThis.BroadcastChannel?.prototype instanceof EventTarget ? tabs : undefined, life }
}

const tabs: Tabs = {
  channel(name, hear) {
    const channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }) => hear(data)
    return { post: (message) => channel.postMessage(message), close: () => channel.close() }
  },
  now: timeOfDay,
  get locks() {
    return navigator.locks
  },
}

const life: Life = {
  listen(turned) {
    const listening = new AbortController()
    const on = (target: EventTarget, type: string, turn: Turn) =>
      target.addEventListener(
        type,
        () => {
          const { hidden } = document
          if (!hidden || turn !== 'seen') turned(turn)
          if (hidden && turn !== 'away') turned('hidden')
        },
        { signal: listening.signal },
      )
    on(window, 'pagehide', 'away')
    on(document, 'freeze', 'away')
    on(window, 'pageshow', 'back')
    on(document, 'resume', 'back')
    on(document, 'visibilitychange', 'seen')
    on(window, 'online', 'online')
    return () => listening.abort()
  },
}
