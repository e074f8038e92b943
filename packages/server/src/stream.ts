// GET /events: from a request to an open connection, or to the good-bye that stands in for it.
import type { ByeReason, Contract } from '@sse-hub/core/contract'
import { answerBye, streamHeaders, unauthorized } from './answers.ts'
import { askedTopics, grantedTopics, sameTopics } from './asked.ts'
import { lazyBody } from './body.ts'
import { acceptsGzip, type Compressor, compressing } from './compressing.ts'
import { type ConnectionHub, openConnection } from './connection.ts'
import type { Access, Gate } from './gate.ts'
import type { Limits } from './options.ts'
import type { Roster } from './roster.ts'

/** What streams and pages take from their hub. */
export interface Visited extends ConnectionHub {
  readonly contract: Contract
  readonly gate: Gate
  readonly roster: Roster
  readonly limits: Limits
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
  const { gate, roster, limits, retryMs, compressor } = hub
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

  const after = request.headers.get('last-event-id') || url.searchParams.get('after')
  const { signal } = request
  const connection = openConnection(
    {
      user: access.user,
      topics,
      present: asked ? topics : [],
      ...(after ? { after } : {}),
      onGone() {
        leave()
        stopWatch()
        signal.removeEventListener('abort', connection.closed)
      },
    },
    hub,
  )
  const leave = roster.enter(connection)
  const stopWatch = gate.watch(
    request,
    access,
    (now) => sameTopics(asked, now, topics),
    (why) => connection.end(why, retryMs),
  )
  signal.addEventListener('abort', connection.closed)
  if (signal.aborted) connection.closed()
  if (!compressor || !acceptsGzip(request.headers.get('accept-encoding'))) {
    return new Response(lazyBody(connection), { headers })
  }
  return new Response(lazyBody(compressing(connection, compressor)), {
    headers: { ...headers, 'content-encoding': 'gzip' },
  })
}
