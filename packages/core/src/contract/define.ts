// defineContract: takes what an application declares, and refuses a contract that could not be kept, by the compiler where types can show it.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { HubError } from '../errors.ts'
import type { Coalesce, Contract, EventDefinition } from './contract.ts'
import { isEventType, isKind } from './topic.ts'

/** What JSON can say, by itself. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/**
 * The part of a type that survives `JSON.stringify` and `JSON.parse` unchanged; what does not becomes `never`. A property may be
 * `undefined` only where it may be missing too.
 */
export type JsonOf<T> = T extends Json
  ? T
  : T extends bigint | symbol | undefined | ((...args: never[]) => unknown)
    ? never
    : T extends readonly unknown[]
      ? { [K in keyof T]: JsonOf<T[K]> }
      : T extends object
        ? {
            [K in keyof T]: Missable<T, K> extends true
              ? JsonOf<Exclude<T[K], undefined>> | Extract<T[K], undefined>
              : JsonOf<T[K]>
          }
        : never

type Missable<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false

/** No value has this type: it stands where the compiler should say what is wrong with a contract. */
interface Problem<Text extends string> {
  readonly 'contract error': Text
}

/** What was inferred for an option of an event; undefined where it was left out. */
type At<Options, N, Bound> = N extends keyof Options ? (Options[N] extends Bound ? Options[N] : undefined) : undefined

/** What may be said of one event, given what is said of it: its schema, topic, `emit` and `durable`. */
type Sound<Kind extends string, N, Schema extends StandardSchemaV1, Topic, Emit, Durable> = {
  /** The kind of topic it is published to: a declared kind, or the built-in `user`. Left out: only the server's `hub.on` hears it. */
  readonly topic?: Kind | 'user'
  /** The validator of its payload: any [Standard Schema](https://standardschema.dev). Its output is what travels. */
  readonly data: Schema
  /** Whether clients may send it. Default false: only the server publishes it. */
  readonly emit?: boolean
  /** Whether it is kept in the log and can be replayed. Default true; an event without a topic is never kept. */
  readonly durable?: boolean
  /** For an ephemeral event on a topic: of several that wait for a slow reader, only the newest of each key is kept. */
  readonly coalesce?: [Topic, Durable] extends [string, false]
    ? Coalesce<StandardSchemaV1.InferOutput<Schema>>
    : Problem<'only an ephemeral event (durable: false) on a topic can coalesce'>
  /** For an ephemeral event on a topic: where a slow reader has no room for another that is not of low priority, this one is dropped first. */
  readonly priority?: [Topic, Durable] extends [string, false]
    ? 'low'
    : Problem<'only an ephemeral event (durable: false) on a topic can have a priority'>
} & NameRule<N> &
  TopicRule<Topic, Emit, Durable> &
  SchemaRule<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>

type NameRule<N> = N extends `hub.${string}` | 'open' | 'error' ? Problem<`the event type "${N}" is reserved`> : unknown

type TopicRule<Topic, Emit, Durable> = Topic extends string
  ? unknown
  : Durable extends true
    ? { durable: Problem<'an event without a topic is never kept: leave `durable` out'> }
    : Emit extends true
      ? unknown
      : { emit: Problem<'an event without a topic needs `emit: true`, or nobody would hear it'> }

type SchemaRule<In, Out> =
  IsAny<Out> extends true
    ? unknown
    : [Out] extends [JsonOf<Out>]
      ? [Out] extends [In]
        ? unknown
        : {
            data: Problem<'the output of this schema is not valid as its own input, so a replayed event would not validate'>
          }
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
export function defineContract<
  const Kind extends string,
  Schemas extends Record<string, StandardSchemaV1>,
  const Topics,
  const Emits,
  const Durables,
  const Present extends NoInfer<Kind> = never,
