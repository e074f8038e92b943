// Validates payloads in the browser, for a client that was given the contract itself. Loaded on demand: other pages do not pay for it.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Contract, definitionOf } from './contract/contract.ts'
import type { Frame } from './contract/wire.ts'
import { HubError } from './errors.ts'

/** A payload that fits, as the validator puts it out; or why not. */
export type Checked = { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly error: HubError }

/** Validates a payload. An asynchronous schema is refused: the order of events would depend on its speed. */
export function check(contract: Contract, type: string, data: unknown): Checked {
  const no = (code: 'unknown_type' | 'invalid_contract' | 'invalid_data', what: string, details = {}) => {
    return { ok: false, error: new HubError(code, what, { details }) } as const
  }
  let result: ReturnType<StandardSchemaV1['~standard']['validate']> | undefined
  try {
    result = definitionOf(contract, type)?.data['~standard'].validate(data)
  } catch (cause) {
    return no('invalid_data', `The schema of "${type}" threw: ${cause}`)
  }
  if (!result) return no('unknown_type', `The contract has no event "${type}": is this page older than the server?`)
  if (result instanceof Promise) {
    // Some libraries turn what a refinement throws into a promise; nobody else would take its rejection.
    result.catch(() => {})
    return no(
      'invalid_contract',
      `The schema of "${type}" is asynchronous, or threw: give the client no \`contract\`, or mend it.`,
    )
  }
  const { issues } = result
  if (!issues) return { ok: true, data: result.value }
  return no('invalid_data', `The data of "${type}" does not fit the contract: ${issues[0]?.message}`, { issues })
}

/**
 * A frame whose event fits the contract, or that is none. Of an event that does not, it says what a hub says of one that it cannot deliver any more: a gap of its
 * topic; an ephemeral one is left out.
 */
export function validated(
  frame: Frame,
  contract: Contract,
  report: (during: 'validate', error: HubError) => void,
): Frame | undefined {
  if (frame.kind !== 'event') return frame
  const { type, topic, data, cursor } = frame.event
  const checked = check(contract, type, data)
  if (checked.ok) return { kind: 'event', event: { ...frame.event, data: checked.data } }
  report('validate', checked.error)
  return cursor === undefined ? undefined : { kind: 'gap', topics: [topic], to: cursor, reason: 'schema' }
}
