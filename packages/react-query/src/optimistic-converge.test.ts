// Shows by seeds, in virtual time, that mutations leave nothing behind: whatever is made, changed, refused, lost, cut or read meanwhile, the cache ends equal to the server.
import { MutationObserver, notifyManager, onlineManager } from '@tanstack/query-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, type ConflictReport, fieldMerge } from './conflict.ts'
import { type Card, connect, createWorld, type World } from './testing/world.ts'
import { createWrites, type Writes } from './testing/writes.ts'

/** The same numbers for the same seed: whole ones, below `n`. */
function dice(seed: number): (n: number) => number {
  let state = seed * 2_654_435_761
  return (n) => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return Math.floor((state / 4_294_967_296) * n)
  }
}

const boards = ['7', '8']

interface Page {
  readonly world: World
  readonly writes: Writes
  readonly mounts: (() => void)[]
  readonly board: string
  readonly upTo: (n: number) => number
  readonly step: number
  isDown: boolean
}

const mutate = ({ world }: Page, options: { mutationFn?: unknown } & object, variables: unknown) =>
  new MutationObserver(world.queryClient, options as never).mutate(variables as never).catch(() => {})
const some = ({ upTo }: Page) => `c${upTo(3)}`

/** What may happen, and how often. */
const steps: Readonly<Record<string, [weight: number, step: (page: Page) => unknown]>> = {
  create: [14, (page) => mutate(page, page.writes.create, { board: page.board, title: `n${page.step}` })],
  mute: [6, (page) => mutate(page, page.writes.mute, { board: page.board, title: `m${page.step}` })],
  save: [10, (page) => mutate(page, page.writes.save, { board: page.board, id: some(page), title: `s${page.step}` })],
  title: [10, (page) => mutate(page, page.writes.title, { board: page.board, id: some(page), title: `t${page.step}` })],
  remove: [8, (page) => mutate(page, page.writes.remove, { board: page.board, id: some(page) })],
  theirs: [20, (page) => page.world.save(`board:${page.board}`, some(page), `o${page.step}`)],
  theirDelete: [8, (page) => page.world.delete(`board:${page.board}`, some(page))],
  lose: [2, (page) => page.world.lose(`board:${page.board}`, some(page), `l${page.step}`)],
  mount: [8, ({ world, board, mounts }) => mounts.push(world.mount(world.cardsQuery(board)))],
  pages: [3, ({ world, board, mounts }) => mounts.push(world.mountPages(board))],
  more: [
    4,
    ({ world, board, mounts, upTo }) => {
      const mounted = world.mountPages(board)
      mounts.push(mounted)
      mounted.observer.fetchNextPage({ cancelRefetch: upTo(2) === 0 }).catch(() => {})
    },
  ],
  unmount: [6, ({ mounts, upTo }) => mounts.splice(upTo(mounts.length), 1)[0]?.()],
  refetch: [6, ({ world }) => world.queryClient.refetchQueries()],
  cancel: [2, ({ world }) => world.queryClient.cancelQueries()],
  reset: [1, ({ world }) => world.queryClient.resetQueries()],
  offline: [3, () => onlineManager.setOnline(false)],
  online: [6, () => onlineManager.setOnline(true)],
  down: [4, (page) => fall(page)],
  up: [6, (page) => rise(page)],
  trim: [2, ({ world }) => world.trim()],
  wait: [6, () => {}],
}
const wheel = Object.entries(steps).flatMap(([name, [weight, step]]) => Array(weight).fill({ name, step }))

function fall(page: Page): void {
  page.world.down()
  page.isDown = true
}
function rise(page: Page): void {
  if (page.isDown) page.world.up()
  page.isDown = false
}

