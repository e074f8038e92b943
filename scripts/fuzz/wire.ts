// Fuzzes the stream's door: a block is refused with a clear error, or a reader decodes exactly it and nothing beside it.
import {
  type Block,
  decodeBlock,
  encodeBlock,
  encodeEvent,
  HubError,
  type HubEvent,
  isEventType,
  parseCursor,
} from '@sse-hub/core/contract'
import { createParser } from 'eventsource-parser'
import { fitsField, hostileJson, hostileText } from './hostile.ts'
import { type Chance, chance } from './random.ts'

/** One input that did not do as it should. */
export interface Failure {
  /** Its number; with the seed, it is all that a repetition needs. */
  readonly index: number
  /** What happened. */
  readonly message: string
}

/** A block that tries something, and the event in it if it is one. */
interface Input {
  readonly block: Block
  readonly event?: HubEvent
}

// Blocks that travel together: enough to make the cost of UTF-8 small, few enough to find the culprit fast.
const BATCH = 64

/** Runs inputs `from` … `from + count - 1` of a seed. Answers those that failed. */
export function fuzzWire(seed: number, from: number, count: number): Failure[] {
  const failures: Failure[] = []
  const wire = openWire(seed)
  for (let start = from; start < from + count; start += BATCH) {
    const end = Math.min(start + BATCH, from + count)
    if (wire.send(start, end) === undefined) continue
    // Something in this batch is wrong: one at a time, each through a reader of its own, says which.
    const found: Failure[] = []
    for (let index = start; index < end; index++) {
      const message = openWire(seed).send(index, index + 1)
      if (message !== undefined) found.push({ index, message })
    }
    failures.push(
      ...(found.length > 0 ? found : [{ index: start, message: `only together with the next ${end - start}` }]),
    )
    if (failures.length >= 10) break
  }
  return failures
}

/** One connection: a writer and a reader that keep their state from batch to batch, as a stream does. */
function openWire(seed: number): { send(start: number, end: number): string | undefined } {
  const dice = chance(seed)
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let heard: Block[] = []
  let ids: string[] = []
  let retries: number[] = []
  let surprise: string | undefined
  const parser = createParser({
    onEvent: ({ event, id, data }) => {
      heard.push({ data, ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }) })
    },
    onId: (id) => ids.push(id),
    onRetry: (ms) => retries.push(ms),
    onComment: (comment) => {
      surprise = `a comment arrived: ${JSON.stringify(comment)}`
    },
    onError: (error) => {
      surprise = `the reader said: ${error.message}`
    },
  })
  // The reader takes one byte order mark from the front of a stream; everything after this is content.
  parser.feed(':\n')
  surprise = undefined

  /** Sends a batch; answers what went wrong. */
  function send(start: number, end: number): string | undefined {
    heard = []
    ids = []
    retries = []
    surprise = undefined
    const sent: Input[] = []
    let text = ''
    for (let index = start; index < end; index++) {
      dice.at(index)
      const input = makeInput(dice)
      const written = write(input.block)
      if (typeof written === 'object') return written.problem
      if (written === undefined) continue
      text += written
      sent.push(input)
    }
    const bytes = encoder.encode(text)
    const cut = dice.below(bytes.length + 1)
    parser.feed(decoder.decode(bytes.subarray(0, cut), { stream: true }))
    parser.feed(decoder.decode(bytes.subarray(cut), { stream: true }))
    return surprise ?? compare(sent, heard, ids, retries)
  }
  return { send }
}

