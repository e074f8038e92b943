// Shows when queries poll while the hub cannot keep them: how soon, how often, who, and that nothing is left of it when the hub is back.
import { platform } from '@sse-hub/core'
import { focusManager, onlineManager } from '@tanstack/query-core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Browser, createBrowser, INTERVAL_MS, type Tab, type TabOptions } from './testing/tabs.ts'

let browser: Browser
beforeEach(() => {
  browser = createBrowser()
})
afterEach(() => {
  vi.useRealTimers()
  browser.close()
  focusManager.setFocused(undefined)
  onlineManager.setOnline(true)
})

const pass = (ms: number) => browser.clock.advance(ms)
/** When the API was asked since then, and by a tab. */
const since = (at: number) => browser.asked.filter((one) => one.at >= at).map((one) => one.at - at)

/** A tab whose query has been live for a while, long enough for all that is loaded late. */
async function liveTab(options?: TabOptions, query?: object, topics?: readonly string[]): Promise<Tab> {
  const tab = browser.open(options)
  tab.mount(query, topics)
  await pass(100)
  tab.live()
  await vi.waitFor(() => import('./fallback.ts'))
  await pass(30_000)
  return tab
}

const now = () => browser.clock.now()

test.each([
  [0, 300],
  [0.5, 400],
  [0.999, 500],
])('who loses the hub polls within a second, at random (%s)', async (chance, ms) => {
  const tab = await liveTab({ chance })
  const lostAt = now()
  tab.down('ended', 800)
  await pass(1_000)
  expect(since(lostAt)).toHaveLength(1)
  expect(since(lostAt)[0]).toBeCloseTo(ms, -1)
})

test('a stream that has been silent for too long, at once', async () => {
  const tab = await liveTab()
  const lostAt = now()
  tab.down('timeout')
  await pass(1)
  expect(since(lostAt)).toEqual([0])
})

test.each(['stopped', 'down'] as const)('a client that is %s is a loss', async (how) => {
  const tab = await liveTab()
  const lostAt = now()
  tab[how]()
  await pass(1_000)
  expect(since(lostAt)).toEqual([400])
})

test.each([
  ['a short wait', 1_000, 0.5, 2_550],
  ['at once', 0, 0, 300],
  ['a long wait', 30_000, 0.999, 4_797.5],
])('a hub that says good-bye with %s is waited for, up to five seconds', async (_, byeMs, chance, ms) => {
  const tab = await liveTab({ chance })
  const lostAt = now()
  tab.down('disabled', byeMs, { byeMs })
  await pass(5_000)
  expect(since(lostAt)).toEqual([ms])
})

test('a blip that is over within a moment costs no request, and leaves no timer', async () => {
  const tab = await liveTab()
  const lostAt = now()
  tab.down('ended', 200)
  await pass(200)
  tab.connecting()
  await pass(50)
  tab.live()
  await pass(0)
  expect(browser.clock.pending()).toBe(0)
  await pass(60_000)
  expect(since(lostAt)).toEqual([])
})

test('nor does the exchange of a stream; one that takes long is polled for after one interval', async () => {
  const tab = await liveTab()
  const lostAt = now()
  tab.connecting()
  await pass(9_000)
  expect(since(lostAt)).toEqual([])
  await pass(2_000)
  expect(since(lostAt)).toEqual([10_000])
})

test('an exchange that fails is a loss from then on, and further failures are the same loss', async () => {
  const tab = await liveTab()
  const lostAt = now()
  tab.connecting()
  await pass(2_000)
  for (let n = 0; n < 5; n++) {
    tab.down()
    await pass(1_000)
    tab.connecting()
    await pass(200)
  }
  expect(since(lostAt)).toEqual([2_400])
})

test('a query whose topics are lost one after the other is lost from the last on', async () => {
  const tab = await liveTab({}, {}, ['board:7', 'board:8'])
  tab.refused.add('board:8')
  tab.live()
  await pass(5_000)
  const lostAt = now()
  tab.down()
  await pass(2_000)
  expect(since(lostAt)).toEqual([400])
})

test('a hub that comes and goes is polled for no more often than the interval says', async () => {
  const tab = await liveTab()
  const lostAt = now()
  for (let n = 0; n < 30; n++) {
    tab.down('ended', 800)
    await pass(1_500)
    tab.live()
    await pass(500)
  }
  expect(since(lostAt)).toEqual([400, 10_400, 20_400, 30_400, 40_400, 50_400])
})

test('what the hub refuses when it is back was lost for good: its polls keep to the interval', async () => {
  const tab = await liveTab()
  const lostAt = now()
  tab.down('revoked', 1_000, { byeMs: 1_000 })
  await pass(1_000)
  tab.refused.add('board:7')
  tab.live()
  await pass(20_500)
  expect(since(lostAt)).toEqual([10_000, 17_500])
})

