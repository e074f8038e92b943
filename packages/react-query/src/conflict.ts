// Conflicts: others have changed what a mutation of mine, which is not confirmed yet, would overwrite; and what to show then.
import type { HubEvent } from '@sse-hub/core'
import { type Mutation, type QueryKey, replaceEqualDeep } from '@tanstack/query-core'
import type { Identity } from './reducers.ts'

/** The three sides of a conflict about one entity. */
export interface Conflict {
  /** The payload of my event. */
  readonly mine: unknown
  /** The entity as others have made it; undefined if they have deleted it. */
  readonly theirs: unknown
  /** The entity as it was before; undefined if both have made it. */
  readonly base: unknown
}

/** A conflict, and where it was seen. */
export interface Told extends Conflict {
  /** The names of those members that both have changed; if I delete it, of those that they have; none if they have deleted it. */
  readonly fields: readonly string[]
  /** The query in which it was seen. */
  readonly queryKey: QueryKey
  /** The event of others; undefined if their change was read. */
  readonly event: HubEvent | undefined
}

/** What `onConflict` hears, once for each change of others that a mutation of mine would overwrite. */
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
  const are = theirs as NonNullable<Entity>
  const shown: Record<string, unknown> = { ...are, ...(mine as Entity) }
  for (const name of changedIn(base as Entity, are)) shown[name] = are[name]
  return shown
}

/** Theirs is shown, and `onConflict` asks the user, who may have mine applied again. */
export const ask: Resolve = () => undefined

/** The members of an entity. */
export type Entity = Readonly<Record<string, unknown>> | undefined

/** Whether one value holds something else than the other. */
export const differ = (a: unknown, b: unknown): boolean => replaceEqualDeep(a, b) !== a

const changedIn = (base: Entity, theirs: Entity) =>
  Object.keys({ ...base, ...theirs }).filter((name) => differ(theirs?.[name], base?.[name]))

/** The names of what they have changed in an entity and mine, put on top of theirs, makes something else. What only counts or marks changes is none of it. */
export const overwritten = (
  { version, stamps }: Identity<unknown>,
  base: Entity,
  theirs: Entity,
  mine: Entity,
): readonly string[] =>
  changedIn(base, theirs).filter((name) => {
    const next = mine?.[name]
    return (
      next !== theirs?.[name] && version?.({ ...theirs, [name]: next }) === version?.(theirs) && !stamps?.includes(name)
    )
  })
