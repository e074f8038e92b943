// Shows each trap of TanStack Query that a binding must know: the naive one beside ours falls into every one of them.
import { MutationObserver, type MutationObserverOptions, notifyManager, onlineManager } from '@tanstack/query-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { liveOf } from './live.ts'
import { REFETCH } from './reducers.ts'
import { type Card, connect, createWorld, type World } from './testing/world.ts'
import { createWrites, type Writes } from './testing/writes.ts'

/** What teams write: subscribe while mounted, patch on events, invalidate on gaps. */
function connectNaively({ client, queryClient }: World): () => void {
  const stops = new Map<string, () => void>()
  return queryClient.getQueryCache().subscribe(({ type, query }) => {
    const live = liveOf(query)
    if (!live) return
    if (type === 'observerAdded') {
      const { queryKey } = query
      const stop = client.subscribe({
        topic: live.topics[0] as 'board:7',
        onEvent(event) {
          queryClient.setQueryData(queryKey, (old: unknown = []) => {
            const next = live.on[event.type]?.(old, event, new Map())
            if (next !== REFETCH) return next
            void queryClient.invalidateQueries({ queryKey })
            return old
          })
        },
        onGap: () => void queryClient.invalidateQueries({ queryKey }),
      })
      stops.set(query.queryHash, stop)
    } else if (type === 'observerRemoved' && query.getObserversCount() === 0) {
      stops.get(query.queryHash)?.()
    }
  })
}

interface Save {
  id?: string
  title: string
}

/** What teams write: show it in `onMutate`, put the snapshot back in `onError`, read again in the end. */
function saveNaively({ queryClient }: World, { save, create }: Writes): (variables: Save) => void {
  const queryKey = ['cards', '7']
  return (variables) => {
    const options: MutationObserverOptions<unknown, Error, Save, { before: unknown }> = {
      mutationFn: (edit, context) =>
        edit.id
          ? (save.mutationFn as NonNullable<typeof save.mutationFn>)(
              { id: edit.id, title: edit.title, board: '7' },
              context,
            )
          : (create.mutationFn as NonNullable<typeof create.mutationFn>)({ title: edit.title, board: '7' }, context),
      onMutate({ id = 'temporary', title }) {
        const before = queryClient.getQueryData(queryKey)
        queryClient.setQueryData(queryKey, (old: Card[] = []) =>
          old.some((card) => card.id === id)
            ? old.map((card) => (card.id === id ? { ...card, title } : card))
            : [...old, { id, title, version: 0 }],
        )
        return { before }
      },
      onError: (_error, _variables, context) => void queryClient.setQueryData(queryKey, context?.before),
      onSettled: () => queryClient.invalidateQueries({ queryKey }),
    }
    new MutationObserver(queryClient, options).mutate(variables).catch(() => {})
  }
}

/** What we say instead. */
function saveOptimistically({ queryClient }: World, { save, create }: Writes): (variables: Save) => void {
  return ({ id, title }) => {
    const done = id
      ? new MutationObserver(queryClient, save).mutate({ board: '7', id, title })
      : new MutationObserver(queryClient, create).mutate({ board: '7', title })
    done.catch(() => {})
  }
}

interface OptimisticTrap {
  readonly name: string
  readonly passes: (world: World, writes: Writes, save: (variables: Save) => void) => Promise<boolean>
}

/** All that is rendered from now on. */
function framesOf(world: World): string[] {
  const frames: string[] = []
  world.queryClient.getQueryCache().subscribe(
    notifyManager.batchCalls(() => {
      const now = world.data('cards', '7') ? titles(world) : ''
      if (now !== frames.at(-1)) frames.push(now)
    }),
  )
  return frames
}

interface Trap {
  readonly name: string
  /** Whether the binding came through. */
  readonly passes: (world: World) => Promise<boolean>
}

const titles = (world: World) => (world.data('cards', '7') as { title: string }[]).map(({ title }) => title).join(' ')

