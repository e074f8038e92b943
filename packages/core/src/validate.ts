// Validates payloads in the browser, for a client that was given the contract itself.
import { type Contract, definitionOf } from './contract/contract.ts'
import { HubError } from './errors.ts'

/** A payload that fits, as the validator puts it out; or why not. */
export type Checked = { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly error: HubError }

/** Validates a payload. Without a contract everything fits. An asynchronous schema is refused: order would depend on its speed. */
export function check(contract: Contract | undefined, type: string, data: unknown): Checked {
  if (!contract) return { ok: true, data }
  const result = definitionOf(contract, type)?.data['~standard'].validate(data)
  if (!result) return { ok: false, error: new HubError('unknown_type', `The contract has no event "${type}"`) }
  if (result instanceof Promise) {
    return {
      ok: false,
      error: new HubError(
        'invalid_contract',
        `The schema of "${type}" is asynchronous: give the client no \`contract\``,
      ),
    }
  }
  const { issues } = result
  if (!issues) return { ok: true, data: result.value }
  return {
    ok: false,
    error: new HubError('invalid_data', `The data of "${type}" does not fit: ${issues[0]?.message}`, {
      details: { issues },
    }),
  }
}
