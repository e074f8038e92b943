// Shows what coming and going costs: thousands may at once, and each look at what is asked for is one at all topics.
import { expect, test } from 'vitest'
import type { Settings } from './settings.ts'
import { createSubscriptions } from './subscriptions.ts'
import { virtualClock } from './testing/virtual-clock.ts'

test('who leaves is still asked for: that is looked at once it is not any more', async () => {
  const clock = virtualClock()
  const looked: string[] = []
  const { add, topics } = createSubscriptions({ clock, lingerMs: 1_000 } as unknown as Settings, {
    call: () => {},
    notify: () => looked.push('notify'),
    changed: () => looked.push(topics().join()),
  })
  const stops = ['board:1', 'board:2'].map((topic) => add({ topic }))
  expect(looked).toEqual(['board:1', 'board:1,board:2'])
  for (const stop of stops) stop()
  expect(looked.splice(0)).toEqual(['board:1', 'board:1,board:2', 'notify', 'notify'])
  await clock.advance(1_000)
  expect(looked).toEqual(['board:2', ''])
})
