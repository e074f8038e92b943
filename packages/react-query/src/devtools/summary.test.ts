// Shows that the first lines name the state, the cause and the next action, case by case.
import { HubError, type HubErrorCode, type Status } from '@sse-hub/core'
import { expect, test } from 'vitest'
import { CUT } from './faults.ts'
import type { LiveRow, NotedGap, View } from './recorder.ts'
import { summarize } from './summary.ts'

const now = 1_000_000
const live: Status = { phase: 'live', via: 'sse', user: 'ada', topics: ['board'], refused: [] }
const healthy: View = {
  status: live,
  since: now - 5_000,
  lostAt: undefined,
  isSinceBegin: false,
  steps: [],
  isInspected: true,
  fault: undefined,
  tabs: 1,
  topics: [{ topic: 'board', state: 'live' }],
  cursor: 'e:1',
  heardAt: now - 100,
  heartbeatMs: 2_000,
  arrivals: [],
  count: 0,
  gaps: [],
  joins: [],
  conflicts: [],
  queries: [],
  mutations: [],
}
const down = (code: HubErrorCode, message: string): Status => ({
  phase: 'down',
  reason: code,
  error: new HubError(code, message, { retryable: true }),
  attempt: 1,
  retryInMs: 3_000,
})
const gap: NotedGap = {
  at: now - 1_000,
  topics: ['board'],
  reason: 'trimmed',
  from: 'e:1',
  to: 'e:9',
  queries: ['cards'],
  isMade: false,
}
const row: LiveRow = {
  key: 'cards',
  topics: ['board'],
  state: 'live',
  pollMs: 10_000,
  fetches: 1,
  polls: 0,
  avoided: 0,
}

