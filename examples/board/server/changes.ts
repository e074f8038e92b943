// What may be done to the board: each change says what it will write, which events tell of it, and what its author is answered.
import { randomUUID } from 'node:crypto'
import type { Publication } from '@sse-hub/core/contract'
import type { Card, Column, contract, Message } from '../contract.ts'
import { RestError } from './http.ts'
import type { Store } from './store.ts'

/** The most cards that a board holds. */
export const boardLimit = 1_000

/** A change that has been thought through and not yet made. */
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
  const rank = rankBetween(cards.findLast((card) => card.column === column)?.rank, undefined)
  const card = { id, column, rank, title, text, messages: 0, version: 1, changedBy: user, changedAt: Date.now() }
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
  const card = changed(old, { title: edit.title ?? old.title, text: edit.text ?? old.text }, user)
  return {
    events: [{ type: 'card.updated', topic: 'board', data: card }],
    write: () => store.saveCard(card),
    answer: card,
  }
}

/** Puts a card into a column: before the card `before`, or at the end. */
export function moveCard(
  store: Store,
  id: string,
  { column, before }: { column: Column; before?: string | null | undefined },
  user: string,
): Change<Card> {
  const old = existing(store, id)
  const others = store.cards().filter((card) => card.column === column && card.id !== id)
  const found = others.findIndex((card) => card.id === before)
  const place = found < 0 ? others.length : found
  const rank = rankBetween(others[place - 1]?.rank, others[place]?.rank)
  const card = changed(old, { column, rank }, user)
  // Numbers end: after some fifty moves into the same place there is none left between two ranks. Then the column is counted anew.
  const renumber = others.some((other) => other.rank === rank)
  const cards = renumber
    ? others
        .toSpliced(place, 0, card)
        .map((one, index) => changed(one === card ? old : one, { column, rank: index + 1 }, user))
    : [card]
  return {
    events: cards.map((data) => ({ type: 'card.moved', topic: 'board', data })),
    write: () => cards.forEach(store.saveCard),
    answer: cards.find((one) => one.id === id) ?? card,
  }
}

export function deleteCard(store: Store, id: string, user: string): Change<null> {
  const card = changed(existing(store, id), {}, user)
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
  const card = changed(old, { messages: old.messages + 1 }, user)
  const message = { id, cardId, author: user, text, at: card.changedAt }
  return {
    events: [
      { type: 'message.posted', topic: `conversation:${cardId}`, data: message },
      { type: 'card.commented', topic: 'board', data: card },
    ],
    write() {
      store.addMessage(message)
      store.saveCard(card)
    },
    answer: message,
  }
}

const unchanged = <T>(answer: T): Change<T> => ({ events: [], write() {}, answer })

const changed = (card: Card, to: Partial<Card>, user: string): Card => ({
  ...card,
  ...to,
  version: card.version + 1,
  changedBy: user,
  changedAt: Date.now(),
})

function existing(store: Store, id: string): Card {
  const card = store.card(id)
  if (!card) throw new RestError(404, 'not_found', 'This card does not exist, or somebody deleted it.')
  return card
}

function rankBetween(below: number | undefined, above: number | undefined): number {
  if (above === undefined) return (below ?? 0) + 1
  return below === undefined ? above - 1 : (below + above) / 2
}
