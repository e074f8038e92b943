// Runs in the page: a critical query, one that is not, and what they and the client heard, for the test to read. The hub is at another origin.
import { createHubClient, type HubClient } from '@sse-hub/core'
import { createHubQuery, type QueryConnection } from '@sse-hub/react-query'
import { QueryClient, QueryObserver } from '@tanstack/query-core'
import type { contract } from './tiers-contract.ts'

type C = typeof contract

/** What the page shows to the test. */
export interface TiersPage {
  readonly client: HubClient<C>
  readonly connection: QueryConnection
  /** The numbers that the client heard, and when, by the time of day. */
  readonly heard: { readonly n: number; readonly at: number }[]
  readonly phases: string[]
  /** The number that the critical query shows. */
  shown(): number | undefined
}

const options = new URLSearchParams(location.search)
const client = createHubClient<C>({ url: `${options.get('hub')}/api/sse` })
const queryClient = new QueryClient()
queryClient.mount()
const { liveQueryOptions, connectQueries } = createHubQuery<C>()

const query = (name: string, fallback?: { refetchInterval: number }) =>
  liveQueryOptions({
    queryKey: [name],
    queryFn: async () => (await (await fetch(`/api/${name}`)).json()) as { n: number },
    topic: 'board:7',
    on: { 'card.moved': (old, { data }) => (data.n > old.n ? data : old) },
    ...(fallback && { fallback }),
  })

const page: TiersPage = {
  client,
  connection: connectQueries({ client, queryClient }),
  heard: [],
  phases: [],
  shown: () => queryClient.getQueryData<{ n: number }>(['cards'])?.n,
}
client.status.subscribe(() => {
  const status = client.status.get()
  page.phases.push(`${status.phase}${'reason' in status ? ` ${status.reason}` : ''}`)
})
client.subscribe({
  topic: 'board:7',
  on: { 'card.moved': ({ data }) => void page.heard.push({ n: data.n, at: Date.now() }) },
})
new QueryObserver(queryClient, query('cards', { refetchInterval: 5_000 })).subscribe(() => {})
new QueryObserver(queryClient, query('users')).subscribe(() => {})
Object.assign(globalThis, { page })
