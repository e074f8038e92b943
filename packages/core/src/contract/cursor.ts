// Reading and writing cursors. To applications a cursor is an opaque string; only logs and the client's sequence look inside.

/** A place in one incarnation of a log. */
export interface Cursor {
  /** The incarnation of the log. Positions of different epochs do not compare. */
  readonly epoch: string
  /** The place in it: a safe integer, 0 before the first event. */
  readonly position: number
}

const CURSOR = /^([\w-]{1,64}):(0|[1-9]\d{0,15})$/

/** Reads a cursor, or answers undefined for text that is not one. */
export function parseCursor(text: string): Cursor | undefined {
  const match = CURSOR.exec(text)
  if (!match) return undefined
  const position = Number(match[2])
  return Number.isSafeInteger(position) ? { epoch: match[1] as string, position } : undefined
}

/** Writes a cursor as it stands on the wire. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}:${cursor.position}`
}
