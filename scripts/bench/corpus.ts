// Makes the streams that benchmarks read: what a hub would write for a busy board, the same bytes every time, cut as a network might.
import { encodeBlock, encodeEvent } from '@sse-hub/core/contract'

/** One kind of stream. */
export interface Shape {
  /** The bytes of one event's block, about. */
  readonly eventBytes: number
  /** How many topics there are; events are spread over them. */
  readonly topics: number
  /** How the bytes arrive: this many events in each chunk, or this many bytes. */
  readonly chunk: { readonly events: number } | { readonly bytes: number }
}

/** A part of a stream: chunks of bytes, and what is in them. */
export interface Part {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[]
  readonly events: number
  readonly bytes: number
}

/** A stream that goes on for as long as somebody asks for more of it. */
export interface Corpus {
  readonly topics: readonly string[]
  /** What it begins with: the block that says so. */
  readonly head: Uint8Array<ArrayBuffer>
  /** The next part of it, of about so many bytes. */
  next(bytes: number): Part
}

const EPOCH = 'k3x8f2q7'
const START = 184_467
const AT = 1_767_225_600_000
// A hub beats every 2 s; on a stream this busy that is one block in many.
const EVENTS_PER_BEAT = 500
// Long enough for the breaks between one part and the next.
const HEARTBEAT_MS = 60_000
const WORDS =
  'the release waits for a review of the importer, which still drops rows with an empty owner: see the notes from Tuesday, retries and all'.split(
    ' ',
  )

/** Begins a stream. */
export function makeCorpus({ eventBytes, topics: count, chunk }: Shape): Corpus {
  const topics = Array.from({ length: count }, (_, index) => `board:${index + 1}`)
  const encoder = new TextEncoder()
  const sync = { cursor: `${EPOCH}:${START}`, topics, gaps: [], user: 'u1', heartbeatMs: HEARTBEAT_MS }
  const head = { event: 'hub.sync', id: sync.cursor, data: JSON.stringify(sync), retryMs: 1_000 }
  let index = 0
  const nextBlock = (): string => {
    // Neighbours are of different topics: the worst that a cache of the last one could meet.
    const topic = topics[index % count] as string
    const cursor = `${EPOCH}:${START + ++index}`
    const block = eventBlock(index, cursor, topic, eventBytes)
    return index % EVENTS_PER_BEAT > 0 ? block : block + encodeBlock({ event: 'hub.beat', id: cursor, data: '' })
  }
  return {
    topics,
    head: encoder.encode(encodeBlock(head)),
    next(bytes) {
      const blocks: Uint8Array[] = []
      let written = 0
      while (written < bytes) {
        const block = encoder.encode(nextBlock())
        blocks.push(block)
        written += block.length
      }
      return { chunks: cut(blocks, chunk), events: blocks.length, bytes: written }
    },
  }
}

function eventBlock(index: number, cursor: string, topic: string, bytes: number): string {
  const card = { id: `card-${index % 300}`, column: ['todo', 'doing', 'done'][index % 3], version: index }
  // What crypto gives a publisher that names nothing.
  const id = [index * 2_654_435_761, index * 40_503, index * 69_069, index].map((n) => n % 4_294_967_296).join('-')
  const write = (data: object): string =>
    encodeBlock({
      event: bytes > 500 ? 'card.created' : 'card.moved',
      id: cursor,
      data: encodeEvent({ data, topic, at: AT + index, id }),
    })
  if (bytes <= 500) return write(card)
  const more = {
    ...card,
    title: words(index, 6),
    labels: ['import', 'bug', `sprint-${index % 40}`],
    assignee: { id: `u${index % 50}`, name: 'Ada Lovelace', avatar: `/avatars/${index % 50}.png` },
    checklist: [0, 1, 2].map((n) => ({ id: n, text: words(index + n, 5), done: n === 0 })),
    position: (index * 0.618) % 1,
    due: null,
  }
  const room = bytes - encoded(write({ ...more, description: '' }))
  return write({ ...more, description: words(index, 200).slice(0, Math.max(0, room)) })
}

const encoded = (text: string): number => Buffer.byteLength(text)

const words = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => WORDS[(from + index) % WORDS.length]).join(' ')

function cut(blocks: readonly Uint8Array[], chunk: Shape['chunk']): Uint8Array<ArrayBuffer>[] {
  const all = Buffer.concat(blocks)
  const chunks: Uint8Array<ArrayBuffer>[] = []
  const add = (from: number, to: number): void => {
    // Each in memory of its own, as a network hands them over.
    if (to > from) chunks.push(Uint8Array.from(all.subarray(from, to)))
  }
  if ('bytes' in chunk) {
    for (let at = 0; at < all.length; at += chunk.bytes) add(at, Math.min(all.length, at + chunk.bytes))
    return chunks
  }
  let from = 0
  let to = 0
  for (const [index, block] of blocks.entries()) {
    to += block.length
    if ((index + 1) % chunk.events > 0) continue
    add(from, to)
    from = to
  }
  add(from, to)
  return chunks
}
