// Shows when the holds of a query ask for its data: once for what the client has not told, whatever comes first, the gap or the status.
import type { TopicGap } from '@sse-hub/core'
import { expect, test } from 'vitest'
import { createHolds, type HoldsOptions } from './holds.ts'

const gap = (reason: TopicGap['reason']): TopicGap => ({ topic: 'board:7', to: 'e:1', reason })

test.each([
  ['nothing is said', [], 1],
  ['it was said that the topic is new', [gap('added')], 0],
  ['only one event was said to be missing', [gap('schema')], 1],
])('a topic that goes live after its data was read: %s', (_, gaps, times) => {
  let state = 'connecting'
  let tell: (gap: TopicGap) => void = () => {}
  let asked = 0
  const holds = createHolds({
    query: { state: { data: [] } } as unknown as HoldsOptions['query'],
    client: {
      subscribe({ onGap }) {
        tell = onGap
        return () => {}
      },
      url: '/api/sse',
      start() {},
      status: {} as unknown as HoldsOptions['client']['status'],
    },
    isLive: () => state === 'live',
    join: { cursor: () => undefined, gap: () => {} } as unknown as HoldsOptions['join'],
    refresh: () => asked++,
    report: () => {},
  })
  holds.take(['board:7'])
  gaps.forEach(tell)
  state = 'live'
  holds.check()
  holds.check()
  expect(asked).toBe(times)
  expect(holds.covers('board:7')).toBe(true)
})
