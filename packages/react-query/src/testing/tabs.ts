// Tabs of one browser in virtual time, each with a cache of its own and a hub whose state a test says; and an API that counts who asked.
import { HubError, type HubErrorCode, type Status, type Tabs } from '@sse-hub/core'
import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { type VirtualClock, virtualClock } from '../../../core/src/testing/virtual-clock.ts'
import { type ConnectOptions, connectQueries, type QueryConnection } from '../connect.ts'
import { withCursor } from '../cursor.ts'
import type { QueryReport } from '../entry.ts'
import { liveQueryOptions } from '../live.ts'
import { patch } from '../reducers.ts'

/** What a tab may have different. */
export interface TabOptions {
  readonly user?: string | null
  readonly url?: string
  readonly chance?: number
  readonly tabs?: Tabs | null
  readonly live?: boolean
}

/** One tab. */
export interface Tab {
  readonly queryClient: QueryClient
  readonly connection: QueryConnection
  readonly reports: QueryReport[]
  /** The topics that are subscribed to. */
  readonly topics: Set<string>
  /** From which cursor each subscription began. */
  readonly afters: (string | undefined)[]
  /** Those that the hub does not grant. */
  readonly refused: Set<string>
  /** When the client was told to try. */
  readonly starts: number[]
  mount(options?: object, topics?: readonly string[]): () => void
  /** The hub is live for all topics, or it is not. */
  live(as?: string | null): void
  connecting(): void
  down(reason?: HubErrorCode, retryInMs?: number, details?: Readonly<Record<string, unknown>>): void
  stopped(): void
  data(): unknown
}

/** One browser, and the API that its tabs ask. */
export interface Browser {
  readonly clock: VirtualClock
  /** Who asked, and when. */
  readonly asked: { readonly tab: number; readonly at: number }[]
  /** What the API answers, and how soon. */
  readonly api: { data: unknown; ms: number; fails: boolean }
  readonly tabs: Tabs
  /** Names of channels that are open. */
  readonly channels: () => string[]
  /** Takes a lock, as a tab that was frozen while it had it. */
  freeze(name: string): void
  open(options?: TabOptions): Tab
  close(): void
}

export const INTERVAL_MS = 10_000

export function createBrowser(): Browser {
  const clock = virtualClock()
  const channels = new Set<{ readonly name: string; readonly hear: (message: unknown) => void }>()
  const held = new Set<string>()
  const opened: Tab[] = []
  const tabs: Tabs = {
    now: () => Date.now(),
    channel(name, hear) {
      const mine = { name, hear }
      channels.add(mine)
      return {
        post(message) {
          for (const other of channels) {
            if (other === mine || other.name !== name) continue
            const copy = structuredClone(message)
            clock.after(1, () => channels.has(other) && other.hear(copy))
          }
        },
        close: () => void channels.delete(mine),
      }
    },
    locks: {
      async request(name: string, { ifAvailable }: LockOptions, callback: (lock: unknown) => unknown) {
        // Whoever waits for a lock waits for ever here.
        if (held.has(name)) return ifAvailable ? callback(null) : new Promise(() => {})
        held.add(name)
        try {
          return await callback({ name })
        } finally {
          held.delete(name)
        }
      },
    } as unknown as LockManager,
  }
  const browser: Browser = {
    clock,
    asked: [],
    api: { data: [{ id: 'a' }], ms: 20, fails: false },
    tabs,
    channels: () => [...channels].map(({ name }) => name),
    freeze: (name) => void held.add(name),
    open(options = {}) {
      const tab = createTab(browser, opened.length, options)
      opened.push(tab)
      return tab
    },
    close() {
      for (const { connection, queryClient } of opened) {
        connection()
        queryClient.clear()
        queryClient.unmount()
      }
    },
  }
  return browser
}

function createTab(browser: Browser, number: number, options: TabOptions): Tab {
  const { clock, asked, api } = browser
  const { user = 'u1', url = '/api/sse', chance = 0.5, ...more } = options
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  queryClient.mount()
  const listeners = new Set<() => void>()
  const topics = new Set<string>()
  const refused = new Set<string>()
  const afters: (string | undefined)[] = []
  const starts: number[] = []
  let status: Status = { phase: 'idle' }
  const say = (next: Status) => {
    status = next
    for (const listener of [...listeners]) listener()
  }
  const client = {
    url,
    subscribe({ topic, after }: { topic: string; after?: string }) {
      topics.add(topic)
      afters.push(after)
      return () => topics.delete(topic)
    },
    status: {
      get: () => status,
      topic: (topic: string) =>
        status.phase === 'live' && topics.has(topic) && !refused.has(topic) ? 'live' : 'pending',
      subscribe(listener: () => void) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    start: () => void starts.push(clock.now()),
  }
  const reports: QueryReport[] = []
  const connection = connectQueries({
    client: client as never,
    queryClient,
    clock,
    random: { next: () => chance },
    tabs: browser.tabs,
    onReport: (report) => reports.push(report),
    ...more,
  } satisfies ConnectOptions<never>)
  return {
    queryClient,
    connection,
    reports,
    topics,
    refused,
    afters,
    starts,
    mount(options = {}, of = ['board:7']) {
      const query = liveQueryOptions({
        queryKey: ['cards'],
        async queryFn() {
          asked.push({ tab: number, at: clock.now() })
          const seen = api.data
          await new Promise<void>((resolve) => void clock.after(api.ms, resolve))
          if (api.fails) throw new Error('The API is down')
          return withCursor(seen, 'e1:1')
        },
        topic: of as never,
        on: { 'card.moved': patch({ id: ({ id }: { id: string }) => id }) } as never,
        fallback: { refetchInterval: INTERVAL_MS },
      })
      return new QueryObserver(queryClient, { ...query, ...options } as never).subscribe(() => {})
    },
    live: (as = user) => say({ phase: 'live', via: 'sse', user: as, topics: [...topics], refused: [] }),
    connecting: () => say({ phase: 'connecting', attempt: 0, via: 'sse' }),
    down(reason = 'network', retryInMs = 500, details = {}) {
      const error = new HubError(reason, 'It is down.', { retryable: true, details })
      say({ phase: 'down', reason, error, attempt: 0, retryInMs })
    },
    stopped: () => say({ phase: 'stopped', error: new HubError('unauthorized', 'Sign in.') }),
    data: () => queryClient.getQueryData(['cards']),
  }
}
