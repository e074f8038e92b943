// What a person can do, over plain REST. The events come back by themselves; nothing here writes what others will see.
import { patch } from '@sse-hub/react-query'
import { useMutation, useMutationState } from '@tanstack/react-query'
import type { Card, Column } from '../contract.ts'
import { api } from './api.ts'
import { client } from './hub.ts'
import { card, cardsQuery, messagesQuery } from './queries.ts'
import { queryClient } from './query-client.ts'

/** A move that the server has not confirmed yet. */
export interface Move {
  readonly id: string
  readonly column: Column
  /** The card that it goes before; null: the end. */
  readonly before: string | null
}

export const useCreateCard = () =>
  useMutation({
    meta: { failed: 'The card was not added' },
    mutationFn: api.createCard,
    onSuccess: () => readAgainUnlessLive('board'),
  })

export const useEditCard = () =>
  useMutation({
    meta: { failed: 'The card was not saved' },
    mutationFn: ({ id, ...edit }: { id: string; title: string; text: string }) => api.editCard(id, edit),
    onSuccess: applyAnswer,
  })

export const useMoveCard = () =>
  useMutation({
    mutationKey: ['move'],
    meta: { failed: 'The card was not moved' },
    mutationFn: ({ id, ...to }: Move) => api.moveCard(id, to),
    onSuccess: applyAnswer,
  })

/** The moves under way: the board shows them as if they were done, without touching the cache. */
export const usePendingMoves = () =>
  useMutationState({
    filters: { mutationKey: ['move'], status: 'pending' },
    select: (mutation) => mutation.state.variables as Move,
  })

export const useDeleteCard = () =>
  useMutation({
    meta: { failed: 'The card was not deleted' },
    mutationFn: api.deleteCard,
    onSuccess: () => readAgainUnlessLive('board'),
  })

export const usePostMessage = (cardId: string) =>
  useMutation({
    meta: { failed: 'The message was not posted' },
    mutationFn: (message: { id: string; text: string }) => api.postMessage(cardId, message),
    onSuccess: () => readAgainUnlessLive(`conversation:${cardId}`),
  })

/** The answer may come before the event, which then changes nothing any more: the same reducer, the same version. */
function applyAnswer(answer: Card) {
  queryClient.setQueryData(cardsQuery.queryKey, (cards) => cards && patch(card)(cards, { data: answer }))
  return readAgainUnlessLive('board')
}

/** While the hub is down no event will tell us what we did ourselves. */
function readAgainUnlessLive(topic: 'board' | `conversation:${string}`) {
  if (client.status.topic(topic) === 'live') return
  const { queryKey } = topic === 'board' ? cardsQuery : messagesQuery(topic.slice('conversation:'.length))
  return queryClient.invalidateQueries({ queryKey })
}
