// The contract of the simulated application: one event of each sort that the hub knows, with validators that cost next to nothing.
import { defineContract } from '@sse-hub/core/contract'

/** Every payload: a number that no two have in common, and a text with characters of several bytes, so that cuts fall inside them. */
export interface Payload {
  readonly n: number
  readonly text: string
}

type Result = { readonly value: Payload } | { readonly issues: readonly { readonly message: string }[] }

const payload = {
  '~standard': {
    version: 1 as const,
    vendor: 'sim',
    types: undefined as { readonly input: Payload; readonly output: Payload } | undefined,
    validate: (value: unknown): Result => {
      const { n, text } = (value ?? {}) as Partial<Payload>
      return typeof n === 'number' && n >= 0 && typeof text === 'string'
        ? { value: { n, text } }
        : { issues: [{ message: 'a payload is { n: a number from 0, text: a string }' }] }
    },
  },
}

/** The contract. */
export const contract = defineContract({
  topics: ['board', 'room'],
  events: {
    'card.moved': { topic: 'board', data: payload },
    'note.added': { topic: 'board', data: payload, emit: true },
    'room.said': { topic: 'room', data: payload },
    'theme.changed': { topic: 'user', data: payload, emit: true },
    'pointer.moved': { topic: 'board', data: payload, emit: true, durable: false, coalesce: (event) => event.user },
    'button.clicked': { data: payload, emit: true },
  },
})
