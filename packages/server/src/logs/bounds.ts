// How much a log keeps, and how much one read of it may cost: every log is bounded by the same three measures.
import { HubError } from '@sse-hub/core/contract'

/** How much a log keeps. What is beyond any of the three is dropped, the oldest first. */
export interface Bounds {
  /** The most events. */
  readonly maxEvents: number
  /** The most bytes of encoded payload. The newest event stays even if it alone is larger. */
  readonly maxBytes: number
  /** How long an event is kept, in milliseconds. Old events are dropped as new ones come in. */
  readonly maxAgeMs: number
}

/** How many events one read looks at, at most. It says with `through` how far it came. */
export const READ_EVENTS = 10_000
/** How many bytes of payload one read gathers before it ends, and one call to a tail. */
export const READ_BYTES = 1_048_576

/**
 * Takes the bounds out of options; a bound that is left out has its default.
 * @throws HubError `invalid_option` if one is not a whole number of at least 1
 */
export function settleBounds(options: Partial<Bounds>, defaults: Bounds): Bounds {
  return {
    maxEvents: wholeNumber('maxEvents', options.maxEvents ?? defaults.maxEvents),
    maxBytes: wholeNumber('maxBytes', options.maxBytes ?? defaults.maxBytes),
    maxAgeMs: wholeNumber('maxAgeMs', options.maxAgeMs ?? defaults.maxAgeMs),
  }
}

/**
 * Returns the number, or throws.
 * @throws HubError `invalid_option`
 */
export function wholeNumber(name: string, value: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 1' : `from 1 to ${most}`
  throw new HubError('invalid_option', `A log's \`${name}\` must be a whole number ${range}, not ${value}.`)
}
