// What may be done to the board: each change says what it will write, which events tell of it, and what its author is answered.
import { randomUUID } from 'node:crypto'
import type { Publication } from '@sse-hub/core/contract'
import type { Card, Column, contract, Message } from '../contract.ts'
import { type Place, rankAt } from '../rank.ts'
import { RestError } from './http.ts'
import type { Store } from './store.ts'

/** The most cards that a board holds. */
export const boardLimit = 1_000

/** A change that has been thought through and not yet made. Its own event is the last: the others tell what else it brings about. */
export interface Change<T> {
  readonly events: readonly Publication<typeof contract>[]
  write(): void
  readonly answer: T
}

export function createCard(
  store: Store,
  input: { id?: string | undefined; column: Column; title: string; text: string },
  user: string,
): Change<Card> {
  const { id = randomUUID(), column, title, text } = input
  const repeated = store.card(id)
  if (repeated) return unchanged(repeated)
  const cards = store.cards()
  if (cards.length >= boardLimit) throw new RestError(409, 'board_full', 'The board is full. Delete a card first.')
  const { rank } = rankAt(cards, { column })
  const made = { version: 1, changedBy: user, changedAt: Date.now(), lastChange: 'added' } as const
  const card = { id, column, rank, title, text, messages: 0, ...made }
  return {
    events: [{ type: 'card.created', topic: 'board', data: card }],
    write: () => store.saveCard(card),
    answer: card,
  }
}

export function editCard(
  store: Store,
  id: string,
  edit: { title?: string | undefined; text?: string | undefined },
  user: string,
): Change<Card> {
  const old = existing(store, id)
  const card = changed(old, 'edited', { title: edit.title ?? old.title, text: edit.text ?? old.text }, user)
  return {
    events: [{ type: 'card.updated', topic: 'board', data: card }],
    write: () => store.saveCard(card),
    answer: card,
  }
}

export function moveCard(store: Store, id: string, place: Place, user: string): Change<Card> {
  const old = existing(store, id)
  const { rank, others, index } = rankAt(store.cards(), place, id)
  const card = changed(old, 'moved', { column: place.column, rank }, user)
  // Numbers end: after some fifty moves into the same place there is none left between two ranks. Then the column is counted anew.
  const renumber = others.some((other) => other.rank === rank)
  const cards = renumber
    ? [
        ...others.map((other, at) => changed(other, 'moved', { rank: at < index ? at + 1 : at + 2 }, user)),
        { ...card, rank: index + 1 },
      ]
    : [card]
  return {
    events: cards.map((data) => ({ type: 'card.moved', topic: 'board', data })),
    write: () => cards.forEach(store.saveCard),
    answer: cards.at(-1) ?? card,
  }
}

export function deleteCard(store: Store, id: string, user: string): Change<null> {
  const old = existing(store, id)
  const card = changed(old, old.lastChange, {}, user)
  return {
    events: [{ type: 'card.deleted', topic: 'board', data: card }],
    write: () => store.deleteCard(id),
    answer: null,
  }
}

/** Two events for one change: the conversation has a message more, and so the card's count goes up. */
export function postMessage(
  store: Store,
  cardId: string,
  input: { id?: string | undefined; text: string },
  user: string,
): Change<Message> {
  const { id = randomUUID(), text } = input
  const repeated = store.message(id)
  if (repeated) return unchanged(repeated)
  const old = existing(store, cardId)
  const card = changed(old, 'commented on', { messages: old.messages + 1 }, user)
  const message = { id, cardId, author: user, text, at: card.changedAt }
  return {
    events: [
      { type: 'card.commented', topic: 'board', data: card },
      { type: 'message.posted', topic: `conversation:${cardId}`, data: message },
    ],
    write() {
      store.addMessage(message)
      store.saveCard(card)
    },
    answer: message,
  }
}

const unchanged = <T>(answer: T): Change<T> => ({ events: [], write() {}, answer })

const changed = (card: Card, lastChange: Card['lastChange'], to: Partial<Card>, user: string): Card => ({
  ...card,
  ...to,
  lastChange,
  version: card.version + 1,
  changedBy: user,
  changedAt: Date.now(),
})

function existing(store: Store, id: string): Card {
  const card = store.card(id)
  if (!card) throw new RestError(404, 'not_found', 'This card does not exist, or somebody deleted it.')
  return card
}
