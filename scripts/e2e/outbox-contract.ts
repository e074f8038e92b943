// The contract of the outbox's tests, for the hub and for the page.
import { defineContract } from '@sse-hub/core/contract'
import { z } from 'zod'

export const contract = defineContract({
  topics: [],
  events: { 'note.written': { topic: 'user', data: z.object({ by: z.string(), n: z.number() }), emit: true } },
})
