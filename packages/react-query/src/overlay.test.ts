// Shows as tables how what is pending is put on top of the server's state: rebased over others, in order, by the reducers of the query.
import type { HubEvent } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'
import { expect, test } from 'vitest'
import { ask, fieldMerge, lastWriteWins, type Resolve, type Told } from './conflict.ts'
import type { Live } from './live.ts'
import { type Change, createOverlay } from './overlay.ts'
import { invalidate, patch, remove, type Tombstones, upsert } from './reducers.ts'

interface Card {
  id: string
  title: string
  column: string
  version: number
}
const card = { id: (c: Card) => c.id, version: (c: Card) => c.version }
const a: Card = { id: 'a', title: 'A', column: 'todo', version: 5 }
const b: Card = { id: 'b', title: 'B', column: 'todo', version: 5 }

const live = {
  topics: ['board'],
  polls: [],
  on: Object.assign(Object.create(null), {
    saved: upsert(card),
    moved: patch(card),
    marked: patch({ ...card, stamps: ['by'] }),
    unversioned: patch({ id: card.id }),
    deleted: remove(card),
    changed: invalidate(),
    shouted: (old: Card[]) => old.map((each) => ({ ...each, title: each.title.toUpperCase() })),
    wiped: (old: Card[], event: { data: Card }, tombstones: Tombstones) => remove(card)(old, event, tombstones),
    failed: () => {
      throw new Error('no')
    },
  }),
} as unknown as Live

const event = (type: string, data: unknown, id = 'm', topic = 'board'): HubEvent => ({ type, data, topic, id, at: 1 })
const change = (events: HubEvent[], more: Partial<Change> = {}): Change => ({
  id: events[0]?.id ?? 'm',
  mutation: { state: { isPaused: false } } as Change['mutation'],
  resolve: undefined,
  tell: () => {},
  state: 'sent',
  events,
  ...more,
})

type Sides = Pick<Told, 'mine' | 'theirs' | 'base' | 'fields'>

/** An overlay of these changes, and what it has told. */
function overlayOf(...changes: Change[]) {
  const told: Sides[] = []
  const reports: unknown[] = []
  const overlay = createOverlay({
    query: { queryKey: ['cards'] } as unknown as Query,
    live,
    changes: changes.map((each) =>
      Object.assign(each, {
        tell: ({ mine, theirs, base, fields }: Told) => told.push({ mine, theirs, base, fields }),
      }),
    ),
    report: (_, error) => reports.push(error),
  })
  return { ...overlay, told, reports }
}

test.each<[string, Card[], Change[], unknown]>([
  ['nothing', [a], [], [a]],
  ['a patch', [a, b], [change([event('moved', { id: 'a', column: 'done' })])], [{ ...a, column: 'done' }, b]],
  [
    'a patch of a version that is long past: mine stays on top',
    [a],
    [change([event('moved', { id: 'a', column: 'done', version: 1 })])],
    [{ ...a, column: 'done', version: 1 }],
  ],
  ['a patch of what is not there', [a], [change([event('moved', { id: 'x', column: 'done' })])], [a]],
  ['a creation', [a], [change([event('saved', b)])], [a, b]],
  ['a removal', [a, b], [change([event('deleted', { id: 'a' })])], [b]],
  [
    'several, in the order in which they were made',
    [a],
    [
      change([event('saved', { ...b, id: 'm1' }, 'm1')]),
      change([event('moved', { id: 'm1', column: 'doing' }, 'm2')]),
      change([event('deleted', { id: 'a' }, 'm3')]),
    ],
    [{ ...b, id: 'm1', column: 'doing' }],
  ],
  [
    'several events of one',
    [a],
    [change([event('saved', b), event('moved', { id: 'a', column: 'x' })])],
    [{ ...a, column: 'x' }, b],
  ],
  [
    'a reducer of one’s own',
    [a],
    [change([event('moved', { id: 'a', title: 'aa' }), event('shouted', {})])],
    [{ ...a, title: 'AA' }],
  ],
  ['another topic', [a], [change([event('saved', b, 'm', 'other')])], [a]],
  ['a type that is not bound', [a], [change([event('constructor', b)])], [a]],
  ['an invalidation, which only a real event asks for', [a], [change([event('changed', {})])], [a]],
  [
    'what the answer says',
    [a],
    [change([event('moved', { id: 'a', column: 'done', version: 6 })], { state: 'told' })],
    [{ ...a, column: 'done', version: 6 }],
  ],
  [
    'what the answer says and others have overtaken',
    [a],
    [change([event('moved', { id: 'a', column: 'done', version: 4 })], { state: 'told' })],
    [a],
  ],
])('%s', (_, base, changes, expected) => {
  const before = structuredClone(base)
  const overlay = overlayOf(...changes)
  const shown = overlay.rebase(base, new Map())
  expect(shown).toEqual(expected)
  expect(base).toEqual(before)
  // As often as you like.
  expect(overlay.rebase(base, new Map())).toEqual(expected)
  expect(overlay.reports).toEqual([])
})