test('the second poll comes up to half an interval sooner, at random; from then on it is the interval', async () => {
  const tab = await liveTab({ chance: 0.6 })
  const lostAt = now()
  tab.down()
  await pass(40_000)
  expect(since(lostAt).map(Math.round)).toEqual([420, 7_420, 17_420, 27_420, 37_420])
})

test('polls that fail go on at their interval', async () => {
  const tab = await liveTab({ chance: 0 })
  browser.api.fails = true
  const lostAt = now()
  tab.down()
  await pass(25_000)
  expect(since(lostAt)).toEqual([300, 10_300, 20_300])
})

test('a query that was never live was read just now: its first poll comes after one interval', async () => {
  const tab = browser.open()
  tab.down()
  tab.mount()
  await pass(9_000)
  expect(browser.asked).toHaveLength(1)
  await pass(2_000)
  expect(browser.asked).toHaveLength(2)
})

test('a query without an interval does not poll', async () => {
  const tab = await liveTab({}, { queryKey: ['others'], queryFn: async () => [] })
  const lostAt = now()
  tab.down()
  await pass(60_000)
  expect(since(lostAt)).toEqual([])
})

test.each([0, Number.POSITIVE_INFINITY, Number.NaN, -1])('an interval of %s polls nothing', async (refetchInterval) => {
  const { liveQueryOptions } = await import('./live.ts')
  const tab = await liveTab(
    {},
    liveQueryOptions({
      queryKey: ['odd'],
      queryFn: async () => 1,
      topic: 'board:7' as never,
      on: {},
      fallback: { refetchInterval },
    }),
  )
  const lostAt = now()
  tab.down()
  await pass(60_000)
  expect(since(lostAt)).toEqual([])
  expect(browser.clock.pending()).toBe(0)
})

test.each([
  ['hidden', (on: boolean) => focusManager.setFocused(on)],
  ['offline', (on: boolean) => onlineManager.setOnline(on)],
] as const)('a page that is %s has no timer, and polls when it is back if it is time', async (_, turn) => {
  const tab = await liveTab({ chance: 0 }, { refetchOnWindowFocus: false, refetchOnReconnect: false })
  tab.down()
  await pass(1_000)
  turn(false)
  // What would have told the client to try sooner finds nobody who waits.
  await pass(3_000)
  expect(browser.clock.pending()).toBe(0)
  const { length } = browser.asked
  await pass(26_000)
  expect(browser.asked).toHaveLength(length)
  const backAt = now()
  turn(true)
  await pass(12_000)
  expect(since(backAt)).toEqual([0, 10_000])
})

test('nobody looks: no poll', async () => {
  const tab = browser.open()
  const unmount = tab.mount()
  await pass(100)
  tab.live()
  await pass(1_000)
  const lostAt = now()
  tab.down()
  unmount()
  await pass(60_000)
  expect(since(lostAt)).toEqual([])
})

test('while the hub is up there are no requests and no timers, also after an outage', async () => {
  const tab = await liveTab()
  expect(browser.clock.pending()).toBe(0)
  tab.down()
  await pass(25_000)
  tab.live()
  await pass(0)
  expect(browser.clock.pending()).toBe(0)
  const backAt = now()
  await pass(3_600_000)
  expect(since(backAt)).toEqual([])
  expect(browser.channels()).toEqual([])
})

test('who waits for the hub has the client try sooner than it would by itself: a second, and a twentieth of the outage', async () => {
  const tab = await liveTab({ chance: 0 })
  const lostAt = now()
  const gaps: number[] = []
  let last = lostAt
  tab.down('network', 30_000)
  while (now() < lostAt + 120_000) {
    const { length } = tab.starts
    await pass(100)
    if (tab.starts.length === length) continue
    gaps.push(now() - last)
    expect(now() - last).toBeLessThanOrEqual(1_100 + (last - lostAt) / 20)
    last = now()
    tab.connecting()
    tab.down('network', 30_000)
  }
  expect(gaps.length).toBeGreaterThan(30)
  expect(gaps.length).toBeLessThan(45)
})

test.each([
  ['has said when it is back', { byeMs: 20_000 }],
  ['has asked for time', { retryAfterMs: 20_000 }],
] as const)('but not where the hub %s', async (_, details) => {
  const tab = await liveTab()
  tab.down('overloaded', 20_000, details)
  await pass(60_000)
  expect(tab.starts).toEqual([])
})

test('nor where it says so meanwhile', async () => {
  const tab = await liveTab()
  tab.down('network', 30_000)
  await pass(100)
  tab.down('overloaded', 20_000, { byeMs: 20_000 })
  await pass(60_000)
  expect(tab.starts).toEqual([])
})

