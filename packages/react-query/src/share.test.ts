// Shows that one tab polls for all, that what the others take is as good as their own, and that nobody is given what is not theirs.
import { InfiniteQueryObserver, MutationObserver } from '@tanstack/query-core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { hubMutationOptions } from './mutation.ts'
import { type Browser, createBrowser, type Tab, type TabOptions } from './testing/tabs.ts'
import { liveInfiniteQueryOptions } from './testing/world.ts'

let browser: Browser
beforeEach(() => {
  browser = createBrowser()
})
afterEach(() => browser.close())

const pass = (ms: number) => browser.clock.advance(ms)
const NAME = 'sse-hub polls ["/api/sse","u1","[\\"cards\\"]"]'

/** Tabs that have been live for a while, and have just lost the hub. */
async function lostTabs(...options: readonly TabOptions[]): Promise<Tab[]> {
  const tabs = options.map((each) => browser.open(each))
  for (const tab of tabs) tab.mount()
  await pass(100)
  for (const tab of tabs) tab.live()
  await vi.waitFor(() => import('./fallback.ts'))
  await pass(1_000)
  browser.asked.length = 0
  browser.api.data = [{ id: 'new' }]
  for (const tab of tabs) tab.down()
  return tabs
}
const asked = (tab: number) => browser.asked.filter((one) => one.tab === tab).length

test('one tab asks, and all have the answer', async () => {
  const tabs = await lostTabs({ chance: 0 }, { chance: 0.3 }, { chance: 0.9 })
  await pass(45_000)
  expect([asked(0), asked(1), asked(2)]).toEqual([5, 0, 0])
  for (const tab of tabs) expect(tab.data()).toEqual([{ id: 'new' }])
  expect(tabs.map(({ connection }) => connection.polls())).toMatchObject([
    { done: 5, shared: 0 },
    { done: 0, shared: 5 },
    { done: 0, shared: 5 },
  ])
})

test('two whose time has come at once agree on who asks', async () => {
  await lostTabs({ chance: 0.5 }, { chance: 0.5 })
  await pass(45_000)
  expect(browser.asked.length).toBe(5)
})

test('whoever is answered before the lock comes does not ask', async () => {
  const request = (name: string, _: LockOptions, callback: (lock: unknown) => unknown) =>
    new Promise((resolve) => void browser.clock.after(100, () => resolve(callback({ name }))))
  const late = { ...browser.tabs, locks: { request } as unknown as LockManager }
  browser.api.ms = 100
  const [, second] = await lostTabs({ chance: 0 }, { chance: 0.1, tabs: late })
  await pass(5_000)
  expect([asked(0), asked(1)]).toEqual([1, 0])
  expect(second?.data()).toEqual([{ id: 'new' }])
})

/** A browser that gives locks when it is told to. */
function slowTabs() {
  const waiting: (() => void)[] = []
  const request = (name: string, _: LockOptions, callback: (lock: unknown) => unknown) =>
    new Promise((resolve) => waiting.push(() => resolve(callback({ name }))))
  return { waiting, tabs: { ...browser.tabs, locks: { request } as unknown as LockManager } }
}

test('a poll that waits for its lock while the hub is back for a part of its topics is not put off by an interval', async () => {
  const { tabs, waiting } = slowTabs()
  const tab = browser.open({ tabs })
  tab.refused.add('board:8')
  tab.mount({}, ['board:7', 'board:8'])
  await pass(100)
  tab.live()
  await vi.waitFor(() => import('./fallback.ts'))
  await pass(1_000)
  tab.down()
  await pass(10_000)
  expect([asked(0), waiting.length]).toEqual([1, 1])
  tab.live()
  await pass(100)
  expect(asked(0)).toBe(2)
  waiting[0]?.()
  await pass(9_800)
  expect(asked(0)).toBe(2)
  await pass(200)
  expect(asked(0)).toBe(3)
})

test('whoever had to wait for the lock, as a tab that was frozen, polls again an interval after it had it', async () => {
  const { tabs, waiting } = slowTabs()
  await lostTabs({ tabs })
  await pass(8_000)
  expect([asked(0), waiting.length]).toEqual([0, 1])
  waiting[0]?.()
  // Less a part of it: whoever lost the hub together goes on at different times.
  await pass(7_400)
  expect([asked(0), waiting.length]).toEqual([1, 1])
  await pass(200)
  expect(waiting.length).toBe(2)
})

test.each([
  ['users', { user: 'u2' }],
  ['hubs', { url: '/other' }],
] as const)('two %s never read each other’s answers', async (_, other) => {
  const [, second] = await lostTabs({ chance: 0 }, { chance: 0.5, ...other })
  browser.api.ms = 200
  await pass(2_000)
  expect([asked(0), asked(1)]).toEqual([1, 1])
  expect(second?.connection.polls().shared).toBe(0)
})

