// What went wrong with what the person did, kept until they have tried again or put it away.

/** One thing that was not done. */
export interface Notice {
  readonly text: string
  /** Does it again. */
  readonly retry: () => Promise<unknown>
}

let notice: Notice | undefined
const listeners = new Set<() => void>()

/** Shows a notice in place of an older one, or puts the last away. */
export function showNotice(next: Notice | undefined): void {
  notice = next
  for (const listener of listeners) listener()
}

/** The newest notice, as a store for `useSyncExternalStore`. */
export const notices = {
  get: () => notice,
  subscribe(listener: () => void) {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  },
}
