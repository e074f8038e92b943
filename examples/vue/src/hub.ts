// The client, the helpers that know the contract, and the client's status as a ref.
import { createHubClient, type Status } from '@sse-hub/core'
import { createHubQuery } from '@sse-hub/react-query'
import { onScopeDispose, readonly, shallowRef } from 'vue'
import type { contract } from '../contract.ts'

export const client = createHubClient<typeof contract>({ url: '/api/sse' })

export const { liveQueryOptions, hubMutationOptions, connectQueries } = createHubQuery<typeof contract>()

export function useHubStatus() {
  const status = shallowRef<Status>(client.status.get())
  onScopeDispose(
    client.status.subscribe(() => {
      status.value = client.status.get()
    }),
  )
  return readonly(status)
}
