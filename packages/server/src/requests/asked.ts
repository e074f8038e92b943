// What the URL of a stream or a page asks for: which topics, after which cursor; judged against the grant.
import { checkTopic, HubError } from '@sse-hub/core/contract'
import type { Access } from './gate.ts'

/** The topics that a URL asks for, without duplicates; undefined when it asks for all that are granted. `user` stands for the user's own. */
export type AskedTopics = ReadonlySet<string> | undefined

/**
 * Reads `?topics=`.
 * @throws HubError `invalid_topic`, `too_many_topics`
 */
export function askedTopics(url: URL, most: number): AskedTopics {
  const lists = url.searchParams.getAll('topics')
  if (lists.length === 0) return undefined
  const topics = new Set(lists.flatMap((list) => (list === '' ? [] : list.split(','))))
  if (topics.size > most) {
    throw new HubError(
      'too_many_topics',
      `${topics.size} topics are more than the ${most} that one stream may ask for: name fewer in \`?topics=\`, or raise \`limits.topics\`.`,
    )
  }
  // A kind that the contract has no more is never granted, and that is all: an old page must not lose its other topics by it.
  for (const topic of topics) checkTopic(topic)
  return topics
}

/**
 * The topics that are both asked for and granted: sorted, complete, without duplicates. Who asks for nothing in particular gets all that the application
 * grants, however many: an error status for what no client has done wrong would end a native `EventSource` for good.
 */
export function grantedTopics(asked: AskedTopics, { user, read }: Access): string[] {
  const topics = asked
    ? new Set([...asked].map((topic) => (topic === 'user' && user !== null ? `user:${user}` : topic)))
    : read
  return [...topics].filter((topic) => read.has(topic)).toSorted()
}

/** Whether a grant that was asked for again comes to the same topics. */
export function sameTopics(asked: AskedTopics, now: Access, topics: readonly string[]): boolean {
  const topicsNow = grantedTopics(asked, now)
  return topicsNow.length === topics.length && topicsNow.every((topic, index) => topic === topics[index])
}
