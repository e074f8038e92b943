// Events as applications publish them, some 1 kB each, for what depends on what they say: cards, comments, messages, orders, readings and deployments, of people and words that vary.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchEvent } from './event.ts'

/** The bytes of the shortest one's JSON. */
export const CORPUS_BYTES = 900

let corpus: readonly NonNullable<BenchEvent['more']>[] | undefined

/** The n-th event; they come round again after 240. Made once, and kept as they are. */
export function corpusEvent(n: number, dueMs: number): BenchEvent {
  corpus ??= readFileSync(join(import.meta.dirname, 'corpus.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { n, due: Math.round(dueMs * 1_000) / 1_000, pad: '~', more: corpus[n % corpus.length] ?? null }
}