test('nor do those of one user and of whoever has signed in since, whose topic is refused all the while', async () => {
  const [tab, other] = [browser.open(), browser.open({ chance: 0.9 })]
  for (const each of [tab, other]) {
    each.refused.add('board:7')
    each.mount()
  }
  await pass(100)
  for (const each of [tab, other]) each.live()
  await vi.waitFor(() => import('./fallback.ts'))
  await pass(21_000)
  expect(browser.channels()).toEqual([NAME, NAME])
  tab.connecting()
  await pass(20)
  tab.live('u2')
  browser.api.data = [{ id: 'secret of u2' }]
  await pass(30_000)
  expect(browser.channels().toSorted()).toEqual([NAME, NAME.replace('u1', 'u2')])
})

test('nor do those whom nobody knows', async () => {
  await lostTabs({ chance: 0, user: null }, { chance: 0.5, user: null })
  await pass(2_000)
  expect([asked(0), asked(1)]).toEqual([1, 1])
  expect(browser.channels()).toEqual([])
})

test('where tabs cannot talk, or have no locks, each polls for itself', async () => {
  await lostTabs({ chance: 0, tabs: null }, { chance: 0.5, tabs: { ...browser.tabs, locks: undefined } })
  await pass(2_000)
  expect([asked(0), asked(1)]).toEqual([1, 1])
})

test('what still hears events of a part of its topics shares nothing: an answer could take them back', async () => {
  const tabs = [browser.open({ chance: 0 }), browser.open({ chance: 0.5 })]
  for (const tab of tabs) {
    tab.refused.add('board:8')
    tab.mount({}, ['board:7', 'board:8'])
  }
  await pass(100)
  for (const tab of tabs) tab.live()
  await pass(11_000)
  expect(browser.channels()).toEqual([])
  // Each was read once, and polled once.
  expect([asked(0), asked(1)]).toEqual([2, 2])
  for (const tab of tabs) tab.down()
  await pass(100)
  expect(browser.channels()).toHaveLength(2)
})

test('a tab that asks no more is followed by another within an interval and a fifth', async () => {
  const [first, second] = await lostTabs({ chance: 0 }, { chance: 0.5 })
  await pass(1_000)
  expect([asked(0), asked(1)]).toEqual([1, 0])
  first?.connection()
  await pass(11_500)
  expect([asked(0), asked(1)]).toEqual([1, 1])
  expect(second?.data()).toEqual([{ id: 'new' }])
})

test('a tab that was frozen while it asked holds nobody up for long', async () => {
  browser.freeze(NAME)
  await lostTabs({ chance: 0 })
  await pass(2_000)
  expect(asked(0)).toBe(0)
  await pass(1_000)
  expect(asked(0)).toBe(1)
})

test('a browser that refuses locks keeps nobody from polling', async () => {
  const request = () => Promise.reject(new DOMException('The document is not active.', 'InvalidStateError'))
  await lostTabs({ chance: 0, tabs: { ...browser.tabs, locks: { request } as unknown as LockManager } })
  await pass(12_000)
  expect(asked(0)).toBe(2)
})

test('polls that fail free the way for the others', async () => {
  const [first, second] = await lostTabs({ chance: 0 }, { chance: 0.5 })
  browser.api.fails = true
  await pass(7_000)
  expect([asked(0), asked(1)]).toEqual([1, 1])
  browser.api.fails = false
  await pass(13_000)
  expect(first?.data()).toEqual([{ id: 'new' }])
  expect(second?.data()).toEqual([{ id: 'new' }])
})

test.each([
  ['a function', () => [{ id: 'f', open() {} }]],
  ['an instance of a class', () => [{ id: 'd', at: new Date(0) }]],
])('%s is handed to nobody: it is said once, and each polls', async (_, make) => {
  const [first, second] = await lostTabs({ chance: 0 }, { chance: 0.5 })
  browser.api.data = make()
  await pass(25_000)
  expect(asked(0)).toBeGreaterThan(1)
  expect(asked(1)).toBeGreaterThan(1)
  expect(second?.connection.polls().shared).toBe(0)
  expect(first?.reports).toMatchObject([{ during: 'share', queryKey: ['cards'] }])
  expect(second?.reports).toMatchObject([{ during: 'share', queryKey: ['cards'] }])
})

test('what was asked for before this tab lost the hub does not take it back', async () => {
  const [, second] = await lostTabs({ chance: 0 }, { chance: 0.5 })
  second?.live()
  browser.api.ms = 2_000
  await pass(1_000)
  const at = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 1_000)
  // As an event does whose query is not sure to be whole.
  second?.queryClient.setQueryData(['cards'], [{ id: 'newer, by an event' }], { updatedAt: 1 })
  second?.down()
  await pass(1_500)
  at.mockRestore()
  expect(browser.channels().length).toBe(2)
  expect(second?.data()).toEqual([{ id: 'newer, by an event' }])
})

test('nor does what was asked for before the data was written here', async () => {
  const [, second] = await lostTabs({ chance: 0 }, { chance: 0.9 })
  second?.queryClient.setQueryData(['cards'], [{ id: 'mine' }], { updatedAt: Date.now() + 60_000 })
  await pass(400)
  expect(asked(0)).toBe(1)
  expect(second?.data()).toEqual([{ id: 'mine' }])
})

