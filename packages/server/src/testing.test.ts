// Proves that the conformance suite finds faults: each broken log here fails, and fails where it should.
import { expect, it } from 'vitest'
import type { EventLog, LogEvent, NewEvent } from './log.ts'
import { memoryLog } from './logs/memory.ts'
import { describeEventLog, type LogCapabilities, type LogTestOptions } from './testing.ts'

/** Runs the suite, or the cases so named, against a log; answers the names of all cases, and of those that failed. */
async function judge(makeLog: (options: LogTestOptions) => EventLog, capabilities: LogCapabilities = {}, only = /./) {
  const cases: { name: string; body: () => Promise<void> }[] = []
  const collect = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void>) => cases.push({ name, body }),
  }
  describeEventLog(collect, 'a log', (options) => ({ log: makeLog(options) }), capabilities)
  const failed: string[] = []
  for (const { name, body } of cases.filter(({ name }) => only.test(name))) await body().catch(() => failed.push(name))
  return { all: cases.map(({ name }) => name), failed }
}

it('a sound log passes every case', async () => {
  expect((await judge(memoryLog)).failed).toEqual([])
})

it('what a log cannot do is not asked of it, and what it says it can is', async () => {
  const { all } = await judge(memoryLog)
  const { all: more, failed } = await judge(memoryLog, { restart: true })
  expect(more.length).toBeGreaterThan(all.length)
  expect(failed).toEqual(more.filter((name) => !all.includes(name)))
})

const lacking = (name: string, fault: (log: EventLog, options: LogTestOptions) => Partial<EventLog>, found: RegExp) =>
  [name, fault, found] as const

it.each([
  lacking(
    'numbers an event anew when it is published again',
    (log) => {
      let count = 0
      return {
        append: (events, mark) =>
          log.append(
            events.map((event) => ({ ...event, id: `${event.id}${count++}` })),
            mark,
          ),
      }
    },
    /published again with its id/,
  ),
  lacking(
    'never knows what is said to be new',
    (log) => {
      const made = new Set<string>()
      return {
        append(events, mark) {
          for (const { id, isNew } of events) if (isNew) made.add(id)
          return log.append(
            events.map((event) => ({ ...event, isNew: made.has(event.id) })),
            mark,
          )
        },
      }
    },
    /said to be new/,
  ),
  lacking(
    'takes an emit for a publication',
    (log) => {
      const seen = new Map<string, number>()
      return {
        async append(events, mark) {
          const known = events.map(({ id }) => seen.get(id))
          if (events.length === 1 && known[0] !== undefined)
            return { epoch: (await log.head()).epoch, positions: [known[0]] }
          const appended = await log.append(events, mark)
          for (const [index, { id }] of events.entries()) seen.set(id, appended.positions[index] ?? 0)
          return appended
        },
      }
    },
    /id of an emit suppresses nothing/,
  ),
  lacking(
    'settles whatever seq comes',
    (log) => ({ append: (events) => log.append(events) }),
    /repeated seq and a jump/,
  ),
  lacking(
    'joins its tail too late',
    (log) => ({
      async tail(listener) {
        const { position, epoch } = await log.head()
        for (let turn = 0; turn < 20; turn++) await null
        return { ...(await log.tail(listener)), from: { epoch, position } }
      },
    }),
    /joining while others append/,
  ),
  lacking(
    'tells its tail things twice',
    (log) => ({
      tail: (listener) => log.tail({ ...listener, events: (events) => listener.events([...events, ...events]) }),
    }),
    /it joins at the head/,
  ),
  lacking(
    'tells its tail things in any order',
    (log) => ({
      tail: (listener) => log.tail({ ...listener, events: (events) => listener.events(events.toReversed()) }),
    }),
    /it joins at the head/,
  ),
  lacking(
    'keeps ephemeral events',
    (log) => ({ announce: async (events) => void (await log.append(events)) }),
    /ephemeral events reach every tail/,
  ),
  lacking('drops nothing', (_, { clock, onError }) => memoryLog({ clock, onError }), /beyond `maxEvents`/),
  lacking(
    'drops more than it must',
    (_, options) => memoryLog({ ...options, maxEvents: Math.ceil((options.maxEvents ?? 10_000) / 2) }),
    /beyond `maxEvents`/,
  ),
  lacking(
    'hides what it has dropped',
    (log) => ({
      async read(after, options) {
        const answer = await log.read(after, options)
        return answer.gap?.reason === 'trimmed'
          ? { epoch: after.epoch, events: [], through: answer.gap.to.position }
          : answer
      },
    }),
    /only a cursor before them is `trimmed`/,
  ),
  lacking(
    'believes any cursor',
    (log) => ({ read: async (after, options) => log.read({ ...after, epoch: (await log.head()).epoch }, options) }),
    /of another epoch/,
  ),
  lacking(
    'says that it scanned to the head when it has not',
    (log) => ({
      async read(after, options) {
        const answer = await log.read(after, options)
        return answer.gap ? answer : { ...answer, through: (await log.head()).position }
      },
    }),
    /pages of any size/,
  ),
  lacking(
    'matches topics by their beginning',
    (log) => ({
      async read(after, { topics, limit }) {
        const all = await log.read(after, {
          topics: { has: (topic: string) => [...topics].some((one) => topic.startsWith(one)) } as Set<string>,
          limit,
        })
        return all
      },
    }),
    /a filter lets its topics through/,
  ),
  lacking(
    'garbles what is not ASCII',
    (log) => {
      const garble = <T extends NewEvent | LogEvent>(event: T): T => ({
        ...event,
        json: event.json.replace(/[^\0-\x7f]/g, '?'),
      })
      return { append: (events, mark) => log.append(events.map(garble), mark) }
    },
    /whatever it holds/,
  ),
  lacking(
    'forgets producers at once',
    () => ({ producer: async () => ({ last: 0, result: undefined }) }),
    /a seq is settled with its event/,
  ),
  lacking(
    'lets one user push out another',
    (_, { clock, onError }) => memoryLog({ clock, onError, maxProducers: 5 }),
    /loses the longest idle of its own/,
  ),
  lacking(
    'takes what it refused for a failure',
    (log) => {
      let failed = false
      return {
        append: (events, mark) =>
          log.append(events, mark).catch((error: unknown) => {
            failed = true
            throw error
          }),
        check: async () => {
          if (failed) throw new Error('The last append failed.')
        },
      }
    },
    /is well, whatever it refuses/,
  ),
])('a log that %s is found out', async (_, fault, found) => {
  const { failed } = await judge(
    (options) => {
      const log = memoryLog(options)
      return { ...log, ...fault(log, options) }
    },
    {},
    found,
  )
  expect(failed).toEqual([expect.stringMatching(found)])
})
