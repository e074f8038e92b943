// Validates payloads in the browser, for a client that was given the contract itself.
import { type Contract, definitionOf } from './contract/contract.ts'
import { HubError } from './errors.ts'

/** A payload that fits, as the validator puts it out; or why not. */
export type Checked = { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly error: HubError }

/** Validates a payload. Without a contract everything fits. */
export function check(contract: Contract | undefined, type: string, data: unknown): Checked {
  if (!contract) return { ok: true, data }
  const result = definitionOf(contract, type)?.data['~standard'].validate(data)
  if (result === undefined) {
    return wrong(
      new HubError('unknown_type', `The contract has no event "${type}": was this page built from an older one?`),
    )
  }
  if (result instanceof Promise) {
    result.catch(() => {})
    return wrong(
      new HubError(
        'invalid_contract',
        `The schema of "${type}" is asynchronous, which only a server can use: give the client no \`contract\`.`,
      ),
    )
  }
  if (!result.issues) return { ok: true, data: result.value }
  const { issues } = result
  return wrong(
    new HubError('invalid_data', `The data of "${type}" does not fit the contract: ${issues[0]?.message}`, {
      details: { issues },
    }),
  )
}

const wrong = (error: HubError) => ({ ok: false, error }) as const
