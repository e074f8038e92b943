// What an application says when it makes a hub, and the defaults, chosen here and nowhere else.
import { type Contract, HubError } from '@sse-hub/core/contract'
import type { EventLog } from './log.ts'
import { type Clock, complain, isSet, platform, type Random } from './ports.ts'
import type { Compression } from './wire/compressing.ts'

/** What a request may do. Everything of `user:<user>` is granted without saying so. */
export interface Grant {
  /** Who it is; left out for an anonymous user, who has no `user` topic. */
  readonly user?: string
  /** The topics it may read. */
  readonly read?: readonly string[]
  /** The topics it may emit to. */
  readonly write?: readonly string[]
  /** Whether it may see details of health, metrics and the dashboard. Default false. */
  readonly admin?: boolean
  /** When the grant runs out, in milliseconds since 1970: the stream ends then and the client asks again. Default: never. */
  readonly expiresAt?: number
}

/** Bounds that keep one client from hurting the others. */
export interface Limits {
  /** Open streams and waiting pages. Default 10,000. */
  readonly connections: number
  /** Open streams and waiting pages of one user. Default 100. */
  readonly connectionsPerUser: number
  /** Topics that one stream or page may name in `?topics=`. Default 100. Who names none gets all that `authorize` grants, however many. */
  readonly topics: number
  /** The body of a POST, in bytes. Default 262,144. */
  readonly bodyBytes: number
  /** One event's encoded payload, in bytes. Default 262,144. */
  readonly eventBytes: number
  /** Emits in one batch. Default 100. */
  readonly batch: number
  /** Emits per second of one user, with bursts of ten times as many. Default 50. */
  readonly emitsPerSecond: number
  /** Bytes that one connection may have waiting before it reads from the log instead, and as many again while the log answers. Default 262,144. */
  readonly bufferBytes: number
  /**
   * Bytes that may wait for all readers together: where many connections are open, each may have a third of its share of this waiting instead of
   * `bufferBytes`, at least 4,096. Past it, {@link Hub.flush} is called. Default 268,435,456.
   */
  readonly memoryBytes: number
  /** Bytes of the newest events that are kept at hand, for readers that catch up; what is older is read from the log. Default 16,777,216. */
  readonly recentBytes: number
}

/** What went wrong inside the hub without anybody to throw it at. */
export interface Report {
  /** What the hub was doing. */
  readonly during: 'authorize' | 'replay' | 'tail' | 'handler' | 'emit' | 'stream' | 'schema' | 'health'
  /** The error. */
  readonly error: unknown
  /** The user, the topic, the event type and the cursor, as far as they are known. */
  readonly user?: string
  readonly topic?: string
  readonly type?: string
  readonly cursor?: string
}

/** What {@link createHub} takes. */
export interface HubOptions<C extends Contract> {
  /** The topics and events. */
  readonly contract: C
  /** Where durable events are kept. Default: `memoryLog()`. */
  readonly log?: EventLog
  /**
   * Says what a request may do; null means not authorized (401). Asked at connect, for every POST, and again at least every `recheckMs`, with a
   * fresh request that has the opening request's URL and headers and no body.
   */
  readonly authorize: (request: Request) => Grant | null | Promise<Grant | null>
  /** Where it is mounted. Default `/api/sse`. A router that strips the prefix is fine. */
  readonly prefix?: string
  /** Origins, besides the hub's own, that may connect and emit: `https://app.example`. Default none. */
  readonly origins?: readonly string[] | ((origin: string) => boolean)
  /**
   * How long an event may wait, in milliseconds, so that those that come soon after each other leave in one write: none leaves sooner after the last write
   * than this, and what comes more seldom does not wait. Neither do catching up, good-byes, a queue that is full, and anything while more than `memoryBytes` waits. From 0 to 500, and at most half of `heartbeatMs`. Default 0: what comes in one turn of the event loop leaves at its end.
   */
  readonly gatherMs?: number
  /**
   * Whether all who read the body of a stream's Response get the same bytes instead of a copy each. Say true only where nothing stands between the hub and its
   * runtime that writes into a chunk or transfers it: what one did to it, all others would get. A chunk is a view, too, of memory that holds more than itself. The adapter of `@sse-hub/server/node` shares them anyway. Default false.
   */
  readonly sharedChunks?: boolean
  /** How often every stream shows a sign of life, in milliseconds. Default 2,000. */
  readonly heartbeatMs?: number
  /** The longest that an open stream goes on without its authorization being confirmed, in milliseconds. Default 60,000. */
  readonly recheckMs?: number
  /** The normal `retry:` of streams, in milliseconds. Default 1,000. */
  readonly retryMs?: number
  /** How long clients should stay away while the hub is disabled, in milliseconds, before jitter. Default 30,000. */
  readonly disabledRetryMs?: number
  /** `sharedGzip()` of `@sse-hub/server/gzip`: compresses streams for clients that accept it. Default: none, since a proxy may compress, or must not wait. */
  readonly compression?: Compression
  /** Bounds. Each has a default. */
  readonly limits?: Partial<Limits>
  /** Starts disabled. Default: whether the environment has `DISABLE_SSE_SYSTEM=true`. */
  readonly disabled?: boolean
  /** Hears what went wrong inside. Default: `console.error`. */
  readonly onReport?: (report: Report) => void
  /** Time and chance, for tests. Default: the platform's. */
  readonly clock?: Clock
  readonly random?: Random
}

