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

/** An item of a list. */
export interface Item {
  readonly id: string
  readonly title: string
  readonly column: number
  readonly version: number
  /** What the page that made it called it, before the server had named it. */
  readonly made: string
}

/** A payload that names an item, and has at least these members. */
const itemWith = <T extends object>(...names: readonly (keyof T & string)[]) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'sim',
    types: undefined as { readonly input: T; readonly output: T } | undefined,
    validate(value: unknown): { readonly value: T } | { readonly issues: readonly { readonly message: string }[] } {
      const given = (value ?? {}) as Partial<Record<string, unknown>>
      return given.n === -1 || names.some((name) => given[name] === undefined)
        ? { issues: [{ message: `such a payload has ${names.join()}, and n is not -1` }] }
        : { value: given as T }
    },
  },
})
type Part = Pick<Item, 'id' | 'version'> & Partial<Pick<Item, 'title' | 'column'>>

/** The contract. */
export const contract = defineContract({
  topics: ['board', 'room', 'list'],
  presence: ['board', 'room'],
  events: {
    'card.moved': { topic: 'board', data: payload },
    'note.added': { topic: 'board', data: payload, emit: true },
    'room.said': { topic: 'room', data: payload },
    'theme.changed': { topic: 'user', data: payload, emit: true },
    'pointer.moved': { topic: 'board', data: payload, emit: true, durable: false, coalesce: (event) => event.user },
    'button.clicked': { data: payload, emit: true },
    'item.saved': { topic: 'list', data: itemWith<Item>('id', 'title', 'column', 'version', 'made') },
    'item.edited': { topic: 'list', data: itemWith<Part>('id', 'version') },
    'item.deleted': { topic: 'list', data: itemWith<Pick<Item, 'id' | 'version'>>('id', 'version') },
    'list.changed': { topic: 'list', data: itemWith<{ readonly n: number }>('n') },
  },
})