const traps: Trap[] = [
  {
    name: 'a fetch in flight overwrites an event that arrived meanwhile',
    async passes(world) {
      world.client.subscribe({ topic: 'board:7' })
      world.mount(world.cardsQuery('7'))
      await world.pass(1_000)
      world.rest.answerMs = 100
      void world.queryClient.refetchQueries()
      await world.pass(50)
      world.save('board:7', 'b', 'B')
      await world.pass(1_000)
      return titles(world) === 'A B'
    },
  },
  {
    name: 'so it does during the first load',
    async passes(world) {
      world.client.subscribe({ topic: 'board:7' })
      await world.pass(1_000)
      world.rest.answerMs = 100
      world.mount(world.cardsQuery('7'))
      await world.pass(50)
      world.save('board:7', 'b', 'B')
      await world.pass(1_000)
      return titles(world) === 'A B'
    },
  },
  {
    name: 'an event before the first answer creates a partial list that looks fresh',
    async passes(world) {
      world.client.subscribe({ topic: 'board:7' })
      await world.pass(1_000)
      world.rest.answerMs = 100
      world.mount(world.cardsQuery('7'))
      await world.pass(50)
      world.save('board:7', 'b', 'B')
      await world.pass(1)
      return world.data('cards', '7') === undefined
    },
  },
  {
    name: 'invalidating during the first load joins the old request and loses the flag',
    async passes(world) {
      world.client.subscribe({ topic: 'board:7' })
      await world.pass(1_000)
      world.rest.answerMs = 100
      world.mount(world.cardsQuery('7'))
      await world.pass(50)
      world.lose('board:7', 'a', 'lost')
      await world.pass(1_000)
      return titles(world) === 'lost'
    },
  },
  {
    name: 'a patch clears an earlier invalidation',
    async passes(world) {
      const unmount = world.mount(world.cardsQuery('7'))
      await world.pass(1_000)
      await world.queryClient.invalidateQueries({ refetchType: 'none' })
      world.save('board:7', 'b', 'B')
      await world.pass(1)
      unmount()
      return world.queryClient.getQueryState(['cards', '7'])?.isInvalidated === true
    },
  },
  {
    name: 'twenty invalidations are twenty fetches',
    async passes(world) {
      world.mount(world.cardsQuery('7'))
      await world.pass(2_000)
      const { length } = world.fetches
      for (let i = 0; i < 20; i++) world.publish('board:7', 'board.changed', {})
      await world.pass(2_000)
      return world.fetches.length === length + 1
    },
  },
  {
    name: 'twenty events are twenty writes, and each runs every select',
    async passes(world) {
      let selects = 0
      const select = (cards: Card[]) => {
        selects++
        return cards.length
      }
      world.mount({ ...world.cardsQuery('7'), select })
      await world.pass(2_000)
      const before = selects
      for (let i = 0; i < 20; i++) world.save('board:7', `c${i}`, 'x')
      await world.pass(1_000)
      return selects <= before + 2
    },
  },
  {
    name: 'invalidations faster than the answer starve the query',
    async passes(world) {
      world.mount(world.cardsQuery('7'))
      await world.pass(2_000)
      world.rest.answerMs = 1_500
      let answers = 0
      world.queryClient.getQueryCache().subscribe((event) => {
        if (event.type === 'updated' && event.action.type === 'success' && !event.action.manual) answers++
      })
      for (let i = 0; i < 100; i++) {
        world.publish('board:7', 'board.changed', {})
        await world.pass(100)
      }
      return answers > 0
    },
  },
  {
    name: 'a mount reads again what is covered',
    async passes(world) {
      world.mount(world.cardsQuery('7'))
      await world.pass(2_000)
      const { length } = world.fetches
      world.mount(world.cardsQuery('7'))
      await world.pass(1_000)
      return world.fetches.length === length
    },
  },
  {
    name: 'StrictMode mounts twice',
    async passes(world) {
      world.mount(world.cardsQuery('7'))()
      world.mount(world.cardsQuery('7'))
      await world.pass(2_000)
      const { length } = world.fetches
      world.mount(world.cardsQuery('7'))()
      world.mount(world.cardsQuery('7'))
      await world.pass(2_000)
      return length === 1 && world.fetches.length === 1
    },
  },
  {
    name: 'a refetch that fails after a gap is never tried again',
    async passes(world) {
      world.mount(world.cardsQuery('7'))
      await world.pass(2_000)
      world.rest.fails = true
      world.lose('board:7', 'a', 'lost')
      await world.pass(1_000)
      world.rest.fails = false
      await world.pass(60_000)
      return titles(world) === 'lost'
    },
  },
  {
    name: 'an interval given as a function does not start when the hub goes down',
    async passes(world) {
      const { client } = world
      world.mount({
        ...world.cardsQuery('7'),
        refetchInterval: () => (client.status.topic('board:7') === 'live' ? false : 10_000),
      })
      await world.pass(2_000)
      const { length } = world.fetches
      const setInterval = vi.spyOn(globalThis, 'setInterval')
      world.down()
      await world.pass(15_000)
      return world.fetches.length > length || setInterval.mock.calls.length > 0
    },
  },
]