/** The defaults of {@link Limits}. */
const defaultLimits: Limits = {
  connections: 10_000,
  connectionsPerUser: 100,
  topics: 100,
  bodyBytes: 262_144,
  eventBytes: 262_144,
  batch: 100,
  emitsPerSecond: 50,
  bufferBytes: 262_144,
  memoryBytes: 268_435_456,
  recentBytes: 16_777_216,
}

// The longest delay that timers take; half as much again is added as jitter.
const LONGEST_MS = 2 ** 30
// Signs of life and good-byes wait, too.
const MOST_GATHER_MS = 500

/** The options with every default in place. The log is chosen by `createHub`. */
export interface Settings<C extends Contract>
  extends Required<Omit<HubOptions<C>, 'log' | 'limits' | 'origins' | 'compression'>> {
  readonly limits: Limits
  readonly compression?: Compression
  readonly origins: (origin: string) => boolean
}

/**
 * Checks the options and fills in the defaults.
 * @throws HubError `invalid_option`
 */
export function settle<C extends Contract>(options: HubOptions<C>): Settings<C> {
  const settings: Settings<C> = {
    prefix: '/api/sse',
    gatherMs: 0,
    sharedChunks: false,
    heartbeatMs: 2_000,
    recheckMs: 60_000,
    retryMs: 1_000,
    disabledRetryMs: 30_000,
    disabled: isSet('DISABLE_SSE_SYSTEM'),
    onReport: ({ during, error, ...where }) => complain(`sse-hub: ${during} failed`, where, error),
    ...platform,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    contract: options.contract,
    authorize: options.authorize,
    limits: { ...defaultLimits, ...options.limits },
    origins: origins(options.origins ?? []),
  }
  if (typeof settings.authorize !== 'function') {
    wrong(
      '`authorize` must be a function: it says what a request may do, or null (to let everybody read: `() => ({ read: [...] })`)',
    )
  }
  if (typeof settings.sharedChunks !== 'boolean') {
    wrong(`\`sharedChunks\` must be true or false, not ${JSON.stringify(settings.sharedChunks)}`)
  }
  const { compression } = settings
  if (compression && (typeof compression.deflate !== 'function' || typeof compression.crc32 !== 'function')) {
    wrong(
      '`compression` must be what `sharedGzip()` of "@sse-hub/server/gzip" makes; leave it out to send streams as they are',
    )
  }
  if (settings.prefix !== '' && !/^\/[^?#]*[^/?#]$/.test(settings.prefix)) {
    wrong(`\`prefix\` must begin with "/" and not end with it, like "/api/sse", not ${JSON.stringify(settings.prefix)}`)
  }
  for (const name of ['heartbeatMs', 'recheckMs', 'retryMs', 'disabledRetryMs'] as const) {
    wholeNumber(name, settings[name], LONGEST_MS)
  }
  wholeNumber('gatherMs', settings.gatherMs, MOST_GATHER_MS, 0)
  if (settings.gatherMs * 2 > settings.heartbeatMs) {
    wrong('`gatherMs` must be at most half of `heartbeatMs`, or clients take the hub for silent')
  }
  for (const [name, value] of Object.entries(settings.limits)) wholeNumber(`limits.${name}`, value)
  return settings
}

function origins(list: readonly string[] | ((origin: string) => boolean)): (origin: string) => boolean {
  if (typeof list === 'function') return list
  for (const origin of list) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      wrong(
        `\`origins\` lists ${JSON.stringify(origin)}, which is no origin: write scheme, host and port and nothing else, like "https://app.example", or pass a function`,
      )
    }
  }
  const known = new Set(list)
  return (origin) => known.has(origin)
}

function wholeNumber(name: string, value: number, most = Number.MAX_SAFE_INTEGER, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    wrong(`\`${name}\` must be a whole number from ${least} to ${most}, not ${value}`)
  }
}

function wrong(what: string): never {
  throw new HubError('invalid_option', `${what} (see createHub)`)
}
