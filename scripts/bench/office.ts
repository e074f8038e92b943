// An hour of an office in virtual time: people look at a board of cards, at each other and at conversations, all of which change; kept by polling, or by the hub.
import { createHubClient } from '@sse-hub/core'
import { defineContract } from '@sse-hub/core/contract'
import { createHubQuery, hubJson, upsert } from '@sse-hub/react-query'
import { createHub, memoryLog } from '@sse-hub/server'
import { environmentManager, QueryClient, QueryObserver, timeoutManager } from '@tanstack/query-core'
import { z } from 'zod'
import { virtualClock } from '../../packages/core/src/testing/virtual-clock.ts'
import { chance } from '../sim/random.ts'
import { createNetwork, type Traffic } from './network.ts'

/** What the office is like. */
export interface Office {
  readonly users: number
  readonly minutes: number
  /** How often each list is polled, in milliseconds, and how often each user says to be there. */
  readonly polling: Readonly<Record<List, number>> & { readonly heartbeat: number }
  /** How often something changes, in milliseconds on average, in all. */
  readonly changes: Readonly<Record<List, number>>
  /** How often a user opens another conversation. */
  readonly switchMs: number
  /** How long a proxy lets a stream live. */
  readonly cutMs: number
  /** Each way. */
  readonly latencyMs: number
}

export type List = 'cards' | 'users' | 'conversation'

/** What an hour came to. */
export interface Outcome {
  readonly traffic: Traffic
  /** How old changes were when users saw them, in milliseconds, by list, in order. */
  readonly staleness: Readonly<Record<List, readonly number[]>>
  /** Changes that were not seen at the end. */
  readonly unseen: number
  /** Requests of queries that no mount explains; and those of them while the hub was up. */
  readonly unexplained: number
  readonly whileUp: number
  readonly avoided: number
}

/**
 * The pattern that the brief describes: cards every 30 s, users every 5 min. What it leaves open ("variable", "configurable") is chosen so that a user makes 9 requests
 * a minute, the middle of the 6 to 12 that it counts.
 */
export const brief: Office = {
  users: 30,
  minutes: 60,
  polling: { cards: 30_000, users: 300_000, conversation: 15_000, heartbeat: 20_000 },
  changes: { cards: 4_000, users: 60_000, conversation: 4_000 },
  switchMs: 600_000,
  cutMs: 900_000,
  latencyMs: 25,
}

const CONVERSATIONS = 10
const rowData = z.object({ id: z.string(), version: z.number(), text: z.string() })
type Row = z.infer<typeof rowData>

const contract = defineContract({
  topics: ['board', 'people', 'conversation'],
  events: {
    'card.changed': { topic: 'board', data: rowData },
    'user.changed': { topic: 'people', data: rowData },
    'message.posted': { topic: 'conversation', data: rowData },
  },
})
type C = typeof contract
const row = { id: (r: Row) => r.id, version: (r: Row) => r.version }
const { liveQueryOptions, connectQueries } = createHubQuery<C>()

