// What compiles and is not what was meant, said while an application is developed; nothing of it is in a production build.
import { HubError, type HubEvent, platform } from '@sse-hub/core'
import type { Query, QueryKey } from '@tanstack/query-core'
import { logError } from './platform.ts'
import type { Reducer } from './reducers.ts'

// Longer than an application takes to connect.
const CONNECT_MS = 5_000

type Reduce = Reducer<unknown, HubEvent>

/** What makes a query live, as one component says it. */
export interface Definition {
  readonly topic: string | readonly string[]
  readonly on: Readonly<Record<string, Reduce | undefined>>
  readonly fallback?: { readonly refetchInterval: number }
}

const mistake = (remedy: string) => new HubError('invalid_option', remedy)

const wordsOf = ({ topic, on, fallback }: Definition) => {
  const ms = fallback?.refetchInterval ?? 0
  const polls = ms > 0 && ms < Number.POSITIVE_INFINITY
  return JSON.stringify({
    topic: [...new Set([topic].flat())].sort(),
    on: Object.keys(on).sort(),
    ...(polls && { fallback }),
  })
}

const different = new WeakSet<Query>()

/** Components with one key are to say the same of it. */
export function compareDefinitions(query: Query, definitions: readonly Definition[]): void {
  if (different.has(query)) return
  const [first, other] = new Set([...new Set(definitions)].map(wordsOf))
  if (other === undefined) return
  different.add(query)
  logError(
    `the live query ${query.queryHash} is defined in two ways: as ${first}, and as ${other}`,
    mistake(
      'All of it counts while they are mounted. Make these options in one function, which every component calls.',
    ),
  )
}

const textOf = (data: unknown) => {
  try {
    return JSON.stringify(data)
  } catch {
    return undefined
  }
}

// How often the reducers of a query were watched, by the type of event. Whoever changes data in place does so from the first time on, and to look every time would make large data slow.
const watched = new WeakMap<Query, Map<string, number>>()
const OFTEN = 20

/** Has a reducer throw that changes its data in place: nothing would render for it. Those of ours do not. */
export function watchReducer(query: Query, type: string, reducer: Reduce | undefined): Reduce | undefined {
  if (!reducer || 'identity' in reducer) return reducer
  const counts = watched.get(query) ?? new Map<string, number>()
  watched.set(query, counts)
  return (old, event, tombstones) => {
    const times = counts.get(type) ?? 0
    if (times >= OFTEN) return reducer(old, event, tombstones)
    counts.set(type, times + 1)
    const before = textOf(old)
    const next = reducer(old, event, tombstones)
    if (textOf(old) === before) return next
    throw new HubError(
      'invalid_option',
      `The reducer of ${type} has changed its data in place. Return new data instead.`,
    )
  }
}

const awaited = new WeakSet<Query>()
const connected = new WeakSet<Query>()

/** A live query that somebody looks at is to be connected, soon. */
export function expectConnection(query: Query, isConnected: () => boolean): void {
  if (isConnected()) connected.add(query)
  if (awaited.has(query)) return
  awaited.add(query)
  platform.clock.after(CONNECT_MS, () => {
    // Whoever has ended a connection knows.
    if (connected.has(query) || isConnected() || !query.isActive()) return
    logError(
      `the live query ${query.queryHash} is mounted, and nobody connects it: it is neither live nor polled`,
      mistake('Put <HubProvider> around the components, or call connectQueries, with the QueryClient that they use.'),
    )
  })
}

const parts = new WeakSet()
const cut = new WeakSet<QueryKey>()

/** An answer has a cursor: what is taken out of it has none. */
export function noteParts(answer: unknown): void {
  for (const part of Object.values(Object(answer))) parts.add(Object(part))
}

/** What a query function returns without a cursor is not to be a part of an answer that had one. */
export function expectCursor(queryKey: QueryKey, data: unknown): void {
  if (cut.has(queryKey) || !parts.has(Object(data))) return
  cut.add(queryKey)
  logError(
    `the live query ${JSON.stringify(queryKey)} returns a part of what hubJson gave, which has lost the cursor: it is read twice`,
    mistake('Return what hubJson gave, and take the part with `select`; or return withCursor(part, cursor).'),
  )
}
