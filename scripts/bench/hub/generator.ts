// The process that holds the connections: it opens them, accounts for every delivery on each, and says what that cost it.
import { setTimeout as pause } from 'node:timers/promises'
import { type Account, accountOf, balanceOf, type Expectation, type Group, type Span } from './account.ts'
import { answerCalls } from './child.ts'
import { monotonicMs } from './clock.ts'
import { type Connection, type Opening, openConnection } from './connection.ts'

/** Who is asked, and how long to wait for what is missing. */
interface Question {
  readonly group: string
  readonly withinMs: number
}

/** What generating cost: microseconds of this process's processor time, and of the wall, since `begin`. */
interface Cost {
  readonly cpuMicros: number
  readonly wallMicros: number
}

const AT_ONCE = 200
const OPEN_MS = 60_000
const POLL_MS = 10

const groups = new Map<string, Group & { readonly begunMs: number }>()
let lap = { cpu: process.cpuUsage(), at: monotonicMs() }

const groupOf = (name: string) => {
  const group = groups.get(name)
  if (!group) throw new Error(`There is no group "${name}".`)
  return group
}

async function until(holds: () => boolean, withinMs: number): Promise<void> {
  const latest = monotonicMs() + withinMs
  while (monotonicMs() < latest && !holds()) await pause(POLL_MS)
}

async function tooLong(count: number): Promise<never> {
  await pause(OPEN_MS, undefined, { ref: false })
  throw new Error(`Not all of ${count} connections were answered in time. Is \`ulimit -n\` well above ${count}?`)
}

const calls = {
  /** Opens connections. Resolves when all have an answer. */
  async open(opening: Opening): Promise<void> {
    const { group, count, sampled, behind } = opening
    const begunMs = monotonicMs()
    const share = sampled / count
    const isSampled = (n: number) => Math.floor(n * share) > Math.floor((n - 1) * share)
    const wave = behind === undefined ? AT_ONCE : count
    const connections: Connection[] = []
    while (connections.length < count) {
      const some: Connection[] = []
      for (let n = connections.length; n < count && some.length < wave; n++)
        some.push(openConnection(opening, n, isSampled(n), (connections[0] ?? some[0])?.heard))
      connections.push(...some)
      await Promise.race([Promise.all(some.map(({ opened }) => opened)), tooLong(count)])
    }
    groups.set(group, { ...opening, connections, begunMs })
  },
  /** Has the frozen ones of a group read. */
  thaw(group: string): void {
    for (const { socket } of groupOf(group).connections) socket.resume()
  },
  /** When a group began to ask, and when the last one of it had caught up, or was given up. */
  async caughtUp({ group, withinMs }: Question): Promise<Span> {
    const { connections, begunMs } = groupOf(group)
    await until(() => connections.every(({ waitMs }) => !Number.isNaN(waitMs)), withinMs)
    return { fromMs: begunMs, untilMs: monotonicMs() }
  },
  /** Begins to count the cost. */
  begin(): void {
    lap = { cpu: process.cpuUsage(), at: monotonicMs() }
  },
  async account({ group: name, withinMs, ...expectation }: Question & Expectation): Promise<Account & Cost> {
    const group = groupOf(name)
    const { user, system } = process.cpuUsage(lap.cpu)
    const wallMicros = (monotonicMs() - lap.at) * 1_000
    await until(() => balanceOf(group, expectation.events).every((more) => more >= 0), withinMs)
    return { ...accountOf(group, expectation), cpuMicros: user + system, wallMicros }
  },
}

/** What a generator answers. */
export type GeneratorCalls = typeof calls

if (import.meta.main) {
  process.on('disconnect', () => process.exit())
  answerCalls(calls)
}
