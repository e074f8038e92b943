// Proves, as tables, what opens the breaker, what does not, whose turn it is then, and how the pauses between probes grow.
import { describe, expect, test } from 'vitest'
import { type Breaker, CLOSED, pagesFailed, streamFailed } from './breaker.ts'
import { HubError, type HubErrorCode } from './errors.ts'

const error = (code: HubErrorCode, details: Readonly<Record<string, unknown>> = {}, retryable = true) =>
  new HubError(code, code, { retryable, details })

/** A step: the stream (`s`, or `S` where it had flowed) or pages (`p`) fail with a code; or the stream is seen to flow. */
type Step = `${'s' | 'S' | 'p'} ${HubErrorCode}` | 'flows'

function after(steps: readonly Step[]): Breaker {
  let breaker = CLOSED
  for (const step of steps) {
    const [who, code] = step.split(' ') as ['s' | 'S' | 'p' | 'flows', HubErrorCode]
    if (who === 'flows') breaker = CLOSED
    else if (who === 'p') breaker = pagesFailed(breaker, error(code))
    else breaker = streamFailed(breaker, error(code), who === 'S', 10_000, 0.5)
  }
  return breaker
}

const rows: readonly [steps: readonly Step[], state: Breaker['state'], count: number, why?: HubErrorCode][] = [
  [[], 'closed', 0],
  // Failed connects and early ends.
  [['s network'], 'closed', 1],
  [['s network', 's network'], 'open', 0, 'network'],
  [['s ended', 's http'], 'open', 0, 'http'],
  [['s protocol', 's ended'], 'open', 0, 'ended'],
  [['s network', 'flows', 's network'], 'closed', 1],
  // What ends after it has flowed says nothing of the next one.
  [['S network', 'S ended', 'S ended'], 'closed', 0],
  [['s network', 'S ended'], 'closed', 1],
  // Silence: at once where nothing had flowed, and at the second time elsewhere.
  [['s timeout'], 'open', 0, 'timeout'],
  [['S timeout'], 'closed', 1],
  [['S timeout', 'S timeout'], 'open', 0, 'timeout'],
  [['S timeout', 's network'], 'open', 0, 'network'],
  // What the hub says is no fault.
  ...(['disabled', 'draining', 'overloaded', 'changed', 'expired', 'revoked', 'rate_limited', 'internal'] as const).map(
    (code) => [[`s ${code}`, `s ${code}`, `s ${code}`], 'closed', 0] as [Step[], 'closed', number],
  ),
  [['s network', 's disabled'], 'closed', 1],
  // Probes: what opened it stays the reason.
  [['s timeout', 's network'], 'open', 1, 'timeout'],
  [['s timeout', 's network', 's disabled'], 'open', 2, 'timeout'],
  [['s timeout', 's network', 'flows'], 'closed', 0],
  // Pages fail as well: they take turns, each with its reason.
  [['p network'], 'closed', 0],
  [['s timeout', 'p network'], 'half-open', 0, 'timeout'],
  [['s timeout', 'p disabled'], 'open', 0, 'timeout'],
  [['s timeout', 's timeout', 'p network'], 'half-open', 0, 'timeout'],
  [['s timeout', 'p network', 's network'], 'open', 1, 'network'],
  [['s timeout', 'p network', 's network', 'p network'], 'half-open', 0, 'network'],
  [['s timeout', 'p network', 'p network'], 'half-open', 0, 'timeout'],
  [['s timeout', 'p network', 'S network'], 'open', 1, 'network'],
  [['s timeout', 'p network', 'flows'], 'closed', 0],
]

test.each(rows)('%j: %s, %i', (steps, state, count, why) => {
  const breaker = after(steps)
  expect([breaker.state, breaker.count, breaker.why?.code]).toEqual([state, count, why])
})

describe('what is no fault, whatever its code', () => {
  test.each([
    ['what is final', error('http', { status: 400 }, false)],
    ['a rate limit of somebody on the way', error('http', { status: 429 })],
  ])('%s', (_, what) => {
    expect(streamFailed(streamFailed(CLOSED, what, false, 0, 0), what, false, 0, 0)).toEqual(CLOSED)
  })

  test('what is final does not end a half-open state either', () => {
    const halfOpen = after(['s timeout', 'p network'])
    expect(streamFailed(halfOpen, error('unauthorized', {}, false), false, 0, 0)).toBe(halfOpen)
  })
})

test('pauses between probes grow, with jitter, up to half a minute', () => {
  const pauses: number[] = []
  const steps: Step[] = ['s timeout']
  for (let i = 0; i < 7; i++) {
    pauses.push(after(steps).probeAt - 10_000)
    steps.push('s timeout')
  }
  expect(pauses).toEqual([2_000, 3_000, 5_000, 9_000, 16_000, 16_000, 16_000])
})