const cases: readonly [name: string, view: Partial<View>, tone: string, state: string, cause: RegExp, next: RegExp][] =
  [
    ['healthy', {}, 'ok', 'Live', /nothing is missing/, /Nothing to do/],
    ['healthy by another tab', { status: { ...live, via: 'tab' } }, 'ok', 'Live', /Another tab/, /Nothing to do/],
    ['pages by choice', { status: { ...live, via: 'poll' } }, 'ok', 'Live', /pages/, /Nothing to do/],
    [
      'pages because the stream does not get through',
      { status: { ...live, via: 'poll', degraded: { code: 'timeout', message: 'A proxy buffers.' } } },
      'warn',
      'Live, by pages',
      /A proxy buffers/,
      /goes back to the stream by itself/,
    ],
    [
      'refused',
      { status: { ...live, refused: ['chat'] } },
      'warn',
      'Live, but not all of it',
      /grant chat/,
      /authorize/,
    ],
    ['silent', { heardAt: now - 4_000 }, 'warn', 'Live, but silent', /for 4 s.*every 2 s/, /after 5 s/],
    ['a source without heartbeats', { heardAt: now - 90_000, heartbeatMs: 0 }, 'ok', 'Live', /./, /./],
    [
      'gap',
      { gaps: [gap], queries: [row] },
      'warn',
      'Live again, after a gap',
      /board.*no longer holds/,
      /was read again and is whole.*keep more.*for a minute/,
    ],
    [
      'gap, reading',
      { gaps: [gap], queries: [{ ...row, state: 'reading' }] },
      'warn',
      'Live again, after a gap',
      /./,
      /being read again/,
    ],
    ['gap of no query', { gaps: [{ ...gap, queries: [] }] }, 'warn', 'Live again, after a gap', /./, /onGap/],
    [
      'gap made here',
      { gaps: [{ ...gap, isMade: true }] },
      'warn',
      'Live again, after a gap',
      /You have made the gap here/,
      /Nothing/,
    ],
    ['gap of long ago', { gaps: [{ ...gap, at: now - 61_000 }] }, 'ok', 'Live', /./, /Nothing to do/],
    [
      'down',
      { status: down('network', 'Failed to fetch') },
      'bad',
      'Down',
      /cannot be reached: Failed to fetch/,
      /server runs/,
    ],
    [
      'down, having been there',
      { status: down('network', 'Failed to fetch'), lostAt: now - 3_000 },
      'bad',
      'Down',
      /Failed to fetch\. It was there until \d\d:\d\d:\d\d: most likely the server has stopped/,
      /server runs/,
    ],
    [
      'down with a reason, having been there',
      { status: down('disabled', 'The hub is disabled'), lostAt: now - 3_000 },
      'bad',
      'Down',
      /disabled\.$/,
      /./,
    ],
    [
      'down, with a query that will poll, one that polls and two that do not',
      {
        status: down('network', 'Failed to fetch'),
        queries: [
          { ...row, state: 'due' },
          { ...row, state: 'polling' },
          { ...row, state: 'lost' },
          { ...row, state: 'lost' },
        ],
      },
      'bad',
      'Down',
      /fetch\. Meanwhile 1 live query will poll, 1 live query polls, 2 live queries are stale and do not poll\.$/,
      /./,
    ],
    [
      'cut here',
      { status: down('network', `/api/sse failed: TypeError: ${CUT}`) },
      'bad',
      'Down',
      /^You have cut it here\.$/,
      /^Nothing: the client tries again by itself/,
    ],
    [
      'cut here, and reconnecting',
      {
        status: { phase: 'connecting', attempt: 1, via: 'sse' },
        steps: [{ at: 1, from: down('network', `/api/sse failed: TypeError: ${CUT}`), to: live, reason: '' }],
      },
      'bad',
      'Reconnecting…',
      /^You have cut it here\. This is attempt 2/,
      /Wait/,
    ],
    ['disabled', { status: down('disabled', 'over') }, 'bad', 'Down', /switched off/, /hub\.enable/],
    [
      'disabled here',
      { status: down('disabled', 'over'), fault: 'disabled' },
      'bad',
      'Down',
      /^You have disabled it here\./,
      /Heal/,
    ],
    [
      'silent here',
      { heardAt: now - 4_000, fault: 'silent' },
      'warn',
      'Live, but silent',
      /^You have made it silent here\./,
      /Heal/,
    ],
    [
      'stopped',
      { status: { phase: 'stopped', error: new HubError('unauthorized', '401') } },
      'bad',
      'Stopped',
      /does not know this user: 401/,
      /Sign in.*does not try by itself/,
    ],
    [
      'connecting',
      { status: { phase: 'connecting', attempt: 0, via: 'sse' } },
      'busy',
      'Connecting…',
      /not answered/,
      /Wait/,
    ],
    [
      'reconnecting',
      {
        status: { phase: 'connecting', attempt: 2, via: 'sse' },
        steps: [{ at: 1, from: down('ended', 'over'), to: live, reason: '' }],
      },
      'bad',
      'Reconnecting…',
      /stream was ended: over.*attempt 3/,
      /Wait/,
    ],
    ['paused', { status: { phase: 'paused' } }, 'off', 'Paused', /hidden/, /somebody is back/],
    ['idle', { status: { phase: 'idle' } }, 'off', 'Idle', /Nothing is subscribed/, /Mount/],
    ['closed', { status: { phase: 'closed' } }, 'off', 'Closed', /client\.close/, /client\.start/],
  ]

test.each(cases)('%s', (_, view, tone, state, cause, next) => {
  const told = summarize({ ...healthy, ...view }, now)
  expect(told).toMatchObject({ tone, state })
  expect(told.cause).toMatch(cause)
  expect(told.next).toMatch(next)
})

test('says when the next attempt is, and offers one where that is of use', () => {
  expect(summarize({ ...healthy, status: down('network', 'x') }, now)).toMatchObject({
    retryAt: now - 2_000,
    canTry: true,
  })
  expect(summarize(healthy, now).canTry).toBeUndefined()
})

const codes: HubErrorCode[] = ['network', 'timeout', 'ended', 'protocol', 'http', 'disabled', 'overloaded', 'internal']
test.each(codes)('%s has a remedy of its own', (code) => {
  expect(summarize({ ...healthy, status: down(code, 'x') }, now).next).not.toMatch(/^Nothing: the client tries/)
})
