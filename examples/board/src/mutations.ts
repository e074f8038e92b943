// What a person can do: each mutation says how it is sent, and which event it will cause. The queries that bind the event show it at once.
import type { QueryClient } from '@tanstack/react-query'
import type { Card, Column } from '../contract.ts'
import { type Place, rankAt } from '../rank.ts'
import { api } from './api.ts'
import { hubMutationOptions } from './hub.ts'
import { me } from './me.ts'
import { cardsQuery } from './queries.ts'

// In the order in which they were done: of two moves of one card, the second must not be overtaken by the first.
const scope = { id: 'board' }

const cardsIn = (client: QueryClient) => client.getQueryData(cardsQuery.queryKey) ?? []
const cardIn = (client: QueryClient, id: string) => cardsIn(client).find((card) => card.id === id)
const byMe = () => ({ changedBy: me, changedAt: Date.now() })

interface NewCard {
  readonly column: Column
  readonly title: string
  readonly text?: string | undefined
}

export const createCard = hubMutationOptions({
  scope,
  meta: { failed: 'The card was not added' },
  mutationFn: ({ column, title, text }: NewCard, { id: key }) => api.createCard({ column, title, text }, key),
  optimistic({ column, title, text = '' }, { id, client }) {
    const { rank } = rankAt(cardsIn(client), { column })
    // The request's name is its temporary id. Version 0: not yet the server's.
    const made = { version: 0, lastChange: 'added', ...byMe() } as const
    const data = { id, column, rank, title, text, messages: 0, ...made }
    return { type: 'card.created', topic: 'board', data }
  },
  response: (card) => ({ type: 'card.created', topic: 'board', data: card }),
})

export const editCard = hubMutationOptions({
  scope,
  meta: { failed: 'The card was not saved' },
  mutationFn: ({ id, ...edit }: { id: string; title: string; text: string }, { id: key }) =>
    api.editCard(id, edit, key),
  optimistic(edit, { client }) {
    const { version = 0 } = cardIn(client, edit.id) ?? {}
    return { type: 'card.updated', topic: 'board', data: { ...edit, version, lastChange: 'edited', ...byMe() } }
  },
  response: (card) => ({ type: 'card.updated', topic: 'board', data: card }),
})

export const moveCard = hubMutationOptions({
  scope,
  meta: { failed: 'The card was not moved' },
  mutationFn: ({ id, ...place }: Place & { id: string }, { id: key }) => api.moveCard(id, place, key),
  optimistic({ id, ...place }, { client }) {
    const { version = 0 } = cardIn(client, id) ?? {}
    const { rank } = rankAt(cardsIn(client), place, id)
    const data = { id, column: place.column, rank, version, lastChange: 'moved' as const, ...byMe() }
    return { type: 'card.moved', topic: 'board', data }
  },
  response: (card) => ({ type: 'card.moved', topic: 'board', data: card }),
})

export const deleteCard = hubMutationOptions({
  scope,
  meta: { failed: 'The card was not deleted' },
  mutationFn: ({ id }: Card, { id: key }) => api.deleteCard(id, key),
  optimistic: ({ id, version }) => ({ type: 'card.deleted', topic: 'board', data: { id, version, ...byMe() } }),
})

export const postMessage = hubMutationOptions({
  meta: { failed: 'The message was not posted' },
  mutationFn: ({ cardId, text }: { cardId: string; text: string }, { id: key }) => api.postMessage(cardId, text, key),
  optimistic: ({ cardId, text }, { id }) => ({
    type: 'message.posted',
    topic: `conversation:${cardId}`,
    data: { id, cardId, author: me, text, at: Date.now() },
  }),
  response: (message, { cardId }) => ({ type: 'message.posted', topic: `conversation:${cardId}`, data: message }),
})
