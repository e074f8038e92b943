// The door of `@sse-hub/core`: what a browser needs.
export type { ClientOptions, ClientReport, HubClient, StatusStore, Subscription } from './client.ts'
export { createHubClient } from './client.ts'
export type {
  Contract,
  DataOf,
  Emission,
  Emittable,
  EventDefinition,
  EventName,
  EventOf,
  EventsOn,
  HubEvent,
  InputOf,
  KindOf,
  PresentTopic,
  SubscribableTopic,
  TopicOfKind,
} from './contract/contract.ts'
export type { ByeReason, Frame, Gap, GapReason, Presence, PresenceFrame, Sync } from './contract/wire.ts'
export type { HubErrorCode } from './errors.ts'
export { HubError } from './errors.ts'
export type { Emitted } from './outbox/outbox.ts'
export type { EmitOutcome } from './outbox/queue.ts'
export { platform } from './platform.ts'
export type { Channel, Clock, EmitStorage, Fetch, KeptEmit, Life, Ports, Random, Tabs, Turn } from './ports.ts'
export { type PresenceState, type PresenceStore, presenceOf } from './presence.ts'
export type { TopicGap } from './sequence.ts'
export { isAfter } from './sequence.ts'
export type { HeadersOption } from './settings.ts'
export { fallbackSource } from './sources/fallback.ts'
export { type PlainOptions, plainSource } from './sources/plain.ts'
export { pollSource } from './sources/poll.ts'
export type { Question, Source } from './sources/source.ts'
export type { Status, TopicState, Via } from './status.ts'
export { type StatusFeed, type StatusFeedOptions, type StatusStep, statusFeed } from './status-feed.ts'
export { type SharedOptions, sharedSource } from './tabs/shared.ts'
