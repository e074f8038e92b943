// What live queries do, told to whoever looks on: devtools. While nobody does, telling costs nothing.
import type { TopicGap } from '@sse-hub/core'
import type { Query, QueryClient } from '@tanstack/query-core'
import type { Told } from './conflict.ts'

/** One thing that a live query has done, or that has happened to it. */
export type QueryActivity =
  /** Others have changed what a mutation of mine changes too. */
  | { readonly kind: 'conflict'; readonly queryClient: QueryClient; readonly conflict: Told }
  | ({ readonly query: Query } & (
      | { readonly kind: 'gap'; readonly gap: TopicGap }
      /** An answer was joined with so many events that came while it was on its way, and says which cursor it reflects, or not. */
      | { readonly kind: 'join'; readonly events: number; readonly cursor: string | undefined }
      /** It was read because the hub does not keep it at present. */
      | { readonly kind: 'poll' }
    ))

type Listener = (activity: QueryActivity) => void

declare const process: { readonly env: { readonly NODE_ENV?: string } }

/** Whether anybody can look on: bundlers leave out what is told in a production build. */
export const WATCHED = process.env.NODE_ENV !== 'production'

const listeners = new Set<Listener>()

/** Tells it. */
export const tell: Listener = (activity) => {
  if (WATCHED) for (const listener of listeners) listener(activity)
}

/** Hears it, of all caches, until the answer is called. */
export function observeQueries(listener: Listener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
