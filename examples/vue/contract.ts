// What can happen on the board: shared by the server and the page.
import { defineContract } from '@sse-hub/core/contract'
import { z } from 'zod'

export const columns = ['todo', 'doing', 'done'] as const
const Column = z.enum(columns)
export type Column = z.infer<typeof Column>

export const Card = z.object({ id: z.string(), title: z.string(), column: Column, version: z.number() })
export type Card = z.infer<typeof Card>

export const contract = defineContract({
  topics: ['board'],
  events: {
    'card.created': { topic: 'board', data: Card },
    'card.moved': { topic: 'board', data: Card.pick({ id: true, column: true, version: true }) },
  },
})
