// What a page leaves in its last moment where it can be written at once, until somebody moves it to where emits are kept. Loaded on demand, with the outbox.
import type { KeptEmit } from './ports.ts'

// The name that says that emits have been kept in this browser; and, with a space and that of a line, the names of what was left behind.
const MARK = 'sse-hub emits'

/** What pages have left behind. */
export interface Left {
  readonly emits: readonly KeptEmit[]
  /** Forgets that, but not what was left meanwhile. */
  forget(): void
}

/** What pages leave behind, and find. Nothing here throws: it may be full, or denied. */
export interface LeftBehind {
  /** Says that emits are kept in this browser. Where it cannot be said, whoever emits next finds them. */
  mark(): void
  /** Leaves emits behind, at once. */
  leave(emits: readonly KeptEmit[]): void
  /** What lines have left behind whose names come after `oldest`. What is older, or is not ours, is forgotten with it. */
  find(oldest: string): Left
}

/** Makes it. `local` is localStorage, to which access may throw. */
export function createLeftBehind(local: () => Storage): LeftBehind {
  const write = (name: string, text: string) => {
    try {
      local().setItem(name, text)
    } catch {}
  }
  return {
    mark: () => write(MARK, ''),
    leave(emits) {
      const [first] = emits
      if (first) write(`${MARK} ${first.producer}`, JSON.stringify(emits))
    },
    find(oldest) {
      const texts = new Map<string, string>()
      try {
        for (const [name, text] of Object.entries(local())) if (name.startsWith(`${MARK} `)) texts.set(name, text)
      } catch {}
      return {
        emits: [...texts].flatMap(([name, text]) => (name > `${MARK} ${oldest}` ? parse(text) : [])),
        forget() {
          for (const [name, text] of texts) if (local().getItem(name) === text) local().removeItem(name)
        },
      }
    },
  }
}

function parse(text: string): KeptEmit[] {
  try {
    return JSON.parse(text).filter(isEmit)
  } catch {
    return []
  }
}

const isEmit = (value: KeptEmit | null): boolean =>
  [value?.producer, value?.owner, value?.id, value?.json].every((text) => typeof text === 'string') &&
  [value?.seq, value?.at].every((number) => Number.isSafeInteger(number) && Number(number) > 0)
