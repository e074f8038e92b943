// What a tab lacks that has joined the leader's stream: asked of the hub, in pages of the log.
import { decodePage } from '../contract/page.ts'
import type { Frame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { isAfter } from '../sequence.ts'
import { framesOf } from '../sources/poll.ts'
import { type Question, queryOf } from '../sources/source.ts'
import type { SyncFrame } from './message.ts'

/**
 * Reads what there is after the question's cursor, as far as the leader's stream has come, as the frames of a stream that begins there.
 * @throws HubError `changed` where the pages are granted something else on the way, or are another user's; `protocol` where they end too soon
 */
export async function catchUp(
  { url, topics, get, take, signal }: Question,
  from: string,
  here: string,
  sync: SyncFrame,
): Promise<void> {
  let cursor = from
  let carried: readonly string[] | undefined
  const isMine = (topic: string) => topics.includes(topic === `user:${sync.user}` ? 'user' : topic)
  while (isAfter(here, cursor)) {
    const response = await get(`${url}/page${queryOf(topics, cursor)}`, 'application/json')
    const page = decodePage(await response.text())
    const { topics: granted, user, after, through } = page
    if (signal.aborted) return
    // Less than the stream still carries: the hub will end that, or grant it again before it looks, of which this tab would never hear.
    const lacks = sync.topics.some((topic) => isMine(topic) && !granted.includes(topic))
    if (lacks || user !== sync.user || (carried && String(granted) !== String(carried))) {
      throw new HubError('changed', `The grant of ${url} has changed`, { retryable: true })
    }
    // What the pages are granted and the stream does not carry is not whole from here on; nor the other way round.
    const both = granted.filter((topic) => sync.topics.includes(topic))
    const gaps = page.gaps.filter(({ reason }) => reason !== 'schema')
    const first: Frame = { ...sync, cursor: after, topics: both, gaps }
    take([...(carried ? [] : [first]), ...framesOf(page, !carried)])
    carried = granted
    // The leader knows of a log that the hub has no more: its news will tell.
    if (isAfter(through, here)) return
    if (through === cursor) {
      const message = `A page of ${url} ends before the stream does: is it cached on the way, or from a node that is behind?`
      throw new HubError('protocol', message, { retryable: true })
    }
    cursor = through
  }
}
