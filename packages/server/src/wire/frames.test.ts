// Frames: what is encoded once has the same bytes for everybody, as a block and as a chunk.
import { describe, expect, test } from 'vitest'
import { createBeats, createJoiner, frameOf, joinFrames } from './frames.ts'

const asBuffer = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe('frames', () => {
  test.each(['', 'a', 'é€😀', 'x'.repeat(70_000)])(
    'the chunk of %j is its size in hexadecimal, its bytes, and line ends',
    (given) => {
      const frame = frameOf(given)
      const chunk = `${Buffer.byteLength(given).toString(16)}\r\n${given}\r\n`
      expect(frame.length).toBe(Buffer.byteLength(given))
      // A socket counts text by characters: what has fewer of them than bytes does not leave as text.
      const first = frame.chunk(asBuffer)
      expect(first.length).toBe(Buffer.byteLength(chunk))
      expect(typeof first === 'string' ? first : text(first)).toBe(chunk)
      const shared = frame.chunk(asBuffer) as Uint8Array
      expect(text(shared)).toBe(chunk)
      expect(shared).toBeInstanceOf(Buffer)
      expect(frame.chunk(asBuffer)).toBe(shared)
      expect(text(frame.bytes)).toBe(given)
      expect(frame.bytes).toBe(frame.bytes)
    },
  )

  test('joined are one frame; one alone is itself', () => {
    const [a, b] = [frameOf('a\n\n'), frameOf('é\n\n')]
    expect(text(joinFrames([a, b]).chunk(asBuffer) as Uint8Array)).toBe('7\r\na\n\né\n\n\r\n')
    expect(joinFrames([a])).toBe(a)
    expect(joinFrames([]).length).toBe(0)
  })

  test('connections in step share one concatenation', () => {
    const [a, b, c] = [frameOf('a'), frameOf('b'), frameOf('c')]
    const join = createJoiner()
    expect(join([a, b])).toBe(join([a, b]))
    expect(join([a, b])).not.toBe(join([a, c]))
    expect(text(join([b, a]).bytes)).toBe('ba')
    expect(text(join([a, b, c]).bytes)).toBe('abc')
  })

  test('idle connections in step share one beat', () => {
    const beat = createBeats()
    expect(beat('e', 1)).toBe(beat('e', 1))
    expect(text(beat('e', 2).bytes)).toBe('event: hub.beat\nid: e:2\ndata:\n\n')
    expect(text(beat('f', 2).bytes)).toBe('event: hub.beat\nid: f:2\ndata:\n\n')
  })
})
