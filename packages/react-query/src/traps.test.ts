// Shows each trap of TanStack Query that a binding must know: the naive one beside ours falls into every one of them.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { liveOf } from './live.ts'
import { REFETCH } from './reducers.ts'
import { connect, createWorld, type World } from './testing/world.ts'

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
