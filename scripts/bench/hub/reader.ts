// One connection of the generator: counts the events that come, and on sampled connections reads every one of them.
import { createGunzip } from 'node:zlib'
import { createParser } from 'eventsource-parser'
import { monotonicMs } from './clock.ts'
import { type BenchEvent, MARK } from './event.ts'

/** What a connection has heard. */
export interface Heard {
  events: number
  bytes: number
}

/** What a sampled connection has heard besides. */
export interface Read extends Heard {
  /** By event in the order of arrival: its number, when it was due, and how long after that it came, in milliseconds. */
  readonly numbers: number[]
  readonly dues: number[]
  readonly latencies: number[]
  /** Events that were not the next of their topic, without a word about it. */
  jumps: number
  /** How many places each gap spanned of which the server has told. */
  readonly gaps: number[]
}

/** Takes what comes: the first `length` bytes, which are overwritten afterwards. */
export type Take = (bytes: Buffer, length: number) => void

/** Counts marks, one for each event, and reads nothing. */
export function counting(eventBytes: number): { readonly heard: Heard; readonly take: Take } {
  const heard: Heard = { events: 0, bytes: 0 }
  // The mark stands in the pad's first place: so many more bytes hold none.
  const stride = Math.max(1, eventBytes - 80)
  return {
    heard,
    take(bytes, length) {
      heard.bytes += length
      for (let at = bytes.indexOf(MARK); at !== -1 && at < length; at = bytes.indexOf(MARK, at + stride)) heard.events++
    },
  }
}

/** Counts bytes, and has heard as much as another one that is sent the same and has had as many: so that nobody has to inflate them. Those that have fallen out of step are sent other batches, and nothing can be said of them. */
export function weighing(like: Heard): { readonly heard: Heard; readonly take: Take } {
  const heard = {
    bytes: 0,
    get events() {
      return heard.bytes === like.bytes ? like.events : 0
    },
  }
  return {
    heard,
    take(_, length) {
      heard.bytes += length
    },
  }
}

/** Reads every event: HTTP, gzip if it is compressed, blocks, JSON. Of a topic every `step`-th is expected. */
export function reading(step: number, compressed = false): { readonly heard: Read; readonly take: Take } {
  const heard: Read = { events: 0, bytes: 0, numbers: [], dues: [], latencies: [], jumps: 0, gaps: [] }
  let at = 0
  let last: number | undefined
  let excused = false
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === 'hub.gap') {
        const { from, to } = JSON.parse(data) as { from?: string; to: string }
        heard.gaps.push(positionOf(to) - positionOf(from ?? ':0'))
        excused = true
      }
      if (event?.startsWith('hub.') || data === '') return
      const json = JSON.parse(data) as BenchEvent | { readonly data: BenchEvent }
      const { n, due } = 'data' in json ? json.data : json
      if (last !== undefined && n !== last + step && !(excused && n > last)) heard.jumps++
      excused = false
      last = n
      heard.events++
      heard.numbers.push(n)
      heard.dues.push(due)
      heard.latencies.push((compressed ? monotonicMs() : at) - due)
    },
  })
  const body = createBody(compressed ? inflating(parser.feed) : parser.feed)
  return {
    heard,
    take(bytes, length) {
      at = monotonicMs()
      heard.bytes += length
      body(bytes.toString('latin1', 0, length))
    },
  }
}

/** Inflates text of which every character is a byte. */
function inflating(feed: (text: string) => void): (text: string) => void {
  const gunzip = createGunzip().setEncoding('latin1').on('data', feed)
  return (text) => void gunzip.write(Buffer.from(text, 'latin1'))
}

const positionOf = (cursor: string) => Number(cursor.split(':')[1])

/** Takes an HTTP/1.1 answer in pieces and hands on its body, out of its chunks if it has any. All of it is ASCII here. */
export function createBody(feed: (text: string) => void): (text: string) => void {
  let rest = ''
  let chunked: boolean | undefined
  // Of the chunk that has begun: what is still to come, its line end included.
  let left = 0
  return (text) => {
    rest += text
    if (chunked === undefined) {
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) return
      chunked = /^transfer-encoding: *chunked/im.test(rest.slice(0, end))
      rest = rest.slice(end + 4)
    }
    if (!chunked) {
      feed(rest)
      rest = ''
      return
    }
    while (rest !== '') {
      if (left === 0) {
        const end = rest.indexOf('\r\n')
        if (end < 0) return
        left = Number.parseInt(rest.slice(0, end), 16) + 2
        rest = rest.slice(end + 2)
        continue
      }
      const part = rest.slice(0, left)
      const data = Math.max(0, left - 2)
      if (data > 0) feed(part.slice(0, data))
      left -= part.length
      rest = rest.slice(part.length)
    }
  }
}
