// The hub that the protocol is played against: real, in process, without jitter; and the ways to ask it.
import { defineContract } from '@sse-hub/core/contract'
import { createHub, type Hub, type HubOptions } from '@sse-hub/server'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { afterEach } from 'vitest'
import { z } from 'zod'

/** What it speaks: one event for every way that an event can be. */
export const contract = defineContract({
  topics: ['board'],
  presence: ['board'],
  events: {
    'card.moved': { topic: 'board', data: z.json() },
    'theme.changed': { topic: 'user', data: z.object({ theme: z.enum(['light', 'dark']) }), emit: true },
    'pointer.moved': { topic: 'board', data: z.object({ x: z.number(), y: z.number() }), emit: true, durable: false },
    'card.renamed': { topic: 'board', data: z.string(), emit: true },
    'button.clicked': { data: z.string(), emit: true },
    'validator.broken': {
      topic: 'board',
      emit: true,
      data: z.string().refine(() => {
        throw new Error('broken')
      }),
    },
  },
})
/** The hub. */
export type TestHub = Hub<typeof contract>

/** What a test may want different. */
export type Options = Partial<HubOptions<typeof contract>>

/** Where it is. */
export const HOST = 'http://hub.test'
const hubs: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub.close()
})

/** Closes a hub after the test. */
export const closeLater = (hub: { close(): Promise<void> }): void => void hubs.push(hub)

/** Opens a hub for one test. */
export function open(options: Options = {}): TestHub {
  const hub = createHub({
    contract,
    authorize: ({ headers }) =>
      headers.has('x-nobody')
        ? null
        : { user: 'u1', read: ['board:7'], write: ['board:7'], admin: headers.has('x-admin') },
    // No jitter: half of one is in the middle.
    random: { next: () => 0.5, id: () => `id-${++ids}-0000` },
    onReport: () => {},
    ...options,
  })
  hubs.push(hub)
  return hub
}
let ids = 0

/** Asks it. */
export const get = (hub: TestHub, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  hub.fetch(new Request(`${HOST}/api/sse${path}`, { headers }))

/** Posts to it, from its own origin. */
export const post = (hub: TestHub, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  hub.fetch(
    new Request(`${HOST}/api/sse/events`, {
      method: 'POST',
      headers: { origin: HOST, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  )

/** Opens a stream; `until` reads on until a block of that type has come, and answers all bytes so far as text and blocks. */
export async function stream(hub: TestHub, query = '', headers: Record<string, string> = {}) {
  const response = await get(hub, `/events${query}`, headers)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const blocks: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (block) => blocks.push(block) })
  let text = ''
  return {
    response,
    blocks,
    text: () => text,
    async until(type: string): Promise<EventSourceMessage> {
      for (;;) {
        const found = blocks.findLast(({ event }) => event === type)
        if (found) return found
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) throw new Error(`The stream ended before ${type}: ${text}`)
        text += value
        parser.feed(value)
      }
    },
    /** Reads to the end. */
    async rest(): Promise<string> {
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
        text += next.value
        parser.feed(next.value)
      }
      return text
    },
    cancel: () => reader?.cancel(),
  }
}

/** Publishes a durable event. */
export const move = (hub: TestHub, topic: `board:${string}` = 'board:7') =>
  hub.publish({ type: 'card.moved', topic, data: { to: 'done' } })
