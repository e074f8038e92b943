// What polls take from the platform: the other tabs of the browser.
import type { Tabs } from '@sse-hub/core'

/** The tabs of this browser; undefined where they cannot talk. */
export function platformTabs(): Tabs | undefined {
  // In a page that is simulated within Node the channel is Node's: that is no browser.
  if (typeof document === 'undefined' || !(globalThis.BroadcastChannel?.prototype instanceof EventTarget))
    return undefined
  return {
    channel(name, hear) {
      const channel = new BroadcastChannel(name)
      channel.onmessage = ({ data }) => hear(data)
      return { post: (message) => channel.postMessage(message), close: () => channel.close() }
    },
    now: () => Date.now(),
    locks: navigator.locks,
  }
}
