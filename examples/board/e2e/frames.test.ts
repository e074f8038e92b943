// The judge of frames by itself: what it lets pass, and that it sees each fault that it is there to see.
import { expect, test } from 'vitest'
import { type Done, judge, type Said } from './frames.ts'
import type { Frame } from './player.ts'

const card = (column: string, title = '#c', id = 'c', tag = '#c') => ({ tag, id, column, title })
/** Frames in which the one card stands in these columns, `-` where it is not there; `!` before it: one action more has come. */
const shown = (columns: string): Frame[] => {
  let actions = 0
  return columns.split(' ').map((each) => {
    if (each.startsWith('!')) actions++
    const column = each.replace('!', '')
    return { actions, cards: column === '-' ? [] : [card(column)] }
  })
}
const did = (kind: Done['kind'], to = '', failed = false): Done => ({ kind, tag: '#c', to, key: 'mine', failed })
const said = (column: string, key = 'theirs'): Said => ({ key, tag: '#c', column })
const gone: Said = { key: 'theirs', tag: '#c', isDeleted: true }

test.each<[what: string, columns: string, actions: Done[], log: Said[]]>([
  ['nothing happens', 'A A', [], []],
  ['others move it', 'A B C', [], [said('B'), said('C')]],
  ['of two moves of others one frame shows the last', 'A C', [], [said('B'), said('C')]],
  ['mine is shown before anybody has it', 'A !B B', [did('move', 'B')], [said('B', 'mine')]],
  ['mine stays on top of theirs, which came before', 'A !B B', [did('move', 'B')], [said('C'), said('B', 'mine')]],
  ['theirs come after mine', 'A !B A', [did('move', 'B')], [said('B', 'mine'), said('A')]],
  ['mine fails and is taken back', 'A !B A', [did('move', 'B', true)], []],
  ['mine fails, and theirs is below', 'A !B C', [did('move', 'B', true)], [said('C')]],
  ['mine fails here, though the server has it', 'A !B A B', [did('move', 'B', true)], [said('B', 'mine')]],
  ['the second of mine fails', 'A !B !C B', [did('move', 'B'), did('move', 'C', true)], [said('B', 'mine')]],
  [
    'the second of mine to the same column fails',
    'A !A B !A B',
    [did('move', 'A'), { ...did('move', 'A', true), key: 'refused' }],
    [said('A', 'mine'), said('B')],
  ],
  ['mine is taken back, and others bring it there too', 'A !B A C A', [did('move', 'B', true)], [said('C'), said('A')]],
  ['it is made and deleted', '- A -', [], [said('A'), gone]],
  ['I delete it, in vain', 'A !- A', [did('delete', '', true)], []],
  ['I add it in vain', '- !A -', [did('add', '', true)], []],
])('%s', (_, columns, actions, log) => {
  expect(judge({ frames: shown(columns), actions, log })).toEqual([])
})

test.each<[what: string, fault: string, columns: string, actions: Done[], log: Said[]]>([
  ['it moves by itself', 'nobody has done', 'A B', [], []],
  ['it flickers back under my move', 'from “B” to “A”', 'A !B A B', [did('move', 'B')], [said('B', 'mine')]],
  [
    'theirs, of before, is shown over mine',
    'from “B” to “C”',
    'A !B C B',
    [did('move', 'B')],
    [said('C'), said('B', 'mine')],
  ],
  ['theirs is shown again', 'from “C” to “B”', 'A B C B', [], [said('B'), said('C')]],
  ['an old move of mine comes again', 'from “C” to “B”', 'A !B !C B', [did('move', 'B'), did('move', 'C')], []],
  ['mine is shown before I have done it', 'from “A” to “B”', 'A B !B', [did('move', 'B')], []],
  ['one failure is taken back twice', 'from “B” to “A”', 'A !B A !B A', [did('move', 'B', true), did('move', 'B')], []],
  [
    'what others did is shown once more after mine was taken back',
    'from “A” to “C”',
    'A !B A C A C',
    [did('move', 'B', true)],
    [said('C'), said('A')],
  ],
  ['it is resurrected', 'is back', 'A - A -', [], [gone]],
  ['it comes back under my delete', 'is back', 'A !- A -', [did('delete')], [gone]],
  ['it vanishes', 'has vanished', 'A -', [], []],
  ['what I add is gone until it is named', 'has vanished', '- !A - A', [did('add')], [said('A', 'mine')]],
])('it sees that %s', (_, fault, columns, actions, log) => {
  expect(judge({ frames: shown(columns), actions, log }).join()).toContain(fault)
})

test('it sees what is shown twice in one frame, under one name or under two', () => {
  const twice = (...cards: Frame['cards']) => judge({ frames: [{ actions: 0, cards }], actions: [], log: [] })
  expect(twice(card('A'), card('B'))).toEqual(['frame 0: #c is shown twice', 'frame 0: c is shown twice'])
  expect(twice(card('A'), card('A', '#c', 'temporary'))).toEqual(['frame 0: #c is shown twice'])
  expect(twice(card('A'), card('A', '#d', 'd', '#d'))).toEqual([])
})

test('titles are judged as columns are', () => {
  const titled = (...titles: string[]): Frame[] =>
    titles.map((title, at) => ({ actions: at > 0 ? 1 : 0, cards: [card('A', title)] }))
  const story = { actions: [did('edit', '#c 2')], log: [{ key: 'mine', tag: '#c', title: '#c 2' }] }
  expect(judge({ frames: titled('#c 1', '#c 2'), ...story })).toEqual([])
  expect(judge({ frames: titled('#c 1', '#c 2', '#c 1'), ...story })).toHaveLength(1)
})
