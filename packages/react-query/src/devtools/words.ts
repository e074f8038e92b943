// How times, places and payloads are written in the panel.

/** `3 s`, `2 min 5 s`, `1 h 4 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `14:03:59`, in this place's time; with `more`, to the millisecond. */
export function clockTime(at: number, more = false): string {
  const date = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  const text = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return more ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text
}

/** `12 ms`, `1.4 s`. */
export const took = (ms: number): string =>
  Math.abs(ms) < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`

/** `1 fetch`, `2 fetches`. */
export const many = (n: number, one: string, more = `${one}s`): string => `${n} ${n === 1 ? one : more}`

/** A cursor, with an epoch that is too long to read cut short. */
export function shortCursor(cursor: string): string {
  const colon = cursor.lastIndexOf(':')
  return colon > 10 ? `${cursor.slice(0, 6)}…${cursor.slice(colon)}` : cursor
}

/** A payload in one line that may be cut: not what it is of but what is so now, which tends to stand last. */
export function peek(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return json(value)
  const members = Object.entries(value).filter(([name]) => name !== 'id')
  if (members.length === 0) return json(value)
  const told = members.map(([name, member]) => `${name}: ${json(member)}`)
  return told.reverse().join(', ')
}

/** A payload as JSON, whatever it is. */
export function json(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent) ?? 'undefined'
  } catch (error) {
    return `cannot be shown: ${error}`
  }
}