/** Plays the office, kept `by` one of the two. */
export async function play(office: Office, by: 'polling' | 'hub', seed = 1): Promise<Outcome> {
  const clock = virtualClock()
  const random = chance(`office ${seed}`)
  time = clock

  // The server: lists of rows. Versions count all changes of a list, so that what is seen is told by the newest of them.
  const lists = new Map<string, { rows: Row[]; readonly changedAt: number[] }>()
  const make = (name: string, rows: number) =>
    lists.set(name, { changedAt: [], rows: Array.from({ length: rows }, (_, n) => rowOf(`${name}-${n}`, 0)) })
  make('cards', 50)
  make('users', office.users)
  for (let n = 0; n < CONVERSATIONS; n++) make(`conversation:${n}`, 20)
  const log = memoryLog({ clock, random, maxEvents: 100_000 })
  const hub = createHub({
    contract,
    log,
    clock,
    random,
    authorize: ({ headers }) => ({
      user: headers.get('x-user') ?? '',
      read: [
        'board:main',
        'people:all',
        ...Array.from({ length: CONVERSATIONS }, (_, n) => `conversation:${n}` as const),
      ],
    }),
  })
  const change = (name: string) => {
    const list = lists.get(name)
    if (!list) return
    const version = list.changedAt.push(clock.now())
    const at = Math.floor(random.next() * list.rows.length)
    const changed = rowOf(list.rows[at]?.id ?? '', version)
    list.rows = list.rows.with(at, changed)
    if (by === 'polling') return
    if (name === 'cards') void hub.publish({ type: 'card.changed', topic: 'board:main', data: changed })
    else if (name === 'users') void hub.publish({ type: 'user.changed', topic: 'people:all', data: changed })
    else void hub.publish({ type: 'message.posted', topic: name as `conversation:${string}`, data: changed })
  }
  const serve = async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname.startsWith('/api/sse/')) return hub.fetch(request)
    if (pathname === '/api/heartbeat') return Response.json({ ok: true })
    const headers = by === 'hub' ? { 'hub-cursor': await hub.cursor() } : {}
    return Response.json(lists.get(searchParams.get('list') ?? '')?.rows, { headers })
  }
  const { traffic, fetch } = createNetwork({
    clock,
    latencyMs: office.latencyMs,
    cutMs: office.cutMs,
    serve,
    kindOf: ({ pathname, searchParams }) =>
      searchParams.get('list')?.replace(/:.*/, '') ?? pathname.split('/').pop() ?? '',
  })

  const staleness: Record<List, number[]> = { cards: [], users: [], conversation: [] }
  const ends: (() => void)[] = []
  const endOf: (() => number)[] = []
  let mounts = 0
  let reads = 0
  let whileUp = 0
  let avoided = 0

  const enter = (number: number) => {
    const user = `u${number}`
    const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } })
    const client = createHubClient<C>({
      url: '/api/sse',
      fetch,
      clock,
      random,
      headers: { 'x-user': user },
      storage: null,
      preloadOutbox: false,
      onReport: () => {},
    })
    // Whether the fetch that begins is explained by a mount.
    let mounting = 0
    const read = async (name: string) => {
      reads++
      if (mounting > 0) mounting--
      else if (by === 'hub' && client.status.get().phase === 'live') whileUp++
      return hubJson<Row[]>(fetch(`/api/read?list=${name}`, { headers: { 'x-user': user } }))
    }
    /** Shows a list on the screen, and notes when each change of it is seen. */
    const show = (list: List, name: string) => {
      const changedAt = lists.get(name)?.changedAt ?? []
      let seen = -1
      const options = {
        queryKey: [name],
        queryFn: () => read(name),
        gcTime: 0,
      }
      const fallback = { refetchInterval: 10_000 }
      const live = {
        cards: () =>
          liveQueryOptions({ ...options, topic: 'board:main', on: { 'card.changed': upsert(row) }, fallback }),
        users: () =>
          liveQueryOptions({ ...options, topic: 'people:all', on: { 'user.changed': upsert(row) }, fallback }),
        conversation: () =>
          liveQueryOptions({
            ...options,
            topic: name as `conversation:${string}`,
            on: { 'message.posted': upsert(row) },
            fallback,
          }),
      }
      mounts++
      mounting++
      const observer = new QueryObserver(
        queryClient,
        by === 'hub' ? (live[list]() as never) : { ...options, refetchInterval: office.polling[list] },
      )
      const look = () => {
        const data = queryClient.getQueryData<Row[]>([name])
        if (!data) return
        const newest = Math.max(...data.map(({ version }) => version))
        // What was there before it was first read is not late.
        if (seen >= 0) for (let n = seen; n < newest; n++) staleness[list].push(clock.now() - (changedAt[n] ?? 0))
        seen = Math.max(seen, newest)
      }
      const stop = observer.subscribe(look)
      const unseen = () =>
        seen < 0 ? 0 : changedAt.filter((at, n) => n >= seen && at < clock.now() - office.polling[list]).length
      return { stop, unseen }
    }
    const shown = [show('cards', 'cards'), show('users', 'users')]
    let open = number % CONVERSATIONS
    let conversation = show('conversation', `conversation:${open}`)
    const turn = () => {
      conversation.stop()
      open = (open + 1 + Math.floor(random.next() * (CONVERSATIONS - 1))) % CONVERSATIONS
      conversation = show('conversation', `conversation:${open}`)
      clock.after(office.switchMs * (0.5 + random.next()), turn)
    }
    clock.after(office.switchMs * (0.5 + random.next()), turn)
    if (by === 'hub') {
      const connection = connectQueries({ client, queryClient, clock, random, tabs: null })
      ends.push(() => {
        avoided += connection.polls().avoided
        connection()
        client.close()
      })
    } else {
      // The hub knows who is there by who is connected.
      const beat = () => {
        void fetch('/api/heartbeat', { method: 'POST', headers: { 'x-user': user } })
        clock.after(office.polling.heartbeat, beat)
      }
      beat()
    }
    endOf.push(() => [...shown, conversation].reduce((sum, { unseen }) => sum + unseen(), 0))
    ends.push(() => queryClient.clear())
  }

  // People come within the first minute; changes come at random.
  for (let number = 0; number < office.users; number++) clock.after(random.next() * 60_000, () => enter(number))
  const changing = (everyMs: number, name: () => string) => {
    const next = () => {
      change(name())
      clock.after(-Math.log(1 - random.next()) * everyMs, next)
    }
    clock.after(everyMs, next)
  }
  changing(office.changes.cards, () => 'cards')
  changing(office.changes.users, () => 'users')
  changing(office.changes.conversation, () => `conversation:${Math.floor(random.next() * CONVERSATIONS)}`)

  await pass(clock, office.minutes * 60_000)
  const unseen = endOf.reduce((sum, end) => sum + end(), 0)
  for (const end of ends) end()
  await hub.close()
  for (const list of Object.values(staleness)) list.sort((a, b) => a - b)
  return { traffic, staleness, unseen, unexplained: by === 'hub' ? reads - mounts : 0, whileUp, avoided }
}

