// The history, sorted once for all checks: what the log really held, what each exchange carried, what each screen was told.

import type { Config } from './config.ts'
import type { Entry, EntryOf, Final, Stored } from './history.ts'
import type { Block } from './tap.ts'

/** A durable event with its true place. */
export interface True extends Stored {
  readonly epoch: string
  readonly position: number
  /** When it was appended. */
  readonly at: number
}

/** One request with all that went over its wire. */
export interface ExchangeFacts {
  readonly number: number
  readonly page: number
  readonly user: string
  readonly method: string
  readonly kind: 'stream' | 'page' | 'emit'
  readonly requestedAt: number
  readonly after: string | undefined
  readonly topics: readonly string[] | undefined
  readonly body: string | undefined
  /** Whether it is for a page that may be held until there is something to say. */
  readonly waits: boolean
  /** The request that the network has doubled; the page made but one. */
  readonly copyOf?: number
  acceptedAt?: number
  hub?: number
  status?: number
  hubEndedAt?: number
  clientEndedAt?: number
  clientEnd?: string
  /** When the hub gave its answer; what the kernel took later was given then. */
  answeredAt?: number
  answer?: string
  answerAt?: number
  readonly said: { readonly at: number; readonly block: Block; readonly heldMs: number }[]
  readonly heard: { readonly at: number; readonly block: Block }[]
}

/** One subscription with all that it was told. */
export interface ScreenFacts {
  readonly screen: number
  readonly page: number
  readonly topic: string
  readonly after: string | undefined
  readonly live: boolean
  readonly mountedAt: number
  unmountedAt?: number
  readonly told: (EntryOf<'event'> | EntryOf<'gap'>)[]
}

/** One page and its client. */
export interface PageFacts {
  readonly page: number
  readonly user: string
  readonly openedAt: number
  /** Whom it shares a stream with, if it does: the tabs of the same browser and user. */
  readonly shares: string | undefined
  crashedAt?: number
  readonly statuses: EntryOf<'status'>[]
  /** Between which moments the application had closed the client. */
  readonly closed: { from: number; to: number }[]
  /** Between which moments it stood still. */
  readonly frozen: { readonly how: string; readonly from: number; to: number }[]
}

/** What a user was granted, from a moment on. */
export interface GrantFacts {
  readonly at: number
  readonly read: ReadonlySet<string>
  readonly write: ReadonlySet<string>
}

/** Everything that the checks look at. */
export interface Facts {
  readonly config: Config
  readonly entries: readonly Entry[]
  readonly epochs: readonly string[]
  /** The durable events of an epoch in log order. */
  readonly truth: ReadonlyMap<string, readonly True[]>
  readonly exchanges: ReadonlyMap<number, ExchangeFacts>
  readonly screens: ReadonlyMap<number, ScreenFacts>
  readonly pages: ReadonlyMap<number, PageFacts>
  readonly grants: ReadonlyMap<string, readonly GrantFacts[]>
  readonly settlingAt: number
  readonly endedAt: number
  readonly final: Final | undefined
  /** The page itself, and those that share a stream with it. */
  company(page: number): readonly PageFacts[]
  /** The true event at a cursor. */
  at(cursor: string): True | undefined
  /** The true events of those topics after one position and up to another. */
  between(epoch: string, after: number, upTo: number, topics: ReadonlySet<string>): True[]
  /** All entries of one kind. */
  all<W extends Entry['what']>(what: W): readonly EntryOf<W>[]
}

/** Whether a stored event fits the contract; the world appends some that do not. */
export const fits = (event: Stored): boolean => !event.json.includes('"n":-1')

/** Reads a cursor, as the protocol writes it. */
export function cursorOf(text: string | undefined): { readonly epoch: string; readonly position: number } | undefined {
  const [, epoch, position] = /^([\w-]{1,64}):(0|[1-9]\d{0,15})$/.exec(text ?? '') ?? []
  return epoch === undefined ? undefined : { epoch, position: Number(position) }
}

/** What a page took of what a stream said: all, as it came. But of one that it tried beside its pages nothing, until it went over to it, and then all at once. */
export function taken({ pages }: Facts, exchange: ExchangeFacts): ExchangeFacts['heard'] {
  const { heard, page, requestedAt, clientEndedAt = Number.POSITIVE_INFINITY } = exchange
  const statuses = pages.get(page)?.statuses ?? []
  const isLiveBy = (via: string, { status }: EntryOf<'status'>) => status.phase === 'live' && status.via === via
  const then = statuses.findLast(({ at }) => at <= requestedAt)
  if (!then || !isLiveBy('poll', then)) return heard
  const over = statuses.find((next) => next.at > requestedAt && next.at <= clientEndedAt && isLiveBy('sse', next))
  return over ? heard.map((one) => ({ ...one, at: Math.max(one.at, over.at) })) : []
}

function exchangeFacts(entry: EntryOf<'request'>, user: string): ExchangeFacts {
  const url = new URL(entry.url, 'http://hub.test')
  const topics = url.searchParams.get('topics')
  return {
    number: entry.exchange,
    page: entry.page,
    user,
    method: entry.method,
    kind: entry.method === 'POST' ? 'emit' : url.pathname.endsWith('/page') ? 'page' : 'stream',
    requestedAt: entry.at,
    after: url.searchParams.get('after') ?? undefined,
    topics: topics === null ? undefined : topics.split(',').map((topic) => (topic === 'user' ? `user:${user}` : topic)),
    body: entry.body,
    waits: url.searchParams.has('wait'),
    said: [],
    heard: [],
  }
}

