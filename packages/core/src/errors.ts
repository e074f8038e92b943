// The one error class of sse-hub: a literal code to branch on, whether trying again can help, and a message that names the remedy.

/** What went wrong, as a literal to branch on. Codes that cross the wire are listed in docs/PROTOCOL.md §7. */
export type HubErrorCode =
  // raised where the mistake is made
  | 'invalid_contract'
  | 'invalid_option'
  | 'invalid_cursor'
  | 'closed'
  // raised by a client about its connection
  | 'network'
  | 'timeout'
  | 'ended'
  | 'protocol'
  | 'http'
  | 'stopped'
  | 'uncertain'
  | 'storage'
  // on the wire
  | 'malformed'
  | 'invalid_topic'
  | 'too_many_topics'
  | 'unauthorized'
  | 'forbidden_origin'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'identity_mismatch'
  | 'too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'internal'
  | 'disabled'
  | 'draining'
  | 'overloaded'
  | 'changed'
  | 'expired'
  | 'revoked'
  | 'unknown_type'
  | 'not_emittable'
  | 'invalid_data'
  | 'refused'
  | 'out_of_order'

/** The error that every part of sse-hub throws, rejects and reports with. */
export class HubError extends Error {
  override readonly name = 'HubError'
  /** What went wrong, as a literal to branch on. */
  declare readonly code: HubErrorCode
  /** Whether doing the same again later can succeed. */
  declare readonly retryable: boolean
  /** More about it, where the code has more to say: `issues` of a validator, the `expected` seq, an HTTP `status`. */
  declare readonly details: Readonly<Record<string, unknown>>

  /**
   * @param code what went wrong
   * @param message what happened and what to do about it
   * @param options `retryable` (default false), `cause`, `details`
   */
  constructor(
    code: HubErrorCode,
    message: string,
    options: { retryable?: boolean; cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options)
    this.code = code
    this.retryable = !!options.retryable
    this.details = options.details ?? {}
  }
}
