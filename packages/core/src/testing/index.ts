// The door of `@sse-hub/core/testing`: what a page's own tests need of a hub, and of time.
export type { HubHandlersOptions, MockHttp, ScriptedHub, ScriptedStream } from './scripted-hub.ts'
export { hubHandlers } from './scripted-hub.ts'
export type { VirtualClock } from './virtual-clock.ts'
export { virtualClock } from './virtual-clock.ts'