test('nor what comes while this tab asks by itself', async () => {
  const [, second] = await lostTabs({ chance: 0 }, { chance: 0.9 })
  await pass(310)
  Object.assign(browser.api, { data: [{ id: 'by itself' }], ms: 3_000 })
  void second?.queryClient.refetchQueries()
  await pass(200)
  expect(second?.data()).toEqual([{ id: 'a' }])
  await pass(3_000)
  expect(second?.data()).toEqual([{ id: 'by itself' }])
  expect(second?.connection.polls().shared).toBe(0)
})

test('nor what another tab asked for before the server had done what is pending here', async () => {
  const [first, second] = await lostTabs({ chance: 0 }, { chance: 0.9 })
  const { queryClient } = second as Tab
  const move = hubMutationOptions({
    async mutationFn(column: string) {
      await new Promise<void>((resolve) => void browser.clock.after(100, resolve))
      browser.api.data = [{ id: 'a', column }]
    },
    optimistic: (column) => ({ type: 'card.moved', topic: 'board:7', data: { id: 'a', column } }) as never,
  })
  browser.api.data = [{ id: 'a', column: 'todo' }]
  browser.api.ms = 200
  await pass(250)
  new MutationObserver(queryClient, move).mutate('done').catch(() => {})
  for (let i = 0; i < 200; i++) {
    await pass(100)
    expect(second?.data()).toMatchObject([{ id: 'a', column: 'done' }])
  }
  // It is asked for by itself, for that, and shared again from then on.
  expect(asked(1)).toBeLessThanOrEqual(2)
  expect(first?.connection.polls().shared).toBeGreaterThan(0)
})

test('an answer that was under way already is older than it looks, and handed to nobody', async () => {
  const [first, second] = await lostTabs({ chance: 0 }, { chance: 0.9 })
  browser.api.ms = 350
  void first?.queryClient.refetchQueries()
  await pass(600)
  expect(first?.data()).toEqual([{ id: 'new' }])
  expect(second?.data()).toEqual([{ id: 'a' }])
})

test('the cursor of an answer is handed on with it: the stream goes on from there', async () => {
  const [, second] = await lostTabs({ chance: 0 }, { chance: 0.9 })
  await pass(2_000)
  expect(second?.connection.polls().shared).toBe(1)
  second?.connection.setLive(false)
  await pass(12_000)
  expect([asked(1), second?.connection.polls().shared]).toEqual([0, 2])
  second?.connection.setLive(true)
  await pass(0)
  expect(second?.afters.at(-1)).toBe('e1:1')
})

test('an infinite query is handed on as a whole', async () => {
  const tabs = [browser.open({ chance: 0 }), browser.open({ chance: 0.9 })]
  const { liveQueryOptions } = await import('./live.ts')
  let reads = 0
  for (const { queryClient } of tabs) {
    const options = {
      ...liveQueryOptions({
        queryKey: ['pages'],
        queryFn: async (): Promise<unknown> => [`page ${reads++}`],
        topic: 'board:7' as never,
        on: {},
        fallback: { refetchInterval: 10_000 },
      }),
      initialPageParam: 0,
      getNextPageParam: () => 1,
    }
    const observer = new InfiniteQueryObserver(queryClient, options as never)
    observer.subscribe(() => {})
    await pass(100)
    await observer.fetchNextPage()
  }
  for (const tab of tabs) tab.live()
  await pass(1_000)
  for (const tab of tabs) tab.down()
  reads = 10
  await pass(2_000)
  expect(reads).toBe(12)
  const pages = { pageParams: [0, 1], pages: [['page 10'], ['page 11']] }
  for (const { queryClient } of tabs) expect(queryClient.getQueryData(['pages'])).toEqual(pages)
})

test('but not to a tab that has loaded other pages of it, which polls for itself', async () => {
  const tabs = [browser.open({ chance: 0 }), browser.open({ chance: 0.9 })]
  const observers = tabs.map(({ queryClient }, tab) => {
    const options = liveInfiniteQueryOptions({
      queryKey: ['pages'],
      async queryFn({ pageParam }) {
        browser.asked.push({ tab, at: browser.clock.now() })
        return [`page ${pageParam}`]
      },
      initialPageParam: 0,
      getNextPageParam: (_, all) => all.length,
      topic: 'board:7',
      on: {},
      fallback: { refetchInterval: 10_000 },
    })
    const observer = new InfiniteQueryObserver(queryClient, options)
    observer.subscribe(() => {})
    return observer
  })
  await pass(100)
  for (let page = 0; page < 3; page++) await Promise.all([observers[1]?.fetchNextPage(), pass(100)])
  for (const tab of tabs) tab.live()
  await vi.waitFor(() => import('./fallback.ts'))
  await pass(1_000)
  for (const tab of tabs) tab.down()
  browser.asked.length = 0
  await pass(60_000)
  expect(observers.map((observer) => observer.getCurrentResult().data?.pages.length)).toEqual([1, 4])
  expect(asked(0)).toBeGreaterThan(4)
  expect(asked(1)).toBeGreaterThan(4 * 4)
})
