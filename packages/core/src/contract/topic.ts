// The grammar of topics, event types, ids and user ids (docs/PROTOCOL.md §1): one place decides what a name may hold.
import { HubError } from '../errors.ts'

const KIND = /^[A-Za-z][\w-]{0,63}$/
const TYPE = /^(?!hub\.)(?!open$)(?!error$)[A-Za-z][A-Za-z0-9._-]{0,127}$/
// Cc: C0 and C1 controls and DEL. Cs, in a pattern that reads code points: lone surrogates, which UTF-8 cannot carry.
const UNFIT_ID = /[\p{Cc}\p{Cs}]/u
// A comma separates topics in a query.
const UNFIT_KEY = /[\p{Cc}\p{Cs},]/u
const TOPIC = /^[A-Za-z][\w-]{0,63}(:[^\p{Cc}\p{Cs},]+)?$/u

/** The longest topic, in UTF-16 code units. */
export const MAX_TOPIC_LENGTH = 256

/** The kind of a topic: what stands before its first colon. */
export function kindOf(topic: string): string {
  const colon = topic.indexOf(':')
  return colon < 0 ? topic : topic.slice(0, colon)
}

/** Whether the text is a topic by the grammar; says nothing about whether a contract declares its kind. */
export function isTopic(text: string): boolean {
  return text.length <= MAX_TOPIC_LENGTH && TOPIC.test(text)
}

/** Whether the text can be a kind of topic. */
export function isKind(text: string): boolean {
  return KIND.test(text)
}

/** Whether the text can be the type of an event. */
export function isEventType(text: string): boolean {
  return TYPE.test(text)
}

/** Whether the text can be the id of an event. */
export function isEventId(text: string): boolean {
  return text.length > 0 && text.length <= 128 && !UNFIT_ID.test(text)
}

/** Whether the text can be the id of a user, and so the key of a `user:` topic. */
export function isUserId(text: string): boolean {
  return text.length > 0 && text.length <= 128 && !UNFIT_KEY.test(text)
}

/**
 * Returns the topic, or throws.
 * @throws HubError `invalid_topic`
 */
export function checkTopic(text: string): string {
  if (isTopic(text)) return text
  throw new HubError(
    'invalid_topic',
    `${JSON.stringify(String(text).slice(0, 80))} is not a topic. Write "kind" or "kind:key": a kind is a letter, then letters, digits, "_" or "-"; ` +
      `a key has no comma and no control character; at most ${MAX_TOPIC_LENGTH} characters in all.`,
  )
}
