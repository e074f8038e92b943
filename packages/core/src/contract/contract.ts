// The typed registry of topics and events that server and client share: what may be said, where, and by whom; `defineContract` (define.ts) makes one.
import type { StandardSchemaV1 } from '@standard-schema/spec'

/** What a contract says of one type of event. */
export interface EventDefinition<Kind extends string = string> {
  /** The kind of topic it is published to: a declared kind, or the built-in `user`. Left out: only the server's `hub.on` hears it. */
  readonly topic?: Kind | 'user' | undefined
  /** The validator of its payload: any [Standard Schema](https://standardschema.dev). Its output is what travels. */
  readonly data: StandardSchemaV1
  /** Whether clients may send it. Default false: only the server publishes it. */
  readonly emit?: boolean | undefined
  /** Whether it is kept in the log and can be replayed. Default true; an event without a topic is never kept. */
  readonly durable?: boolean | undefined
  /** For an ephemeral event: of several that wait for a slow reader, only the newest of each key is kept. */
  readonly coalesce?: Coalesce<never> | undefined
  /** For an ephemeral event: where a slow reader has no room for another that is not of low priority, this one is dropped first. */
  readonly priority?: 'low' | undefined
}

/** Names the key of an ephemeral event; of several with one key only the newest is kept. Undefined: it is never replaced. */
export type Coalesce<Data> = (event: {
  readonly topic: string
  readonly user?: string
  readonly data: Data
}) => string | undefined

/** The typed registry of topics and event types, made by `defineContract`. */
export interface Contract<
  Kind extends string = string,
  Events extends Record<string, EventDefinition> = Record<string, EventDefinition>,
  Present extends string = string,
> {
  /** The declared kinds of topic. `user` is built in and not listed. */
  readonly topics: readonly Kind[]
  /** The kinds of topic whose readers are told who else is there. */
  readonly presence?: readonly Present[]
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
export type KindOf<C extends Contract, N extends EventName<C>> = C['events'][N] extends {
  topic: infer K extends string
}
  ? K
  : never

/** The topics of a kind, as the server writes them: `user` only with an id. */
export type TopicOfKind<K extends string> = K extends 'user' ? `user:${string}` : K | `${K}:${string}`

/** The topics that a client may subscribe to: those of the declared kinds, and `user` for the user's own. */
export type SubscribableTopic<C extends Contract> = 'user' | TopicOfKind<C['topics'][number]>

/** The topics that have presence, as the contract says. */
export type PresentTopic<C extends Contract> = TopicOfKind<NonNullable<C['presence']>[number]>

/** The names of the events that can arrive on a topic. */
export type EventsOn<C extends Contract, T extends string> = {
  [N in EventName<C>]: [KindOf<C, N>] extends [never]
    ? never
    : T extends KindOf<C, N> | `${KindOf<C, N>}:${string}`
      ? N
      : never
}[EventName<C>]

/** The names of the events that clients may emit. */
export type Emittable<C extends Contract> = {
  [N in EventName<C>]: C['events'][N] extends { emit: true } ? N : never
}[EventName<C>]

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

type IsEphemeral<C extends Contract, N extends EventName<C>> = C['events'][N] extends { topic: string; durable: false }
  ? true
  : false

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
    ([KindOf<C, M>] extends [never]
      ? { readonly topic?: never }
      : KindOf<C, M> extends 'user'
        ? { readonly topic?: 'user' }
        : { readonly topic: TopicOfKind<KindOf<C, M>> })
}[N]

/** An event of the contract as it arrives. */
export type EventOf<C extends Contract, N extends EventName<C> = EventName<C>> = {
  [M in N]: HubEvent<M, DataOf<C, M>, [KindOf<C, M>] extends [never] ? string : TopicOfKind<KindOf<C, M>>>
}[N]

/** What a contract says of an event type, or undefined for a type it does not know (`constructor` and its like included). */
export function definitionOf(contract: Contract, type: string): EventDefinition | undefined {
  return Object.hasOwn(contract.events, type) ? contract.events[type] : undefined
}

/** Whether events of this definition are kept in the log. */
export function isDurable(definition: EventDefinition): boolean {
  return definition.topic !== undefined && definition.durable !== false
}
