// What can happen on the board: the topics and events that server and browser share. What does not fit does not compile.
import { defineContract } from '@sse-hub/core/contract'
import { z } from 'zod'

export const Column = z.enum(['todo', 'doing', 'done'])
export type Column = z.infer<typeof Column>

export const Card = z.object({
  id: z.string(),
  column: Column,
  /** Its place in the column: cards are shown by ascending rank. */
  rank: z.number(),
  title: z.string(),
  text: z.string(),
  /** How many messages its conversation has. */
  messages: z.number(),
  /** Counts every change, so that an older one never overwrites a newer one. */
  version: z.number(),
  changedBy: z.string(),
  changedAt: z.number(),
  lastChange: z.enum(['added', 'edited', 'moved', 'commented on']),
})
export type Card = z.infer<typeof Card>

export const Message = z.object({
  id: z.string(),
  cardId: z.string(),
  author: z.string(),
  text: z.string(),
  at: z.number(),
})
export type Message = z.infer<typeof Message>

export const Theme = z.enum(['light', 'dark'])
export type Theme = z.infer<typeof Theme>

/** Who changed a card, when, and which change that was. */
const author = { id: true, version: true, changedBy: true, changedAt: true } as const
const change = { ...author, lastChange: true } as const

export const contract = defineContract({
  topics: ['board', 'conversation'], // `board`, and `conversation:<card id>`; `user` is built in
  presence: ['board'], // everybody sees who else is here
  events: {
    'card.created': { topic: 'board', data: Card },
    'card.updated': { topic: 'board', data: Card.pick({ ...change, title: true, text: true }) },
    'card.moved': { topic: 'board', data: Card.pick({ ...change, column: true, rank: true }) },
    'card.commented': { topic: 'board', data: Card.pick({ ...change, messages: true }) },
    'card.deleted': { topic: 'board', data: Card.pick(author) },
    'message.posted': { topic: 'conversation', data: Message },
    // What clients may say by themselves: to their own tabs, to whoever reads along right now, and to the server only.
    'theme.changed': { topic: 'user', data: z.object({ theme: Theme }), emit: true },
    'message.typing': {
      topic: 'conversation',
      data: z.object({}),
      emit: true,
      durable: false,
      coalesce: (event) => event.user,
    },
    'button.clicked': { data: z.object({ button: z.enum(['try-now', 'new-card', 'theme']) }), emit: true },
  },
})
