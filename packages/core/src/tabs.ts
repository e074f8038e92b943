// The door of `@sse-hub/core/tabs`: one stream for all tabs of a browser, as a source.
export { type SharedOptions, sharedSource } from './tabs/shared.ts'
