// What met what: how often each action was done to a page in which state, so that a fault that never met a state is seen.
import { actions } from './actions/index.ts'
import type { Entry } from './history.ts'

/** The states of a client that a fault can meet. */
const STATES = [
  'idle',
  'connecting',
  'live',
  'live by pages',
  'live by a tab',
  'down',
  'paused',
  'stopped',
  'closed',
  'frozen',
  'gone',
] as const
type State = (typeof STATES)[number]

/** The name under which a meeting is counted. */
const meeting = (action: string, state: string) => `${action} × ${state}`

/** Counts, for every action of a run, the states of the pages that it was done to. */
export function meetings(entries: readonly Entry[]): Record<string, number> {
  const counts: Record<string, number> = {}
  // The page in each place; a reload puts another in the same place.
  const places: { number: number; user: string; state: State; before: State }[] = []
  for (const entry of entries) {
    if (entry.what === 'settling') break
    if (entry.what === 'opened') {
      places[entry.place] = { number: entry.page, user: entry.user, state: 'idle', before: 'idle' }
    } else if (entry.what === 'status') {
      const page = places.find(({ number }) => number === entry.page)
      const { phase, via } = entry.status
      const way = { poll: 'live by pages', tab: 'live by a tab' } as const
      const state = (phase === 'live' && way[via as keyof typeof way]) || (phase as State)
      if (page?.state === 'frozen') page.before = state
      else if (page) page.state = state
    } else if (entry.what === 'froze' || entry.what === 'thawed' || entry.what === 'crashed') {
      const page = places.find(({ number }) => number === entry.page)
      if (!page) continue
      if (entry.what === 'froze') page.before = page.state
      page.state = entry.what === 'froze' ? 'frozen' : entry.what === 'thawed' ? page.before : 'gone'
    } else if (entry.what === 'did') {
      const { page, user } = (entry.params ?? {}) as { page?: number; user?: string }
      for (const [place, one] of places.entries()) {
        if ((page ?? place) !== place || (user ?? one.user) !== one.user) continue
        const name = meeting(entry.action, one.state)
        counts[name] = (counts[name] ?? 0) + 1
      }
    }
  }
  return counts
}

/** What can never meet, and why. */
const CANNOT: readonly (readonly [action: string, state: State, why: string])[] = []

/** The counts as a table, and what never met although it can. */
export function coverageTable(
  counts: Readonly<Record<string, number>>,
  done: readonly { readonly name: string }[] = actions,
): {
  readonly table: string
  readonly never: readonly string[]
} {
  const names = done.map(({ name }) => name)
  const width = Math.max(...names.map((name) => name.length))
  const count = (name: string, state: string) => counts[meeting(name, state)] ?? 0
  const rows = names.map((name) =>
    [name.padEnd(width), ...STATES.map((state) => String(count(name, state)).padStart(state.length))].join('  '),
  )
  const never = names.flatMap((name) =>
    STATES.filter(
      (state) => count(name, state) === 0 && !CANNOT.some(([one, other]) => one === name && other === state),
    ).map((state) => meeting(name, state)),
  )
  const table = [
    ['done to a page that is'.padEnd(width), ...STATES].join('  '),
    ...rows,
    never.length === 0 ? 'Everything has met every state that it can meet.' : `Never met: ${never.join(' · ')}`,
  ].join('\n')
  return { table, never }
}
