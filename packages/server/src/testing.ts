// The door of `@sse-hub/server/testing`: a hub for an application's tests, and the conformance suite, the same cases for every log, run by whichever test framework calls it.
import { appendCases } from './conformance/appends.ts'
import { type LogCase, type LogTestOptions, type LogUnderTest, skippingClock } from './conformance/bench.ts'
import { healthCases } from './conformance/health.ts'
import { producerCases } from './conformance/producers.ts'
import { readCases } from './conformance/reads.ts'
import { tailCases } from './conformance/tails.ts'

export type { LogTestOptions, LogUnderTest } from './conformance/bench.ts'
export type { TestHub, TestHubOptions } from './testing-hub.ts'
export { createTestHub } from './testing-hub.ts'

/** The two functions that a test framework gives: those of `node:test`, Vitest, Jest, Bun and others fit. */
export interface LogTestFramework {
  /** Groups cases. */
  readonly describe: (name: string, body: () => void) => unknown
  /** Runs a case; it fails by rejecting. */
  readonly it: (name: string, body: () => Promise<void>) => unknown
}

/** What a log can do that not every log can. */
export interface LogCapabilities {
  /** Whether it can be restarted on what it has kept: `makeLog` then answers with `restart`. Default false. */
  readonly restart?: boolean
  /** Whether it has `check`, and can be broken on purpose: `makeLog` then answers with `fault`. Default false. */
  readonly fault?: boolean
}

/**
 * Holds a log to everything that the hub relies on. Each case gets a fresh, empty log from `makeLog`.
 * @example
 * ```ts
 * import { describe, it } from 'node:test'
 * import { memoryLog } from '@sse-hub/server'
 * import { describeEventLog } from '@sse-hub/server/testing'
 *
 * describeEventLog({ describe, it }, 'memoryLog', (options) => ({ log: memoryLog(options) }))
 * ```
 */
export function describeEventLog(
  { describe, it }: LogTestFramework,
  name: string,
  makeLog: (options: LogTestOptions) => LogUnderTest | Promise<LogUnderTest>,
  capabilities: LogCapabilities = {},
): void {
  const groups: Readonly<Record<string, readonly LogCase[]>> = {
    'keeps events': appendCases,
    'settles emits': producerCases,
    'answers reads': readCases,
    'is followed': tailCases,
    'says how it fares': healthCases,
  }
  describe(name, () => {
    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const one of cases.filter(({ needs }) => needs === undefined || capabilities[needs])) {
          it(one.name, () => runCase(one, makeLog))
        }
      })
    }
  })
}

async function runCase(
  { bounds = {}, run }: LogCase,
  makeLog: (options: LogTestOptions) => LogUnderTest | Promise<LogUnderTest>,
): Promise<void> {
  const { clock, skip } = skippingClock()
  const { log, restart, fault, dispose } = await makeLog({ ...bounds, clock, onError: () => {} })
  try {
    await run({
      log,
      skip,
      async restart() {
        if (!restart) throw new Error('This log says that it can be restarted: let makeLog answer with `restart`.')
        return restart()
      },
      async fault() {
        if (!fault) throw new Error('This log says that it can be broken: let makeLog answer with `fault`.')
        return fault()
      },
    })
  } finally {
    await dispose?.()
  }
}
