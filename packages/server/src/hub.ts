// createHub: contract, log and authorization in, one fetch handler out; the composition root of the server side.
import { type Contract, type EventOf, formatCursor, HubError, type Publication } from '@sse-hub/core/contract'
import type { Hub, Stats } from './api.ts'
import { createOutgoing } from './connection/outgoing.ts'
import { createAttendance } from './connection/presence.ts'
import { createRoster } from './connection/roster.ts'
import { createCounters } from './counters.ts'
import { memoryLog } from './logs/memory.ts'
import { type HubOptions, type Report, settle } from './options.ts'
import { createPublisher, type Published } from './publishing/publisher.ts'
import { createRegistry } from './publishing/registry.ts'
import { createVetting } from './publishing/vetting.ts'
import { createEmits } from './requests/emits.ts'
import { createGate } from './requests/gate.ts'
import { answerHealth } from './requests/health.ts'
import { createHttp } from './requests/http.ts'
import type { Handler } from './requests/judge.ts'
import { answerPage } from './requests/page.ts'
import { answerStream, type Visited } from './requests/stream.ts'
import { createRecent } from './tail/recent.ts'
import { createTail } from './tail/tail.ts'
import { createRounds } from './time/rounds.ts'
import { within } from './time/within.ts'
import { createWork } from './time/work.ts'
import { createCompressor } from './wire/compressing.ts'
import { createBeats } from './wire/frames.ts'

const DRAIN_MS = 5_000
// Those whose hearts beat in one part of the interval beat together.
const HEARTBEAT_PARTS = 16
// The rest of a stream's second, should its good-bye not get through.
const CLOSE_MS = 2_000

/**
 * Makes a hub.
 *
 * @throws HubError `invalid_option`
 * @example
 * ```ts
 * import { defineContract } from '@sse-hub/core/contract'
 * import { createHub } from '@sse-hub/server'
 * import { z } from 'zod'
 *
 * const contract = defineContract({
 *   topics: ['board'],
 *   events: { 'card.moved': { topic: 'board', data: z.object({ id: z.string(), column: z.string() }) } },
 * })
 * export const hub = createHub({ contract, authorize: () => ({ user: 'u1', read: ['board:7'] }) })
 * export const GET = hub.fetch, POST = hub.fetch
 *
 * await hub.publish({ type: 'card.moved', topic: 'board:7', data: { id: 'c1', column: 'done' } })
 * ```
 */
