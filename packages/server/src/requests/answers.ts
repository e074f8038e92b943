// The answers that are no stream of events: JSON, errors as docs/PROTOCOL.md §7 lists them, and the good-bye that a native client survives.
import { type ByeReason, HubError, type HubErrorCode, type WireError } from '@sse-hub/core/contract'
import { byeText } from '../wire/frames.ts'

/** The headers of every stream. */
export const streamHeaders = {
  'content-type': 'text/event-stream',
  // nginx would hold events back otherwise.
  'x-accel-buffering': 'no',
}

const statuses: Partial<Record<HubErrorCode, number>> = {
  malformed: 400,
  invalid_topic: 400,
  too_many_topics: 400,
  unauthorized: 401,
  forbidden_origin: 403,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  identity_mismatch: 409,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  disabled: 503,
  draining: 503,
  overloaded: 503,
}

/** Answers JSON; `body` is text or will be made text. */
export function answerJson(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

/** Answers an error. Its `details.retryAfterMs` becomes `Retry-After`, its `details.allow` becomes `Allow`. */
export function answerError(error: HubError): Response {
  const { retryAfterMs, allow } = error.details
  return answerJson(
    statuses[error.code] ?? 500,
    { error: wireError(error) },
    {
      ...(typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}),
      ...(typeof allow === 'string' ? { allow } : {}),
    },
  )
}

/** Answers a page where a stream would say good-bye: the reason is the code. */
export function answerAway(reason: ByeReason, retryMs: number): Response {
  return answerJson(
    503,
    { error: { code: reason, message: awayMessages[reason], retryable: true } satisfies WireError },
    { 'retry-after': String(Math.ceil(retryMs / 1000)) },
  )
}

/** Answers a stream that cannot be: with 200, since an error status would end a native `EventSource` for good. */
export function answerBye(reason: ByeReason, retryMs: number): Response {
  return new Response(byeText(reason, retryMs), { headers: streamHeaders })
}

/** An error as it stands in JSON. */
export function wireError({ code, message, retryable, details }: HubError): WireError {
  const { expected, issues } = details
  return {
    code,
    message,
    retryable,
    ...(typeof expected === 'number' ? { expected } : {}),
    ...(Array.isArray(issues) ? { issues } : {}),
  }
}

/** The error of a request that `authorize` answered with null. */
export function unauthorized(): HubError {
  return new HubError(
    'unauthorized',
    'This request is not authorized: sign in, and send the same cookies or headers as to the rest of the application.',
  )
}

const awayMessages: Record<ByeReason, string> = {
  disabled: 'The hub is switched off. Poll, and try again after Retry-After.',
  draining: 'This node of the hub is going away. Try again, elsewhere.',
  overloaded: 'The hub is at a limit, or cannot read its log. Try again after Retry-After.',
  changed: 'What this user may read has changed. Ask again.',
  expired: 'The authorization ran out or could not be confirmed. Ask again with fresh credentials.',
  revoked: 'The authorization was taken away. Asking again will tell.',
}
