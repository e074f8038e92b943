// Text that tries to be more than one field of a stream: what the fuzzer, and the browsers' corpus, put everywhere a name or a payload may stand.
import type { Chance } from './random.ts'

const breaks = [
  ...['\r', '\n', '\r\n', '\n\n', '\r\r', '\n\r', '\0', '\ud800', '\udfff', '\u0001', '\u001b'],
] as unknown as readonly [string, ...string[]]
const tricks = [
  ...[
    'data:',
    'data: {"data":1}',
    'event:',
    'event: hub.bye',
    'id:',
    'id: k:9',
    'retry:',
    'retry: 1',
    ':',
    ': x',
    '::',
  ],
  ...['data', 'hub.', 'hub.sync', 'error', 'open', '__proto__', 'constructor', 'user:', 'k:1', 'e:0', '0'],
  ...['\u2028', '\u2029', '\u0085', '\u00a0', '\u000b', '\f', '\t', ' ', '  ', '\ufeff', '\u200b', '\u202e', '\u007f'],
  ...['"', '\\', '\\n', '\\u000a', '{', '}', '[', ',', '%0a', '%0D%0A', '&', '?', '#', '/', '../', '<', '-->', "'"],
  ...['é', '漢', '😀', '👩‍👩‍👧', 'ﷺ', 'a', 'board', 'card.moved', 'x'.repeat(40)],
] as unknown as readonly [string, ...string[]]

/** A hostile text: harmless-looking four times in five, so that most inputs get past the guard and must then arrive exactly. */
export function hostileText(chance: Chance): string {
  const dirty = chance.below(5) === 0
  let text = ''
  for (let parts = chance.below(5); parts > 0; parts--) {
    const kind = chance.below(8)
    if (kind === 0) text += fromCode(chance.below(0x10000), dirty)
    else if (kind === 1 && dirty) text += chance.of(breaks)
    else text += chance.of(tricks)
  }
  return dirty && chance.below(2) === 0 ? text + chance.of(breaks) : text
}

/** Any UTF-16 code unit; without `dirty`, none that a field of a stream cannot hold. */
function fromCode(code: number, dirty: boolean): string {
  const unfit = code === 0 || code === 10 || code === 13 || (code >= 0xd800 && code <= 0xdfff)
  return unfit && !dirty ? ' ' : String.fromCharCode(code)
}

/** Whether a field of a stream can hold the text, told by other means than the encoder's: one code unit after the other. */
export function fitsField(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0 || code === 10 || code === 13) return false
    if (code < 0xd800 || code > 0xdfff) continue
    const next = text.charCodeAt(at + 1)
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false
    at++
  }
  return true
}

/** A JSON value with hostile keys and texts in it. */
export function hostileJson(chance: Chance, depth = 1): unknown {
  switch (chance.below(depth > 0 ? 7 : 5)) {
    case 0:
      return chance.below(2) === 0 ? null : chance.below(2) === 0
    case 1:
      return (chance.below(2_000_001) - 1_000_000) / chance.of([1, 7, 1000, 1e-300])
    case 5: {
      const list: unknown[] = []
      for (let length = chance.below(4); length > 0; length--) list.push(hostileJson(chance, depth - 1))
      return list
    }
    case 6: {
      const object: Record<string, unknown> = {}
      for (let size = chance.below(4); size > 0; size--) {
        const key = hostileText(chance)
        // No key is "__proto__": the encoder refuses it, and the tests of core say so. And no key begins with a backslash: V8 would take later keys
        // with escapes for it (nodejs/node#63785).
        Object.defineProperty(object, key.startsWith('\\') || key === '__proto__' ? `k${key}` : key, {
          value: hostileJson(chance, depth - 1),
          enumerable: true,
          configurable: true,
        })
      }
      return object
    }
    default:
      return hostileText(chance)
  }
}
