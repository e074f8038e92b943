// The source for networks that let no stream through: pages of the same log, long-polled, told as the same frames.
import { decodePage, type PageBody } from '../contract/page.ts'
import type { Frame } from '../contract/wire.ts'
import { isAfter } from '../sequence.ts'
import { queryOf, type Source } from './source.ts'

// How long the hub may hold an empty page: long enough to be cheap, short enough that a dead connection is noticed.
const WAIT_MS = 10_000
// Neither a hub, or a proxy, that does not hold pages, nor a busy topic may be asked as fast as it answers; who is still catching up may.
const LEAST_PAUSE_MS = 1_000

/**
 * Reads pages of the log, `GET {url}/page`, instead of a stream. Durable events arrive as over a stream; ephemeral ones do not.
 *
 * @example
 * ```ts
 * import { createHubClient, pollSource } from '@sse-hub/core'
 * import type { contract } from './contract.ts'
 *
 * export const client = createHubClient<typeof contract>({ url: '/api/sse', source: pollSource })
 * ```
 */
export const pollSource: Source = {
  via: 'poll',
  async open({ url, topics, after, get, take, clock, signal }) {
    let first: PageBody | undefined
    let cursor = after
    while (!signal.aborted) {
      const least = new Promise<void>((resolve) => void clock.after(LEAST_PAUSE_MS, resolve))
      const wait = first ? `&wait=${WAIT_MS}` : ''
      const response = await get(`${url}/page${queryOf(topics, cursor)}${wait}`, 'application/json')
      const page = decodePage(await response.text())
      if (!first) {
        const { after: cursor, topics, user } = page
        const gaps = page.gaps.filter(({ reason }) => reason !== 'schema')
        take([{ kind: 'sync', cursor, topics, user, gaps, heartbeatMs: WAIT_MS }, ...framesOf(page, true)])
        first = page
      } else if (String(page.topics) !== String(first.topics) || page.user !== first.user) {
        take([{ kind: 'bye', reason: 'changed', retryMs: 0 }])
      } else {
        take(framesOf(page, false))
        if (!page.more) await least
      }
      cursor = page.through
    }
  },
}

/** What a page holds, in the order of the log: an event that was skipped is told in its place. Of a first page only that: its other gaps are in its sync. */
export function framesOf({ events, gaps, through }: PageBody, schemaOnly: boolean): readonly Frame[] {
  const frames: { readonly cursor: string; readonly frame: Frame }[] = []
  for (const event of events) frames.push({ cursor: event.cursor ?? through, frame: { kind: 'event', event } })
  for (const gap of gaps) {
    if (!schemaOnly || gap.reason === 'schema') frames.push({ cursor: gap.to, frame: { kind: 'gap', ...gap } })
  }
  frames.sort((a, b) => (a.cursor === b.cursor ? 0 : isAfter(a.cursor, b.cursor) ? 1 : -1))
  return [...frames.map(({ frame }) => frame), { kind: 'beat', cursor: through }]
}
