// The typed registry of topics and events that server and client share: what may be said, where, and by whom.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { HubError } from '../errors.ts'
import { isEventType, isKind } from './topic.ts'

/** What a contract says of one type of event. */
export interface EventDefinition<Kind extends string = string> {
  /** The kind of topic it is published to: a declared kind, or the built-in `user`. Left out: only the server's `hub.on` hears it. */
  readonly topic?: Kind | 'user'
  /** The validator of its payload: any [Standard Schema](https://standardschema.dev). Its output is what travels. */
  readonly data: StandardSchemaV1
  /** Whether clients may send it. Default false: only the server publishes it. */
  readonly emit?: boolean
  /** Whether it is kept in the log and can be replayed. Default true; an event without a topic is never kept. */
  readonly durable?: boolean
  /** For an ephemeral event: of several that wait for a slow reader, only the newest of each key is kept. */
  readonly coalesce?: (event: { readonly topic: string; readonly user?: string; readonly data: never }) => string | undefined
}

/** The typed registry of topics and event types, made by {@link defineContract}. */
export interface Contract<
  Kind extends string = string,
  Events extends Record<string, EventDefinition> = Record<string, EventDefinition>,
> {
  /** The declared kinds of topic. `user` is built in and not listed. */
  readonly topics: readonly Kind[]
  /** What may happen, by event type. */
  readonly events: Events
}

/** An event as subscribers and handlers receive it. */
export interface HubEvent<Type extends string = string, Data = unknown, Topic extends string = string> {
  /** The event's type, as the contract names it. */
  readonly type: Type
  /** The topic it was published to. */
  readonly topic: Topic
  /** The payload: the validator's output. */
  readonly data: Data
  /** When the hub accepted it, in milliseconds since 1970. */
  readonly at: number
  /** The publisher's name for it. It proves nothing. */
  readonly id: string
  /** Who emitted it, stamped by the hub. Absent on what the server published. */
  readonly user?: string
  /** Its place in the log. Absent on ephemeral events. */
  readonly cursor?: string
}

/** The names of a contract's events. */
export type EventName<C extends Contract> = keyof C['events'] & string

/** The payload of an event as it arrives: the validator's output. */
export type DataOf<C extends Contract, N extends EventName<C>> = StandardSchemaV1.InferOutput<C['events'][N]['data']>

/** The payload of an event as it may be published or emitted: the validator's input. */
export type InputOf<C extends Contract, N extends EventName<C>> = StandardSchemaV1.InferInput<C['events'][N]['data']>

/** The kind of topic that an event is published to; `never` for an event without a topic. */
export type KindOf<C extends Contract, N extends EventName<C>> = C['events'][N] extends { topic: infer K extends string } ? K : never

/** The topics of a kind, as the server writes them: `user` only with an id. */
export type TopicOfKind<K extends string> = K extends 'user' ? `user:${string}` : K | `${K}:${string}`

/** The topics that a client may subscribe to: those of the declared kinds, and `user` for the user's own. */
export type SubscribableTopic<C extends Contract> = 'user' | TopicOfKind<C['topics'][number]>

/** The names of the events that can arrive on a topic. */
export type EventsOn<C extends Contract, T extends string> = {
  [N in EventName<C>]: [KindOf<C, N>] extends [never] ? never : T extends KindOf<C, N> | `${KindOf<C, N>}:${string}` ? N : never
}[EventName<C>]

/** The names of the events that clients may emit. */
export type Emittable<C extends Contract> = { [N in EventName<C>]: C['events'][N] extends { emit: true } ? N : never }[EventName<C>]

/** The names of the events that have a topic, and so can be published. */
export type Publishable<C extends Contract> = {
  [N in EventName<C>]: [KindOf<C, N>] extends [never] ? never : N
}[EventName<C>]

/** What `hub.publish` takes: an event of the contract with a topic of its kind. */
export type Publication<C extends Contract, N extends Publishable<C> = Publishable<C>> = {
  [M in N]: {
    /** The event's type. */
    readonly type: M
    /** A topic of the kind that the contract names. */
    readonly topic: TopicOfKind<KindOf<C, M>>
    /** The payload; the validator's output is what travels. */
    readonly data: InputOf<C, M>
    /** Your own name for it, 1–128 characters. Publishing again with the same id, while the log remembers it, does nothing. Default: random. */
    readonly id?: string
  }
}[N]

type IsEphemeral<C extends Contract, N extends EventName<C>> = C['events'][N] extends { topic: string; durable: false } ? true : false

/** What `client.emit` takes: an emittable event, with its topic where the contract names a kind other than `user`. */
export type Emission<C extends Contract, N extends Emittable<C> = Emittable<C>> = {
  [M in N]: {
    /** The event's type. */
    readonly type: M
    /** The payload. */
    readonly data: InputOf<C, M>
    /** Your own name for it, 1–128 characters. Default: random. */
    readonly id?: string
    /** Must be said of an event that the contract makes ephemeral: it is sent now or not at all, and never queues. */
    readonly ephemeral?: IsEphemeral<C, M> extends true ? true : never
  } & (IsEphemeral<C, M> extends true ? { readonly ephemeral: true } : unknown) &
    ([KindOf<C, M>] extends [never] ? { readonly topic?: never } : KindOf<C, M> extends 'user' ? { readonly topic?: 'user' } : { readonly topic: TopicOfKind<KindOf<C, M>> })
}[N]

