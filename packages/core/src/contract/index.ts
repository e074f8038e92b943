// The door of `@sse-hub/core/contract`: what server and client share, with no effect and no platform in it.
export type { HubErrorCode } from '../errors.ts'
export { HubError } from '../errors.ts'
export type {
  Coalesce,
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
  Publication,
  Publishable,
  SubscribableTopic,
  TopicOfKind,
} from './contract.ts'
export { definitionOf, isDurable } from './contract.ts'
export type { Cursor } from './cursor.ts'
export { formatCursor, parseCursor } from './cursor.ts'
export type { JsonOf } from './define.ts'
export { defineContract } from './define.ts'
export type { PageBody } from './page.ts'
export { decodePage } from './page.ts'
export { checkTopic, isEventId, isEventType, isTopic, isUserId, kindOf, MAX_TOPIC_LENGTH } from './topic.ts'
export type {
  Block,
  ByeReason,
  EmitEntry,
  EmitRequest,
  EmitResponse,
  EmitResult,
  Frame,
  Gap,
  GapReason,
  Presence,
  PresenceFrame,
  Sync,
  WireError,
} from './wire.ts'
export { decodeBlock, encodeBlock, encodeEvent } from './wire.ts'