const optimisticTraps: OptimisticTrap[] = [
  {
    name: 'a snapshot that is put back erases what others did meanwhile',
    async passes(world, writes, save) {
      writes.api.fails = 'refused'
      const frames = framesOf(world)
      save({ id: 'a', title: 'mine' })
      await world.pass(10)
      world.save('board:7', 'b', 'B')
      await world.pass(1_000)
      return !frames.slice(1).some((frame) => frame === 'A') && titles(world) === 'A B'
    },
  },
  {
    name: 'and another change of mine',
    async passes(world, writes, save) {
      writes.api.fails = 'refused'
      save({ id: 'a', title: 'mine' })
      await world.pass(10)
      Object.assign(writes.api, { fails: undefined, sendMs: 500 })
      save({ title: 'B' })
      await world.pass(200)
      return titles(world) === 'A B'
    },
  },
  {
    name: 'a fetch in flight overwrites what is pending',
    async passes(world, writes, save) {
      writes.api.sendMs = 500
      world.rest.answerMs = 100
      void world.queryClient.refetchQueries()
      await world.pass(50)
      save({ id: 'a', title: 'mine' })
      await world.pass(200)
      return titles(world) === 'mine'
    },
  },
  {
    name: 'an event of others shows through what is pending',
    async passes(world, writes, save) {
      writes.api.sendMs = 500
      save({ id: 'a', title: 'mine' })
      await world.pass(50)
      world.save('board:7', 'a', 'theirs')
      await world.pass(50)
      return titles(world) === 'mine'
    },
  },
  {
    name: 'what is created is shown twice when its event comes before the answer',
    async passes(world, writes, save) {
      writes.api.answerMs = 200
      save({ title: 'B' })
      await world.pass(150)
      return titles(world) === 'A B'
    },
  },
  {
    name: 'a change before the first answer creates a partial list that looks fresh',
    async passes(world, _, save) {
      world.queryClient.removeQueries()
      world.rest.answerMs = 500
      world.mount({ ...world.cardsQuery('7'), queryKey: ['cards', '7'] })
      await world.pass(50)
      save({ id: 'a', title: 'mine' })
      await world.pass(20)
      return world.data('cards', '7') === undefined
    },
  },
  {
    name: 'each mutation costs a fetch',
    async passes(world, _, save) {
      const { length } = world.fetches
      for (let i = 0; i < 5; i++) {
        save({ id: 'a', title: `t${i}` })
        await world.pass(1_000)
      }
      return world.fetches.length === length
    },
  },
  {
    name: 'what was shown offline is taken back though nothing has failed: time runs while it is paused',
    async passes(world, writes, save) {
      onlineManager.setOnline(false)
      save({ id: 'a', title: 'mine' })
      await world.pass(600_000)
      // A naive time-out would be here; the snapshot is what a page that was kept for so long puts back.
      world.save('board:7', 'b', 'B')
      writes.api.fails = 'refused'
      onlineManager.setOnline(true)
      await world.pass(50)
      const shown = titles(world)
      await world.pass(55)
      return shown === 'mine B' && titles(world) === 'A B'
    },
  },
]

let world: World
beforeEach(() => {
  world = createWorld()
  world.save('board:7', 'a', 'A')
})
afterEach(() => {
  world.queryClient.clear()
  world.client.close()
})

describe.each(traps)('$name', ({ passes }) => {
  test('the naive binding falls into it', async () => {
    const stop = connectNaively(world)
    expect(await passes(world)).toBe(false)
    stop()
  })
  test('ours does not', async () => {
    const stop = connect(world)
    expect(await passes(world)).toBe(true)
    stop()
  })
})

describe.each(optimisticTraps)('optimistic: $name', ({ passes }) => {
  let stop: () => void
  beforeEach(async () => {
    notifyManager.setScheduler(queueMicrotask)
    world.queryClient.mount()
    stop = connect(world)
    world.mount(world.cardsQuery('7'))
    await world.pass(2_000)
  })
  afterEach(() => {
    stop()
    world.queryClient.unmount()
    onlineManager.setOnline(true)
    notifyManager.setScheduler((flush) => void setTimeout(flush, 0))
  })

  test('the naive mutation falls into it', async () => {
    const writes = createWrites(world)
    expect(await passes(world, writes, saveNaively(world, writes))).toBe(false)
  })
  test('ours does not', async () => {
    const writes = createWrites(world)
    expect(await passes(world, writes, saveOptimistically(world, writes))).toBe(true)
  })
})
