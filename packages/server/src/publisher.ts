// The beginning of an event's path: what the server publishes is validated and encoded once, then goes to the log, and from its tail to everybody.
import { type Contract, formatCursor, HubError, type Publication } from '@sse-hub/core/contract'
import type { Counters } from './counters.ts'
import type { EventLog, NewEvent } from './log.ts'
import type { Ready, Registry } from './registry.ts'
import type { Vetting } from './vetting.ts'

/** What a publish came to. */
export interface Published {
  /** The event's id: yours, or a random one. */
  readonly id: string
  /** Its place in the log; absent for an ephemeral event. */
  readonly cursor?: string
}

/** What `hub.publish` and `hub.prepare` do. */
export interface Publisher<C extends Contract> {
  /** Keeps and hands out, all or none. */
  publish(publications: readonly Publication<C>[]): Promise<readonly Published[]>
  /** Only validates, stamps and encodes. */
  prepare(publications: readonly Publication<C>[]): Promise<readonly NewEvent[]>
  /** The highest position that was published here. */
  readonly newest: number
}

/** Makes the publisher of a hub. */
export function createPublisher<C extends Contract>(hub: {
  readonly registry: Registry
  readonly vetting: Vetting
  readonly log: EventLog
  readonly counters: Counters
}): Publisher<C> {
  const { registry, vetting, log, counters } = hub
  let newest = 0

  const validate = (publications: readonly Publication<C>[]): Promise<Ready[]> =>
    Promise.all(publications.map(registry.publication))

  const append = async (events: readonly NewEvent[], passing: readonly NewEvent[]): Promise<string[]> => {
    const { epoch, positions } = events.length > 0 ? await log.append(events) : { epoch: '', positions: [] }
    if (passing.length > 0) await log.announce(passing)
    newest = positions.reduce((most, position) => Math.max(most, position), newest)
    return positions.map((position) => formatCursor({ epoch, position }))
  }

  return {
    get newest() {
      return newest
    },
    async publish(publications) {
      const ready = await validate(publications)
      const durable = ready.filter(({ durable }) => durable).map(({ event }) => event)
      const passing = ready.filter(({ durable }) => !durable).map(({ event }) => event)
      const appended = vetting.expect([...durable, ...passing])
      try {
        const cursors = (await append(durable, passing)).values()
        counters.published += ready.length
        return ready.map(({ event: { id }, durable }) => {
          const cursor = durable ? cursors.next().value : undefined
          return cursor === undefined ? { id } : { id, cursor }
        })
      } catch (error) {
        if (error instanceof HubError) throw error
        throw new HubError(
          'internal',
          'The log failed, so it is unknown whether the events were kept. Publish again with the same `id`.',
          { retryable: true, cause: error },
        )
      } finally {
        appended()
      }
    },
    async prepare(publications) {
      return (await validate(publications)).map(({ event, durable }) => {
        if (durable) return event
        throw new HubError(
          'invalid_option',
          `The event "${event.type}" is ephemeral, so no log keeps it: publish it after your transaction.`,
        )
      })
    },
  }
}
