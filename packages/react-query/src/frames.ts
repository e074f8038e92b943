// Has components hear of what has changed once a frame, however many queries and mutations changed in it.

/** Longer than any frame; browsers draw none for a page that nobody sees. */
const UNSEEN_MS = 100

/**
 * A scheduler for TanStack Query's `notifyManager`: what has changed since the last frame is told in the next one, all at once, so that React commits
 * once a frame under any burst, and a change of one's own is in the very next frame. TanStack Query's own tells it in tasks of their own, of which a
 * frame may have several, or a busy page none. Where there are no frames (no browser, a page that nobody sees), it is told within 100 ms.
 *
 * @example
 * ```ts
 * import { frameScheduler } from '@sse-hub/react-query'
 * import { notifyManager } from '@tanstack/query-core' // or from your adapter, as '@tanstack/react-query'
 *
 * notifyManager.setScheduler(frameScheduler())
 * ```
 */
export function frameScheduler(): (callback: () => void) => void {
  let waiting: (() => void)[] = []
  const run = () => {
    const callbacks = waiting
    waiting = []
    // In one task, so that whoever draws anew does so once.
    for (const callback of callbacks) {
      try {
        callback()
      } catch (error) {
        setTimeout(() => {
          throw error
        })
      }
    }
  }
  return (callback) => {
    if (waiting.push(callback) > 1) return
    const timer = setTimeout(run, UNSEEN_MS)
    globalThis.requestAnimationFrame?.(() => {
      clearTimeout(timer)
      run()
    })
  }
}
