// createHubReact: the provider that connects, and the hooks, for React 18.3 and later.
'use client'
import {
  type Contract,
  type EventName,
  type EventOf,
  type HubClient,
  HubError,
  type PresenceState,
  type PresenceStore,
  type PresentTopic,
  platform,
  presenceOf,
  type Status,
  type SubscribableTopic,
  type TopicState,
} from '@sse-hub/core'
import {
  type DefaultError,
  type QueryClient,
  type UseMutationResult,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'
import {
  type Context,
  createContext,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useInsertionEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react'
import type { ConflictReport, Resolve } from './conflict.ts'
import { type ConnectOptions, connectQueries, type QueryConnection } from './connect.ts'
import type { QueryReport } from './entry.ts'
import { createHubQuery, type HubQuery } from './hub-query.ts'
import type { HubMutationOptions, TopicOfEvent } from './mutation.ts'
import type { Optimistic } from './optimistic.ts'
import { logError } from './platform.ts'

/** What `HubProvider` takes. */
export interface HubProviderProps<C extends Contract> {
  /** The client, made once, outside of React. It stays yours: the provider never closes it. */
  readonly client: HubClient<C>
  /** The cache whose live queries are connected; two hubs need one each. Default: that of the `QueryClientProvider` around. */
  readonly queryClient?: QueryClient
  /** `false` reverts to plain polling at once, and `true` makes queries live again: for a feature flag. Default true. */
  readonly live?: boolean
  /** Hears what went wrong in live queries; the one given first counts. Default: `console.error`. */
  readonly onReport?: (report: QueryReport) => void
  /** What live queries show where others change what a pending mutation changes too; the one given first counts. Default: `lastWriteWins`. */
  readonly resolve?: Resolve
  /** Hears of each such conflict once. It may change at every render. */
  readonly onConflict?: (conflict: ConflictReport) => void
  readonly children?: ReactNode
}

/** What `useHubStatus` tells: the client's status, and whether it is live; with a topic, whether that is. */
export type HubStatus = Status & {
  /** Whether the client (or, if a topic was given, that topic) is whole and hears of every change. */
  readonly live: boolean
  /** The state of the topic that was given; `unsubscribed` without one. */
  readonly topicState: TopicState
}

/** What `useHubStatus` takes. */
export interface UseHubStatusOptions<C extends Contract, TSelected> {
  /** Tell `live` and `topicState` of this topic. It does not subscribe to it. */
  readonly topic?: SubscribableTopic<C>
  /** Takes a part of the status: the component renders only when that part changes. */
  readonly select?: (status: HubStatus) => TSelected
}

/** What {@link createHubReact} answers. */
export interface HubReact<C extends Contract> extends Omit<HubQuery<C>, 'connectQueries'> {
  /** Connects live queries with the client, for everything below it. */
  readonly HubProvider: (props: HubProviderProps<C>) => ReactElement
  /** `useMutation` with such options. */
  readonly useHubMutation: <TData = unknown, TError = DefaultError, TVariables = void>(
    options: HubMutationOptions<C, TData, TError, TVariables>,
  ) => UseMutationResult<TData, TError, TVariables, Optimistic>
  /**
   * The client of the provider.
   * @throws HubError `invalid_option` outside of a provider
   */
  readonly useHub: () => HubClient<C>
  /** The client's status, or what `select` takes of it. On a server it is idle. */
  readonly useHubStatus: <TSelected = HubStatus>(options?: UseHubStatusOptions<C, TSelected>) => TSelected
  /** Hears a type of event while the component is mounted. The handler may change at every render, and costs no new subscription. */
  readonly useHubEvent: <N extends EventName<C>>(
    type: N,
    options: { readonly topic: TopicOfEvent<C, N> },
    handler: (event: EventOf<C, N>) => void,
  ) => void
  /** `emit` of the provider's client, which is always the same function: `emit({ type, data })` answers the emit's id, and a promise of what became of it. */
  readonly useHubEmit: () => HubClient<C>['emit']
  /**
   * Who is there on a topic, which is held while the component is mounted; `undefined` until the hub has told, on a server, and where no topic is given. The kind of
   * the topic must be in the contract's `presence`.
   */
  readonly useHubPresence: (topic: PresentTopic<C> | undefined) => PresenceState | undefined
}

interface Connected {
  readonly client: object
  users: number
  readonly connection: QueryConnection
  cancelStop?: (() => void) | undefined
}

// How long a cache stays connected after the last provider went: StrictMode, a moved subtree and hot reload mount again at once.
const LINGER_MS = 1_000

const connections = new WeakMap<QueryClient, Connected>()

/** Connects a cache once, however many providers ask for it. Another client takes the place of the one before at once. */
function share<C extends Contract>(options: ConnectOptions<C> & { readonly live: boolean }): () => void {
  const { client, queryClient, live } = options
  let connected = connections.get(queryClient)
  if (connected?.client !== client) {
    if (connected?.users) {
      const remedy = new HubError('invalid_option', 'Give each hub a QueryClient of its own.')
      logError('two clients are connected with one QueryClient; the second takes its live queries', remedy)
    }
    connected = { client, users: 0, connection: connectQueries(options) }
    connections.set(queryClient, connected)
  }
  const mine = connected
  mine.users++
  mine.cancelStop?.()
  mine.connection.setLive(live)
  return () => {
    if (--mine.users > 0) return
    mine.cancelStop = platform.clock.after(LINGER_MS, () => {
      if (connections.get(queryClient) === mine) connections.delete(queryClient)
      mine.connection()
    })
  }
}

const IDLE: HubStatus = { phase: 'idle', live: false, topicState: 'unsubscribed' }

/**
 * Makes the provider and the hooks for one contract.
 *
 * @example
 * ```tsx
 * import { createHubReact } from '@sse-hub/react-query/react'
 * import type { contract } from './contract.ts'
 *
 * export const { HubProvider, liveQueryOptions, useHubStatus, useHubEvent } = createHubReact<typeof contract>()
 *
 * export function Live() {
 *   const { live } = useHubStatus({ topic: 'board:7' })
 *   useHubEvent('card.moved', { topic: 'board:7' }, ({ data }) => console.log(data.id))
 *   return <p>{live ? 'live' : 'waiting'}</p>
 * }
 * ```
 */
export function createHubReact<C extends Contract>(): HubReact<C> {
  // A context of its own, so that two hubs in one page do not take each other's place.
  const context = createContext<HubClient<C> | undefined>(undefined)
  const { connectQueries: _, ...options } = createHubQuery<C>()
  return {
    ...options,
    HubProvider(props) {
      useConnection(props)
      return <context.Provider value={props.client}>{props.children}</context.Provider>
    },
    useHubMutation: (mutation) => useMutation(options.hubMutationOptions(mutation)),
    useHub: () => useClient(context),
    useHubStatus: (options) => useStatus(context, options),
    useHubEvent: (type, options, handler) => useEvent(context, type, options, handler),
    useHubEmit: () => useClient(context).emit,
    useHubPresence: (topic) => usePresence(context, topic),
  }
}

type HubContext<C extends Contract> = Context<HubClient<C> | undefined>

function useConnection<C extends Contract>(props: HubProviderProps<C>): void {
  const { client, live = true } = props
  const queryClient = useQueryClient(props.queryClient)
  const latest = useLatest(props)
  useEffect(() => {
    const { onReport, resolve } = latest.current
    return share({
      client,
      queryClient,
      live,
      onConflict: (conflict) => latest.current.onConflict?.(conflict),
      ...(onReport && { onReport }),
      ...(resolve && { resolve }),
    })
  }, [client, queryClient, live, latest])
}

function useClient<C extends Contract>(context: HubContext<C>): HubClient<C> {
  const client = useContext(context)
  if (client) return client
  throw new HubError('invalid_option', 'There is no hub here: put <HubProvider client={…}> around this component.')
}

function useStatus<C extends Contract, TSelected = HubStatus>(
  context: HubContext<C>,
  { topic, select }: UseHubStatusOptions<C, TSelected> = {},
): TSelected {
  const { status } = useClient(context)
  // A snapshot must be the same object until something changes.
  const memory = useRef<{
    readonly status: Status
    readonly of: TopicState | undefined
    readonly snapshot: HubStatus
  }>(undefined)
  const picked = useRef<{ readonly snapshot: HubStatus; readonly select: unknown; readonly value: TSelected }>(
    undefined,
  )
  const pick = (snapshot: HubStatus): TSelected => {
    const last = picked.current
    if (last && last.snapshot === snapshot && last.select === select) return last.value
    const value = select ? select(snapshot) : (snapshot as TSelected)
    picked.current = { snapshot, select, value }
    return value
  }
  const read = (): TSelected => {
    const now = status.get()
    const of = topic === undefined ? undefined : status.topic(topic)
    const last = memory.current
    if (last && last.status === now && last.of === of) return pick(last.snapshot)
    const live = (of ?? now.phase) === 'live'
    const snapshot: HubStatus = { ...now, live, topicState: of ?? 'unsubscribed' }
    memory.current = { status: now, of, snapshot }
    return pick(snapshot)
  }
  return useSyncExternalStore(status.subscribe, read, () => pick(IDLE))
}

function useEvent<C extends Contract, N extends EventName<C>>(
  context: HubContext<C>,
  type: N,
  { topic }: { readonly topic: TopicOfEvent<C, N> },
  handler: (event: EventOf<C, N>) => void,
): void {
  const client = useClient(context)
  const latest = useLatest(handler)
  useEffect(
    () =>
      client.subscribe({
        topic: topic as SubscribableTopic<C>,
        onEvent(event) {
          if (event.type === (type as string)) latest.current(event as unknown as EventOf<C, N>)
        },
      }),
    [client, topic, type, latest],
  )
}

function usePresence<C extends Contract>(
  context: HubContext<C>,
  topic: PresentTopic<C> | undefined,
): PresenceState | undefined {
  const client = useClient(context)
  const { subscribe, get } = useMemo(() => (topic === undefined ? NOBODY : presenceOf(client, topic)), [client, topic])
  return useSyncExternalStore(subscribe, get, NOBODY.get)
}

const NOBODY: PresenceStore = { get: () => undefined, subscribe: () => () => {} }

/** The newest value, for whoever is called later: React 18 has no `useEffectEvent`. */
function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value)
  // Earlier than any effect that might call it.
  useInsertionEffect(() => {
    latest.current = value
  })
  return latest
}
