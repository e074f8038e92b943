// Cuts every fixture at every byte: however the network slices a stream, a reader must make the same of it, and of a part only what is whole.
import { createParser } from 'eventsource-parser'
import { describe, expect, test } from 'vitest'
import { platform } from '../platform.ts'
import { sseSource } from '../sources/sse.ts'
import { hubStreams, plainStreams } from './fixtures/streams.ts'
import { type Block, decodeBlock, type Frame } from './wire.ts'

const BOM = '\ufeff'

/** The ways in which the standard lets a line end. */
const lineEnds: readonly (readonly [name: string, write: (text: string) => string])[] = [
  ['LF', (text) => text],
  ['CR', (text) => text.replaceAll('\n', '\r')],
  ['CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['all three in turn', (text) => mixed(text)],
]

/** Ends the lines by LF, CRLF and CR in turn. (CR, LF in turn would be CRLF.) */
function mixed(text: string): string {
  const ends = ['\n', '\r\n', '\r'] as const
  let line = 0
  let last = ''
  return text.replaceAll('\n', () => {
    const end = ends[line++ % 3] ?? '\n'
    last = last === '\r' && end === '\n' ? '\r' : end
    return last
  })
}

/** Every fixture in every dress. */
const dressed = <T extends { name: string; text: string }>(streams: readonly T[]) =>
  streams.flatMap((stream) =>
    lineEnds.flatMap(([end, write]) =>
      ['', BOM].map((bom) => ({
        ...stream,
        name: `${stream.name} (${end}${bom && ', BOM'})`,
        bytes: new TextEncoder().encode(bom + write(stream.text)),
      })),
    ),
  )

/** What a reader hears. */
interface Heard {
  readonly blocks: Block[]
  readonly retries: number[]
  lastEventId: string
}

/** Reads chunks of bytes as a browser would. */
function read(chunks: Iterable<Uint8Array>): Heard {
  const heard: Heard = { blocks: [], retries: [], lastEventId: '' }
  let retryMs: number | undefined
  const parser = createParser({
    onEvent: ({ event, id, data }) => {
      heard.blocks.push({
        data,
        ...(event === undefined ? {} : { event }),
        ...(id === undefined ? {} : { id }),
        ...(retryMs === undefined ? {} : { retryMs }),
      })
      retryMs = undefined
    },
    onId: (id) => {
      heard.lastEventId = id
    },
    onRetry: (ms) => {
      heard.retries.push(ms)
      retryMs = ms
    },
  })
  const decoder = new TextDecoder()
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
  return heard
}

/** The same bytes in every two parts, one at a time, and with empty chunks between. */
function* slicings(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
  const single = [...bytes].map((_, at) => bytes.subarray(at, at + 1))
  yield single
  yield single.flatMap((byte) => [new Uint8Array(), byte])
}

/** The frames that a reader makes of chunks, one after the other. */
type Reader = (chunks: readonly Uint8Array[]) => Promise<readonly Frame[]>

const readers: readonly (readonly [name: string, read: Reader])[] = [
  [
    'eventsource-parser and decodeBlock',
    async (chunks) => read(chunks).blocks.flatMap((block) => decodeBlock(block) ?? []),
  ],
  [
    "the client's source",
    async (chunks) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(chunk)
          controller.close()
        },
      })
      const frames: Frame[] = []
      await sseSource.open({
        url: '/api/sse',
        topics: ['board:7'],
        after: undefined,
        get: async () => new Response(body),
        take: (batch) => void frames.push(...batch),
        clock: platform.clock,
        signal: new AbortController().signal,
      })
      return frames
    },
  ],
]

describe.each(readers)('a stream of a hub, by %s', (_, readFrames) => {
  test.each(dressed(hubStreams))('$name: the same frames for every cut', async ({ bytes, frames }) => {
    for (const chunks of slicings(bytes)) expect(await readFrames(chunks)).toEqual(frames)
  })

  test.each(dressed(hubStreams))('$name: of a part, the frames that are whole', async ({ bytes, frames }) => {
    let whole = 0
    for (let at = 0; at <= bytes.length; at++) {
      const heard = await readFrames([bytes.subarray(0, at)])
      expect(heard).toEqual(frames.slice(0, heard.length))
      expect(heard.length).toBeGreaterThanOrEqual(whole)
      whole = heard.length
    }
    expect(whole).toBe(frames.length)
  })
})

describe('any stream of the standard', () => {
  const withoutRetry = ({ retryMs: _, ...block }: Block): Block => block

  test.each(dressed(plainStreams))(
    '$name: the same blocks for every cut',
    ({ bytes, blocks, retries, lastEventId }) => {
      for (const chunks of slicings(bytes)) {
        const heard = read(chunks)
        expect(heard.blocks.map(withoutRetry)).toEqual(blocks)
        expect(heard.retries).toEqual(retries)
        expect(heard.lastEventId).toBe(lastEventId)
      }
    },
  )
})
