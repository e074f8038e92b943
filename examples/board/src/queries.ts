// The live queries: each says what it reads, and which events change it. This file is what replaces polling and cache patching.
import { patch, remove, upsert } from '@sse-hub/react-query'
import type { Card, Message } from '../contract.ts'
import { api } from './api.ts'
import { liveQueryOptions } from './hub.ts'

/** What names a card, what tells an older state of it from a newer one, and what every change of it says of itself. */
export const card = {
  id: (card: Card) => card.id,
  version: (card: Card) => card.version,
  stamps: ['changedBy', 'changedAt', 'lastChange'],
}

export const cardsQuery = liveQueryOptions({
  queryKey: ['cards'],
  queryFn: ({ signal }) => api.cards(signal),
  topic: 'board',
  on: {
    'card.created': upsert(card),
    'card.updated': patch(card),
    'card.moved': patch(card),
    'card.commented': patch(card),
    'card.deleted': remove(card),
  },
  fallback: { refetchInterval: 10_000 }, // only while the hub is down
})

const message = { id: (message: Message) => message.id }

export const messagesQuery = (cardId: string) =>
  liveQueryOptions({
    queryKey: ['messages', cardId],
    queryFn: ({ signal }) => api.messages(cardId, signal),
    topic: `conversation:${cardId}`,
    on: { 'message.posted': upsert(message) },
    fallback: { refetchInterval: 10_000 },
  })

export const themeQuery = liveQueryOptions({
  queryKey: ['theme'],
  queryFn: ({ signal }) => api.theme(signal),
  topic: 'user',
  on: { 'theme.changed': (_, { data }) => data },
})
