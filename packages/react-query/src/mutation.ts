// hubMutationOptions: a mutation says which events it will cause, and they are shown at once, by the reducers of the live queries.
import {
  type Contract,
  type DataOf,
  type EventName,
  type HubEvent,
  type KindOf,
  platform,
  type TopicOfKind,
} from '@sse-hub/core'
import type {
  DefaultError,
  Mutation,
  MutationFunctionContext,
  MutationObserverOptions,
  QueryClient,
} from '@tanstack/query-core'
import type { Resolve } from './conflict.ts'
import type { Optimistic } from './optimistic.ts'

/** The topics that an event can arrive on, as a client writes them. */
export type TopicOfEvent<C extends Contract, N extends EventName<C>> = [KindOf<C, N>] extends [never]
  ? never
  : KindOf<C, N> extends 'user'
    ? 'user'
    : TopicOfKind<KindOf<C, N>>

/** An event that a mutation will cause, as far as it is known before the server has published it. */
export type ExpectedEvent<C extends Contract> = {
  [N in EventName<C>]: [KindOf<C, N>] extends [never]
    ? never
    : {
        /** The event's type. */
        readonly type: N
        /** The topic that the server will publish it to. */
        readonly topic: TopicOfEvent<C, N>
        /** The payload. */
        readonly data: DataOf<C, N>
      }
}[EventName<C>]

/** One run of a mutation: what TanStack Query gives to its functions, and the id. */
export interface HubMutationContext extends MutationFunctionContext {
  /**
   * Names this run, and stays the same when it is tried again, by `retry` or by another `mutate` with the very variables that have failed with it, and when it is
   * resumed after a reload. Send it with the request, and have the server publish the event with this `id` (the last one, of several). What is created
   * may bear it as its temporary id.
   */
  readonly id: string
}

/** What `hubMutationOptions` takes: all that a mutation takes but `onMutate`, and what it does to the live queries. */
export interface HubMutationOptions<C extends Contract, TData, TError, TVariables>
  extends Omit<
    MutationObserverOptions<TData, TError, TVariables, Optimistic>,
    'mutationFn' | 'onMutate' | '_defaulted'
  > {
  /** Sends the change to the server, with the run's `id`. */
  readonly mutationFn: (variables: TVariables, context: HubMutationContext) => Promise<TData>
  /** The events that it will cause: live queries show them at once, and take them back if it fails. */
  readonly optimistic?: (
    variables: NoInfer<TVariables>,
    context: HubMutationContext,
  ) => ExpectedEvent<C> | readonly ExpectedEvent<C>[] | undefined
  /** The same events as the server's answer tells them, shown from then on until they arrive. */
  readonly response?: (
    data: NoInfer<TData>,
    variables: NoInfer<TVariables>,
    context: HubMutationContext,
  ) => ExpectedEvent<C> | readonly ExpectedEvent<C>[] | undefined
  /** What to show when others change the same meanwhile. Default: what the connection says. */
  readonly resolve?: Resolve
}

/** The options helper for mutations, for one contract. Its answer is for `useMutation`, `setMutationDefaults` and every other place that takes mutation options. */
export type HubMutationOptionsOf<C extends Contract> = <TData = unknown, TError = DefaultError, TVariables = void>(
  options: HubMutationOptions<C, TData, TError, TVariables>,
) => MutationObserverOptions<TData, TError, TVariables, Optimistic>

/** By the cache, who hears that a run was answered, and how to have the events that the answer tells: whoever shows its changes. */
export const listeners = new WeakMap<
  QueryClient,
  (run: HubMutationContext, events: () => readonly HubEvent[]) => void
>()
// What runs show that have begun in this page.
const begun = new WeakSet<Optimistic>()

// The ids of requests that have failed, by their variables and their mutation.
const failures = new WeakMap<object, Map<unknown, string>>()

/**
 * The id of a request that has failed, if any, or notes it (`''`: it has not, any more). With the same variables the same mutation is the same request, since
 * what has failed may have happened. A mutation is told by its key, or else by its options, if these are made once.
 */
export function failed(
  { mutationKey, mutationFn }: Pick<Mutation['options'], 'mutationKey' | 'mutationFn'>,
  variables: unknown,
  id?: string,
): string | undefined {
  const named = Object(variables)
  const ids = failures.get(named) ?? new Map()
  const name = JSON.stringify(mutationKey) ?? mutationFn
  if (id !== undefined) failures.set(named, ids.set(name, id))
  return ids.get(name)
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type Expected = Pick<HubEvent, 'type' | 'topic' | 'data'>

const eventsOf = (id: string, expected: Expected | readonly Expected[] = []): HubEvent[] =>
  [expected].flat().map((event) => ({ ...event, id, at: Date.now() }))

/** Makes the options of a mutation. */
export function hubMutationOptions<TData, TError, TVariables>(
  options: HubMutationOptions<Contract, TData, TError, TVariables>,
): MutationObserverOptions<TData, TError, TVariables, Optimistic> {
  const made: MutationObserverOptions<TData, TError, TVariables, Optimistic> = {
    ...options,
    async mutationFn(variables, given) {
      const context = given as Writable<HubMutationContext>
      // One that is resumed after a reload was named before it.
      context.id ??= (await import('./again.ts')).again(context, variables, begun)
      const data = await options.mutationFn(variables, context)
      listeners.get(given.client)?.(context, () => eventsOf(context.id, options.response?.(data, variables, context)))
      return data
    },
    onMutate(variables, given) {
      const id = failed(made as Mutation['options'], variables) || platform.random.id()
      const context = Object.assign(given, { id })
      const shown = { id, optimistic: eventsOf(id, options.optimistic?.(variables, context)) }
      begun.add(shown)
      return shown
    },
  }
  return made
}
