// What must not compile does not, and what should does: the types of the client, held by the compiler alone.
import { z } from 'zod'
import type { HubClient, Subscription } from './client.ts'
import { defineContract } from './contract/define.ts'

const contract = defineContract({
  topics: ['board', 'conversation'],
  events: {
    'card.moved': { topic: 'board', data: z.object({ id: z.string(), column: z.string() }) },
    'card.deleted': { topic: 'board', data: z.object({ id: z.string() }) },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.enum(['light', 'dark']) }), emit: true },
    'pointer.moved': { topic: 'board', data: z.object({ x: z.number() }), emit: true, durable: false },
    'button.clicked': { data: z.object({ button: z.string() }), emit: true },
  },
})
type C = typeof contract

export function subscriptions(client: HubClient<C>, board: string): void {
  // Handlers know the events of their topic, and each its payload.
  client.subscribe({
    topic: 'board:7',
    on: {
      'card.moved': ({ data, topic, cursor }) => [data.column.trim(), topic.trim(), cursor?.trim()],
      'pointer.moved': ({ data }) => data.x.toFixed(),
    },
    onEvent: (event) => (event.type === 'card.moved' ? event.data.column : event.data),
    onGap: ({ from, to, reason }) => [from?.trim(), to.trim(), reason === 'added'],
  })
  client.subscribe({ topic: `board:${board}`, on: { 'card.deleted': ({ data }) => data.id.trim() } })
  client.subscribe({ topic: 'user', on: { 'theme.changed': ({ data }) => data.theme === 'dark' } })
  client.subscribe({ topic: 'board', after: 'k3x:41' })

  // @ts-expect-error an event of another topic: "'theme.changed' does not exist in type …"
  client.subscribe({ topic: 'board:7', on: { 'theme.changed': () => {} } })
  // @ts-expect-error no such event: "Did you mean to write 'card.moved'?"
  client.subscribe({ topic: 'board:7', on: { 'card.mooved': () => {} } })
  // @ts-expect-error an event without a topic arrives nowhere
  client.subscribe({ topic: 'board:7', on: { 'button.clicked': () => {} } })
  // @ts-expect-error no such kind
  client.subscribe({ topic: 'bord:7' })
  // @ts-expect-error another user's own topic
  client.subscribe({ topic: 'user:u2' })
  // @ts-expect-error no such member of the payload
  client.subscribe({ topic: 'board:7', on: { 'card.deleted': ({ data }) => data.column } })
  // @ts-expect-error no such option
  client.subscribe({ topic: 'board:7', onevent: () => {} })
  // @ts-expect-error a topic is required
  client.subscribe({ on: {} })
  // @ts-expect-error a cursor is text
  client.subscribe({ topic: 'board', after: 41 })
}

export function emits(client: HubClient<C>): void {
  client.emit({ type: 'theme.changed', data: { theme: 'dark' } })
  client.emit({ type: 'pointer.moved', topic: 'board:7', ephemeral: true, data: { x: 1 } })
  client.emit({ type: 'button.clicked', data: { button: 'ok' }, id: 'once' })
  // @ts-expect-error only the server publishes it: Type '"card.moved"' is not assignable to type '"theme.changed" | …'
  client.emit({ type: 'card.moved', topic: 'board:7', data: { id: 'a', column: 'b' } })
  // @ts-expect-error Type '"blue"' is not assignable to type '"light" | "dark"'
  client.emit({ type: 'theme.changed', data: { theme: 'blue' } })
  // @ts-expect-error of another kind
  client.emit({ type: 'pointer.moved', topic: 'conversation:7', ephemeral: true, data: { x: 1 } })
  // @ts-expect-error never to another user
  client.emit({ type: 'theme.changed', topic: 'user:u2', data: { theme: 'dark' } })
  // @ts-expect-error Property 'ephemeral' is missing
  client.emit({ type: 'pointer.moved', topic: 'board:7', data: { x: 1 } })
  // @ts-expect-error no payload
  client.emit({ type: 'theme.changed' })
}

// A subscription can stand by itself.
export const subscription: Subscription<C, 'board:7'> = { topic: 'board:7', on: { 'card.moved': () => {} } }
// @ts-expect-error of another topic
export const other: Subscription<C, 'board:7'> = { topic: 'board:8' }
// @ts-expect-error no such kind
export type NoSuchTopic = Subscription<C, 'bord:7'>