test('nor where the client tries sooner by itself', async () => {
  const tab = await liveTab()
  tab.down('network', 700)
  await pass(60_000)
  expect(tab.starts).toEqual([])
})

test('nor where nobody waits, or the client has given up, or is at it', async () => {
  const tab = await liveTab()
  tab.stopped()
  await pass(60_000)
  tab.live()
  focusManager.setFocused(false)
  tab.down('network', 30_000)
  await pass(0)
  expect(browser.clock.pending()).toBe(0)
  await pass(60_000)
  focusManager.setFocused(true)
  tab.live()
  tab.down('network', 30_000)
  tab.connecting()
  await pass(60_000)
  expect(tab.starts).toEqual([])
})

test('one call reverts to plain polling, and another back', async () => {
  const tab = await liveTab()
  expect([...tab.topics]).toEqual(['board:7'])
  const offAt = now()
  tab.connection.setLive(false)
  await pass(1_000)
  expect(since(offAt)).toEqual([400])
  expect([...tab.topics]).toEqual([])
  await pass(INTERVAL_MS * 3)
  expect(since(offAt)).toHaveLength(4)
  tab.connection.setLive(true)
  await pass(0)
  expect([...tab.topics]).toEqual(['board:7'])
  tab.live()
  const onAt = now()
  await pass(60_000)
  // The answer of the last poll said its cursor: the stream goes on from there.
  expect(since(onAt)).toEqual([])
  expect(browser.clock.pending()).toBe(0)
})

test('what begins with plain polling subscribes to nothing', async () => {
  const tab = browser.open({ live: false })
  tab.mount()
  await pass(25_000)
  expect([...tab.topics]).toEqual([])
  expect(browser.asked.map(({ at }) => at)).toEqual([0, 10_000, 20_000])
})

test('the hub’s state is nothing to plain polling', async () => {
  const tab = await liveTab({ chance: 0 })
  tab.connection.setLive(false)
  const offAt = now()
  await pass(1_000)
  tab.down('network', 30_000)
  await pass(100)
  // The next poll, and nothing else.
  expect(browser.clock.pending()).toBe(1)
  await pass(5_000)
  // The application still hears the topic by itself.
  tab.topics.add('board:7')
  tab.live()
  await pass(20_000)
  expect(since(offAt)).toEqual([300, 10_300, 20_300])
  expect(tab.starts).toEqual([])
})

test('polls are counted: done, and those that the hub made needless', async () => {
  const tab = await liveTab({ chance: 0 })
  expect(tab.connection.polls()).toEqual({ done: 0, shared: 0, avoided: 3 })
  tab.down()
  await pass(25_000)
  expect(tab.connection.polls()).toEqual({ done: 3, shared: 0, avoided: 3 })
  tab.live()
  await pass(35_000)
  expect(tab.connection.polls()).toEqual({ done: 3, shared: 0, avoided: 6 })
  // Nobody would have polled for a page that is hidden.
  focusManager.setFocused(false)
  await pass(35_000)
  focusManager.setFocused(true)
  await pass(15_000)
  expect(tab.connection.polls()).toEqual({ done: 3, shared: 0, avoided: 7 })
})

test('when it is disconnected nothing is left', async () => {
  const tab = await liveTab()
  tab.down()
  await pass(500)
  tab.connection()
  expect(browser.channels()).toEqual([])
  tab.queryClient.unmount()
  expect([focusManager.hasListeners(), onlineManager.hasListeners()]).toEqual([false, false])
  const endedAt = now()
  await pass(60_000)
  expect(since(endedAt + 1)).toEqual([])
  expect(browser.clock.pending()).toBe(0)
})

test('a wait beyond what a timer can hold is as long as it can be, and not over at once', () => {
  vi.useFakeTimers()
  const called = vi.fn()
  platform.clock.after(2 ** 31, called)
  platform.clock.after(Number.POSITIVE_INFINITY, called)
  vi.advanceTimersByTime(1_000_000)
  expect(called).not.toHaveBeenCalled()
})

test('a query that is taken out of the cache is not polled any more, even while it is observed', async () => {
  const tab = await liveTab()
  tab.down()
  await pass(600)
  tab.queryClient.getQueryCache().clear()
  await pass(0)
  const clearedAt = now()
  await pass(60_000)
  expect(since(clearedAt)).toEqual([])
})

test('a poll that hangs does not end them', async () => {
  const tab = await liveTab({ chance: 0 })
  const lostAt = now()
  Object.assign(browser.api, { ms: 3_600_000, data: [{ id: 'never' }] })
  tab.down()
  await pass(1_000)
  Object.assign(browser.api, { ms: 20, data: [{ id: 'b' }] })
  await pass(30_000)
  expect(tab.data()).toEqual([{ id: 'b' }])
  expect(since(lostAt).length).toBeGreaterThanOrEqual(2)
})
