// The live query and the mutations of the board: nothing here knows of Vue.
import { hubJson, patch, upsert } from '@sse-hub/react-query'
import type { Card, Column } from '../contract.ts'
import { hubMutationOptions, liveQueryOptions } from './hub.ts'

const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }

export const cardsQuery = liveQueryOptions({
  queryKey: ['cards'],
  queryFn: ({ signal }) => hubJson<Card[]>(fetch('/api/cards', { signal })),
  topic: 'board:1',
  on: { 'card.created': upsert(card), 'card.moved': patch(card) },
  fallback: { refetchInterval: 10_000 },
})

const post = (key: string, body: object) =>
  hubJson<Card>(
    fetch('/api/cards', { method: 'POST', headers: { 'Idempotency-Key': key }, body: JSON.stringify(body) }),
  )

export const moveCard = hubMutationOptions({
  mutationFn: ({ id, column }: { id: string; column: Column }, { id: key }) => post(key, { id, column }),
  optimistic: ({ id, column }) => ({ type: 'card.moved', topic: 'board:1', data: { id, column, version: 0 } }),
  response: (card) => ({ type: 'card.moved', topic: 'board:1', data: card }),
})

export const createCard = hubMutationOptions({
  mutationFn: ({ title }: { title: string }, { id: key }) => post(key, { title }),
  optimistic: ({ title }, { id }) => ({
    type: 'card.created',
    topic: 'board:1',
    data: { id, title, column: 'todo', version: 0 },
  }),
  response: (card) => ({ type: 'card.created', topic: 'board:1', data: card }),
})
