// What must not compile does not, and what should does: the types of the contract, held by the compiler alone.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { z } from 'zod'
import type {
  Contract,
  DataOf,
  Emission,
  Emittable,
  EventName,
  EventOf,
  EventsOn,
  HubEvent,
  InputOf,
  KindOf,
  PresentTopic,
  Publication,
  Publishable,
  SubscribableTopic,
} from './contract.ts'
import { defineContract, type JsonOf } from './define.ts'

/** Compiles only if both are exactly the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}
const takes = <T>(_: T): void => {}

// ——— DESIGN §5, verbatim ———

const CardMoved = z.object({ id: z.string(), column: z.string(), version: z.number() })
const Theme = z.object({ theme: z.enum(['light', 'dark']) })
const Point = z.object({ x: z.number(), y: z.number() })
const Click = z.object({ button: z.string() })

// biome-ignore format: it stands here exactly as it stands in the design
export const contract = defineContract({
  topics: ['board', 'conversation'],                                    // user:<id> is built in
  events: {
    'card.moved':     { topic: 'board', data: CardMoved },              // any Standard Schema; durable by default; only the server publishes
    'theme.changed':  { topic: 'user', data: Theme, emit: true },       // to the user's own tabs and devices
    'pointer.moved':  { topic: 'board', data: Point, emit: true, durable: false, coalesce: (event) => event.user },
    'button.clicked': { data: Click, emit: true, durable: false },      // no topic: only the server hears it
  },
})

type C = typeof contract

// A browser has only its type: it must fit where any contract fits.
takes<Contract>(contract)
same<C['topics'], readonly ('board' | 'conversation')[]>(true)
same<EventName<C>, 'card.moved' | 'theme.changed' | 'pointer.moved' | 'button.clicked'>(true)
same<KindOf<C, 'card.moved'>, 'board'>(true)
same<KindOf<C, 'theme.changed'>, 'user'>(true)
same<KindOf<C, 'button.clicked'>, never>(true)
same<DataOf<C, 'card.moved'>, { id: string; column: string; version: number }>(true)
same<Emittable<C>, 'theme.changed' | 'pointer.moved' | 'button.clicked'>(true)
same<Publishable<C>, 'card.moved' | 'theme.changed' | 'pointer.moved'>(true)

// ——— Topics ———

same<EventsOn<C, 'board'>, 'card.moved' | 'pointer.moved'>(true)
same<EventsOn<C, 'board:7'>, 'card.moved' | 'pointer.moved'>(true)
same<EventsOn<C, `board:${string}`>, 'card.moved' | 'pointer.moved'>(true)
same<EventsOn<C, 'user'>, 'theme.changed'>(true)
same<EventsOn<C, 'user:u1'>, 'theme.changed'>(true)
same<EventsOn<C, 'conversation:3'>, never>(true)
same<EventsOn<C, 'boards:7'>, never>(true)
same<EventsOn<C, 'board:7' | 'user'>, 'card.moved' | 'pointer.moved' | 'theme.changed'>(true)

takes<SubscribableTopic<C>>('board')
takes<SubscribableTopic<C>>('board:7')
takes<SubscribableTopic<C>>('user')
// @ts-expect-error a kind that is not declared
takes<SubscribableTopic<C>>('bord:7')
// @ts-expect-error another user's own topic cannot be subscribed to
takes<SubscribableTopic<C>>('user:u2')
// @ts-expect-error the separator is a colon
takes<SubscribableTopic<C>>('board/7')

// ——— What the server publishes ———

const moved = { id: 'a', column: 'done', version: 1 }
takes<Publication<C>>({ type: 'card.moved', topic: 'board:7', data: moved })
takes<Publication<C>>({ type: 'card.moved', topic: 'board', data: moved, id: 'once' })
takes<Publication<C>>({ type: 'theme.changed', topic: 'user:u1', data: { theme: 'dark' } })
takes<Publication<C, 'card.moved'>>({ type: 'card.moved', topic: `board:${String(7)}`, data: moved })
// @ts-expect-error no such event
takes<Publication<C>>({ type: 'card.mooved', topic: 'board:7', data: moved })
// @ts-expect-error the payload lacks a member
takes<Publication<C>>({ type: 'card.moved', topic: 'board:7', data: { id: 'a', column: 'done' } })
// @ts-expect-error a member of the payload has the wrong type
takes<Publication<C>>({ type: 'card.moved', topic: 'board:7', data: { ...moved, version: '1' } })
// @ts-expect-error the payload of another event
takes<Publication<C>>({ type: 'card.moved', topic: 'board:7', data: { theme: 'dark' } })
// @ts-expect-error the topic is of another kind
takes<Publication<C>>({ type: 'card.moved', topic: 'conversation:7', data: moved })
// @ts-expect-error whose? The server must say
takes<Publication<C>>({ type: 'theme.changed', topic: 'user', data: { theme: 'dark' } })
// @ts-expect-error no topic
takes<Publication<C>>({ type: 'card.moved', data: moved })
// @ts-expect-error an event without a topic reaches nobody by publishing
takes<Publication<C>>({ type: 'button.clicked', topic: 'board', data: { button: 'ok' } })
// @ts-expect-error an option that there is not
takes<Publication<C>>({ type: 'card.moved', topic: 'board:7', data: moved, ephemeral: true })

// ——— What a client emits ———

takes<Emission<C>>({ type: 'theme.changed', data: { theme: 'dark' } })
takes<Emission<C>>({ type: 'theme.changed', topic: 'user', data: { theme: 'dark' }, id: 'once' })
takes<Emission<C>>({ type: 'pointer.moved', topic: 'board:7', ephemeral: true, data: { x: 1, y: 2 } })
takes<Emission<C>>({ type: 'button.clicked', data: { button: 'ok' } })
// @ts-expect-error only the server publishes it
takes<Emission<C>>({ type: 'card.moved', topic: 'board:7', data: moved })
// @ts-expect-error the payload
takes<Emission<C>>({ type: 'theme.changed', data: { theme: 'blue' } })
// @ts-expect-error an ephemeral event must be said to be one
takes<Emission<C>>({ type: 'pointer.moved', topic: 'board:7', data: { x: 1, y: 2 } })
// @ts-expect-error it needs its topic
takes<Emission<C>>({ type: 'pointer.moved', ephemeral: true, data: { x: 1, y: 2 } })
// @ts-expect-error the topic is of another kind
takes<Emission<C>>({ type: 'pointer.moved', topic: 'conversation:7', ephemeral: true, data: { x: 1, y: 2 } })
// @ts-expect-error never to another user
takes<Emission<C>>({ type: 'theme.changed', topic: 'user:u2', data: { theme: 'dark' } })
// @ts-expect-error a durable event is not ephemeral
takes<Emission<C>>({ type: 'theme.changed', ephemeral: true, data: { theme: 'dark' } })
// @ts-expect-error the contract names no topic for it
takes<Emission<C>>({ type: 'button.clicked', topic: 'board:7', data: { button: 'ok' } })

// ——— What arrives ———

same<EventOf<C, 'card.moved'>, HubEvent<'card.moved', DataOf<C, 'card.moved'>, 'board' | `board:${string}`>>(true)
same<EventOf<C, 'theme.changed'>['topic'], `user:${string}`>(true)
export const heard = (event: EventOf<C>): string => {
  if (event.type === 'card.moved') return event.data.column
  // @ts-expect-error the payload is narrowed by the type
  if (event.type === 'theme.changed') return event.data.column
  return event.type
}
// @ts-expect-error no such event
export type NoSuchEvent = EventOf<C, 'card.mooved'>
// @ts-expect-error no such event
export type NoSuchData = DataOf<C, 'card.mooved'>
// @ts-expect-error an event that has no topic is not published
export type NoSuchPublication = Publication<C, 'button.clicked'>
// @ts-expect-error an event that is the server's is not emitted
export type NoSuchEmission = Emission<C, 'card.moved'>

// ——— Definitions that are wrong. In comments: what the compiler says, in full or at its heart. ———

const ok = { topic: 'board', data: Click } as const

// @ts-expect-error Type '"bord"' is not assignable to type '"user" | "board"'. Did you mean '"board"'?
defineContract({ topics: ['board'], events: { a: { topic: 'bord', data: Click } } })
// @ts-expect-error Type '"boards"' is not assignable to type '"user" | "board" | "conversation"', beside one that is right
defineContract({ topics: ['board', 'conversation'], events: { a: ok, b: { topic: 'boards', data: Click } } })
// @ts-expect-error Type 'number' is not assignable to type 'string'
defineContract({ topics: [7], events: {} })
// @ts-expect-error 'topic' does not exist in type '{ topics; events }'
defineContract({ topics: ['board'], topic: 'board', events: { a: ok } })
// @ts-expect-error Object literal may only specify known properties, but 'emitt' does not exist … Did you mean to write 'emit'?
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: Click, emitt: true } } })
// @ts-expect-error Type 'string' is not assignable to type 'boolean'
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: Click, durable: 'no' } } })
// @ts-expect-error Type 'number' is not assignable to type 'boolean'
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: Click, emit: 1 } } })
// @ts-expect-error Property 'data' is missing
defineContract({ topics: ['board'], events: { a: { topic: 'board' } } })
// @ts-expect-error not a schema
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: { button: 'string' } } } })
// @ts-expect-error Property ''contract error'' is missing in … but required in type 'Problem<"the event type \"hub.a\" is reserved">'
defineContract({ topics: ['board'], events: { 'hub.a': { topic: 'board', data: Click } } })
// @ts-expect-error 'Problem<"the event type \"error\" is reserved">'
defineContract({ topics: ['board'], events: { error: { topic: 'board', data: Click } } })
// @ts-expect-error 'Problem<"the event type \"open\" is reserved">'
defineContract({ topics: ['board'], events: { open: { topic: 'board', data: Click } } })
// @ts-expect-error Property 'emit' is missing … 'Problem<"an event without a topic needs `emit: true`, or nobody would hear it">'
defineContract({ topics: ['board'], events: { a: { data: Click } } })
// @ts-expect-error Type 'true' is not assignable to … 'Problem<"an event without a topic is never kept: leave `durable` out">'
defineContract({ topics: ['board'], events: { a: { data: Click, emit: true, durable: true } } })
// @ts-expect-error not assignable to type 'Problem<"only an ephemeral event (durable: false) on a topic can coalesce">'
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: Click, coalesce: () => 'one' } } })
defineContract({
  topics: ['board'],
  // @ts-expect-error the same, without a topic
  events: { a: { data: Click, emit: true, durable: false, coalesce: () => 'one' } },
})

// @ts-expect-error not assignable to type 'Problem<"only an ephemeral event (durable: false) on a topic can have a priority">'
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: Click, priority: 'low' } } })
// @ts-expect-error the same, said to be durable
defineContract({ topics: ['board'], events: { a: { topic: 'board', data: Click, durable: true, priority: 'low' } } })
defineContract({
  topics: ['board'],
  // @ts-expect-error the same, without a topic
  events: { a: { data: Click, emit: true, durable: false, priority: 'low' } },
})
defineContract({
  topics: ['board'],
  // @ts-expect-error Type '"high"' is not assignable to type '"low"'
  events: { a: { topic: 'board', data: Click, durable: false, priority: 'high' } },
})

// ——— A priority, beside all else ———

const withPriority = defineContract({
  topics: ['board'],
  events: {
    a: { topic: 'board', data: Click, durable: false, priority: 'low' },
    b: { topic: 'user', data: Point, emit: true, durable: false, priority: 'low', coalesce: ({ data }) => `${data.x}` },
    c: { topic: 'board', data: Click },
  },
})
takes<Contract>(withPriority)
same<Emittable<typeof withPriority>, 'b'>(true)
same<DataOf<typeof withPriority, 'b'>, { x: number; y: number }>(true)
takes<Emission<typeof withPriority>>({ type: 'b', ephemeral: true, data: { x: 1, y: 2 } })

// ——— `coalesce` knows its event ———

defineContract({
  topics: ['board'],
  events: {
    a: {
      topic: 'board',
      data: Point,
      durable: false,
      coalesce: (event) => {
        same<typeof event, { readonly topic: string; readonly user?: string; readonly data: { x: number; y: number } }>(
          true,
        )
        return `${event.topic} ${event.data.x}`
      },
    },
    // Beside it, another knows its own.
    b: { topic: 'board', data: Click, durable: false, coalesce: ({ data }) => data.button },
    c: { topic: 'board', data: Click },
    // @ts-expect-error a key is text
    d: { topic: 'board', data: Point, durable: false, coalesce: ({ data }) => data.x },
    // @ts-expect-error no such member
    e: { topic: 'board', data: Point, durable: false, coalesce: ({ data }) => data.z },
  },
})

// ——— Schemas that travel ———

/** Declares one event with this payload, as a contract would. */
const base = { topics: ['board'] } as const
interface Tree {
  name: string
  children: Tree[]
}
const Category = z.object({
  name: z.string(),
  get parts() {
    return z.array(Category)
  },
})
const Hand: StandardSchemaV1<{ n: number }> = {
  '~standard': { version: 1, vendor: 'by hand', validate: () => ({ issues: [{ message: 'no' }] }) },
}

