// Has those who catch up take turns, a few in each turn of the event loop, so that what is live goes out between them.
import type { Clock } from '../ports.ts'

/** Resolves when it is one's turn. */
export type TakeTurn = () => Promise<void>

/** Makes the order in which they go: who asked first, and `most` at once. */
export function createTurns(clock: Clock, most: () => number): TakeTurn {
  const waiting: (() => void)[] = []
  const go = () => {
    for (const next of waiting.splice(0, Math.max(1, Math.floor(most())))) next()
    if (waiting.length > 0) clock.soon(go)
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) clock.soon(go)
    })
}