async function run(seed: number): Promise<void> {
  const upTo = dice(seed)
  const world = createWorld()
  const writes = createWrites(world)
  const { queryClient } = world
  const trace: string[] = []
  const context = () => `seed ${seed}: ${trace.join(', ')}`
  const resolve = [undefined, ask, fieldMerge][seed % 3]
  const told: ConflictReport[] = []
  const twice: string[] = []
  // Without ids on events, who arrives before the answer cannot be known.
  const tags = seed % 5 !== 0
  queryClient.mount()
  const stop = connect(world, 200, { ...(resolve && { resolve }), onConflict: (conflict) => told.push(conflict) })
  // A card that is made has a title of its own, which nobody changes: two of them are one that is shown twice, and none is one that flickers.
  const seen = new Map<string, Set<string>>()
  const gone: string[] = []
  const unwatch = queryClient.getQueryCache().subscribe(
    notifyManager.batchCalls(() => {
      for (const query of queryClient.getQueryCache().getAll()) {
        const { queryHash } = query
        if (query.queryKey[0] !== 'cards') continue
        const cards = query.state.data as Card[] | undefined
        if (!cards || !query.isActive()) {
          seen.delete(queryHash)
          continue
        }
        const made = cards.map(({ title }) => title).filter((title) => /^[nm]/.test(title))
        const titles = new Set(made)
        if (titles.size < made.length) twice.push(made.join(' '))
        for (const title of seen.get(queryHash) ?? []) if (!titles.has(title)) gone.push(title)
        seen.set(queryHash, titles)
      }
    }),
  )
  const page = { world, writes, mounts: [], upTo, isDown: false }
  const delay = () => upTo(upTo(3) === 0 ? 1_000 : 20)
  for (let step = 0; step < 80; step++) {
    world.rest = { readMs: delay(), answerMs: delay(), fails: upTo(15) === 0, cursors: seed % 2 === 0 }
    const fails = ([undefined, undefined, undefined, 'refused', 'lost'] as const)[upTo(5)]
    writes.api = { sendMs: delay(), answerMs: delay(), fails, tags }
    const now = Object.assign(page, { board: boards[upTo(boards.length)] as string, step })
    const { name, step: act } = wheel[upTo(wheel.length)]
    trace.push(`${name} ${now.board}`)
    act(now)
    await world.pass(upTo(upTo(3) === 0 ? 2_000 : 60))
  }
  world.rest = { ...world.rest, readMs: 5, answerMs: 5, fails: false }
  writes.api = { ...writes.api, fails: undefined }
  onlineManager.setOnline(true)
  rise(Object.assign(page, { board: '7', step: 80 }))
  await world.pass(4_000)
  for (const board of boards) {
    world.mount(world.cardsQuery(board))
    world.mountPages(board)
  }
  await world.pass(60_000)
  const byId = (cards: unknown) => (cards as Card[]).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (const board of boards) {
    const state = byId(world.state(`board:${board}`))
    expect(byId(world.data('cards', board)), context()).toEqual(state)
    const { pages, pageParams } = world.data('pages', board) as { pages: Card[][]; pageParams: number[] }
    const paged = state.filter(({ id }) => pageParams.some((param) => id === `c${param}`))
    expect(byId(pages.flat()), `${context()}: pages`).toEqual(paged)
  }
  expect(tags ? twice : [], `${context()}: shown twice`).toEqual([])
  const failed = queryClient.getMutationCache().findAll({ status: 'error' })
  const titles = failed.map(({ state }) => (state.variables as { title?: string }).title)
  const flickered = gone.filter((title) => !titles.includes(title))
  expect(tags ? flickered : [], `${context()}: flickered`).toEqual([])
  const once = new Set(told.map(({ mutation, event }) => `${mutation.mutationId} ${event?.id}`))
  expect(once.size, `${context()}: told once`).toBe(told.length)
  const { length } = world.fetches
  await world.pass(100_000)
  expect(world.fetches, `${context()}: fetches in peace`).toHaveLength(length)
  expect(world.reports).toEqual([])
  unwatch()
  stop()
  queryClient.unmount()
  queryClient.clear()
  await world.pass(5_000)
  expect(world.clock.pending(), `${context()}: timers left`).toBe(0)
}

beforeAll(() => notifyManager.setScheduler(queueMicrotask))
afterAll(() => {
  notifyManager.setScheduler((flush) => void setTimeout(flush, 0))
  onlineManager.setOnline(true)
})

// A share of them here; more on demand: SEEDS=2000, or SEED=50 SEEDS=1 to see one again.
const { SEEDS = 25, SEED = 1 } = process.env
const seeds = Number(SEEDS)
const first = Number(SEED)

test(`mutations leave nothing behind for ${seeds} seeds`, { timeout: 60_000 + seeds * 200 }, async () => {
  for (let seed = first; seed < first + seeds; seed++) await run(seed)
})
