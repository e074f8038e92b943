// GET /events: from a request to an open connection, or to the good-bye that stands in for it.
import type { ByeReason, Contract } from '@sse-hub/core/contract'
import { Connection, type ConnectionHub, type ConnectionOwner } from '../connection/connection.ts'
import type { Roster } from '../connection/roster.ts'
import type { Limits } from '../options.ts'
import { lazyBody } from '../wire/body.ts'
import { acceptsGzip, type Compressor, compressing } from '../wire/compressing.ts'
import { answerBye, streamHeaders, unauthorized } from './answers.ts'
import { askedTopics, grantedTopics, sameTopics } from './asked.ts'
import type { Access, Gate, Holder, Watch } from './gate.ts'

/** What streams and pages take from their hub. */
export interface Visited extends ConnectionHub {
  readonly contract: Contract
  readonly gate: Gate
  readonly roster: Roster
  readonly limits: Limits
  /** Whether all who read bodies get the same bytes. */
  readonly sharedChunks: boolean
  /** How streams are compressed for who accepts it, if they are. */
  readonly compressor: Compressor | undefined
  /** Why nobody may come in now, and how long to stay away; undefined while the hub is open. */
  readonly shut: () => { readonly reason: ByeReason; readonly retryMs: number } | undefined
}

/**
 * Answers `GET /events`.
 * @throws HubError `invalid_topic`, `too_many_topics`, `unauthorized`
 */
export async function answerStream(request: Request, url: URL, hub: Visited): Promise<Response> {
  const { gate, roster, limits, compressor, sharedChunks } = hub
  const asked = askedTopics(url, limits.topics)
  const shut = hub.shut()
  if (shut) return answerBye(shut.reason, shut.retryMs)

  let access: Access | null
  try {
    access = await gate.ask(request)
  } catch {
    return answerBye('overloaded', hub.awayMs())
  }
  if (!access) throw unauthorized()
  const topics = grantedTopics(asked, access)
  const headers = compressor ? { ...streamHeaders, vary: 'Accept-Encoding' } : streamHeaders
  if (request.method === 'HEAD') return new Response(null, { headers })

  // Again: it may have been shut while the application thought.
  const shutNow =
    hub.shut() ?? (roster.full(access.user) ? { reason: 'overloaded' as const, retryMs: hub.awayMs() } : undefined)
  if (shutNow) return answerBye(shutNow.reason, shutNow.retryMs)

  const stream = new Stream(request, url, access, topics, asked ? topics : [], hub)
  const { connection } = stream
  const taken = () => stream.unfollow()
  if (!compressor || !acceptsGzip(request.headers.get('accept-encoding'))) {
    return new Response(lazyBody(connection, sharedChunks, taken), { headers })
  }
  return new Response(lazyBody(compressing(connection, compressor), sharedChunks, taken), {
    headers: { ...headers, 'content-encoding': 'gzip' },
  })
}

/** An open stream: its connection, and what keeps it open or ends it. */
class Stream implements ConnectionOwner, Holder {
  readonly connection: Connection
  readonly #hub: Visited
  readonly #watch: Watch
  #stopFollowing: (() => void) | undefined

  constructor(
    request: Request,
    url: URL,
    access: Access,
    topics: readonly string[],
    present: readonly string[],
    hub: Visited,
  ) {
    const after = request.headers.get('last-event-id') || url.searchParams.get('after')
    this.#hub = hub
    this.connection = new Connection(
      { user: access.user, topics, present, ...(after ? { after } : {}), owner: this },
      hub,
    )
    hub.roster.enter(this.connection)
    this.#watch = hub.gate.watch(request, access, this)
    this.#stopFollowing = follow(request.signal, this.connection)
    if (request.signal.aborted) this.connection.closed()
  }

  gone() {
    this.#hub.roster.leave(this.connection)
    this.#watch.stop()
    this.unfollow()
  }

  isSame(now: Access, { url }: Request): boolean {
    const { topics } = this.connection
    return sameTopics(askedTopics(new URL(url), this.#hub.limits.topics), now, topics)
  }

  withdraw(why: ByeReason) {
    this.connection.end(why, this.#hub.retryMs)
  }

  /** Somebody else says when the reader is gone. Lets go of the request. */
  unfollow() {
    this.#stopFollowing?.()
    this.#stopFollowing = undefined
  }
}

/** Closes the connection with the request. The answer ends that. */
function follow(signal: AbortSignal, connection: Connection): () => void {
  const closed = () => connection.closed()
  signal.addEventListener('abort', closed)
  return () => signal.removeEventListener('abort', closed)
}
