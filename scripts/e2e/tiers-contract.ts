// The contract of the tests of fallback by tier: a board whose newest number is what changes.
import { defineContract } from '@sse-hub/core/contract'
import { z } from 'zod'

export const contract = defineContract({
  topics: ['board'],
  events: { 'card.moved': { topic: 'board', data: z.object({ n: z.number() }) } },
})
