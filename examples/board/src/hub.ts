// The browser's whole set-up of sse-hub: one client for the page, one stream for all windows of a person, and helpers that know the contract. Only its type is imported.
import { createInspectedClient } from '@sse-hub/react-query/devtools'
import { createHubReact } from '@sse-hub/react-query/react'
import type { contract } from '../contract.ts'
import { identity, me } from './me.ts'

// A client that the devtools can look into; in a production build it is `createHubClient` itself.
export const client = createInspectedClient<typeof contract>({
  url: '/api/sse',
  headers: identity,
  // Windows of the same person share one stream; those of another one have nothing to do with it.
  identity: me,
  // This page emits, and the first time may be while the server is away.
  preloadOutbox: true,
})

export const { HubProvider, hubMutationOptions, liveQueryOptions, useHubEvent, useHubPresence, useHubStatus } =
  createHubReact<typeof contract>()