test('nothing pending is the very same', () => {
  const base = [a]
  expect(overlayOf().rebase(base, new Map())).toBe(base)
  expect(overlayOf(change([event('moved', { id: 'x' })])).rebase(base, new Map())).toBe(base)
})

test('what is shown but not confirmed buries nothing, and what was buried does not come back', () => {
  const tombstones = new Map()
  for (const type of ['deleted', 'wiped']) {
    const overlay = overlayOf(change([event(type, { id: 'a', version: 9 })]))
    expect(overlay.rebase([a], tombstones)).toEqual([])
  }
  expect(tombstones.size).toBe(0)
  const gone = { ...b, version: 7 }
  remove(card)([b], { data: gone }, tombstones)
  const told = overlayOf(change([event('saved', { ...b, version: 6 })], { state: 'told' }))
  expect(told.rebase([a], tombstones)).toEqual([a])
})

test('a reducer that throws is reported once, and the others go on', () => {
  const overlay = overlayOf(change([event('failed', {}, 'm1')]), change([event('saved', b, 'm2')]))
  for (let i = 0; i < 3; i++) expect(overlay.rebase([a], new Map())).toEqual([a, b])
  expect(overlay.reports).toHaveLength(1)
})

test('its event confirms a change, and only that', () => {
  const overlay = overlayOf(change([event('saved', b, 'm1')]), change([event('moved', { id: 'a', column: 'x' }, 'm2')]))
  expect(overlay.hear(event('saved', b, 'i1'))).toBe(false)
  expect(overlay.hear(event('saved', b, 'm1.1'))).toBe(true)
  expect(overlay.rebase([a], new Map())).toEqual([{ ...a, column: 'x' }, b])
  expect(overlay.hear(event('saved', b, 'm1'))).toBe(true)
  expect(overlay.rebase([a], new Map())).toEqual([{ ...a, column: 'x' }])
})

test('what one query has heard of it is what the others show', () => {
  const made = change([event('saved', { ...b, id: 'm1' }, 'm1')])
  const [one, other] = [overlayOf(made), overlayOf(made)]
  // Of another type, it does not say what becomes of what is shown.
  one.hear(event('moved', b, 'm1'))
  expect(other.rebase([a], new Map())).toEqual([a, { ...b, id: 'm1' }])
  one.hear({ ...event('saved', b, 'm1'), cursor: 'E:1' })
  expect(other.rebase([a], new Map())).toEqual([a, b])
  expect(other.unnamed([a], [a, { ...b, id: 'c' }])).toEqual([])
  // Others may have changed it since, or deleted it.
  const newer = { ...b, version: 6 }
  expect(other.rebase([a, newer], new Map())).toEqual([a, newer])
  const tombstones = new Map()
  remove(card)([b], { data: newer }, tombstones)
  expect(other.rebase([a], tombstones)).toEqual([a])
})

test.each([
  ['board', true],
  ['board:7', false],
  ['boards', false],
])('of several, the last on a topic that is heard confirms on that very topic: %s', (topic, isConfirmed) => {
  const last = event('saved', b, 'm1', 'elsewhere')
  const overlay = overlayOf(change([event('moved', { id: 'a', column: 'x' }, 'm1'), last]))
  overlay.hear(event('moved', { id: 'a', column: 'x' }, 'm1.1', topic))
  expect(overlay.pending()).toHaveLength(isConfirmed ? 0 : 1)
})

const mine = { id: 'a', column: 'mine' }
const edited = { ...a, title: 'theirs', version: 6 }
const moved = { ...a, column: 'theirs', version: 6 }

const whole = { ...a, title: 'mine' }
const stamped = { ...edited, by: 'them' }
const sides = (mine: unknown, theirs: unknown, base: unknown, ...fields: string[]): Sides[] => [
  { mine, theirs, base, fields },
]