/** An event of the contract as it arrives. */
export type EventOf<C extends Contract, N extends EventName<C> = EventName<C>> = {
  [M in N]: HubEvent<M, DataOf<C, M>, [KindOf<C, M>] extends [never] ? string : TopicOfKind<KindOf<C, M>>>
}[N]

/** The part of a type that survives `JSON.stringify` and `JSON.parse` unchanged; what does not becomes `never`. */
export type JsonOf<T> = T extends string | number | boolean | null
  ? T
  : T extends (...args: never[]) => unknown
    ? never
    : T extends bigint | symbol | undefined
      ? never
      : T extends object
        ? { [K in keyof T]: JsonOf<Exclude<T[K], undefined>> | Extract<T[K], undefined> }
        : never

type Any<T> = 0 extends 1 & T ? true : false
type Problem<Text extends string> = { readonly 'contract error': Text }

/** Resolves to `unknown` for a sound definition, and to a type that nothing fits for any other. */
type CheckDefinition<N, D> = N extends `hub.${string}` | 'open' | 'error'
  ? Problem<'this event type is reserved'>
  : D extends { data: infer S extends StandardSchemaV1 }
    ? CheckSchema<StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>> &
        (D extends { topic: string }
          ? D extends { durable: false }
            ? unknown
            : D extends { coalesce: unknown }
              ? { coalesce: Problem<'only an ephemeral event (durable: false) can coalesce'> }
              : unknown
          : D extends { emit: true }
            ? D extends { durable: true }
              ? { durable: Problem<'an event without a topic is never kept'> }
              : unknown
            : { topic: Problem<'an event without a topic must be emittable, or nobody would hear it'> })
    : unknown

type CheckSchema<In, Out> = Any<Out> extends true
  ? unknown
  : [Out] extends [JsonOf<Out>]
    ? [Out] extends [In]
      ? unknown
      : { data: Problem<'the output of this schema is not valid as its own input, so a replayed event would not validate'> }
    : { data: Problem<'the output of this schema is not JSON'> }

/**
 * Declares the topics and events that a server and its clients share.
 *
 * @throws HubError `invalid_contract` where the definition breaks a rule that types cannot show.
 * @example
 * ```ts
 * import { defineContract } from '@sse-hub/core/contract'
 * import { z } from 'zod'
 *
 * export const contract = defineContract({
 *   topics: ['board'],
 *   events: {
 *     'card.moved': { topic: 'board', data: z.object({ id: z.string(), column: z.string(), version: z.number() }) },
 *     'theme.changed': { topic: 'user', data: z.object({ theme: z.enum(['light', 'dark']) }), emit: true },
 *     'button.clicked': { data: z.object({ button: z.string() }), emit: true },
 *   },
 * })
 * ```
 */
export function defineContract<const Kind extends string, const Events extends Record<string, EventDefinition<NoInfer<Kind>>>>(definition: {
  readonly topics: readonly Kind[]
  readonly events: Events & { readonly [N in keyof Events]: CheckDefinition<N, Events[N]> }
}): Contract<Kind, Events> {
  const wrong = (what: string): never => {
    throw new HubError('invalid_contract', `${what} (see defineContract)`)
  }
  const kinds = new Set<string>()
  for (const kind of definition.topics) {
    if (!isKind(kind)) wrong(`The topic kind ${JSON.stringify(kind)} must be a letter, then letters, digits, "_" or "-"; keys come after a colon`)
    if (kind === 'user') wrong('The topic kind "user" is built in: leave it out of `topics`')
    if (kinds.has(kind)) wrong(`The topic kind "${kind}" is listed twice`)
    kinds.add(kind)
  }
  for (const [type, event] of Object.entries<EventDefinition>(definition.events)) {
    if (!isEventType(type)) {
      wrong(`The event type ${JSON.stringify(type)} must be a letter, then letters, digits, ".", "_" or "-"; not "open", "error" or "hub.…"`)
    }
    if (typeof event.data?.['~standard']?.validate !== 'function') wrong(`The event "${type}" needs a Standard Schema as its \`data\` (zod, valibot, arktype, …)`)
    if (event.topic !== undefined && event.topic !== 'user' && !kinds.has(event.topic)) wrong(`The event "${type}" names the topic kind "${event.topic}", which \`topics\` does not list`)
    if (event.topic === undefined && !event.emit) wrong(`The event "${type}" has no topic and is not emittable, so nobody would hear it: name a topic or set \`emit: true\``)
    if (event.topic === undefined && event.durable) wrong(`The event "${type}" has no topic, so it is never kept: leave \`durable\` out`)
    if (event.coalesce && (event.durable !== false || event.topic === undefined)) wrong(`The event "${type}" coalesces, which only an ephemeral event on a topic can: set \`durable: false\``)
  }
  return { topics: definition.topics, events: definition.events }
}

/** What a contract says of an event type, or undefined for a type it does not know (`constructor` and its like included). */
export function definitionOf(contract: Contract, type: string): EventDefinition | undefined {
  return Object.hasOwn(contract.events, type) ? contract.events[type] : undefined
}

/** Whether events of this definition are kept in the log. */
export function isDurable(definition: EventDefinition): boolean {
  return definition.topic !== undefined && definition.durable !== false
}
