// What a person is told when somebody else changed the same card at the same time. The server takes the last write; here they may undo theirs.
import type { ConflictReport } from '@sse-hub/react-query'
import type { Card } from '../contract.ts'
import { displayName } from '../people.ts'
import { inOrder } from '../rank.ts'
import { createCard, editCard, moveCard } from './mutations.ts'
import { showNotice } from './notices.ts'
import { cardsQuery } from './queries.ts'
import { queryClient, run } from './query-client.ts'

export function showConflict({ mutation: about, ...conflict }: ConflictReport): void {
  // On this board conflicts are about cards: nobody else changes a message.
  const base = conflict.base as Card
  const mine = conflict.mine as Partial<Card>
  const theirs = conflict.theirs as Card | undefined
  // What was read does not say who has deleted it.
  const by = (conflict.event?.data as Card | undefined) ?? theirs
  const who = by ? displayName(by.changedBy) : 'Somebody'
  const what = `“${base.title}”`

  if (!theirs || !mine.lastChange) {
    // One of us has deleted it.
    const text = theirs
      ? `${who} ${theirs.lastChange} ${what} while you deleted it.`
      : `${who} deleted ${what} while you were working on it.`
    const card = theirs ?? { ...base, ...mine }
    showNotice({ about, text, action: { label: 'Put it back', act: () => run(createCard, card) } })
  } else {
    const text = `${who} ${theirs.lastChange} ${what} at the same time. Yours came last.`
    showNotice({ about, text, action: { label: 'Undo mine', act: () => undo(theirs) } })
  }
}

/** Makes a card what others had made of it. */
function undo(theirs: Card): void {
  const { id, column, rank, title, text, lastChange } = theirs
  const cards = inOrder(queryClient.getQueryData(cardsQuery.queryKey) ?? [])
  const after = cards.find((card) => card.column === column && card.rank > rank && card.id !== id)
  if (lastChange === 'moved') run(moveCard, { id, column, before: after?.id ?? null })
  else run(editCard, { id, title, text })
}
