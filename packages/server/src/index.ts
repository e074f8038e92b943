// The door of `@sse-hub/server`: everything that an application imports to run a hub.
export type { Contract, Cursor, HubErrorCode, Publication } from '@sse-hub/core/contract'
export { HubError } from '@sse-hub/core/contract'
export type { Hub, Stats } from './api.ts'
export { createHub } from './hub.ts'
export type {
  Appended,
  EventLog,
  LogEvent,
  LogGap,
  LogPage,
  NewEvent,
  ProducerMark,
  ProducerState,
  TailListener,
} from './log.ts'
export type { MemoryLogOptions } from './logs/memory.ts'
export { memoryLog } from './logs/memory.ts'
export type { Grant, HubOptions, Limits, Report } from './options.ts'
export type { Clock, Random } from './ports.ts'
export type { Published } from './publishing/publisher.ts'
export type { Compression } from './wire/compressing.ts'
