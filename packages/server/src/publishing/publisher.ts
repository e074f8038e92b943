// The beginning of an event's path: what the server publishes is validated and encoded once, then goes to the log, and from its tail to everybody.
import { type Contract, formatCursor, HubError, type Publication } from '@sse-hub/core/contract'
import type { Counters } from '../counters.ts'
import type { Appended, EventLog, NewEvent } from '../log.ts'
import type { Work } from '../time/work.ts'
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

const NONE: Appended = { epoch: '', positions: [] }

const isKept = ({ durable }: Ready) => durable
const isPassing = ({ durable }: Ready) => !durable
const eventOf = ({ event }: Ready) => event

/** Makes the publisher of a hub. */
export function createPublisher<C extends Contract>(hub: {
  readonly registry: Registry
  readonly vetting: Vetting
  readonly log: EventLog
  readonly work: Work
  readonly counters: Counters
}): Publisher<C> {
  const { registry, vetting, log, work, counters } = hub
  let newest = 0

  const validate = (publications: readonly Publication<C>[]): Ready[] | Promise<Ready[]> => {
    const ready = publications.map(judge)
    return ready.some((one) => one instanceof Promise) ? Promise.all(ready) : (ready as Ready[])
  }

  // What is refused at once must not leave behind a validator that nobody waits for.
  const judge = (publication: Publication<C>): Ready | Promise<Ready> => {
    try {
      return registry.publication(publication)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  return {
    get newest() {
      return newest
    },
    async publish(publications) {
      work.begin()
      try {
        const validated = validate(publications)
        // Nothing to wait for is not waited for: this is done for every event.
        const ready = validated instanceof Promise ? await validated : validated
        const durable = ready.every(isKept) ? ready : ready.filter(isKept)
        const appended = vetting.expect(ready)
        try {
          const { epoch, positions } = durable.length > 0 ? await log.append(durable.map(eventOf)) : NONE
          if (durable !== ready) await log.announce(ready.filter(isPassing).map(eventOf))
          counters.published += ready.length
          let next = 0
          return ready.map(({ event: { id }, durable }) => {
            const position = durable ? positions[next++] : undefined
            if (position === undefined) return { id }
            newest = Math.max(newest, position)
            return { id, cursor: formatCursor({ epoch, position }) }
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
      } finally {
        work.end()
      }
    },
    async prepare(publications) {
      return (await validate(publications)).map(({ event, durable }) => {
        if (durable) {
          // Who has prepared may append twice.
          const { isNew: _, ...known } = event
          return known
        }
        throw new HubError(
          'invalid_option',
          `The event "${event.type}" is ephemeral, so no log keeps it: publish it after your transaction.`,
        )
      })
    },
  }
}
