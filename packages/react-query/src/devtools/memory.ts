// What the panel remembers in this browser: whether it was open, and its theme.
const KEY = 'sse-hub devtools'

/** What was remembered last, over what is so at first. */
export function recall<T extends object>(first: T): T {
  try {
    return { ...first, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') }
  } catch {
    // There is no storage, or not for this page.
    return first
  }
}

/** Remembers it, where that is possible. */
export function remember(what: object): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(what))
  } catch {
    // As above: then it is so only until the page is left.
  }
}
