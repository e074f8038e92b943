// Waiting on conditions, never on time: asks again until it is so, and says what it saw if it never becomes so.
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Resolves with the first answer that is not false, null or undefined.
 * @throws Error after `withinMs` (default 20,000), with what was awaited and what was seen last
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  { withinMs = 20_000, seen }: { readonly withinMs?: number; readonly seen?: () => unknown } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await condition()
    if (answer !== false && answer !== null && answer !== undefined) return answer as NonNullable<Exclude<T, false>>
    if (performance.now() > deadline) {
      throw new Error(`Waited ${withinMs} ms for ${what}${seen ? `; last seen: ${JSON.stringify(await seen())}` : ''}.`)
    }
    await pause(10)
  }
}
