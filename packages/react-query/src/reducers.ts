// What an event does to the data of a query: keeps a list of entities by identity and version, or asks to read it again.
import type { HubEvent } from '@sse-hub/core'
import { replaceEqualDeep } from '@tanstack/query-core'

/** What names an entity within a list. */
export type EntityId = string | number

/** What orders the states of one entity: a count, or text that sorts, such as an ISO date. */
export type EntityVersion = string | number

/**
 * How to tell the entities of a list apart, and an older state of one from a newer. Declare it once and give the same value to
 * {@link upsert}, {@link patch} and {@link remove}: they share what they know of deleted entities by it.
 */
export interface Identity<I, V = I> {
  /** The entity's name within the list. */
  readonly id: (entity: I) => EntityId
  /**
   * Grows with every change of the entity, and goes on growing if one is deleted and made again under the same id. With it events may
   * be applied twice, or to data that is newer, without harm.
   */
  readonly version?: (entity: V) => EntityVersion
  /** Members that every change sets, such as who made it and when: that others have set them too makes no conflict. */
  readonly stamps?: readonly string[]
}

/** The versions at which entities were deleted since the data was read, by identity: what keeps a delete deleted. */
export type Tombstones = Map<object, Map<EntityId, EntityVersion>>

declare const refetch: unique symbol
/** What the reducer of {@link invalidate} returns. */
export type Refetch = { readonly [refetch]: true }

/** A reducer returns this to have the query read again. */
export const REFETCH = Symbol('refetch') as unknown as Refetch

/**
 * What an event does to the data of a query: `(old, event) => new`. Returning `old` or `undefined` changes nothing. It is not called
 * before there is data, must not change `old` in place, and should bear being called twice with the same event. If it
 * throws, that is reported and the query is read again. Pass `tombstones` on where you call {@link upsert} or {@link remove} in it.
 */
export type Reducer<TData, TEvent> = (old: TData, event: TEvent, tombstones: Tombstones) => TData | Refetch | undefined

/**
 * What a payload must hold to name an entity: its `id`; where the entity has no property of that name, all that the identity's
 * `id` function takes, so write `id: (c: Pick<Card, 'cardId'>) => c.cardId`.
 */
export type Named<I> = 'id' extends keyof I ? Pick<I, 'id'> : I

/** Some members of an entity. */
export type PartOf<E> = { readonly [K in keyof E]?: E[K] | undefined }

/** The reducer of {@link upsert}. */
export type Upsert<I, V> = <E extends I & V>(
  old: readonly E[],
  event: { readonly data: NoInfer<E> },
  tombstones?: Tombstones,
) => E[]
/** The reducer of {@link patch}. */
export type Patch<I, V> = <E extends I & V>(
  old: readonly E[],
  event: { readonly data: Named<I> & NoInfer<PartOf<E>> },
  tombstones?: Tombstones,
) => E[]
/** The reducer of {@link remove}. */
export type Remove<I, V> = <E extends I & V>(
  old: readonly E[],
  event: { readonly data: Named<I> },
  tombstones?: Tombstones,
) => E[]

/** What a reducer of this file says of itself, beside what it does. */
export interface Known {
  readonly identity: Identity<unknown>
  /** The same without versions, for what must be shown on top of whatever is there. */
  readonly unversioned: (old: unknown, event: HubEvent) => unknown
}

const known = <I, V, R extends object>(identity: Identity<I, V>, make: (identity: Identity<I, V>) => R): R =>
  Object.assign(make(identity), { identity, unversioned: make({ id: identity.id }) })

// Enough for what can be deleted while one answer is the base; the oldest are forgotten first.
const MAX_TOMBSTONES = 1_000

/** The version of a state; undefined where it has none: nothing is older than that, nor is that older than anything. */
const versionOf = <I, V>({ version }: Identity<I, V>, entity: unknown) => version?.(entity as V) as EntityVersion

/** Puts an entity, or a part of one, in the place of the one of the same id, unless it is older than that, or than its removal. */
const put = <I, V>(identity: Identity<I, V>, isWhole: boolean) =>
  known(
    identity,
    (identity) =>
      <E>(old: readonly E[], { data }: { readonly data: unknown }, tombstones?: Tombstones) => {
        const id = identity.id(data as I)
        const index = old.findIndex((entity) => identity.id(entity as unknown as I) === id)
        const before = old[index]
        const newest = index < 0 ? (tombstones?.get(identity)?.get(id) as EntityVersion) : versionOf(identity, before)
        if (versionOf(identity, data) < newest) return old as E[]
        if (index < 0) return isWhole ? [...old, data as E] : (old as E[])
        // What is equal stays the same object, so that nothing renders for it.
        const after = replaceEqualDeep(before, isWhole ? data : { ...before, ...(data as object) }) as E
        return after === before ? (old as E[]) : old.with(index, after)
      },
  )

/**
 * The payload is a full entity: it replaces the one of the same id unless it is older, or is appended.
 *
 * @example
 * ```ts
 * import { upsert } from '@sse-hub/react-query'
 *
 * interface Card { id: string; title: string; version: number }
 * const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
 *
 * export const on = { 'card.created': upsert(card) }
 * ```
 */
export function upsert<I, V = I>(identity: Identity<I, V>): Upsert<I, V> {
  return put(identity, true)
}

/**
 * The payload is a part of an entity: it is merged into the one of the same id, unless it is older. An id that the list does not
 * hold changes nothing, since a part cannot make a whole.
 */
export function patch<I, V = I>(identity: Identity<I, V>): Patch<I, V> {
  return put(identity, false)
}

/**
 * The payload names an entity: it is taken out, unless the payload has a version and the entity is newer. With a version in it, a state
 * that is older than the removal does not come back either.
 */
export function remove<I, V = I>(identity: Identity<I, V>): Remove<I, V> {
  return known(
    identity,
    (identity) =>
      <E>(old: readonly E[], { data }: { readonly data: Named<I> }, tombstones?: Tombstones) => {
        const id = identity.id(data as I)
        const version = versionOf(identity, data)
        const kept = old.filter(
          (entity) => identity.id(entity as unknown as I) !== id || version < versionOf(identity, entity),
        )
        // Only its own version says when it was removed: the entity may come from an answer that is newer than this event, and has it made again.
        if (tombstones && version !== undefined) {
          const graves: Map<EntityId, EntityVersion> = tombstones.get(identity) ?? new Map()
          if (!(version < (graves.get(id) as EntityVersion))) tombstones.set(identity, graves.set(id, version))
          if (graves.size > MAX_TOMBSTONES) graves.delete([...graves.keys()][0] as EntityId)
        }
        return old.length === kept.length ? (old as E[]) : kept
      },
  )
}

/** The event says too little to change the data, so the query is read again: soon, and once for many events. */
export function invalidate(): () => Refetch {
  return () => REFETCH
}
