// Shows what each event does to a list, as tables: that applying twice or late does no harm, and that what is unchanged stays the same object.
import { expect, expectTypeOf, test } from 'vitest'
import { invalidate, patch, REFETCH, remove, type Tombstones, upsert } from './reducers.ts'

interface Card {
  id: string
  title: string
  column: string
  version: number
}
const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
const bare = { id: (c: Card) => c.id }

const a1: Card = { id: 'a', title: 'A', column: 'todo', version: 1 }
const a2: Card = { ...a1, column: 'doing', version: 2 }
const b1: Card = { id: 'b', title: 'B', column: 'todo', version: 1 }
const list = [a1, b1]

test.each([
  ['inserts at the end', list, { ...a1, id: 'c' }, [a1, b1, { ...a1, id: 'c' }]],
  ['inserts into an empty list', [], a1, [a1]],
  ['replaces in place', list, a2, [a2, b1]],
  ['drops members that the full entity lacks', [{ ...a1, extra: 1 }], a2, [a2]],
])('upsert %s', (_, old, data, expected) => {
  const before = structuredClone(old)
  const next = upsert(card)(old, { data })
  expect(next).toEqual(expected)
  expect(old).toEqual(before)
  expect(upsert(card)(next, { data })).toBe(next)
})

test.each([
  ['an older version', [a2, b1], a1],
  ['the same version and content', list, { ...a1 }],
])('upsert leaves the list alone for %s', (_, old, data) => {
  expect(upsert(card)(old, { data })).toBe(old)
})

test('upsert takes an equal version with another content, and anything without versions', () => {
  expect(upsert(card)(list, { data: { ...a1, title: 'X' } })).toEqual([{ ...a1, title: 'X' }, b1])
  expect(upsert(bare)([a2], { data: a1 })).toEqual([a1])
  expect(upsert(bare)(list, { data: { ...a1 } })).toBe(list)
})

test('what an event does not touch stays the same object', () => {
  const tags = ['x']
  const old = [{ ...a1, tags }, b1]
  const next = upsert(card)(old, { data: { ...a2, tags: ['x'] } })
  expect(next[1]).toBe(b1)
  expect((next[0] as { tags: string[] }).tags).toBe(tags)
})

test.each([
  ['merges what it holds', list, { id: 'a', column: 'done', version: 2 }, [{ ...a1, column: 'done', version: 2 }, b1]],
  ['needs no version', list, { id: 'b', title: 'BB' }, [a1, { ...b1, title: 'BB' }]],
])('patch %s', (_, old, data, expected) => {
  const next = patch(card)(old, { data })
  expect(next).toEqual(expected)
  expect(patch(card)(next, { data })).toBe(next)
})

test.each([
  ['an unknown id: a part cannot make a whole', list, { id: 'z', column: 'done', version: 9 }],
  ['an older version', [a2], { id: 'a', column: 'todo', version: 1 }],
  ['what is the case already', list, { id: 'a', column: 'todo', version: 1 }],
  ['an empty list', [], { id: 'a', column: 'done' }],
])('patch leaves the list alone for %s', (_, old: Card[], data) => {
  expect(patch(card)(old, { data })).toBe(old)
})

test.each([
  ['by id alone', list, { id: 'a' }, [b1]],
  ['of the same version', list, { id: 'a', version: 1 }, [b1]],
  ['of a later version', list, { id: 'b', version: 7 }, [a1]],
])('remove takes out %s', (_, old, data, expected) => {
  const next = remove(card)(old, { data })
  expect(next).toEqual(expected)
  expect(remove(card)(next, { data })).toBe(next)
})

test.each([
  ['an unknown id', list, { id: 'z' }],
  ['an entity that is newer than the removal', [a2], { id: 'a', version: 1 }],
])('remove leaves the list alone for %s', (_, old: Card[], data) => {
  expect(remove(card)(old, { data })).toBe(old)
})

test.each<[string, Card[], { id: string; version?: number }, Card, Card[]]>([
  ['a state that is older does not come back', [a2], { id: 'a', version: 3 }, a1, []],
  ['nor if the removal came first', [], { id: 'a', version: 3 }, a2, []],
  ['a newer state does', [a1], { id: 'a', version: 1 }, a2, [a2]],
  ['so does the same state, made again', [a2], { id: 'a', version: 2 }, a2, [a2]],
  ['without a version the order decides: what was removed may be newer than the event', [a2], { id: 'a' }, a1, [a1]],
])('after a removal: %s', (_, old, gone, data, expected) => {
  const tombstones: Tombstones = new Map()
  const kept = remove(card)(old, { data: gone }, tombstones)
  expect(upsert(card)(kept, { data }, tombstones)).toEqual(expected)
  // Another identity has ids of its own.
  expect(upsert({ ...card })(kept, { data }, tombstones)).toEqual([data])
})

test('events that are replayed on a newer answer end where it began', () => {
  const a3 = { ...a2, version: 3 }
  const events = [
    (old: Card[], tombstones: Tombstones) => remove(card)(old, { data: { id: 'a' } }, tombstones),
    (old: Card[], tombstones: Tombstones) => upsert(card)(old, { data: a2 }, tombstones),
    (old: Card[], tombstones: Tombstones) => patch(card)(old, { data: { id: 'a', version: 3 } }, tombstones),
  ]
  const tombstones: Tombstones = new Map()
  expect(events.reduce((old, event) => event(old, tombstones), [b1, a3])).toEqual([b1, a3])
})

test('an older removal does not weaken what is known of a newer one', () => {
  const tombstones: Tombstones = new Map()
  const none = remove(card)([a2], { data: { id: 'a', version: 3 } as { id: string } }, tombstones)
  remove(card)(none, { data: { id: 'a', version: 1 } as { id: string } }, tombstones)
  expect(upsert(card)(none, { data: a2 }, tombstones)).toEqual([])
})

test('what is remembered of removals is bounded', () => {
  const tombstones: Tombstones = new Map()
  for (let i = 0; i < 5_000; i++) {
    remove(card)([], { data: { id: String(i), version: 1 } as { id: string } }, tombstones)
  }
  expect(tombstones.get(card)?.size).toBe(1_000)
})

test('ids and versions may be numbers or text; the id may have another name', () => {
  interface Row {
    rowId: number
    changed: string
  }
  const row = { id: (r: Pick<Row, 'rowId'>) => r.rowId, version: (r: Row) => r.changed }
  const old: Row[] = [{ rowId: 1, changed: '2026-01-02' }]
  expect(upsert(row)(old, { data: { rowId: 1, changed: '2026-01-01' } })).toBe(old)
  expect(upsert(row)(old, { data: { rowId: 1, changed: '2026-01-03' } })[0]?.changed).toBe('2026-01-03')
  expect(remove(row)(old, { data: { rowId: 1 } })).toEqual([])
})

test('reducers compose in one’s own, for nested data', () => {
  const own = (old: { cards: Card[]; total: number }, event: { data: Card }, tombstones: Tombstones) => ({
    ...old,
    cards: upsert(card)(old.cards, event, tombstones),
  })
  const next = own({ cards: list, total: 2 }, { data: a2 }, new Map())
  expectTypeOf(next.cards).toEqualTypeOf<Card[]>()
  expect(next).toEqual({ cards: [a2, b1], total: 2 })
})

test('invalidate asks to read again', () => {
  expect(invalidate()()).toBe(REFETCH)
})
