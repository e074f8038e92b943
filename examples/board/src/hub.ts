// The browser's whole set-up of sse-hub: one client for the page, and helpers that know the contract. Only its type is imported.
import { createHubClient } from '@sse-hub/core'
import { createHubReact } from '@sse-hub/react-query/react'
import type { contract } from '../contract.ts'
import { identity } from './me.ts'

export const client = createHubClient<typeof contract>({
  url: '/api/sse',
  headers: identity,
  // This page emits, and the first time may be while the server is away.
  preloadOutbox: true,
})

export const { HubProvider, liveQueryOptions, useHubEvent, useHubStatus } = createHubReact<typeof contract>()
