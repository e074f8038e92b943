// Runs in the page: a client as everybody gets it, and what it heard, for the test to read.
import { createHubClient, type HubClient } from '@sse-hub/core'
import type { contract } from './rig.ts'

/** What the page shows to the test. */
export interface FallbackPage {
  readonly client: HubClient<typeof contract>
  /** The numbers that were heard. */
  readonly heard: number[]
  readonly gaps: string[]
  /** How it was, one after the other. */
  readonly phases: string[]
}

const client = createHubClient<typeof contract>({ url: '/api/sse' })
const page: FallbackPage = { client, heard: [], gaps: [], phases: [] }
client.status.subscribe(() => {
  const status = client.status.get()
  const more = 'via' in status ? ` ${status.via}` : 'reason' in status ? ` ${status.reason}` : ''
  page.phases.push(`${status.phase}${more}`)
})
client.subscribe({
  topic: 'board:7',
  on: { 'card.moved': ({ data }) => void page.heard.push(data.n) },
  onGap: ({ reason }) => void page.gaps.push(reason),
})
Object.assign(globalThis, { hub: page })
