// What a person must know about what they did, kept until they have acted on it or put it away.

/** One thing that did not go as they will have expected. */
export interface Notice {
  readonly text: string
  /** The mutation that it is about. */
  readonly about: object
  /** What they may do about it. */
  readonly action?: { readonly label: string; readonly act: () => void }
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
