// One tab polls for all: whoever has the lock asks, and hands the answer to the others, who take it as if it were their own.
import type { Tabs } from '@sse-hub/core'
import { type Query, type QueryClient, replaceEqualDeep } from '@tanstack/query-core'
import { noteAnswer, notesOf, withCursor } from './cursor.ts'

/** What one tab tells the others. */
interface Handed {
  /** When it began to ask, by the time that all tabs agree on. */
  readonly at: number
  readonly data: unknown
  readonly cursor: string | null
}

/** What sharing works with. */
export interface ShareOptions {
  readonly tabs: Tabs
  /** The same in all tabs that may read each other's answers, and in no other. */
  readonly name: string
  readonly query: Query
  readonly queryClient: QueryClient
  /** Asks. Rejects where there is no answer. */
  readonly read: () => Promise<unknown>
  /** Whether something of mine waits for an answer that was asked for after the server had done it. */
  readonly isPending: () => boolean
  /** The answer of another tab was taken. */
  readonly taken: () => void
  /** Another tab is asking just now. */
  readonly waits: () => void
  /** The answer cannot be handed on. */
  readonly failed: (error: unknown) => void
}

/** The polls of one query, shared. */
export interface Share {
  /** Asks, and hands the answer on; unless another tab is at it. */
  poll(): void
  /** Neither hands on nor takes any more. */
  close(): void
}

const isSame = (a: unknown, b: unknown) => replaceEqualDeep(a, b) === a
const pagesOf = (data: unknown): unknown => Object(data).pageParams

/** Takes what other tabs are answered, from now on. */
export function createShare(options: ShareOptions): Share {
  const { tabs, name, query, queryClient, read, isPending, taken, waits, failed } = options
  const openedAt = tabs.now()
  let isOpen = true
  let waitsForLock = false
  // When a mutation of this tab was answered, last.
  let answeredAt = openedAt
  const unfollow = queryClient.getMutationCache().subscribe((event) => {
    if (event.type === 'updated' && event.action.type === 'success') answeredAt = tabs.now()
  })
  /** Whether an answer may lack what the server has done for this tab: only what is asked for after that has it. */
  const mayLack = (at: number) => isPending() && (at <= answeredAt || queryClient.isMutating() > 0)
  // The others have had their chance: a tab that was frozen while it asked must not hold them up.
  let hasWaited = false
  let takes = 0

  const channel = tabs.channel(name, (message) => {
    const { at, data, cursor } = message as Handed
    const { dataUpdatedAt, fetchStatus } = query.state
    // Of an infinite query each tab has the pages that it shows.
    if (!isSame(pagesOf(query.state.data), pagesOf(data))) return
    // What was asked for before this tab lost the hub, or before it was answered itself, would take it back.
    if (!isOpen || mayLack(at) || fetchStatus !== 'idle' || at < Math.max(openedAt, dataUpdatedAt)) return
    hasWaited = false
    takes++
    query.fetch(undefined, { initialPromise: Promise.resolve(data) }).catch(() => {})
    noteAnswer(notesOf(queryClient, query.queryKey), withCursor(data, cursor))
    taken()
  })

  const ask = async () => {
    const at = tabs.now()
    // The answer of a fetch that is under way is older than it looks.
    const isMine = query.state.fetchStatus === 'idle'
    const data = await read()
    if (!isMine || !isOpen) return
    try {
      // What a copy makes something else of (a class, a function) would break the other tabs.
      if (!isSame(data, structuredClone(data))) throw new TypeError('Its data is not plain JSON.')
      channel.post({ at, data, cursor: notesOf(queryClient, query.queryKey).cursor ?? null } satisfies Handed)
    } catch (error) {
      failed(error)
    }
  }

  return {
    poll() {
      if (waitsForLock) return
      let isAnswered = false
      const before = takes
      waitsForLock = true
      const held = (lock: unknown) => {
        isAnswered = true
        waitsForLock = false
        // Before the lock came, another tab's answer may have: all at once, where a tab has thawed.
        if (!isOpen || takes > before) return
        if (!lock && !hasWaited) {
          hasWaited = true
          return waits()
        }
        hasWaited = false
        return ask()
      }
      // A poll that failed is in the query's state; a browser that has no locks to give must not keep anybody from polling.
      tabs.locks
        ?.request(name, { ifAvailable: true }, async (lock) => held(lock))
        .catch(() => isAnswered || held(true))
        .catch(() => {})
    },
    close() {
      isOpen = false
      unfollow()
      channel.close()
    },
  }
}