const fine = defineContract({
  ...base,
  events: {
    a: { topic: 'board', data: z.string() },
    b: { topic: 'board', data: z.null() },
    c: { topic: 'board', data: z.json() },
    d: { topic: 'board', data: z.object({ extra: z.json(), more: z.record(z.string(), z.json()) }) },
    e: { topic: 'board', data: z.object({ at: z.coerce.number(), name: z.coerce.string() }) },
    f: { topic: 'board', data: z.object({ size: z.number().default(3), tags: z.array(z.string()).default([]) }) },
    g: {
      topic: 'board',
      data: z.object({ a: z.string().optional(), b: z.string().nullable(), c: z.string().nullish() }),
    },
    h: { topic: 'board', data: z.union([z.string(), z.number(), z.object({ a: z.boolean() })]) },
    i: {
      topic: 'board',
      data: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('text'), text: z.string() }),
        z.object({ kind: z.literal('image'), url: z.url() }),
      ]),
    },
    j: { topic: 'board', data: Category },
    k: {
      topic: 'board',
      data: z.lazy((): z.ZodType<Tree, Tree> => z.object({ name: z.string(), children: z.array(z.any()) })),
    },
    l: { topic: 'board', data: z.enum(['a', 'b']) },
    m: { topic: 'board', data: z.tuple([z.string(), z.number()]).rest(z.boolean()) },
    n: { topic: 'board', data: z.record(z.string(), z.number()) },
    o: { topic: 'board', data: z.object({ id: z.string().brand<'card'>() }).readonly() },
    p: { topic: 'board', data: z.string().trim().toLowerCase() },
    q: { topic: 'board', data: z.string().transform((text) => text.trim()) },
    r: { topic: 'board', data: z.preprocess((value) => value ?? {}, z.object({ a: z.string() })) },
    s: { topic: 'board', data: z.strictObject({ a: z.iso.datetime() }) },
    t: { topic: 'board', data: z.templateLiteral(['v', z.number()]) },
    u: { topic: 'board', data: z.any() },
    v: { topic: 'board', data: Hand },
    w: { topic: 'board', data: z.object({ a: z.string() }).or(z.null()) },
    x: { topic: 'board', data: z.object({ a: z.string() }).and(z.object({ b: z.string() })) },
    y: { topic: 'board', data: z.object({ a: z.string().catch('none') }) },
  },
})
same<DataOf<typeof fine, 'v'>, { n: number }>(true)
same<InputOf<typeof fine, 'f'>, { size?: number | undefined; tags?: string[] | undefined }>(true)
same<DataOf<typeof fine, 'f'>, { size: number; tags: string[] }>(true)
takes<Publication<typeof fine, 'f'>>({ type: 'f', topic: 'board', data: {} })

