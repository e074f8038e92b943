// GET /page: one page of the log as JSON, which waits for news when there is none.
import { type ByeReason, formatCursor, type Gap, HubError, parseCursor } from '@sse-hub/core/contract'
import { openingGap } from '../connection/opening-gap.ts'
import type { Member } from '../connection/roster.ts'
import type { Cursor } from '../log.ts'
import { schemaGap } from '../publishing/vetting.ts'
import type { Listener } from '../tail/tail.ts'
import { within } from '../time/within.ts'
import { answerAway, answerJson, unauthorized } from './answers.ts'
import { askedTopics, grantedTopics, sameTopics } from './asked.ts'
import type { Visited } from './stream.ts'

const PAGE_EVENTS = 500
const LONGEST_WAIT_MS = 25_000
const READ_MS = 10_000
const CATCH_UP_MS = 50

/**
 * Answers `GET /page`.
 * @throws HubError `malformed`, `invalid_topic`, `too_many_topics`, `unauthorized`, `overloaded`
 */
export async function answerPage(request: Request, url: URL, hub: Visited): Promise<Response> {
  const { log, tail, vetting, attendance, clock, gate, roster, limits } = hub
  const asked = askedTopics(url, limits.topics)
  const waitMs = askedWait(url)
  const shut = hub.shut()
  if (shut) return answerAway(shut.reason, shut.retryMs)
  const access = await gate.ask(request)
  if (!access) throw unauthorized()
  const { user } = access
  const topics = grantedTopics(asked, access)
  const filter: ReadonlySet<string> = new Set(topics)
  const shutNow =
    hub.shut() ?? (roster.full(user) ? { reason: 'overloaded' as const, retryMs: hub.awayMs() } : undefined)
  if (shutNow) return answerAway(shutNow.reason, shutNow.retryMs)

  let ended: { readonly reason: ByeReason; readonly retryMs: number } | undefined
  let aborted = request.signal.aborted
  let wake = () => {}
  // A log that answers more slowly than its tail runs never catches up with it; what was there when we were asked is enough.
  let goal: Cursor | undefined
  // While it waits at the head, what the tail hands to others passes it by, and counts as scanned.
  let passBy = () => {}
  // What hangs, a log or a validator, must not hold back the end.
  let over = () => {}
  const isOver = new Promise<undefined>((resolve) => {
    over = () => resolve(undefined)
  })
  const abort = () => {
    aborted = true
    over()
    wake()
  }
  const visitor: Member & Listener = {
    user,
    topics,
    phase: 'page',
    buffered: 0,
    end(reason, retryMs) {
      ended ??= { reason, retryMs }
      over()
      wake()
    },
    durable() {
      passBy()
      wake()
    },
    ephemeral: () => {},
    reset() {
      passBy()
      wake()
    },
  }
  roster.enter(visitor)
  const stay = attendance.enter({ user, present: asked ? topics : [] })
  const watch = gate.watch(request, access, {
    isSame: (now) => sameTopics(asked, now, topics),
    withdraw: (why) => visitor.end(why, hub.retryMs),
  })
  request.signal.addEventListener('abort', abort)

  const pause = (delayMs: number) =>
    new Promise<void>((resolve) => {
      const stop = clock.after(delayMs, resolve)
      wake = () => {
        stop()
        resolve()
      }
    })

  const answer = (after: Cursor, through: Cursor, events: readonly string[], gaps: readonly Gap[]) => {
    hub.counters.gaps += gaps.length
    hub.counters.delivered += events.length
    const more = through.epoch === goal?.epoch && through.position < goal.position
    const head = JSON.stringify({
      after: formatCursor(after),
      through: formatCursor(through),
      topics,
      user,
      gaps,
      more,
    })
    return answerJson(200, `${head.slice(0, -1)},"events":[${events.join(',')}]}`)
  }

  const isEnded = () => ended !== undefined || aborted
  // Of an answer to somebody who has gone, nobody hears.
  const farewell = () => (ended ? answerAway(ended.reason, ended.retryMs) : new Response(null, { status: 499 }))
  const orOver = <T>(work: Promise<T>) => Promise.race([work, isOver])
  const head = () => orOver(within(clock, READ_MS, 'The log', log.head()))

  try {
    // Tail before read, as for a stream: what is appended in between must wake us.
    await orOver(tail.join())
    if (isEnded()) return farewell()
    tail.add(visitor)
    goal = tail.at
    const after = url.searchParams.get('after') || undefined
    if (after === undefined) {
      const now = await head()
      return now ? answer(now, now, [], []) : farewell()
    }
    const start = parseCursor(after)
    if (!start) {
      const now = await head()
      if (!now) return farewell()
      return answer(now, now, [], topics.length > 0 ? [openingGap(after, topics, { reason: 'epoch', to: now })] : [])
    }

    const { epoch } = start
    let { position } = start
    const until = clock.now() + waitMs
    const enough = goal?.epoch === epoch ? goal.position : Number.POSITIVE_INFINITY
    const isCaughtUp = () => tail.at?.epoch === epoch && position >= tail.at.position
    for (;;) {
      if (isEnded()) return farewell()
      const reading = log.read({ epoch, position }, { topics: filter, limit: PAGE_EVENTS })
      const page = await orOver(within(clock, READ_MS, 'The log', reading))
      if (!page) continue
      if (page.gap) {
        const { to } = page.gap
        return answer(
          to,
          to,
          [],
          topics.length > 0 ? [openingGap(formatCursor({ epoch, position }), topics, page.gap)] : [],
        )
      }
      const before = position
      const events: string[] = []
      const gaps: Gap[] = []
      let bytes = 0
      position = page.through
      for (const event of page.events) {
        // The log filters; what a user sees must not hang on that alone.
        if (!filter.has(event.topic)) continue
        if (bytes > 0 && bytes + event.json.length > limits.bufferBytes) {
          position = event.position - 1
          break
        }
        const fits = await orOver(Promise.resolve(vetting.fits(page.epoch, event)))
        if (fits === undefined) break
        if (fits) events.push(pageEvent(page.epoch, event))
        else gaps.push(schemaGap(page.epoch, event))
        bytes += event.json.length
      }
      // What was found must not be said any more when it ended while a validator thought.
      if (isEnded()) continue
      const leftMs = until - clock.now()
      if (
        events.length > 0 ||
        gaps.length > 0 ||
        (leftMs <= 0 && (position >= enough || isCaughtUp() || position === before))
      ) {
        return answer(start, { epoch, position }, events, gaps)
      }
      if (isCaughtUp()) {
        // Once: the next event may be handed out before we wake.
        passBy = () => {
          passBy = () => {}
          if (tail.at?.epoch === epoch) position = Math.max(position, tail.at.position)
        }
        await pause(leftMs)
        passBy()
      } else {
        await pause(position > before ? 0 : CATCH_UP_MS)
      }
    }
  } catch (error) {
    if (error instanceof HubError && error.code === 'overloaded') throw error
    hub.report({ during: 'replay', error, ...(user === null ? {} : { user }) })
    throw new HubError('overloaded', 'The hub cannot read its log. Try again after Retry-After.', {
      retryable: true,
      cause: error,
      details: { retryAfterMs: hub.awayMs() },
    })
  } finally {
    tail.remove(visitor)
    request.signal.removeEventListener('abort', abort)
    watch.stop()
    stay.leave(ended?.reason === 'revoked')
    roster.leave(visitor)
  }
}

/** An event as it stands in a page: the text that the log keeps, with its cursor and type before it. */
function pageEvent(
  epoch: string,
  event: { readonly type: string; readonly position: number; readonly json: string },
): string {
  const head = JSON.stringify({ cursor: formatCursor({ epoch, position: event.position }), type: event.type })
  return `${head.slice(0, -1)},${event.json.slice(1)}`
}

function askedWait(url: URL): number {
  const text = url.searchParams.get('wait') || '0'
  if (!/^\d{1,9}$/.test(text)) throw new HubError('malformed', '`wait` must be a whole number of milliseconds.')
  return Math.min(Number(text), LONGEST_WAIT_MS)
}
