// Whether an emit may pass: what the contract, the grant and the application's handlers say of it.
import {
  type Contract,
  definitionOf,
  type EmitEntry,
  type EventDefinition,
  HubError,
  type HubErrorCode,
  type HubEvent,
  isDurable,
  isTopic,
  kindOf,
} from '@sse-hub/core/contract'
import type { Report } from '../options.ts'
import type { Clock } from '../ports.ts'
import type { Ready, Registry } from '../publishing/registry.ts'
import { within } from '../time/within.ts'
import type { Access } from './gate.ts'

// What may stand in a result (docs/PROTOCOL.md §7); any other error is the hub's failure, not the client's: a validator that throws, or does not answer.
const refusals: ReadonlySet<HubErrorCode> = new Set<HubErrorCode>([
  'unknown_type',
  'not_emittable',
  'invalid_topic',
  'forbidden',
  'invalid_data',
  'too_large',
  'refused',
])
// A handler that hangs must not hold the producer's line for ever.
const HANDLER_MS = 30_000

/** Hears what clients emit, on the node that accepted it. */
export type Handler = (event: HubEvent) => unknown

/** What a judge takes from its hub. */
export interface Court {
  readonly contract: Contract
  readonly clock: Clock
  readonly registry: Registry
  readonly report: (report: Report) => void
  /** The handlers of a type, in the order in which they were added. */
  readonly handlers: (type: string) => Iterable<Handler>
}

/** Decides on emits. */
export interface Judge {
  /** Throws `malformed` if the emit must have a `seq` and has none: without its number, what must not be lost or doubled could be either. */
  requireSeq(entry: EmitEntry, index: number): void
  /** Whether it may pass; runs the handlers. `ready` is absent for an event that only handlers hear. Never rejects. */
  of(entry: EmitEntry, access: Access): Promise<{ readonly error?: HubError; readonly ready?: Ready }>
  /** Reports what is the hub's failure and not the client's; answers what the client is told of it. */
  failure(error: unknown, entry: EmitEntry, access: Access): HubError
}

/** Makes the judge of a contract. */
export function createJudge({ contract, clock, registry, report, handlers }: Court): Judge {
  const handle = async (handler: Handler, event: HubEvent) => {
    try {
      await within(clock, HANDLER_MS, `A handler of "${event.type}"`, (async () => handler(event))())
    } catch (error) {
      if (error instanceof HubError) {
        // A hub that closes says nothing about the emit: the next one may take it.
        const retryable = error.retryable || error.code === 'closed'
        throw new HubError('refused', error.message, { retryable, cause: error })
      }
      // Its message is the server's own business.
      report({ during: 'handler', error, type: event.type, ...(event.user === undefined ? {} : { user: event.user }) })
      throw new HubError('refused', `A handler of the application refused this "${event.type}".`, { cause: error })
    }
  }

  const judge: Judge = {
    requireSeq({ seq, type }, index) {
      const definition = definitionOf(contract, type)
      if (seq !== undefined || !definition?.emit) return
      if (definition.topic !== undefined && !isDurable(definition)) return
      throw new HubError(
        'malformed',
        `The body is not a batch of emits: \`events[${index}]\` needs a \`seq\`, since "${type}" is not ephemeral.`,
      )
    },
    async of(entry, access) {
      const { type, id, data } = entry
      const user = access.user === null ? {} : { user: access.user }
      try {
        const definition = registry.definition(type)
        if (!definition.emit) {
          throw new HubError(
            'not_emittable',
            `Clients may not emit "${type}": set \`emit: true\` in the contract, or publish it on the server.`,
          )
        }
        const topic = topicOf(entry, definition, access)
        const ready = await registry.ready({ type, topic: topic ?? '', id, data, ...user }, definition)
        const { at } = ready.event
        for (const handler of handlers(type)) {
          await handle(handler, { type, topic: topic ?? '', data: ready.data, at, id, ...user })
        }
        return topic === undefined ? {} : { ready }
      } catch (error) {
        const isRefusal = error instanceof HubError && refusals.has(error.code)
        return { error: isRefusal ? error : judge.failure(error, entry, access) }
      }
    },
    failure(error, { type }, { user }) {
      report({ during: 'emit', error, type, ...(user === null ? {} : { user }) })
      return new HubError('internal', 'The hub failed to settle this emit. Try again later.', {
        retryable: true,
        cause: error,
      })
    },
  }
  return judge
}

/** The topic that an emit goes to, undefined for one that only handlers hear. */
function topicOf({ type, topic }: EmitEntry, definition: EventDefinition, { user, write }: Access): string | undefined {
  const kind = definition.topic
  if (kind === undefined) {
    if (topic === undefined) return undefined
    throw new HubError('invalid_topic', `The event "${type}" has no topic in the contract: leave it out.`)
  }
  if (kind === 'user' && (topic === undefined || topic === 'user')) {
    if (user !== null) return `user:${user}`
    throw new HubError('forbidden', 'An anonymous user has no `user` topic: sign in first.')
  }
  if (topic === undefined || !isTopic(topic) || kindOf(topic) !== kind) {
    throw new HubError(
      'invalid_topic',
      `The event "${type}" needs a topic of kind "${kind}", not ${JSON.stringify(topic?.slice(0, 80))}.`,
    )
  }
  if (write.has(topic)) return topic
  throw new HubError(
    'forbidden',
    `This user may not emit to ${JSON.stringify(topic)}: \`authorize\` does not list it in \`write\`.`,
  )
}