test.each<[string, HubEvent, Card[], Sides[]]>([
  ['they move what I move', event('moved', mine), [moved], sides(mine, moved, a, 'column')],
  ['they edit what I move', event('moved', mine), [edited], []],
  ['they edit what I edit as a whole', event('saved', whole), [edited], sides(whole, edited, a, 'title')],
  ['they move what I edit as a whole', event('saved', whole), [moved], sides(whole, moved, a, 'column')],
  ['they add what mine, which is whole, has not', event('saved', a), [stamped], sides(a, stamped, a, 'title', 'by')],
  ['they delete what I move', event('moved', mine), [], sides(mine, undefined, a)],
  ['they edit what I delete', event('deleted', { id: 'a' }), [edited], sides({ id: 'a' }, edited, a, 'title')],
  ['they count up what I delete', event('deleted', { id: 'a' }), [{ ...a, version: 6 }], []],
  ['both delete', event('deleted', { id: 'a' }), [], []],
  ['both do the same', event('moved', { id: 'a', column: 'theirs' }), [moved], []],
  [
    'both do the same, of versions that I can only guess',
    event('moved', { id: 'a', column: 'theirs', version: 5 }),
    [moved],
    [],
  ],
  ['both leave a mark', event('marked', { ...mine, by: 'me' }), [stamped], []],
  [
    'both leave something that is no mark',
    event('moved', { ...mine, by: 'me' }),
    [stamped],
    sides({ ...mine, by: 'me' }, stamped, a, 'by'),
  ],
  [
    'both change what has no version',
    event('unversioned', { ...a, column: 'mine' }),
    [moved],
    sides({ ...a, column: 'mine' }, moved, a, 'column', 'version'),
  ],
  ['they change another', event('moved', mine), [a, b], []],
  [
    'they create what I create',
    event('saved', b),
    [a, { ...b, title: 'theirs' }],
    sides(b, { ...b, title: 'theirs' }, undefined, 'title'),
  ],
  ['both create the same', event('saved', b), [a, { ...b, version: 1 }], []],
  ['they bring what I change and nobody here had', event('moved', { id: 'b', column: 'mine' }), [a, b], []],
  ['they change what no reducer of ours can name', event('shouted', {}), [edited], []],
])('conflict: %s', (_, my, after, expected) => {
  const overlay = overlayOf(change([my]))
  overlay.compare([a], after, event('saved', edited, 'i1'))
  expect(overlay.told).toEqual(expected)
  // What was read may have mine already: nothing is told, unless it was never sent.
  const waiting = (failureCount: number) => ({ state: { isPaused: true, failureCount } }) as Change['mutation']
  for (const more of [{}, { mutation: waiting(1) }]) {
    const unsure = overlayOf(change([my], more))
    unsure.compare([a], after)
    expect([unsure.told, unsure.reports]).toEqual([[], []])
  }
  const paused = overlayOf(change([my], { mutation: waiting(0) }))
  paused.compare([a], after)
  expect(paused.told).toEqual(expected)
  // Before there was anything to compare with, nothing has changed.
  paused.compare(undefined, after)
  expect(paused.told).toEqual(expected)
  expect([overlay, paused].flatMap(({ reports }) => reports)).toEqual([])
})

test.each<[string, Resolve | undefined, HubEvent, Card[], unknown]>([
  ['by default mine is on top', undefined, event('moved', mine), [moved], [{ ...moved, column: 'mine' }]],
  ['last write wins', lastWriteWins, event('moved', mine), [moved], [{ ...moved, column: 'mine' }]],
  [
    'fields: what they left alone is mine',
    fieldMerge,
    event('moved', { ...mine, title: 'mine' }),
    [edited],
    [{ ...edited, column: 'mine' }],
  ],
  ['fields: what they changed is theirs', fieldMerge, event('moved', mine), [moved], [moved]],
  [
    'fields of a whole entity',
    fieldMerge,
    event('saved', { ...a, title: 'mine', column: 'mine' }),
    [moved],
    [{ ...moved, title: 'mine' }],
  ],
  [
    'fields that they have added',
    fieldMerge,
    event('saved', { ...a, column: 'mine' }),
    [{ ...edited, more: 1 } as Card],
    [{ ...edited, more: 1, column: 'mine' }],
  ],
  ['ask: theirs', ask, event('moved', mine), [moved], [moved]],
  [
    'ask: mine, where they have changed something else',
    ask,
    event('moved', mine),
    [edited],
    [{ ...edited, column: 'mine' }],
  ],
  ['ask: theirs, though I delete it', ask, event('deleted', { id: 'a' }), [edited], [edited]],
  ['a delete of mine is on top', undefined, event('deleted', { id: 'a' }), [edited], []],
  ['what they delete stays deleted', undefined, event('saved', { ...a, title: 'mine' }), [], []],
  ['whatever is resolved', lastWriteWins, event('saved', { ...a, title: 'mine' }), [], []],
])('%s', (_, resolve, my, after, expected) => {
  const overlay = overlayOf(change([my], { resolve }))
  overlay.compare([a], after, event('saved', edited, 'i1'))
  expect(overlay.rebase(after, new Map())).toEqual(expected)
})

