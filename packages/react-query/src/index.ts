// The door of `@sse-hub/react-query`: live queries for every adapter of TanStack Query. React's hooks are in `@sse-hub/react-query/react`.
export type { Conflict, ConflictReport, Resolve } from './conflict.ts'
export { ask, fieldMerge, lastWriteWins } from './conflict.ts'
export type { ConnectOptions, QueryConnection } from './connect.ts'
export { hubJson, withCursor } from './cursor.ts'
export type { QueryReport } from './entry.ts'
export type { Polls } from './fallback.ts'
export { frameScheduler } from './frames.ts'
export type { HubQuery } from './hub-query.ts'
export { createHubQuery } from './hub-query.ts'
export type {
  LiveInfiniteQuery,
  LiveInfiniteQueryOptions,
  LiveInfiniteQueryOptionsOf,
  LiveOptions,
  LiveQuery,
  LiveQueryDefaults,
  LiveQueryOptions,
  LiveQueryOptionsOf,
} from './live.ts'
export { liveQueryDefaults } from './live.ts'
export type {
  ExpectedEvent,
  HubMutationContext,
  HubMutationOptions,
  HubMutationOptionsOf,
  TopicOfEvent,
} from './mutation.ts'
export type { Optimistic } from './optimistic.ts'
export type {
  EntityId,
  EntityVersion,
  Identity,
  Named,
  PartOf,
  Patch,
  Reducer,
  Refetch,
  Remove,
  Tombstones,
  Upsert,
} from './reducers.ts'
export { invalidate, patch, remove, upsert } from './reducers.ts'
