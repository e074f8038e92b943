// Reading and writing cursors. To applications a cursor is an opaque string; only logs and the client's sequence look inside.

/** A place in one incarnation of a log. */
export interface Cursor {
  /** The incarnation of the log. Positions of different epochs do not compare. */
  readonly epoch: string
  /** The place in it: a safe integer, 0 before the first event. */
  readonly position: number
}

const EPOCH = /^[\w-]{1,64}$/
// The one that was read last, which is most often the next one too.
let known: string | undefined

/** Reads a cursor, or answers undefined for text that is not one. */
export function parseCursor(text: string): Cursor | undefined {
  const colon = text.indexOf(':')
  const epoch = text.slice(0, colon)
  // Digit by digit: each event brings one, and a regular expression would cost more than all the rest of its way.
  let position = -1
  for (let at = colon + 1; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    // Nothing follows a zero that leads.
    position = position && digit >= 0 && digit <= 9 ? Math.max(position, 0) * 10 + digit : Number.NaN
  }
  const isPosition = colon > 0 && position >= 0 && position <= Number.MAX_SAFE_INTEGER
  if (!isPosition || (epoch !== known && !EPOCH.test(epoch))) return undefined
  known = epoch
  return { epoch, position }
}

/** Writes a cursor as it stands on the wire. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}:${cursor.position}`
}
