// Chance that a seed decides: every stream is named, so adding a dice roll in one place never changes another.

/** A stream of chance. Two streams of the same name and seed say the same. */
export interface Chance {
  /** A number in [0, 1). */
  next(): number
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  /** True with probability `p`. */
  maybe(p: number): boolean
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T
  /** One of the names, each as likely as its weight says. */
  weighted<N extends string>(weights: Readonly<Record<N, number>>): N
  /** An identifier of 16 letters and digits. */
  id(): string
  /** A stream of its own. It depends on the names only, never on what was drawn from this one. */
  fork(name: string | number): Chance
}

/** FNV-1a with a final mix: turns a name into the 32 bits that start a stream. */
function hash(text: string, start: number): number {
  let h = start
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Makes the stream of that name. */
export function chance(name: string): Chance {
  let a = hash(name, 0x811c9dc5)
  let b = hash(name, 0x9e3779b9)
  let c = hash(name, 0x243f6a88)
  let d = 1
  // sfc32: small, fast, and good enough to have no pattern that a schedule would show.
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    c |= 0
    return (t >>> 0) / 4294967296
  }
  for (let i = 0; i < 12; i++) next()
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    between,
    maybe: (p) => next() < p,
    pick: <T>(list: readonly T[]) => list[between(0, list.length - 1)] as T,
    weighted<N extends string>(weights: Readonly<Record<N, number>>) {
      const entries = Object.entries(weights) as [N, number][]
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [key, weight] of entries) {
        left -= weight
        if (left < 0) return key
      }
      return (entries.at(-1) as [N, number])[0]
    },
    id: () => Array.from({ length: 16 }, () => 'abcdefghijklmnopqrstuvwxyz234567'[between(0, 31)]).join(''),
    fork: (child) => chance(`${name}/${child}`),
  }
}
