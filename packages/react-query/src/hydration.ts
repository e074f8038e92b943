// Takes the cursor of an answer along where a cache is dehydrated: from a server's render to the page, or into a storage and back.
import type { DefaultOptions } from '@tanstack/query-core'
import { cursorOf, withCursor } from './cursor.ts'

const KEY = 'sse-hub cursor'

/**
 * Default options for a `QueryClient` that is dehydrated, and for the one that is hydrated with it: what was read from the hub's API (`hubJson`) keeps its cursor, so that a live query
 * whose `staleTime` allows it is not read again, and its stream starts exactly there. Use it on both sides; data without a cursor passes as it is.
 *
 * @example
 * ```ts
 * import { keepCursors } from '@sse-hub/react-query/hydration'
 * import { QueryClient } from '@tanstack/query-core'
 *
 * export const makeQueryClient = () =>
 *   new QueryClient({ defaultOptions: { ...keepCursors, queries: { staleTime: 60_000 } } })
 * ```
 */
export const keepCursors = {
  dehydrate: {
    serializeData(data: unknown): unknown {
      const cursor = cursorOf(data)
      return cursor ? { [KEY]: cursor, data } : data
    },
  },
  hydrate: {
    deserializeData(kept: { readonly [KEY]?: string; readonly data?: unknown } | null | undefined): unknown {
      const cursor = kept?.[KEY]
      return cursor ? withCursor(kept?.data, cursor) : kept
    },
  },
} satisfies Pick<DefaultOptions, 'dehydrate' | 'hydrate'>
