// What members of JSON that came over the wire must be, and the one error for what no hub sends.
import { HubError } from '../errors.ts'
import type { HubEvent } from './contract.ts'
import { parseCursor } from './cursor.ts'

/** What members must be. One that may be undefined may be missing. */
export type Shape = Readonly<Record<string, (value: unknown) => unknown>>

/** Answers an object of the shape, or throws. */
export function fit<T>(shape: Shape, members: T): T {
  for (const name in shape) {
    if (!shape[name]?.(members[name as keyof T])) throw new TypeError(name)
  }
  return members
}

export const isString = (value: unknown) => typeof value === 'string'
export const isArray = (value: unknown): value is readonly never[] => Array.isArray(value)
export const isStrings = (value: unknown) => isArray(value) && value.every(isString)
export const isTime = (value: unknown) => Number.isFinite(value) && (value as number) >= 0
export const isUser = (value: unknown) => value === null || isString(value)
export const isCursor = (value: unknown) => isString(value) && parseCursor(value as string)
export const optional = (fits: (value: unknown) => unknown) => (value: unknown) => value === undefined || fits(value)
const isCursorIfAny = optional(isCursor)
/** Whether it is what every event is. No shape: it is asked of each one that comes. */
export const isEvent = ({ topic, data, at, id, cursor }: HubEvent) =>
  isString(topic) && data !== undefined && Number.isFinite(at) && isString(id) && isCursorIfAny(cursor)
export const isGaps = (value: unknown) => isArray(value) && value.every((gap) => fit(GAP, gap))

/** A gap, wherever it is told. */
export const GAP: Shape = { topics: isStrings, from: isCursorIfAny, to: isCursor, reason: isString }

/** Whatever stops the reading, JSON that is none or a member that is not what it should be, is one error: this is not what a hub sends. */
export function foreign(what: string, cause: unknown): HubError {
  return new HubError('protocol', `The server sent "${what.slice(0, 40)}" as no hub does: see plainSource()`, {
    retryable: true,
    cause,
  })
}
