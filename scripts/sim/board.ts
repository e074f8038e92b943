// What a page of the simulated application keeps in its query cache: lists as live queries over the real client, and the mutations that change them.
import type { HubClient, Tabs } from '@sse-hub/core'
import { createHubQuery, invalidate, patch, remove, upsert, withCursor } from '@sse-hub/react-query'
import {
  focusManager,
  InfiniteQueryObserver,
  MutationObserver,
  notifyManager,
  onlineManager,
  type Query,
  QueryClient,
  QueryObserver,
} from '@tanstack/query-core'
import { observeQueries } from '../../packages/react-query/src/activity.ts'
import type { Cursors } from './config.ts'
import type { contract, Item } from './contract.ts'
import type { Happening, History } from './history.ts'
import type { Host } from './host.ts'
import { type Fate, type Lists, send, type Write } from './lists.ts'
import type { Chance } from './random.ts'
import { type ProcessClock, sleep } from './time.ts'

/** What a board needs of its page. */
export interface BoardOptions {
  readonly page: number
  readonly lists: Lists
  /** The topics of all lists. */
  readonly topics: readonly string[]
  readonly tagged: boolean
  readonly cursors: Cursors
  readonly client: HubClient<typeof contract>
  readonly host: Host
  /** The clock of the server, and that of the page. */
  readonly world: ProcessClock
  readonly clock: ProcessClock
  readonly chance: Chance
  /** The other tabs of its browser; undefined where there are none. */
  readonly tabs: Tabs | undefined
  readonly history: History
  /** What focus and network look like to the page. */
  readonly window: EventTarget
}

/** What a query shows: one list; page by page; or all lists as one. */
export type View = 'list' | 'pages' | 'all'
/** What a person, or a bit of the application, does to the whole cache. */
export type Act = 'refetch' | 'cancel' | 'invalidate' | 'focus' | 'forget'

/** A mutation, planned: which of the items that are shown, as a fraction. */
export interface Change {
  readonly to: 'create' | 'edit' | 'place' | 'move' | 'delete'
  readonly list: string
  readonly which: number
  readonly text: string
  readonly fate: Fate
  readonly retry: number
  /** Whether the answer says what was done. */
  readonly says: boolean
}

/** The queries of one page. */
export interface Board {
  mount(view: View, list: string, gcMs: number): void
  unmount(which: number): void
  /** Asks for one more page, where somebody looks at pages. */
  more(which: number, cancels: boolean): void
  change(change: Change): void
  act(act: Act): void
  turn(turn: 'online' | 'offline' | 'seen' | 'hidden'): void
  /** A person loads anew what was cancelled before it had anything to show. */
  load(): void
  restless(): string | undefined
  /** Writes down what it shows, and what it should. */
  compare(): void
  /** The page is gone. */
  end(): void
}

interface Pages {
  readonly pages: readonly (readonly Item[])[]
  readonly pageParams: readonly number[]
}

const PAGES = 3
const PENDING = Number.MAX_SAFE_INTEGER
const identity = { id: (item: Pick<Item, 'id'>) => item.id, version: (item: Pick<Item, 'version'>) => item.version }
const save = upsert(identity)
const edit = patch(identity)
const drop = remove(identity)
/** The page that an item is on; one that the server has not named yet is on none. */
const pageOf = ({ id }: { readonly id: string }) => (/^c\d+$/.test(id) ? Number(id.slice(1)) % PAGES : undefined)
const byId = (a: Item, b: Item) => (a.id < b.id ? -1 : 1)
const line = ({ id, title, column, version }: Item) => `${id} "${title}" ${column} v${version}`

const { liveQueryOptions, hubMutationOptions, connectQueries } = createHubQuery<typeof contract>()
type Topic = `list:${string}`

/** A write, with the item as it is shown. */
type Asked = Write & { readonly item?: Item }

/** What a mutation will cause, as far as the page knows, or the server's answer tells. */
function eventsOf(write: Write, id: string, item: Partial<Item> & Pick<Item, 'version'>) {
  const topic = write.list as Topic
  const given = item as Item
  if (write.to === 'create') {
    const made = { id, title: write.title, column: 0, made: write.made, ...item }
    return { type: 'item.saved' as const, topic, data: made }
  }
  if (write.to === 'edit' || write.to === 'place') {
    const { to: _, list: __, ...change } = write
    return { type: 'item.edited' as const, topic, data: { ...change, version: item.version } }
  }
  const away = { type: 'item.deleted' as const, topic, data: { id: given.id, version: item.version } }
  if (write.to !== 'move') return away
  return [away, { type: 'item.saved' as const, topic: write.other as Topic, data: given }]
}

