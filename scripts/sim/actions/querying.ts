// What people do with live queries: they look at lists and away, change what others change too, lose the network; and what others do to the same lists.
import type { Change } from '../board.ts'
import type { Config } from '../config.ts'
import type { Fate, Write } from '../lists.ts'
import type { Chance } from '../random.ts'
import { action, somePage } from './action.ts'

const needsQueries = true

const look = action({
  name: 'look at a list',
  weight: 16,
  needsQueries,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    view: chance.weighted({ list: 6, pages: 2, all: 2 }),
    list: chance.pick(config.lists),
    gcMs: chance.pick([0, 2_000, 300_000, 300_000]),
  }),
  run: ({ pages }, { page, view, list, gcMs }) => pages[page]?.board()?.mount(view, list, gcMs),
})

const lookAway = action({
  name: 'look away',
  weight: 8,
  needsQueries,
  plan: (chance, config) => ({ page: somePage(chance, config), which: chance.next() }),
  run: ({ pages }, { page, which }) => pages[page]?.board()?.unmount(which),
})

const more = action({
  name: 'ask for one more page',
  weight: 4,
  needsQueries,
  plan: (chance, config) => ({ page: somePage(chance, config), which: chance.next(), cancels: chance.maybe(0.5) }),
  run: ({ pages }, { page, which, cancels }) => pages[page]?.board()?.more(which, cancels),
})

const delay = (chance: Chance) => chance.between(0, chance.maybe(0.3) ? 1_500 : 60)
const fateOf = (chance: Chance): Fate => ({
  sendMs: delay(chance),
  answerMs: delay(chance),
  fails: chance.weighted({ no: 7, refused: 1, lost: 1, late: 1 }),
})

const change = action({
  name: 'change an item',
  weight: 60,
  needsQueries,
  plan: (chance, config): Change & { readonly page: number } => ({
    page: somePage(chance, config),
    to: chance.weighted({ create: 5, edit: 5, place: 3, move: 3, delete: 3 }),
    list: chance.pick(config.lists),
    which: chance.next(),
    text: `t${chance.between(0, 9_999)}`,
    fate: fateOf(chance),
    retry: chance.pick([0, 0, 2]),
    says: chance.maybe(0.6),
  }),
  run: ({ pages }, { page, ...params }) => pages[page]?.board()?.change(params),
})

/** A change that no page makes, of one of the items that are there. */
const write = action({
  name: 'have somebody else change an item',
  weight: 60,
  needsQueries,
  plan: (chance, config) => ({
    to: chance.weighted<Write['to']>({ create: 4, edit: 8, place: 3, move: 3, delete: 5, restore: 3, mark: 1 }),
    list: chance.pick(config.lists),
    other: chance.pick(config.lists),
    which: chance.next(),
    text: `o${chance.between(0, 9_999)}`,
    misfit: chance.maybe(0.03),
  }),
  run({ lists }, { to, list, other, which, text, misfit }) {
    const items = lists.state([list])
    const id = items[Math.floor(which * items.length)]?.id
    const made = `other ${text}`
    const asked: Record<Write['to'], Write | undefined> = {
      create: { to: 'create', list, title: text, made },
      edit: id === undefined ? undefined : { to: 'edit', list, id, title: text },
      place: id === undefined ? undefined : { to: 'place', list, id, column: Math.floor(which * 5) },
      move: id === undefined || list === other ? undefined : { to: 'move', list, id, other },
      delete: id === undefined ? undefined : { to: 'delete', list, id },
      restore: { to: 'restore', list, id: `c${1 + Math.floor(which * 20)}` },
      mark: { to: 'mark', list },
    }
    if (asked[to]) void lists.write(asked[to], { misfit }).catch(() => {})
  },
})

const offline = action({
  name: 'lose the network',
  weight: 4,
  needsQueries,
  plan: (chance, config: Config) => ({ page: somePage(chance, config), forMs: chance.pick([100, 2_000, 9_000]) }),
  run({ pages, clock }, { page: place, forMs }) {
    const page = pages[place]
    page?.board()?.turn('offline')
    clock.after(forMs, () => page?.board()?.turn('online'))
  },
})

const act = action({
  name: 'stir the query cache',
  weight: 4,
  needsQueries,
  plan: (chance, config) => ({
    page: somePage(chance, config),
    act: chance.pick(['refetch', 'cancel', 'invalidate', 'focus', 'forget'] as const),
  }),
  run: ({ pages }, { page, act }) => pages[page]?.board()?.act(act),
})

const restFails = action({
  name: 'break REST',
  weight: 2,
  needsQueries,
  isGeneral: true,
  plan: (chance) => ({ forMs: chance.pick([200, 3_000]) }),
  run: ({ lists }, { forMs }) => lists.fail(forMs),
})

/** What people do with live queries. */
export const querying = [look, lookAway, more, change, write, offline, act, restFails]