>(definition: {
  /** The kinds of topic that there are, besides the built-in `user`. */
  readonly topics: readonly Kind[]
  /** The kinds among them whose readers are told who else is there: it shows users to each other. Default: none. */
  readonly presence?: readonly Present[]
  /** What may happen, by event type. */
  // Each option is inferred by a mapped type of its own: inferring whole definitions would lose them all once one has a `coalesce`,
  // whose parameter gets its type from the schema beside it.
  readonly events: {
    readonly [N in keyof Schemas]: Sound<
      NoInfer<Kind>,
      N,
      Schemas[N],
      At<Topics, N, string>,
      At<Emits, N, boolean>,
      At<Durables, N, boolean>
    >
  } & { readonly [N in keyof Topics]: { readonly topic?: Topics[N] | NoInfer<Kind> | 'user' } } & {
    readonly [N in keyof Emits]: { readonly emit?: Emits[N] | boolean }
  } & { readonly [N in keyof Durables]: { readonly durable?: Durables[N] | boolean } }
}): Contract<
  Kind,
  {
    readonly [N in keyof Schemas]: {
      readonly topic: At<Topics, N, string>
      readonly data: Schemas[N]
      readonly emit: At<Emits, N, boolean>
      readonly durable: At<Durables, N, boolean>
    }
  },
  Present
> {
  const topics = definition?.topics
  // The parameter's type serves inference; from here on an event is what its interface says.
  const events = definition?.events as Readonly<Record<string, EventDefinition | undefined>>
  if (!Array.isArray(topics) || !events) {
    throw wrong('A contract needs `topics`, a list of kinds, and `events`, an object')
  }
  const kinds = new Set<string>()
  for (const kind of topics) {
    if (!isKind(kind)) {
      throw wrong(
        `The topic kind ${quote(kind)} must be a letter, then letters, digits, "_" or "-"; keys come after a colon`,
      )
    }
    if (kind === 'user') throw wrong('The topic kind "user" is built in: leave it out of `topics`')
    if (kinds.has(kind)) throw wrong(`The topic kind "${kind}" is listed twice`)
    kinds.add(kind)
  }
  const { presence } = definition
  for (const kind of presence ?? []) {
    if (!kinds.has(kind)) {
      throw wrong(
        `\`presence\` names the topic kind ${quote(kind)}, which \`topics\` does not list${kind === 'user' ? ': a topic of one user has no others' : ''}`,
      )
    }
  }
  for (const [type, event] of Object.entries(events)) {
    if (!isEventType(type)) {
      throw wrong(
        `The event type ${quote(type)} must be a letter, then letters, digits, ".", "_" or "-"; not "open", "error" or "hub.…"`,
      )
    }
    if (typeof event?.data?.['~standard']?.validate !== 'function') {
      throw wrong(`The event "${type}" needs a Standard Schema as its \`data\` (zod, valibot, arktype, …)`)
    }
    if (event.topic === undefined) {
      if (!event.emit)
        throw wrong(
          `The event "${type}" has no topic and is not emittable, so nobody would hear it: name a topic or set \`emit: true\``,
        )
      if (event.durable) throw wrong(`The event "${type}" has no topic, so it is never kept: leave \`durable\` out`)
    } else if (event.topic !== 'user' && !kinds.has(event.topic)) {
      throw wrong(`The event "${type}" names the topic kind ${quote(event.topic)}, which \`topics\` does not list`)
    }
    if (event.coalesce && (event.durable !== false || event.topic === undefined)) {
      throw wrong(`The event "${type}" coalesces, which only an ephemeral event on a topic can: set \`durable: false\``)
    }
    if (event.priority !== undefined) {
      if (event.durable !== false || event.topic === undefined)
        throw wrong(
          `The event "${type}" has a priority, which only an ephemeral event on a topic can have: name a topic and set \`durable: false\``,
        )
      if (event.priority !== 'low')
        throw wrong(`The event "${type}" has the priority ${quote(event.priority)}: leave it out, or say "low"`)
    }
  }
  return { topics, ...(presence && { presence }), events: events as never }
}

const quote = (text: string): string => JSON.stringify(String(text).slice(0, 80))
const wrong = (what: string): HubError => new HubError('invalid_contract', `${what} (see defineContract).`)
