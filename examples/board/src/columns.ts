// The columns of the board, and where a card stands in them.
import type { Card, Column } from '../contract.ts'
import { inOrder, type Place } from '../rank.ts'

export const columns = [
  { id: 'todo', name: 'To do', empty: 'Nothing to do. Add a card below, or enjoy the quiet.' },
  { id: 'doing', name: 'Doing', empty: 'Nobody is working on anything. Drag a card here to begin.' },
  { id: 'done', name: 'Done', empty: 'Nothing is done yet. Drag a finished card here.' },
] as const satisfies readonly { id: Column; name: string; empty: string }[]

export type Arrow = 'left' | 'right' | 'up' | 'down'

/** The cards by column, in their order. */
export function arrange(cards: readonly Card[]): Readonly<Record<Column, readonly Card[]>> {
  const arranged = { todo: [] as Card[], doing: [] as Card[], done: [] as Card[] }
  for (const card of inOrder(cards)) arranged[card.column].push(card)
  return arranged
}

/** So many cards that were added at the end of a column, one after another, lie on one sheet. */
const SHEET = 20

/** A column's cards, in sheets. A card's sheet is a matter of its own rank, so the others stay on theirs when it comes or goes. */
export function sheetsOf(cards: readonly Card[]): ReadonlyMap<number, readonly Card[]> {
  const sheets = new Map<number, Card[]>()
  for (const card of cards) {
    const number = Math.floor(card.rank / SHEET)
    const sheet = sheets.get(number)
    if (sheet) sheet.push(card)
    else sheets.set(number, [card])
  }
  return sheets
}

/** The column beside another; undefined: there is none. */
export const beside = (column: Column, arrow: 'left' | 'right') =>
  columns[columns.findIndex(({ id }) => id === column) + (arrow === 'left' ? -1 : 1)]

/** Where an arrow takes a card; undefined where it cannot go. Sideways it goes to the top, where it is seen. */
export function step(cards: readonly Card[], { id, column }: Card, arrow: Arrow): Place | undefined {
  const arranged = arrange(cards)
  const own = arranged[column]
  const at = own.findIndex((card) => card.id === id)
  switch (arrow) {
    case 'up':
      return at > 0 ? { column, before: own[at - 1]?.id ?? null } : undefined
    case 'down':
      return at < own.length - 1 ? { column, before: own[at + 2]?.id ?? null } : undefined
    case 'left':
    case 'right': {
      const next = beside(column, arrow)
      return next && { column: next.id, before: arranged[next.id][0]?.id ?? null }
    }
  }
}
