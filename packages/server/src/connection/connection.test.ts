// The hub's side of one stream, read straight from the answer of `fetch`.
import { defineContract } from '@sse-hub/core/contract'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createHub } from '../hub.ts'

it('says good-bye last, after what was passing by', async () => {
  const contract = defineContract({
    topics: ['board'],
    events: { 'pointer.moved': { topic: 'board', data: z.number(), durable: false, emit: true } },
  })
  const hub = createHub({ contract, authorize: () => ({ user: 'ann', read: ['board'] }) })
  const response = await hub.fetch(new Request('http://hub.test/api/sse/events'))
  const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>)
    .pipeThrough(new TextDecoderStream())
    .getReader()
  let text = (await reader.read()).value ?? ''

  // Both in one turn of the event loop, before anything of it is written.
  await hub.publish({ type: 'pointer.moved', topic: 'board', data: 1 })
  hub.disable()
  for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value

  expect([...text.matchAll(/^event: (.*)$/gm)].map(([, event]) => event)).toEqual([
    'hub.sync',
    'pointer.moved',
    'hub.bye',
  ])
  await hub.close()
})
