// The newest events at hand: what a page of them says, and when only the log can tell.
import { describe, expect, it, vi } from 'vitest'
import { numbers } from '../fixtures/world.ts'
import { frameOf } from '../wire/frames.ts'
import { createRecent } from './recent.ts'

const ENTRY_BYTES = 256
const json = 'x'.repeat(48)
/** What one of them costs. */
const one = 3 * json.length + ENTRY_BYTES
const event = (position: number, topic = 'a') => ({ type: 't', topic, id: `${position}`, at: 0, json, position })
const at = (position: number, epoch = 'e') => ({ epoch, position })
const only = (...topics: string[]) => new Set(topics)

const filled = (count: number, most = Number.POSITIVE_INFINITY, topicOf = (_: number) => 'a') => {
  const encode = vi.fn((epoch: string, { position }: { position: number }) => frameOf(`${epoch}:${position}`))
  const recent = createRecent(most, encode)
  recent.begin(at(10))
  for (const n of numbers(count)) recent.keep(event(10 + n, topicOf(n)))
  /** The positions and the end of a page; undefined where only the log can tell. */
  const page = (after: { epoch: string; position: number }, topics = only('a'), limit = 100) => {
    const found = recent.page(after, topics, limit)
    return found && [[...found.events].map(({ position }) => position), found.through]
  }
  return { recent, encode, page }
}

describe('a page', () => {
  it('is all that follows, of the topics that are asked for, and says what was scanned', () => {
    const { page } = filled(5, undefined, (n) => (n % 2 ? 'a' : 'b'))
    expect(page(at(10))).toEqual([[11, 13, 15], 15])
    expect(page(at(12))).toEqual([[13, 15], 15])
    expect(page(at(10), only('b'))).toEqual([[12, 14], 15])
    expect(page(at(10), only('a', 'b'))).toEqual([[11, 12, 13, 14, 15], 15])
    expect(page(at(10), only('c'))).toEqual([[], 15])
    expect(page(at(15))).toEqual([[], 15])
  })

  it('ends with the last that fits', () => {
    const { page } = filled(5, undefined, (n) => (n % 2 ? 'a' : 'b'))
    expect(page(at(10), only('a'), 2)).toEqual([[11, 13], 13])
    expect(page(at(13), only('a'), 2)).toEqual([[15], 15])
  })

  it('is the log’s where it is older, newer or of another epoch', () => {
    const { recent, page } = filled(5)
    expect([page(at(9)), page(at(16)), page(at(12, 'f'))]).toEqual([undefined, undefined, undefined])
    recent.begin(at(3, 'f'))
    recent.keep(event(4))
    expect([page(at(12)), page(at(3, 'f')), page(at(2, 'f'))]).toEqual([undefined, [[4], 4], undefined])
  })

  it('is the log’s before there is a tail', () => {
    const recent = createRecent(1_000, () => frameOf(''))
    recent.keep(event(1))
    expect(recent.page(at(0), only('a'), 1)).toBeUndefined()
  })

  it('of a narrow reader is over after a while, and goes on from there', () => {
    const { page } = filled(12_000, undefined, (n) => (n === 12_000 ? 'b' : 'a'))
    expect(page(at(10), only('b'))).toEqual([[], 5_010])
    expect(page(at(5_010), only('b'))).toEqual([[], 10_010])
    expect(page(at(10_010), only('b'))).toEqual([[12_010], 12_010])
  })

  it('may have holes between its positions', () => {
    const recent = createRecent(1_000_000, () => frameOf(''))
    recent.begin(at(10))
    for (const position of [15, 20, 90]) recent.keep(event(position))
    const positions = (after: number) =>
      [...(recent.page(at(after), only('a'), 9)?.events ?? [])].map(({ position }) => position)
    expect([12, 15, 19, 20, 89].map(positions)).toEqual([[15, 20, 90], [20, 90], [20, 90], [90], [90]])
  })
})

it('lets the oldest go, and says so', () => {
  const { recent, page } = filled(1_000, 10 * one)
  expect(recent.bytes).toBe(10 * one)
  expect(page(at(1_000))).toEqual([numbers(10, 1_001), 1_010])
  expect(page(at(999))).toBeUndefined()
  recent.keep({ ...event(1_011), json: 'x'.repeat(10_000) })
  expect([recent.bytes, page(at(1_010)), page(at(1_011))]).toEqual([0, undefined, [[], 1_011]])
})

it('encodes what somebody asks for, once', () => {
  const { recent, encode } = filled(5, undefined, (n) => (n % 2 ? 'a' : 'b'))
  const read = () => [...(recent.page(at(10), only('a'), 9)?.events ?? [])].map(({ frame }) => frame)
  const [first, second] = [read(), read()]
  expect(encode.mock.calls.map(([epoch, { position }]) => `${epoch}:${position}`)).toEqual(['e:11', 'e:13', 'e:15'])
  expect(first).toEqual(second)
  expect(first[0]).toBe(second[0])
})