export function createHub<C extends Contract>(options: HubOptions<C>): Hub<C> {
  const settings = settle(options)
  const { contract, clock, random, limits, heartbeatMs, retryMs, recheckMs, prefix } = settings
  const log = options.log ?? memoryLog({ clock, random })

  // Not within what is reported of: a reporter may publish, and what it says would overtake what is on its way.
  const report = (what: Report) =>
    void Promise.resolve()
      .then(() => settings.onReport(what))
      // A reporter that fails has nobody to report to.
      .catch(() => {})

  let disabled = settings.disabled
  let draining: Promise<void> | undefined
  let closing: Promise<void> | undefined
  const stopDrain: (() => void)[] = []

  const counters = createCounters()
  const registry = createRegistry(contract, { clock, random, eventBytes: limits.eventBytes })
  const vetting = createVetting(contract, { clock, report })
  const gate = createGate({ contract, authorize: settings.authorize, clock, recheckMs, report })
  const roster = createRoster(limits)
  const attendance = createAttendance(contract, clock)
  const recent = createRecent(limits.recentBytes, vetting.frame)
  const tail = createTail({ log, vetting, recent, clock, report })

  // Half to one and a half times as long, so that those who left together do not come back together.
  const jittered = (delayMs: number) => Math.round(delayMs * (0.5 + random.next()))
  const awayMs = () => jittered(settings.disabledRetryMs)
  const shut = () => {
    const isLeaving = draining !== undefined || closing !== undefined
    if (isLeaving) return { reason: 'draining' as const, retryMs: jittered(retryMs) }
    return disabled ? { reason: 'disabled' as const, retryMs: awayMs() } : undefined
  }

  const outgoing = createOutgoing({
    ...{ clock, limits, roster, gatherMs: settings.gatherMs },
    // What is compressed once must be the same for all.
    ...(settings.compression ? { writesATurn: Number.POSITIVE_INFINITY } : {}),
    flushed: (connections) => {
      counters.flushed += connections
    },
  })

  const work = createWork()
  const shared = {
    contract,
    registry,
    vetting,
    log,
    work,
    tail,
    gate,
    roster,
    attendance,
    clock,
    counters,
    limits,
    report,
  }
  const compressor = settings.compression && createCompressor(settings.compression, clock)
  const times = { heartbeatMs, retryMs, awayMs }
  const visited: Visited = {
    ...shared,
    ...times,
    ...outgoing,
    recent,
    shut,
    heartbeats: createRounds(clock, { everyMs: heartbeatMs, parts: HEARTBEAT_PARTS, call: (one) => one.beat() }),
    beat: createBeats(),
    compressor,
    sharedChunks: settings.sharedChunks,
  }
  const handlers = new Map<string, Set<Handler>>()
  const answerEmits = createEmits({ ...shared, handlers: (type) => handlers.get(type) ?? [] })
  const publisher = createPublisher<C>(shared)

  function publish(publication: Publication<C>): Promise<Published>
  function publish(publications: readonly Publication<C>[]): Promise<readonly Published[]>
  function publish(what: Publication<C> | readonly Publication<C>[]): Promise<Published | readonly Published[]> {
    return isList(what) ? publisher.publish(what) : publisher.publish([what]).then(first)
  }

  const everybody = (reason: 'disabled' | 'draining', retryMs: () => number) => {
    for (const member of roster.members()) member.end(reason, retryMs())
  }

  const stats = (): Stats => {
    const phases: Record<string, number> = {}
    let bufferedBytes = 0
    for (const { phase, buffered } of roster.members()) {
      phases[phase] = (phases[phase] ?? 0) + 1
      bufferedBytes += buffered
    }
    return {
      ...counters,
      ...{ connections: roster.size, users: roster.users, phases, bufferedBytes, recentBytes: recent.bytes },
      tail: tail.at ? formatCursor(tail.at) : null,
      tailLag: tail.at ? Math.max(0, publisher.newest - tail.at.position) : 0,
      disabled,
      draining: draining !== undefined,
    }
  }

  const postEmits = async (request: Request) => {
    // Not `closed`, which no client knows.
    if (closing !== undefined) throw new HubError('draining', 'This node is closed: go elsewhere.', { retryable: true })
    return work.during(() => answerEmits(request))
  }
  const getPage = (request: Request, url: URL) => answerPage(request, url, visited)
  const getHealth = (request: Request) => answerHealth(request, { ...shared, shut, stats })
  const getStream = (request: Request, url: URL) => answerStream(request, url, visited)

  return {
    prefix,
    fetch: createHttp({
      prefix,
      routes: {
        '/events': { GET: getStream, HEAD: getStream, POST: postEmits },
        '/page': { GET: getPage, HEAD: getPage },
        '/health': { GET: getHealth, HEAD: getHealth },
      },
      origins: settings.origins,
      awayMs,
      report,
    }),
    publish,
    prepare: publisher.prepare,
    cursor: () => work.during(async () => formatCursor(await log.head())),
    on(type, handler) {
      const some = handlers.get(type) ?? new Set()
      // The registry has validated the data against this very type.
      const added = (event: Parameters<Handler>[0]) => handler(event as EventOf<C, typeof type>)
      handlers.set(type, some.add(added))
      return () => void some.delete(added)
    },
    drain({ overMs = DRAIN_MS } = {}) {
      const members = roster.members()
      draining ??= roster.empty()
      for (const [index, member] of members.entries()) {
        stopDrain.push(clock.after((overMs * index) / members.length, () => member.end('draining', jittered(retryMs))))
      }
      return draining
    },
    disable() {
      if (disabled) return
      disabled = true
      everybody('disabled', awayMs)
    },
    enable() {
      disabled = false
    },
    disconnect(user) {
      gate.withdraw()
      for (const member of roster.members(user)) member.end('revoked', retryMs)
      attendance.dismiss(user)
    },
    flush: outgoing.flush,
    presence: attendance.of,
    stats,
    close() {
      closing ??= (async () => {
        const rested = work.close()
        for (const stop of stopDrain) stop()
        everybody('draining', () => jittered(retryMs))
        await within(clock, CLOSE_MS, 'The last stream', roster.empty()).catch(() => {})
        await within(clock, CLOSE_MS, 'What is under way', rested).catch(() => {})
        attendance.close()
        tail.close()
        await log.close?.()
      })()
      return closing
    },
  }
}

const first = ([published]: readonly Published[]) => published as Published

// Array.isArray does not narrow a read-only list.
function isList<T>(what: T | readonly T[]): what is readonly T[] {
  return Array.isArray(what)
}