/** Sorts a history. */
export function gatherFacts(config: Config, entries: readonly Entry[]): Facts {
  const epochs: string[] = []
  const truth = new Map<string, True[]>()
  const exchanges = new Map<number, ExchangeFacts>()
  const screens = new Map<number, ScreenFacts>()
  const pages = new Map<number, PageFacts>()
  const grants = new Map<string, GrantFacts[]>()
  const byCursor = new Map<string, True>()
  const byKind = new Map<string, Entry[]>()
  let settlingAt = Number.POSITIVE_INFINITY
  let final: Final | undefined

  for (const entry of entries) {
    const kind = byKind.get(entry.what)
    if (kind) kind.push(entry)
    else byKind.set(entry.what, [entry])
    switch (entry.what) {
      case 'hub up':
        if (!epochs.includes(entry.epoch)) epochs.push(entry.epoch)
        break
      case 'appended': {
        const event = { ...entry.event, epoch: entry.epoch, position: entry.position, at: entry.at }
        const cursor = `${entry.epoch}:${entry.position}`
        if (byCursor.has(cursor)) break
        byCursor.set(cursor, event)
        truth.set(entry.epoch, [...(truth.get(entry.epoch) ?? []), event])
        break
      }
      case 'granted': {
        const grant = { at: entry.at, read: new Set(entry.read), write: new Set(entry.write) }
        grants.set(entry.user, [...(grants.get(entry.user) ?? []), grant])
        break
      }
      case 'request':
        exchanges.set(entry.exchange, exchangeFacts(entry, pages.get(entry.page)?.user ?? ''))
        break
      case 'accepted': {
        const original = entry.copyOf === undefined ? undefined : exchanges.get(entry.copyOf)
        if (original) {
          // What became of the original says nothing about its copy.
          const { page, user, method, kind, requestedAt, after, topics, body, waits } = original
          const asked = { page, user, method, kind, requestedAt, after, topics, body, waits, copyOf: original.number }
          exchanges.set(entry.exchange, { ...asked, number: entry.exchange, said: [], heard: [] })
        }
        const exchange = exchanges.get(entry.exchange)
        if (exchange) Object.assign(exchange, { acceptedAt: entry.at, hub: entry.hub })
        break
      }
      case 'opened':
        pages.set(entry.page, {
          page: entry.page,
          user: entry.user,
          openedAt: entry.at,
          shares: entry.browser === undefined ? undefined : `${entry.browser} of ${entry.user}`,
          statuses: [],
          closed: [],
          frozen: [],
        })
        break
      case 'mounted': {
        const { page, screen, topic, after, live } = entry
        screens.set(screen, { screen, page, topic, after, live, mountedAt: entry.at, told: [] })
        break
      }
      case 'settling':
        settlingAt = entry.at
        break
      case 'settled':
        final = entry.final
        break
      default:
        attach(entry, exchanges, screens, pages)
    }
  }
  for (const events of truth.values()) events.sort((a, b) => a.position - b.position)
  return {
    config,
    entries,
    epochs,
    truth,
    exchanges,
    screens,
    pages,
    grants,
    settlingAt,
    endedAt: entries.at(-1)?.at ?? 0,
    final,
    company(page) {
      const { shares } = pages.get(page) ?? {}
      return [...pages.values()].filter((one) => one.page === page || (shares !== undefined && one.shares === shares))
    },
    at: (cursor) => byCursor.get(cursor),
    between: (epoch, after, upTo, topics) =>
      (truth.get(epoch) ?? []).filter(
        ({ position, topic }) => position > after && position <= upTo && topics.has(topic),
      ),
    all: <W extends Entry['what']>(what: W) => (byKind.get(what) ?? []) as EntryOf<W>[],
  }
}

function attach(
  entry: Entry,
  exchanges: Map<number, ExchangeFacts>,
  screens: Map<number, ScreenFacts>,
  pages: Map<number, PageFacts>,
): void {
  const exchange = 'exchange' in entry ? exchanges.get(entry.exchange) : undefined
  const screen = 'screen' in entry ? screens.get(entry.screen) : undefined
  const page = 'page' in entry && entry.page !== undefined ? pages.get(entry.page) : undefined
  switch (entry.what) {
    case 'answered':
      if (exchange) Object.assign(exchange, { status: entry.status, answeredAt: entry.at })
      break
    case 'said':
      exchange?.said.push({ at: entry.at, block: entry.block, heldMs: entry.heldMs ?? 0 })
      break
    case 'heard':
      exchange?.heard.push({ at: entry.at, block: entry.block })
      break
    case 'answer body':
      if (exchange) Object.assign(exchange, { answer: entry.text, answerAt: entry.at })
      break
    case 'hub side ended':
      if (exchange) exchange.hubEndedAt = entry.at
      break
    case 'client side ended':
      if (exchange) Object.assign(exchange, { clientEndedAt: entry.at, clientEnd: entry.how })
      break
    case 'event':
    case 'gap':
      screen?.told.push(entry)
      break
    case 'unmounted':
      if (screen) screen.unmountedAt = entry.at
      break
    case 'status':
      page?.statuses.push(entry)
      break
    case 'crashed':
      if (page) page.crashedAt = entry.at
      break
    case 'froze':
      page?.frozen.push({ how: entry.how, from: entry.at, to: Number.POSITIVE_INFINITY })
      break
    case 'thawed': {
      const last = page?.frozen.at(-1)
      if (last) last.to = entry.at
      break
    }
    case 'closed':
      page?.closed.push({ from: entry.at, to: Number.POSITIVE_INFINITY })
      break
    case 'started': {
      const last = page?.closed.at(-1)
      if (last?.to === Number.POSITIVE_INFINITY) last.to = entry.at
      break
    }
  }
}
