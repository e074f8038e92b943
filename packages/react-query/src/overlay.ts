// What I have changed and the server has not confirmed yet, shown on top of what one query knows of the server's state.
import type { HubEvent } from '@sse-hub/core'
import type { Mutation, Query } from '@tanstack/query-core'
import { type Entity, overwritten, type Resolve, type Told } from './conflict.ts'
import type { Live } from './live.ts'
import { type Known, REFETCH, type Reducer, type Tombstones } from './reducers.ts'

/** What one mutation changes, until the server's state has it. */
export interface Change {
  /** The mutation's id, which the event bears that confirms it. */
  readonly id: string
  readonly mutation: Mutation
  /** What to show when others change the same; none: mine stays on top. */
  readonly resolve: Resolve | undefined
  /** Others have changed the same. */
  readonly tell: (conflict: Told) => void
  /** The events that it will cause, or those that its answer says; none if it has failed. */
  events: readonly HubEvent[]
  /** `sent`: nobody knows whether the server has it; `answered`: it has; `told`: it has, and `events` are its own words. */
  state: 'sent' | 'answered' | 'told'
  /** Where in the log its event is, once some query has heard it: what is read there or later has it. */
  cursor?: string | undefined
  /** Ends the wait for its event. */
  cancel?: () => void
}

/** What an overlay works with. */
export interface OverlayOptions {
  readonly live: Live
  /** All that is pending in the cache, the oldest first. */
  readonly changes: readonly Change[]
  readonly query: Query
  /** A reducer threw. */
  readonly report: (during: 'reduce', error: unknown, event: HubEvent) => void
}

/** What is pending in one query. */
export interface Overlay {
  /** The changes that are shown on top. */
  pending(): Change[]
  /** The server's state with what is pending on top; the very same if nothing is. */
  rebase(truth: unknown, tombstones: Tombstones): unknown
  /** The server's state has this change now; or these events, until the server's answer says others. */
  confirm(what: Change | Change['events']): void
  /** Whether a change of mine has caused an event, by its id: the last of them, which has that very id, confirms it. */
  hear(event: HubEvent): boolean
  /** The server's state has changed, if there was any, by such an event of others or by what was read. */
  compare(before: unknown, after: unknown, by?: HubEvent): void
  /** Data without entities under temporary ids: what is restored was kept with what was pending then. */
  strip(data: unknown): unknown
  /** Changes under temporary ids, where the server's state has become one that may have them under another: it has what it had not. */
  unnamed(before: unknown, after: unknown): Change[]
}

type Binding = Reducer<unknown, HubEvent> & (Known | { readonly [K in keyof Known]?: undefined })

/** Whether the server cannot have it: what waits to be tried again may have been done. */
export const isUnsent = ({ mutation: { state } }: Change) => state.isPaused && !state.failureCount

const find = ({ identity }: Binding, list: unknown, { data }: HubEvent): Entity =>
  (list as Entity[]).find((each) => identity?.id(each) === identity?.id(data))

/** Makes the overlay of one query. */
export function createOverlay({ query, live, changes, report }: OverlayOptions): Overlay {
  const confirmed = new WeakSet<Change | Change['events']>()
  // What an entity was before others changed it, by the event of mine that changes it too; and by the change, where they have deleted it: its answer says other events.
  const bases = new WeakMap<object, unknown>()

  const bindingOf = ({ topic, type }: HubEvent): Binding | undefined =>
    live.topics.includes(topic) ? live.on[type] : undefined
  const pending = () =>
    changes.filter((change) => !confirmed.has(change) && !confirmed.has(change.events) && change.events.some(bindingOf))
  const each = (use: (change: Change, event: HubEvent, binding: Binding) => void) => {
    for (const change of pending()) {
      for (const event of change.events) {
        const binding = bindingOf(event)
        try {
          if (binding) use(change, event, binding)
        } catch (error) {
          // Not again at every event.
          confirmed.add(change)
          report('reduce', error, event)
        }
      }
    }
  }
  const unnamed = () => {
    const found = new Map<Change, Known['identity']>()
    each((change, { data }, { identity }) => {
      if (change.state !== 'told' && identity?.id(data) === change.id) found.set(change, identity)
    })
    return found
  }

  return {
    pending,
    rebase(truth, tombstones) {
      let shown = truth
      each((change, event, binding) => {
        const isTold = change.state === 'told' || event.cursor
        let mine = event.data
        if (bases.has(isTold ? change : event)) {
          const theirs = find(binding, shown, event)
          // What others have deleted stays deleted.
          if (theirs && change.resolve && !isTold) mine = change.resolve({ mine, theirs, base: bases.get(event) })
          if (!theirs || mine === undefined) return
        }
        // What nobody has confirmed has no version yet, and buries nothing.
        const reducer = isTold ? binding : (binding.unversioned ?? binding)
        const next = reducer(shown, { ...event, data: mine }, isTold ? tombstones : new Map())
        if (next !== undefined && next !== REFETCH) shown = next
      })
      return shown
    },
    confirm: (what) => void confirmed.add(what),
    hear({ topic, ...said }) {
      const mine = changes.find((change) => said.id.startsWith(change.id))
      // The very last may be of a topic that this query does not hear: then it is the last of those that it does.
      const expected = mine?.events.findLast(bindingOf)
      // `user` is said of any user's own, on which no type comes that comes on others.
      const isExpected = expected?.type === said.type && (expected.topic === topic || expected.topic === 'user')
      if (mine && (mine.id === said.id || (isExpected && expected !== mine.events.at(-1)))) {
        confirmed.add(mine)
        mine.cursor = said.cursor
        // Where it was not heard it is shown as it is, under its real name.
        if (isExpected) Object.assign(expected, said)
      }
      return mine !== undefined
    },
    compare(before, after, by) {
      each((change, event, binding) => {
        const { identity, unversioned } = binding
        if (!identity || !before) return
        const base = find(binding, before, event)
        const theirs = find(binding, after, event)
        if (base === theirs) return
        const mineOn = (list: unknown) => find(binding, unversioned(list, event), event)
        const fields = theirs ? overwritten(identity, base, theirs, mineOn(after) ?? base) : []
        // Where one of us makes it or takes it away, unless both take it away.
        const isThere = (theirs && base) || mineOn(before)
        if (!isThere || (theirs && !fields[0])) return
        // What was read may be mine.
        const isTheirs = by || isUnsent(change)
        if (!bases.has(event) && (isTheirs || !theirs)) bases.set(event, base)
        if (!theirs) bases.set(change, base)
        if (isTheirs)
          change.tell({ mine: event.data, theirs, base: bases.get(event), fields, queryKey: query.queryKey, event: by })
      })
    },
    strip(data) {
      let kept = data
      for (const [{ id }, identity] of unnamed()) {
        if (Array.isArray(kept)) kept = kept.filter((entity) => identity.id(entity) !== id)
      }
      return kept
    },
    unnamed(before, after) {
      const named = (list: unknown, identity: Known['identity']) => (Array.isArray(list) ? list.map(identity.id) : [])
      return [...unnamed()].flatMap(([change, identity]) => {
        const known = new Set([change.id, ...named(before, identity)])
        return named(after, identity).every((id) => known.has(id)) ? [] : change
      })
    },
  }
}
