// The columns of the board, and where a card stands in them.
import type { Card, Column } from '../contract.ts'
import type { Move } from './mutations.ts'

export const columns = [
  { id: 'todo', name: 'To do', empty: 'Nothing to do. Add a card below, or enjoy the quiet.' },
  { id: 'doing', name: 'Doing', empty: 'Nobody is working on anything. Drag a card here to begin.' },
  { id: 'done', name: 'Done', empty: 'Nothing is done yet. Drag a finished card here.' },
] as const satisfies readonly { id: Column; name: string; empty: string }[]

export type Arrow = 'left' | 'right' | 'up' | 'down'

/** The cards by column, in their order, with the moves that are still on their way to the server already done. */
export function arrange(cards: readonly Card[], moves: readonly Move[]): Readonly<Record<Column, readonly Card[]>> {
  const arranged = { todo: [] as Card[], doing: [] as Card[], done: [] as Card[] }
  for (const card of cards.toSorted((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1)))
    arranged[card.column].push(card)
  for (const { id, column, before } of moves) {
    const card = cards.find((card) => card.id === id)
    if (!card) continue
    const old = arranged[card.column]
    old.splice(
      old.findIndex((card) => card.id === id),
      1,
    )
    const place = arranged[column].findIndex((card) => card.id === before)
    arranged[column].splice(place < 0 ? arranged[column].length : place, 0, { ...card, column })
  }
  return arranged
}

/** Where an arrow takes a card; undefined where it cannot go. Sideways it goes to the top, where it is seen. */
export function step(arranged: ReturnType<typeof arrange>, card: Card, arrow: Arrow): Move | undefined {
  const { id, column } = card
  const own = arranged[column]
  const place = own.findIndex((card) => card.id === id)
  switch (arrow) {
    case 'up':
      return place > 0 ? { id, column, before: own[place - 1]?.id ?? null } : undefined
    case 'down':
      return place < own.length - 1 ? { id, column, before: own[place + 2]?.id ?? null } : undefined
    case 'left':
    case 'right': {
      const index = columns.findIndex((each) => each.id === column) + (arrow === 'left' ? -1 : 1)
      const next = columns[index]
      return next && { id, column: next.id, before: arranged[next.id][0]?.id ?? null }
    }
  }
}
