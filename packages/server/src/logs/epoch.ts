// The name of one incarnation of a log.
import { HubError } from '@sse-hub/core/contract'
import type { Random } from '../ports.ts'

/** A fresh name: short, since every event's cursor carries it. */
export function freshEpoch(random: Random): string {
  // The end, because some generators count there.
  return random.id().slice(-12)
}

/**
 * Returns the epoch, or throws.
 * @throws HubError `invalid_option`
 */
export function checkEpoch(epoch: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(epoch)) return epoch
  throw new HubError(
    'invalid_option',
    `A log's \`epoch\` must be 1 to 64 letters, digits, "_" or "-", not ${JSON.stringify(epoch)}. Leave it out to get a fresh one.`,
  )
}
