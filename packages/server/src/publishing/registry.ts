// From what someone wants to say to what may travel: looked up in the contract, validated, stamped, and encoded once.
import {
  type Contract,
  checkTopic,
  definitionOf,
  type EventDefinition,
  encodeEvent,
  HubError,
  isDurable,
  isEventId,
  isUserId,
  kindOf,
} from '@sse-hub/core/contract'
import type { NewEvent } from '../log.ts'
import type { Clock, Random } from '../ports.ts'
import { within } from '../time/within.ts'
import { byteLength } from '../wire/bytes.ts'

/** What is wrong with a payload, as a validator says it and JSON can hold it. */
interface Issue {
  readonly message: string
  readonly path?: readonly (string | number)[]
}

/** What a validator answers. */
type Outcome = Awaited<ReturnType<EventDefinition['data']['~standard']['validate']>>

/** What a publisher says. */
interface Draft {
  readonly type: string
  readonly topic: string
  readonly data: unknown
  readonly id?: string
  /** Who emitted it; left out for what the server publishes. */
  readonly user?: string
}

/** An event that may travel. */
export interface Ready {
  /** For the log. */
  readonly event: NewEvent
  /** The validator's output, for handlers. */
  readonly data: unknown
  /** Whether the log keeps it. */
  readonly durable: boolean
}

/** What the hub asks the contract. */
export interface Registry {
  /** What the contract says of a type. Throws `unknown_type`. */
  definition(type: string): EventDefinition
  /**
   * Validates, stamps and encodes. A promise only where the validator is asynchronous.
   * Throws, or rejects with, `invalid_data` (its `details.issues` say what), `too_large` or `malformed`.
   */
  ready(draft: Draft, definition: EventDefinition): Ready | Promise<Ready>
  /** The same for what the server publishes: also checks that the topic is one of the type's kind. Throws `unknown_type` or `invalid_topic` too. */
  publication(draft: Draft): Ready | Promise<Ready>
}

// A validator may answer with as many issues as a payload has members.
const MOST_ISSUES = 10
const VALIDATOR_MS = 5_000

/** Makes the registry of a contract. */
export function createRegistry(
  contract: Contract,
  { clock, random, eventBytes }: { readonly clock: Clock; readonly random: Random; readonly eventBytes: number },
): Registry {
  const registry: Registry = {
    definition(type) {
      const definition = definitionOf(contract, type)
      if (definition) return definition
      throw new HubError(
        'unknown_type',
        `The contract has no event type ${quote(type)}: add it to \`events\`, on both sides.`,
      )
    },
    ready({ type, topic, data: input, id: own, user }, definition) {
      const id = own ?? random.id()
      if (own !== undefined && !isEventId(own))
        throw new HubError(
          'malformed',
          `${quote(id)} cannot be the id of an event: 1 to 128 characters, no control characters.`,
        )
      const stamp = (outcome: Outcome): Ready => {
        const data = outputOf(type, outcome)
        const at = Math.round(clock.now())
        const json = encodeEvent(user === undefined ? { data, topic, at, id } : { data, topic, at, id, user })
        // UTF-8 needs at most three bytes for a UTF-16 unit, so that only large texts are measured.
        if (json.length * 3 > eventBytes && byteLength(json) > eventBytes) {
          throw new HubError(
            'too_large',
            `An event "${type}" may have ${eventBytes} bytes when encoded: publish a reference instead, or raise \`limits.eventBytes\`.`,
          )
        }
        return { event: { type, topic, id, at, json, isNew: own === undefined }, data, durable: isDurable(definition) }
      }
      const answer = definition.data['~standard'].validate(input)
      if (!('then' in answer)) return stamp(answer)
      return within(clock, VALIDATOR_MS, `The validator of "${type}"`, answer).then(stamp)
    },
    publication(draft) {
      const { type, topic } = draft
      const definition = registry.definition(type)
      if (definition.topic === undefined) {
        throw new HubError(
          'invalid_topic',
          `The event "${type}" has no topic in the contract: only \`hub.on\` hears it, so it cannot be published.`,
        )
      }
      const kind = kindOf(checkTopic(topic))
      if (kind !== definition.topic) {
        throw new HubError(
          'invalid_topic',
          `The event "${type}" belongs on a topic of kind "${definition.topic}", not on ${quote(topic)}.`,
        )
      }
      if (kind === 'user' && !isUserId(topic.slice('user:'.length))) {
        throw new HubError(
          'invalid_topic',
          `Write "user:<id>", with an id of 1 to 128 characters, not ${quote(topic)}.`,
        )
      }
      return registry.ready(draft, definition)
    },
  }
  return registry
}

/**
 * The output that a validator has answered.
 * @throws HubError `invalid_data`
 */
function outputOf(type: string, outcome: Outcome): unknown {
  if (!outcome.issues) return outcome.value
  const issues = outcome.issues.slice(0, MOST_ISSUES).map(({ message, path }): Issue => {
    const keys = path?.map((step) => (typeof step === 'object' ? step.key : step))
    const short = message.slice(0, 300)
    return keys
      ? { message: short, path: keys.map((key) => (typeof key === 'number' ? key : String(key))) }
      : { message: short }
  })
  const first = issues[0]
  const where = first?.path?.length ? ` at ${first.path.join('.')}` : ''
  throw new HubError(
    'invalid_data',
    `The data of "${type}" does not fit the contract${where}: ${first?.message ?? 'no reason given'}`,
    {
      details: { issues },
    },
  )
}

const quote = (text: unknown) => JSON.stringify(String(text).slice(0, 80))