/** Opens the queries of a page. */
export function openBoard(options: BoardOptions): Board {
  const {
    page,
    lists,
    topics,
    tagged,
    cursors,
    client,
    host,
    world,
    clock,
    chance,
    tabs = null,
    history,
    window,
  } = options
  const dice = chance.fork('board')
  let ended = false
  let fetches = 0
  let changes = 0
  let mounts = 0
  const record = (happening: Happening) => {
    if (!ended) history.record(happening)
  }

  /** Reads some lists, as a `fetch` to REST would. */
  const read = async (query: string, of: readonly string[], select = (_item: Item) => true): Promise<Item[]> => {
    const number = ++fetches
    record({ what: 'fetch', page, query, number })
    const slow = dice.maybe(0.2)
    const wait = () => sleep(clock, dice.between(1, slow ? 1_500 : 60))
    await wait()
    const early = cursors === 'before' ? await host.call((hub) => hub.cursor()).catch(() => undefined) : undefined
    if (early) await wait()
    const { items, cursor } = await lists.read(of)
    const fails = lists.isFailing()
    await wait()
    if (fails) record({ what: 'fetched', page, query, number, ok: false })
    if (fails) throw new Error('503: REST does not answer')
    const isSaid = cursors === 'snapshot' || (cursors === 'some' && dice.maybe(0.5))
    const said = isSaid ? cursor : early
    record({ what: 'fetched', page, query, number, ok: true, ...(said ? { cursor: said } : {}) })
    return withCursor(items.filter(select), said)
  }

  const each =
    <E extends { readonly data: { readonly id: string } }, T>(reduce: (page: Item[], event: E, graves: T) => Item[]) =>
    (old: unknown, event: E, graves: T): unknown => {
      const { pages, pageParams } = old as Pages
      const at = pageParams.indexOf(pageOf(event.data) ?? -1)
      return { pageParams, pages: pages.map((page, index) => (index === at ? reduce([...page], event, graves) : page)) }
    }
  const queryOf = (view: View, list: string, gcTime: number) => {
    const more = { gcTime, retry: 1, retryDelay: 300, fallback: { refetchInterval: 10_000 } }
    if (view === 'pages')
      return {
        ...liveQueryOptions({
          ...more,
          queryKey: ['pages', list],
          queryFn: (context): Promise<unknown> => {
            const { pageParam } = context as unknown as { readonly pageParam: number }
            return read(`pages ${list}`, [list], (item) => pageOf(item) === pageParam)
          },
          topic: list as Topic,
          on: {
            'item.saved': each(save),
            'item.edited': each(edit),
            'item.deleted': each(drop),
            'list.changed': invalidate(),
          },
        }),
        initialPageParam: 0,
        getNextPageParam: (_: unknown, all: readonly unknown[]) => (all.length < PAGES ? all.length : undefined),
      }
    const of = view === 'all' ? topics : [list]
    const queryKey = view === 'all' ? ['all'] : ['list', list]
    return liveQueryOptions({
      ...more,
      queryKey,
      queryFn: () => read(queryKey.join(' '), of),
      topic: of as readonly Topic[],
      on: { 'item.saved': save, 'item.edited': edit, 'item.deleted': drop, 'list.changed': invalidate() },
    })
  }
  const mutationOf = ({ fate, retry, says }: Change) =>
    hubMutationOptions({
      retry,
      retryDelay: 300,
      mutationFn: (write: Asked, { id }) => {
        const { item: _, ...asked } = write
        return send(world, clock, fate, () => lists.write(asked as Write, { id, tagged }))
      },
      optimistic: (write, { id }) => {
        const of = write.to === 'move' ? [write.list, write.other] : [write.list]
        record({ what: 'change', page, id, write: write.to, lists: of, ...(write.item ? { item: write.item.id } : {}) })
        // What nobody has confirmed is never taken for a state of the server's.
        return eventsOf(write, id, { ...write.item, version: write.item ? PENDING : 0 })
      },
      response: (item, write, { id }) => (says ? eventsOf(write, id, item) : undefined),
      onSettled: (_data, error, _write, made) => {
        if (made) record({ what: 'changed', page, id: made.id, ok: !error })
      },
    })

  // What pages have made of the network and the focus before was another page's.
  onlineManager.setOnline(true)
  focusManager.setFocused(true)
  const queryClient = new QueryClient()
  queryClient.mount()
  // What TanStack Query reads again by itself, it does once all that was paused is over.
  const cache = queryClient.getQueryCache()
  const again = (why: string, read: () => void) => () => {
    for (const query of queries())
      if (query.state.fetchStatus === 'paused')
        record({ what: 'asked', page, query: nameOf(query), why: 'it was paused' })
    record({ what: 'asked', page, why })
    read()
  }
  cache.onFocus = again('focus', cache.onFocus.bind(cache))
  cache.onOnline = again('reconnect', cache.onOnline.bind(cache))
  const unobserve = observeQueries((activity) => {
    if (activity.kind !== 'poll') return
    const { pages } = (activity.query.state.data ?? {}) as Partial<Pages>
    record({ what: 'poll', page, query: nameOf(activity.query), ...(pages ? { pages: pages.length } : {}) })
  })
  const disconnect = connectQueries({
    client,
    queryClient,
    tabs: tabs && tapped(tabs),
    clock,
    random: { next: chance.fork('polls').next },
    lingerMs: dice.pick([0, 200, 1_000]),
    onReport({ during, error, queryKey }) {
      // While the hub changes its log, answers may be of another.
      const expected = during === 'read'
      record({ what: 'report', from: `page ${page}`, during: `${during} ${queryKey}`, error: String(error), expected })
    },
  })
  const looking = new Map<number, { readonly observer: QueryObserver; readonly query: string; stop(): void }>()
  const nameOf = ({ queryKey }: Pick<Query, 'queryKey'>) => queryKey.join(' ')
  const flat = (data: unknown) => ((data as Partial<Pages>)?.pages?.flat() ?? data) as readonly Item[]
  const last = new Map<string, unknown>()
  const show = (query: string, data: unknown) => {
    if (last.get(query) === data) return
    last.set(query, data)
    const items = data === undefined ? [] : [...flat(data)]
    record({ what: 'shown', page, query, items: items.map(({ id, version, made }) => [id, version, made] as const) })
  }
  const queries = () => cache.getAll()

  return {
    mount(view, list, gcMs) {
      if (looking.size >= 6) return
      const number = ++mounts
      const query = queryOf(view, list, gcMs)
      const name = nameOf(query)
      const observer =
        view === 'pages'
          ? (new InfiniteQueryObserver(queryClient, query as never) as unknown as QueryObserver)
          : new QueryObserver(queryClient, query as never)
      record({ what: 'looks', page, query: name, mount: number })
      // As frameworks see it: once all that belongs together has happened.
      const seen = () => {
        if (looking.has(number)) show(name, observer.getCurrentResult().data)
      }
      const stop = observer.subscribe(notifyManager.batchCalls(seen))
      looking.set(number, { observer, query: name, stop })
      seen()
    },
    unmount(which) {
      const [number, one] = [...looking][Math.floor(which * looking.size)] ?? []
      if (number === undefined || !one) return
      looking.delete(number)
      one.stop()
      // What is shown next time is not what was shown last.
      if (![...looking.values()].some(({ query }) => query === one.query)) last.delete(one.query)
      record({ what: 'looks away', page, query: one.query, mount: number })
    },
    more(which, cancelRefetch) {
      const all = [...looking.values()].filter(({ query }) => query.startsWith('pages'))
      const one = all[Math.floor(which * all.length)]
      if (!one) return
      record({ what: 'asked', page, query: one.query, why: 'one more page' })
      const observer = one.observer as unknown as InfiniteQueryObserver
      void observer.fetchNextPage({ cancelRefetch }).catch(() => {})
    },
    change(change) {
      const { to, list, which, text } = change
      const shown = [...looking.values()].find(({ query }) => query === `list ${list}`)
      const items = (shown?.observer.getCurrentResult().data ?? []) as readonly Item[]
      const named = items.filter((item) => pageOf(item) !== undefined)
      const item = named[Math.floor(which * named.length)]
      const other = topics.find((topic) => topic !== list) ?? list
      const made = `${page}.${++changes}`
      const write = to === 'create' ? { to, list, title: text, made } : item && writeOf(to, list, item, other, text)
      if (!write) return
      const mutation = new MutationObserver(queryClient, mutationOf(change))
      void mutation.mutate({ ...write, ...(item && to !== 'create' ? { item } : {}) }).catch(() => {})
    },
    act(act) {
      if (act !== 'focus') record({ what: 'asked', page, why: act })
      if (act === 'refetch') void queryClient.refetchQueries().catch(() => {})
      else if (act === 'cancel') void queryClient.cancelQueries()
      else if (act === 'invalidate') void queryClient.invalidateQueries()
      else if (act === 'forget') queryClient.removeQueries({ type: 'inactive' })
      else {
        const isSeen = focusManager.isFocused()
        focusManager.setFocused(false)
        focusManager.setFocused(isSeen)
      }
    },
    turn(turn) {
      record({ what: 'asked', page, why: turn })
      if (turn === 'seen' || turn === 'hidden') focusManager.setFocused(turn === 'seen')
      else window.dispatchEvent(new Event(turn))
    },
    load() {
      for (const query of queries()) {
        const { data, fetchStatus } = query.state
        if (!query.isActive() || data !== undefined || fetchStatus !== 'idle') continue
        record({ what: 'asked', page, query: nameOf(query), why: 'load' })
        query.fetch().catch(() => {})
      }
    },
    restless() {
      const mutating = queryClient.getMutationCache().findAll({ status: 'pending' })
      if (mutating.length > 0) return `page ${page} waits for ${mutating.length} mutations`
      for (const query of queries()) {
        if (!query.isActive()) continue
        if (query.state.fetchStatus !== 'idle') return `page ${page} reads ${nameOf(query)}`
        if (isOff(query)) return `page ${page} does not show ${nameOf(query)} as it is`
      }
      return undefined
    },
    compare() {
      for (const query of queries()) {
        if (!query.isActive()) continue
        const { shown, truth } = sides(query)
        const { isInvalidated, status } = query.state
        history.record({ what: 'query at rest', page, query: nameOf(query), shown, truth, isInvalidated, status })
      }
      for (const { state } of queryClient.getMutationCache().getAll())
        if (state.status === 'pending') history.record({ what: 'mutation at rest', page, isPaused: state.isPaused })
    },
    end() {
      ended = true
      for (const { stop } of looking.values()) stop()
      looking.clear()
      unobserve()
      disconnect()
      queryClient.unmount()
      queryClient.clear()
    },
  }

  /** The tabs, with what polls do with them written down. */
  function tapped(tabs: Tabs): Tabs {
    // Of a channel and of a lock: the hub, the user, and the query.
    const queryOf = (name: string) => (JSON.parse(JSON.parse(name.slice(name.indexOf('[')))[2]) as string[]).join(' ')
    const request = (name: string, options: LockOptions, callback: (lock: Lock | null) => unknown) =>
      tabs.locks?.request(name, options, (lock) => {
        if (!lock) record({ what: 'waits', page, query: queryOf(name) })
        return callback(lock)
      })
    return {
      ...tabs,
      locks: tabs.locks && ({ request } as Pick<LockManager, 'request'>),
      channel: (name, hear) =>
        tabs.channel(name, (message) => {
          const { shared } = disconnect.polls()
          hear(message)
          const { cursor } = message as { readonly cursor: string | null }
          if (disconnect.polls().shared > shared)
            record({ what: 'took', page, query: queryOf(name), ...(cursor ? { cursor } : {}) })
        }),
    }
  }
  function sides({ queryKey, state: { data } }: Query) {
    const [view, list] = queryKey as [View, string]
    const { pageParams } = (data ?? {}) as Partial<Pages>
    const isThere = (item: Item) => view !== 'pages' || (pageParams ?? []).includes(pageOf(item) as number)
    const truth = lists.state(view === 'all' ? topics : [list]).filter(isThere)
    return {
      shown: data === undefined ? ['nothing'] : flat(data).toSorted(byId).map(line),
      truth: truth.toSorted(byId).map(line),
    }
  }
  function isOff(query: Query): boolean {
    const { shown, truth } = sides(query)
    return shown.join() !== truth.join()
  }
}

function writeOf(
  to: 'edit' | 'place' | 'move' | 'delete',
  list: string,
  item: Item,
  other: string,
  text: string,
): Write {
  const { id } = item
  if (to === 'edit') return { to, list, id, title: text }
  if (to === 'place') return { to, list, id, column: item.column + 1 }
  return to === 'move' && other !== list ? { to, list, id, other } : { to: 'delete', list, id }
}
