// Conflicts: others have changed what a mutation of mine, which is not confirmed yet, changes too; and what to show then.
import type { HubEvent } from '@sse-hub/core'
import { type Mutation, type QueryKey, replaceEqualDeep } from '@tanstack/query-core'

/** The three sides of a conflict about one entity. */
export interface Conflict {
  /** The payload of my event. */
  readonly mine: unknown
  /** The entity as others have made it; undefined if they have deleted it. */
  readonly theirs: unknown
  /** The entity as it was before. */
  readonly base: unknown
}

/** A conflict, and where it was seen. */
export interface Told extends Conflict {
  /** The query in which it was seen. */
  readonly queryKey: QueryKey
  /** The event of others; undefined if their change was read. */
  readonly event: HubEvent | undefined
}

/** What `onConflict` hears, once for each mutation. */
export interface ConflictReport extends Told {
  /** My mutation, as TanStack Query keeps it: its `options`, and its `state` with the variables. */
  readonly mutation: Mutation
  /** Runs my mutation again, with the same variables, as a new one. Rejects as it does. */
  readonly reapply: () => Promise<unknown>
}

/**
 * What to show while a conflict is open, until the server has said what it made of both: the payload to apply on top of theirs, or undefined
 * for theirs alone. What others have deleted stays deleted, whatever it says.
 */
export type Resolve = (conflict: Conflict) => unknown

/** Mine is shown on top of theirs, as it will be if the server takes the last write. The default. */
export const lastWriteWins: Resolve = ({ mine }) => mine

/** Of mine, only the members that they have not changed are shown. */
export const fieldMerge: Resolve = ({ mine, theirs, base }) => {
  const [were, are] = [base, theirs] as Record<string, unknown>[]
  const pick = ([name, value]: [string, unknown]) => {
    const now = are?.[name]
    return [name, replaceEqualDeep(now, were?.[name]) === now ? value : now] as const
  }
  return Object.fromEntries(Object.entries({ ...are, ...(mine as object) }).map(pick))
}

/** Theirs is shown, and `onConflict` asks the user, who may have mine applied again. */
export const ask: Resolve = () => undefined
