// Runs in each tab: one client of the hub, and what it heard, for the test to read.
import { createHubClient, type HubClient } from '@sse-hub/core'
import type { contract } from './rig.ts'

/** What a tab shows to the test. */
export interface TabsPage {
  readonly client: HubClient<typeof contract>
  /** The numbers that were heard, and when. */
  readonly heard: number[]
  readonly at: number[]
  readonly gaps: string[]
  readonly phases: string[]
}

const client = createHubClient<typeof contract>({ url: '/api/sse' })
const page: TabsPage = { client, heard: [], at: [], gaps: [], phases: [] }
client.status.subscribe(() => {
  const status = client.status.get()
  page.phases.push('via' in status ? `${status.phase} ${status.via}` : status.phase)
})
client.subscribe({
  topic: 'board:7',
  on: {
    'card.moved': ({ data }) => {
      page.heard.push(data.n)
      page.at.push(Date.now())
    },
  },
  onGap: ({ reason }) => void page.gaps.push(reason),
})
Object.assign(globalThis, { hub: page })