test('the base of a conflict is what there was before the first of theirs that mine would overwrite', () => {
  const overlay = overlayOf(change([event('moved', mine)], { resolve: fieldMerge }))
  const counted = { ...edited, version: 7 }
  const theirs = { ...counted, column: 'theirs', version: 8 }
  const again = { ...theirs, column: 'theirs again', version: 9 }
  overlay.compare([a], [edited], event('saved', edited, 'i1'))
  overlay.compare([edited], [counted], event('saved', counted, 'i2'))
  overlay.compare([counted], [theirs], event('saved', theirs, 'i3'))
  overlay.compare([theirs], [again], event('saved', again, 'i4'))
  expect(overlay.told).toEqual([theirs, again].flatMap((each) => sides(mine, each, counted, 'column')))
  expect(overlay.rebase([again], new Map())).toEqual([again])
})

test.each([
  ['they have left it alone', { tags: ['x'] }, {}, []],
  ['both say the same', { tags: ['x'] }, { tags: ['x'] }, []],
  ['they say something else', { tags: ['x'] }, { tags: ['y'] }, ['tags']],
])('members are compared by what they hold: %s', (_, my, their, fields) => {
  const base = { ...a, tags: [] }
  const overlay = overlayOf(change([event('moved', { id: 'a', ...my })]))
  overlay.compare([base], [{ ...structuredClone(base), ...their }], event('saved', {}, 'i1'))
  expect(overlay.told.flatMap((each) => each.fields)).toEqual(fields)
})

test('what has failed is not shown, and its event is still mine', () => {
  const overlay = overlayOf(change([], { id: 'm1' }))
  expect(overlay.rebase([a], new Map())).toEqual([a])
  expect(overlay.hear(event('saved', b, 'm1'))).toBe(true)
})

test('what was read and lacks what I change hides mine, and tells nobody: it may be mine that moved it away', () => {
  const overlay = overlayOf(change([event('saved', { ...a, title: 'mine' })]))
  overlay.compare([a], [b])
  expect(overlay.rebase([b], new Map())).toEqual([b])
  expect(overlay.told).toEqual([])
})

test('what was read and differs leaves mine on top, whatever is to be shown in a conflict: nobody hears of one', () => {
  const overlay = overlayOf(change([event('moved', mine)], { resolve: ask }))
  overlay.compare([a], [moved])
  expect(overlay.rebase([moved], new Map())).toEqual([{ ...moved, column: 'mine' }])
})

test('what is under a temporary id is known until the answer has named it', () => {
  const made = change([event('saved', { ...b, id: 'm' })])
  const overlay = overlayOf(made, change([event('saved', b, 'm2')]))
  const unnamed = (after: unknown) => overlay.unnamed([a], after)
  expect(unnamed([a, b])).toEqual([made])
  expect(overlay.unnamed(undefined, [a])).toEqual([made])
  // It has nothing that was not known, or mine under that very id.
  expect([unnamed([{ ...a, title: 'theirs' }]), unnamed([]), unnamed([a, { ...b, id: 'm' }])]).toEqual([[], [], []])
  expect(overlay.strip([a, { ...b, id: 'm' }, b])).toEqual([a, b])
  overlay.confirm(made.events)
  expect(overlay.rebase([a], new Map())).toEqual([a, b])
  // The answer says other events, which were never taken out.
  Object.assign(made, { state: 'told', events: [event('saved', { ...b, id: 'n1' })] })
  expect(overlay.rebase([a], new Map())).toEqual([a, { ...b, id: 'n1' }, b])
  expect(unnamed([a, b])).toEqual([])
  // The server may have taken the id for good.
  expect(overlayOf(change([event('saved', { ...b, id: 'm' })], { state: 'told' })).unnamed([], [b])).toEqual([])
})

test.each([
  ['the last is of another topic', [event('deleted', a, 'm.1'), event('saved', a, 'm', 'elsewhere')], []],
  ['there is another to come', [event('deleted', a, 'm.1'), event('saved', b, 'm')], ['m']],
])('of several events, the last that the query can hear confirms: %s', (_, events, left) => {
  const overlay = overlayOf(change(events, { id: 'm' }))
  expect(overlay.hear(event('deleted', a, 'm.1'))).toBe(true)
  expect(overlay.pending().map(({ id }) => id)).toEqual(left)
})
