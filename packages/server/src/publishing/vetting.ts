// Whether an event that comes out of the log still fits the contract: it may have been written by another node, or by last month's version.
import { type Contract, definitionOf, encodeBlock, formatCursor, type HubEvent, kindOf } from '@sse-hub/core/contract'
import type { LogEvent, NewEvent } from '../log.ts'
import type { Report } from '../options.ts'
import type { Clock } from '../ports.ts'
import { within } from '../time/within.ts'
import { type Frame, frameOf, gapText } from '../wire/frames.ts'
import type { Ready } from './registry.ts'

/** A durable event with its place. */
export type PlacedEvent = LogEvent & { readonly position: number }

/** Looks at events on their way out. A promise only where a validator is asynchronous. */
export interface Vetting {
  /** This hub is about to append or announce these, which it has just validated. The answer says that it is done. */
  expect(ready: readonly Pick<Ready, 'event'>[]): () => void
  /** Whether a durable event fits the contract. Its verdict is remembered while there is room. */
  fits(epoch: string, event: PlacedEvent): boolean | Promise<boolean>
  /** What a stream sends of a durable event: its block, or the gap that takes its place. */
  frame(epoch: string, event: PlacedEvent): Frame | Promise<Frame>
  /** What a stream sends of an ephemeral event; undefined if it does not fit. */
  passing(event: LogEvent): Passing | undefined | Promise<Passing | undefined>
}

/** An ephemeral event on its way. */
export interface Passing {
  readonly frame: Frame
  /** Of several that wait under one key only the newest is kept. All of a key have the same priority. */
  readonly key?: string | undefined
  /** Those of low priority give way to others. */
  readonly priority?: 'low' | undefined
}

const MOST_VERDICTS = 8_192
const VALIDATOR_MS = 5_000

/** Makes the vetting of a contract. */
export function createVetting(
  contract: Contract,
  { clock, report }: { readonly clock: Clock; readonly report: (report: Report) => void },
): Vetting {
  // Each has its slot until another position takes it: what is asked for again then costs one validation.
  const judged = new Float64Array(MOST_VERDICTS)
  const verdicts = new Uint8Array(MOST_VERDICTS)
  let verdictsOf = ''
  const expected = new Map<string, NewEvent>()

  const verdictOn = ({ position }: PlacedEvent) => {
    const slot = position % MOST_VERDICTS
    return judged[slot] === position ? verdicts[slot] === 1 : undefined
  }

  const isExpected = (event: LogEvent) => {
    const ours = expected.get(event.id)
    return ours !== undefined && ours.json === event.json && ours.type === event.type && ours.topic === event.topic
  }

  // What is wrong with the event, or undefined.
  const fault = (event: LogEvent): unknown | Promise<unknown> => {
    const definition = definitionOf(contract, event.type)
    if (!definition) return new Error(`the contract has no event type "${event.type}"`)
    // The field guard would refuse it, and whoever reads the log wants no exception.
    if (/[\r\n\0\p{Cs}]/u.test(event.json)) return new Error('its text is not one line of JSON')
    if (definition.topic !== kindOf(event.topic))
      return new Error(`the contract has "${event.type}" on no topic like "${event.topic}"`)
    try {
      const outcome = definition.data['~standard'].validate((JSON.parse(event.json) as HubEvent).data)
      if (!('then' in outcome)) return outcome.issues
      return within(clock, VALIDATOR_MS, `The validator of "${event.type}"`, outcome).then(
        ({ issues }) => issues,
        (error: unknown) => error ?? new Error('the validator failed'),
      )
    } catch (error) {
      return error
    }
  }

  const complain = (event: LogEvent, error: unknown, cursor?: string) => {
    const { type, topic } = event
    report({ during: 'schema', error, type, topic, ...(cursor === undefined ? {} : { cursor }) })
  }

  const judge = (epoch: string, event: PlacedEvent, error: unknown) => {
    if (error !== undefined && verdictOn(event) !== false) {
      complain(event, error, formatCursor({ epoch, position: event.position }))
    }
    if (epoch === verdictsOf) {
      const slot = event.position % MOST_VERDICTS
      judged[slot] = event.position
      verdicts[slot] = error === undefined ? 1 : 0
    }
    return error === undefined
  }

  const vetting: Vetting = {
    expect(ready) {
      for (const { event } of ready) expected.set(event.id, event)
      return () => {
        for (const { event } of ready) if (expected.get(event.id) === event) expected.delete(event.id)
      }
    },
    fits(epoch, event) {
      if (epoch !== verdictsOf) {
        verdictsOf = epoch
        judged.fill(0)
      }
      if (isExpected(event)) return judge(epoch, event, undefined)
      const known = verdictOn(event)
      if (known !== undefined) return known
      const error = fault(event)
      return error instanceof Promise
        ? error.then((error: unknown) => judge(epoch, event, error))
        : judge(epoch, event, error)
    },
    frame(epoch, event) {
      const fits = vetting.fits(epoch, event)
      return typeof fits === 'boolean'
        ? durableFrame(epoch, event, fits)
        : fits.then((fits) => durableFrame(epoch, event, fits))
    },
    passing(event) {
      const make = (error: unknown): Passing | undefined => {
        if (error !== undefined) {
          complain(event, error)
          return undefined
        }
        const frame = frameOf(encodeBlock({ event: event.type, data: event.json }))
        return { frame, key: keyOf(event), priority: definitionOf(contract, event.type)?.priority }
      }
      if (isExpected(event)) return make(undefined)
      const error = fault(event)
      return error instanceof Promise ? error.then(make) : make(error)
    },
  }

  const keyOf = (event: LogEvent) => {
    const coalesce = definitionOf(contract, event.type)?.coalesce
    if (!coalesce) return undefined
    try {
      const { data, user } = JSON.parse(event.json) as HubEvent<string, never>
      const key = coalesce(user === undefined ? { topic: event.topic, data } : { topic: event.topic, data, user })
      return key === undefined ? undefined : `${event.type}\n${event.topic}\n${key}`
    } catch (error) {
      complain(event, error)
      return undefined
    }
  }

  return vetting
}

function durableFrame(epoch: string, event: PlacedEvent, fits: boolean): Frame {
  const to = formatCursor({ epoch, position: event.position })
  if (fits) return frameOf(encodeBlock({ event: event.type, id: to, data: event.json }))
  return frameOf(gapText(schemaGap(epoch, event)))
}

/** What takes the place of an event that does not fit: a gap of its topic and of itself alone. */
export function schemaGap(epoch: string, { topic, position }: PlacedEvent) {
  return {
    topics: [topic],
    from: formatCursor({ epoch, position: position - 1 }),
    to: formatCursor({ epoch, position }),
    reason: 'schema' as const,
  }
}