/** An event as a hub would write it, or a bare block; with hostile text wherever text may stand. */
function makeInput(dice: Chance): Input {
  if (dice.below(2) === 0) {
    const block: { -readonly [K in keyof Block]: Block[K] } = {}
    if (dice.below(4) > 0) block.event = hostileText(dice)
    if (dice.below(2) > 0) block.id = hostileText(dice)
    if (dice.below(4) > 0) block.data = hostileText(dice)
    if (dice.below(4) === 0) block.retryMs = dice.of([0, 1, 30_000, 2 ** 53 - 1, -1, 0.5, Number.NaN, 2 ** 53])
    return { block }
  }
  const type = dice.below(2) === 0 ? dice.of(['card.moved', 'message', 'constructor', 'data', 'id']) : hostileText(dice)
  const id = dice.of([undefined, 'k3x:41', 'E-_:9007199254740991', hostileText(dice)])
  const event: HubEvent = {
    type,
    topic: `board:${hostileText(dice)}`,
    data: hostileJson(dice),
    at: 1_767_225_600_000,
    id: hostileText(dice),
    ...(dice.below(2) === 0 ? {} : { user: hostileText(dice) }),
    ...(id === undefined ? {} : { cursor: id }),
  }
  return { event, block: { event: type, ...(id === undefined ? {} : { id }), data: encodeEvent(event) } }
}

/** The block's text, undefined where it is rightly refused, or what is wrong about either. */
function write(block: Block): string | undefined | { problem: string } {
  const { event, id, data, retryMs } = block
  const fits =
    event !== '' &&
    [event, id, data].every((value) => value === undefined || fitsField(value)) &&
    (retryMs === undefined || (Number.isSafeInteger(retryMs) && retryMs >= 0))
  // What the grammar of names lets in must never be refused here.
  if (event !== undefined && isEventType(event) && !fitsField(event))
    return { problem: `isEventType lets in ${quote(event)}` }
  try {
    const text = encodeBlock(block)
    return fits ? text : { problem: `was not refused: ${quote(block)}` }
  } catch (error) {
    if (fits) return { problem: `was refused: ${quote(block)}: ${String(error)}` }
    if (error instanceof HubError && error.code === 'malformed' && error.message.length > 20) return undefined
    return { problem: `was refused without a clear error: ${quote(block)}: ${String(error)}` }
  }
}

/** What differs between what was sent and what a reader heard. */
function compare(
  sent: readonly Input[],
  heard: readonly Block[],
  ids: readonly string[],
  retries: readonly number[],
): string | undefined {
  let block = 0
  let id = 0
  let retry = 0
  for (const input of sent) {
    const intended = input.block
    if (intended.id !== undefined && ids[id++] !== intended.id)
      return `the id of ${quote(intended)} arrived as ${quote(ids[id - 1])}`
    if (intended.retryMs !== undefined && retries[retry++] !== intended.retryMs)
      return `the retry of ${quote(intended)} did not arrive`
    if (intended.data === undefined) continue
    const arrived = heard[block++]
    if (!arrived || arrived.data !== intended.data || arrived.event !== intended.event || arrived.id !== intended.id) {
      return `${quote(intended)} arrived as ${quote(arrived)}`
    }
    const problem = input.event && compareEvent(input.event, arrived)
    if (problem) return problem
  }
  if (heard.length !== block || ids.length !== id || retries.length !== retry) {
    return `more arrived than was sent: ${quote(heard.slice(block))} ${quote(ids.slice(id))} ${quote(retries.slice(retry))}`
  }
  return undefined
}

/** What differs between an event and the frame that its block is decoded into. */
function compareEvent(intended: HubEvent, block: Block): string | undefined {
  const decodable =
    !intended.type.startsWith('hub.') && (intended.cursor === undefined || parseCursor(intended.cursor) !== undefined)
  try {
    const frame = decodeBlock(block)
    if (!decodable) return frame?.kind === 'event' ? `${quote(block)} was read as an event` : undefined
    if (frame?.kind !== 'event') return `${quote(block)} was read as ${quote(frame)}`
    const { type, topic, id, at, user, cursor, data } = frame.event
    const same =
      type === intended.type &&
      topic === intended.topic &&
      id === intended.id &&
      at === intended.at &&
      user === intended.user &&
      cursor === intended.cursor &&
      block.data?.startsWith(`{"data":${JSON.stringify(data)},"topic":`)
    return same ? undefined : `${quote(intended)} was read as ${quote(frame.event)}`
  } catch (error) {
    if (error instanceof HubError && error.code === 'protocol' && !decodable) return undefined
    return `${quote(block)} could not be read: ${String(error)}`
  }
}

const quote = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 400)
