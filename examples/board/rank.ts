// Where cards stand in their columns: by ascending rank. The page works out the same place as the server, so that a card need not wait for its answer.
import type { Card, Column } from './contract.ts'

/** Where a card is put: into a column, before another card or (null) at the end. */
export interface Place {
  readonly column: Column
  readonly before?: string | null | undefined
}

/** Cards as they are shown. */
export const inOrder = (cards: readonly Card[]): Card[] =>
  cards.toSorted((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))

/** The rank of a place, the cards of its column without the one that is moved, and how many of them come before it. */
export function rankAt(cards: readonly Card[], { column, before }: Place, moved?: string) {
  const others = inOrder(cards).filter((card) => card.column === column && card.id !== moved)
  const found = others.findIndex((card) => card.id === before)
  const index = found < 0 ? others.length : found
  return { rank: between(others[index - 1]?.rank, others[index]?.rank), others, index }
}

function between(below: number | undefined, above: number | undefined): number {
  if (above === undefined) return (below ?? 0) + 1
  return below === undefined ? above - 1 : (below + above) / 2
}
