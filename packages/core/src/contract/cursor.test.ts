// Cursors: what reads as one, and that reading and writing are each other's inverse.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatCursor, parseCursor } from './cursor.ts'

describe('parseCursor', () => {
  test.each([
    ['k3x:0', 'k3x', 0],
    ['k3x:41', 'k3x', 41],
    ['A-z_9:1', 'A-z_9', 1],
    ['7:7', '7', 7],
    ['__proto__:1', '__proto__', 1],
    [`${'e'.repeat(64)}:1`, 'e'.repeat(64), 1],
    ['e:9007199254740991', 'e', Number.MAX_SAFE_INTEGER],
  ])('%j', (text, epoch, position) => {
    expect(parseCursor(text)).toEqual({ epoch, position })
  })

  test.each([
    ...['', ':', 'k3x', 'k3x:', ':41', '41', 'k3x:-1', 'k3x:+1', 'k3x:1.5', 'k3x:1e3', 'k3x:0x1', 'k3x:01', 'k3x:00'],
    ...[
      'k3x:1:2',
      'k3x 1',
      ' k3x:1',
      'k3x:1 ',
      'k3x:1\n',
      '\nk3x:1',
      'k3x:1\0',
      'k3x:\u0661',
      'k.x:1',
      'ké:1',
      'k,x:1',
    ],
    ...['null', 'undefined', 'NaN:NaN', 'k3x:Infinity', 'constructor', '0'],
    ...[
      'e:9007199254740992',
      'e:9999999999999999',
      'e:99999999999999999999',
      `${'e'.repeat(65)}:1`,
      `e:1${'0'.repeat(1e6)}`,
    ],
  ])('%j is none', (text) => {
    expect(parseCursor(text)).toBeUndefined()
  })
})

test('reading and writing are inverse', () => {
  const epoch = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
  const position = fc.nat(Number.MAX_SAFE_INTEGER)
  fc.assert(
    fc.property(epoch, position, (epoch, position) => {
      expect(parseCursor(formatCursor({ epoch, position }))).toEqual({ epoch, position })
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'k:0189-_ \n.') }), (text) => {
      const cursor = parseCursor(text)
      if (cursor) expect(formatCursor(cursor)).toBe(text)
    }),
    { numRuns: 1000 },
  )
})
