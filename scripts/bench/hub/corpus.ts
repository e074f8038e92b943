// Events as applications publish them, some 1 kB each, for what depends on what they say: cards, comments, messages, orders, readings and deployments, of people and words that vary.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchEvent } from './event.ts'

/** The bytes of the shortest one's JSON. */
export const CORPUS_BYTES = 900

/** Of which size: whole, or as many of each one's members as make an event of some 200 bytes. */
export type CorpusSize = 'whole' | 'small'

/** The bytes of the shortest small one's JSON. */
export const SMALL_BYTES = 150
// What an event has besides takes the rest.
const SMALL_MEMBERS = 160

type Members = { readonly [name: string]: NonNullable<BenchEvent['more']> }

let corpora: Readonly<Record<CorpusSize, readonly Members[]>> | undefined

/** The n-th event; they come round again after 240. Made once, and kept as they are. */
export function corpusEvent(n: number, dueMs: number, size: CorpusSize): BenchEvent {
  corpora ??= readCorpora()
  const events = corpora[size]
  return { n, due: Math.round(dueMs * 1_000) / 1_000, pad: '~', more: events[n % events.length] ?? null }
}

function readCorpora(): Record<CorpusSize, readonly Members[]> {
  const lines = readFileSync(join(import.meta.dirname, 'corpus.jsonl'), 'utf8')
    .trim()
    .split('\n')
  const whole = lines.map((line): Members => JSON.parse(line))
  return { whole, small: whole.map(shortened) }
}

/** Leaves out every member that would make it too long. */
function shortened(event: Members): Members {
  let short: Members = {}
  for (const [name, value] of Object.entries(event)) {
    const longer = { ...short, [name]: value }
    if (JSON.stringify(longer).length <= SMALL_MEMBERS) short = longer
  }
  return short
}
