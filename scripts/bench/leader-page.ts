// Runs in each tab of the leader's cell: one client that shares its stream, and a count of what it heard.
import { createHubClient } from '@sse-hub/core'
import type { contract } from '../e2e/rig.ts'

/** What a tab has heard. */
export interface Heard {
  events: number
  /** The number of the last event. */
  last: number
  /** Events that did not follow the one before. */
  jumps: number
  gaps: number
  /** Where its frames come from, while it is live. */
  via: string | undefined
}

const heard: Heard = { events: 0, last: 0, jumps: 0, gaps: 0, via: undefined }
const client = createHubClient<typeof contract>({ url: '/api/sse' })
client.status.subscribe(() => {
  const status = client.status.get()
  heard.via = status.phase === 'live' ? status.via : undefined
})
client.subscribe({
  topic: 'board:7',
  on: {
    'card.moved': ({ data: { n } }) => {
      if (heard.events > 0 && n !== heard.last + 1) heard.jumps++
      heard.events++
      heard.last = n
    },
  },
  onGap: () => void heard.gaps++,
})
Object.assign(globalThis, { heard })
