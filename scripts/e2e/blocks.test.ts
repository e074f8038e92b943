// Hostile blocks through real browsers: a native EventSource, and our own source in the page, each decode exactly what was meant and nothing beside it.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Block, encodeBlock, encodeEvent, type Frame, HubError, type HubEvent } from '@sse-hub/core/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostileJson, hostileText } from '../fuzz/hostile.ts'
import { chance } from '../fuzz/random.ts'
import type { BlocksPage, Heard } from './blocks-page.ts'
import { launch } from './browser.ts'
import { bundle, emptyPage } from './bundle.ts'

const SIZE = 4000
const END = 'the.end'

/** Blocks with hostile fields, and how many were refused on the way. */
function makeBlocks(): { blocks: Block[]; refused: number } {
  const dice = chance(1)
  const blocks: Block[] = []
  let refused = 0
  for (let index = 0; blocks.length < SIZE; index++) {
    dice.at(index)
    const event = dice.below(4) === 0 ? undefined : hostileText(dice)
    const id = dice.below(2) === 0 ? undefined : hostileText(dice)
    const block = { data: hostileText(dice), ...(event ? { event } : {}), ...(id === undefined ? {} : { id }) }
    try {
      encodeBlock(block)
      blocks.push(block)
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      refused++
    }
  }
  return { blocks, refused }
}

/** Events as a hub writes them, with hostile text in all their parts. */
function makeEvents(): HubEvent[] {
  const dice = chance(2)
  return Array.from({ length: SIZE }, (_, index) => {
    dice.at(index)
    return {
      type: dice.of(['card.moved', 'message', 'constructor', 'data', 'id', 'retry', 'event', 'hub']),
      topic: `board:${hostileText(dice)}`,
      data: JSON.parse(JSON.stringify(hostileJson(dice, 2))),
      at: index,
      id: hostileText(dice),
      ...(dice.below(2) === 0 ? {} : { user: hostileText(dice) }),
      ...(dice.below(2) === 0 ? {} : { cursor: `k3x:${index}` }),
    }
  })
}

const blockOf = (event: HubEvent): Block => ({
  event: event.type,
  data: encodeEvent(event),
  ...(event.cursor === undefined ? {} : { id: event.cursor }),
})

/** What a native EventSource should hear: its `lastEventId` stays until a block has another. */
function heardOf(blocks: readonly Block[]): Heard[] {
  let lastEventId = ''
  return blocks.map(({ event, id, data }) => {
    lastEventId = id ?? lastEventId
    return { type: event ?? 'message', data: data ?? '', lastEventId }
  })
}

const { blocks, refused } = makeBlocks()
const events = makeEvents()
const end: Block = { event: END, id: 'k3x:0', data: encodeEvent({ data: null, topic: 'board', at: 0, id: 'end' }) }
const streams: Readonly<Record<string, readonly Block[]>> = {
  '/blocks': [...blocks, end],
  '/events': [...events.map(blockOf), end],
}

let server: Server
let origin: string

beforeAll(async () => {
  const script = await bundle('scripts/e2e/blocks-page.ts')
  server = createServer((request, response) => {
    const stream = streams[request.url ?? '']
    if (!stream) {
      response.setHeader('content-type', request.url === '/page.js' ? 'text/javascript' : 'text/html')
      response.end(request.url === '/page.js' ? script : emptyPage)
      return
    }
    response.setHeader('content-type', 'text/event-stream')
    // Slices cut characters and fields apart.
    const bytes = Buffer.from(stream.map(encodeBlock).join(''))
    for (let at = 0; at < bytes.length; at += 997) response.write(bytes.subarray(at, at + 997))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

describe.each(['chromium', 'firefox'] as const)('%s', (name) => {
  test('decodes thousands of hostile blocks to exactly what was meant', async (context) => {
    // A share of what was tried could not be written at all; the rest must be large enough to say something.
    expect(refused).toBeGreaterThan(SIZE / 10)
    const browser = await launch(name, context)
    try {
      const tab = await browser.open(origin)
      // As text, since what carries values out of a page loses keys such as `__proto__`.
      const call = async <K extends keyof BlocksPage>(method: K, ...args: Parameters<BlocksPage[K]>) => {
        const text = await tab.evaluate<string>(`page.${method}(...${JSON.stringify(args)}).then(JSON.stringify)`)
        return JSON.parse(text) as Awaited<ReturnType<BlocksPage[K]>>
      }

      for (const [path, sent] of Object.entries(streams)) {
        const types = [...new Set(sent.flatMap(({ event }) => event ?? []))]
        // What an injected block would be called.
        const traps = ['hub.bye', 'hub.sync', '{"data":1}', 'x', 'data', 'event', 'id', 'retry']
        expect(await call('native', path, [...types, ...traps], END)).toEqual(heardOf(sent))
        expect(await call('blocks', path)).toEqual(sent)
      }
      const meant: Frame[] = events.map((event) => ({ kind: 'event', event }))
      expect((await call('frames', '/events')).slice(0, -1)).toEqual(meant)
    } finally {
      await browser.close()
    }
  })
})