/** A row of about 200 bytes. */
function rowOf(id: string, version: number): Row {
  return {
    id,
    version,
    text: `the release waits for a review of the importer, ${'and for somebody who has the time. '.repeat(3)}`,
  }
}

type VirtualClock = ReturnType<typeof virtualClock>

/** Lets virtual time pass: all that is due at one moment, and then whatever waits for it. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const end = clock.now() + ms
  for (let at = clock.nextAt(); at !== undefined && at <= end; at = clock.nextAt()) {
    while (clock.nextAt() === at) clock.runNext()
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
}

/** TanStack Query's own timers, in the virtual time of the office that is played. */
function provider() {
  const timers = new Map<number, () => void>()
  let count = 0
  const set = (callback: () => void, delay: number, again: boolean) => {
    const id = ++count
    const arm = () =>
      timers.set(
        id,
        time.after(delay, () => {
          timers.delete(id)
          if (again) arm()
          callback()
        }),
      )
    arm()
    return id
  }
  const clear = (id: number | undefined) => {
    timers.get(id ?? 0)?.()
    timers.delete(id ?? 0)
  }
  return {
    setTimeout: (callback: () => void, delay: number) => set(callback, delay, false),
    setInterval: (callback: () => void, delay: number) => set(callback, delay, true),
    clearTimeout: clear,
    clearInterval: clear,
  }
}

let time = virtualClock()
// It may be told once only.
timeoutManager.setTimeoutProvider(provider())
// There is no window here, and yet these are pages.
environmentManager.setIsServer(() => false)