// A valibot-like schema, written by hand: input and output differ, and the output is an input too.
const lenient: StandardSchemaV1<string | number, number> = {
  '~standard': { version: 1, vendor: 'by hand', validate: (value) => ({ value: Number(value) }) },
}
defineContract({ ...base, events: { a: { topic: 'board', data: lenient } } })

// ——— Schemas that do not ———

// @ts-expect-error Property ''contract error'' is missing in type '_ZodDate' but required in type 'Problem<"the output of this schema is not JSON">'
defineContract({ ...base, events: { a: { topic: 'board', data: z.date() } } })
// @ts-expect-error one that is not among many that are
defineContract({ ...base, events: { a: ok, b: { topic: 'board', data: z.date() }, c: ok } })
const dateInside = z.object({ deep: z.array(z.object({ at: z.date() })) })
// @ts-expect-error a Date inside
defineContract({ ...base, events: { a: { topic: 'board', data: dateInside } } })
// @ts-expect-error a Date in a union
defineContract({ ...base, events: { a: { topic: 'board', data: z.union([z.string(), z.date()]) } } })
// @ts-expect-error a Date where it may be missing
defineContract({ ...base, events: { a: { topic: 'board', data: z.object({ at: z.date().optional() }) } } })
// @ts-expect-error coercion does not make a Date JSON
defineContract({ ...base, events: { a: { topic: 'board', data: z.coerce.date() } } })
// @ts-expect-error bigint
defineContract({ ...base, events: { a: { topic: 'board', data: z.bigint() } } })
// @ts-expect-error bigint inside
defineContract({ ...base, events: { a: { topic: 'board', data: z.object({ n: z.bigint() }) } } })
// @ts-expect-error symbol
defineContract({ ...base, events: { a: { topic: 'board', data: z.symbol() } } })
// @ts-expect-error undefined
defineContract({ ...base, events: { a: { topic: 'board', data: z.undefined() } } })
// @ts-expect-error perhaps undefined
defineContract({ ...base, events: { a: { topic: 'board', data: z.string().optional() } } })
// @ts-expect-error void
defineContract({ ...base, events: { a: { topic: 'board', data: z.void() } } })
// @ts-expect-error Map
defineContract({ ...base, events: { a: { topic: 'board', data: z.map(z.string(), z.number()) } } })
// @ts-expect-error Set
defineContract({ ...base, events: { a: { topic: 'board', data: z.object({ tags: z.set(z.string()) }) } } })
// @ts-expect-error function
defineContract({ ...base, events: { a: { topic: 'board', data: z.object({ f: z.custom<() => void>() }) } } })
// @ts-expect-error bytes
defineContract({ ...base, events: { a: { topic: 'board', data: z.instanceof(Uint8Array) } } })
// @ts-expect-error undefined becomes null inside an array
defineContract({ ...base, events: { a: { topic: 'board', data: z.array(z.string().optional()) } } })
// @ts-expect-error unknown: nobody knows whether it is JSON; z.json() does
defineContract({ ...base, events: { a: { topic: 'board', data: z.unknown() } } })
// @ts-expect-error Property ''contract error'' is missing … 'Problem<"the output of this schema is not valid as its own input, so a replayed event would not validate">'
defineContract({ ...base, events: { a: { topic: 'board', data: z.string().transform(Number) } } })
// @ts-expect-error the same inside
defineContract({ ...base, events: { a: { topic: 'board', data: z.object({ n: z.string().transform(Number) }) } } })
// @ts-expect-error a codec's two sides differ
defineContract({ ...base, events: { a: { topic: 'board', data: z.stringbool() } } })
const renaming = z.object({ first: z.string() }).transform(({ first }) => ({ name: first }))
// @ts-expect-error renamed members
defineContract({ ...base, events: { a: { topic: 'board', data: renaming } } })
declare const mustBeThere: StandardSchemaV1<{ a: string | undefined }>
// @ts-expect-error a member that may be undefined but not missing: JSON drops it, and it would not validate again
defineContract({ ...base, events: { a: { topic: 'board', data: mustBeThere } } })
declare const dated: StandardSchemaV1<Date>
// @ts-expect-error whatever the vendor
defineContract({ ...base, events: { a: { topic: 'board', data: dated } } })

// ——— JsonOf by itself ———

same<JsonOf<{ a: string; b?: number; c: (boolean | null)[] }>, { a: string; b?: number; c: (boolean | null)[] }>(true)
same<JsonOf<Date>, Date>(false)
same<JsonOf<bigint>, never>(true)
same<JsonOf<() => void>, never>(true)
same<JsonOf<undefined>, never>(true)

// ——— Presence ———

const withPresence = defineContract({ topics: ['board', 'news'], presence: ['board'], events: { a: ok } })
takes<Contract>(withPresence)
same<PresentTopic<typeof withPresence>, 'board' | `board:${string}`>(true)
same<PresentTopic<C>, never>(true)
// @ts-expect-error: no such kind
defineContract({ topics: ['board'], presence: ['bord'], events: { a: ok } })
// @ts-expect-error: a topic of one user has no others
defineContract({ topics: ['board'], presence: ['user'], events: { a: ok } })
