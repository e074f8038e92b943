// Hands new events to those who follow a log: in order even when a listener appends meanwhile, and whatever another listener throws.
import type { LogEvent, LogGap, TailListener } from '../log.ts'

/** Those who follow a log. */
export interface Tails {
  /** How many there are. */
  readonly size: number
  /** Adds a listener: it hears what is said from now on. The answer ends that at once, and may be called twice. */
  add(listener: TailListener): () => void
  /** Tells all of them about new events. */
  events(events: readonly LogEvent[]): void
  /** Tells all of them that they missed something. */
  reset(gap: LogGap['gap']): void
}

interface Member {
  readonly listener: TailListener
  stopped: boolean
}

interface Said {
  readonly audience: readonly Member[]
  readonly tell: (listener: TailListener) => void
}

/** Makes an empty set of followers. `onError` hears what a listener throws. */
export function createTails(onError: (error: unknown) => void): Tails {
  // Replaced, never changed: what was said keeps the audience it had, so nobody hears of what came before they joined.
  let members: readonly Member[] = []
  const queue: Said[] = []
  let telling = false

  const say = (said: Said) => {
    // A listener appended: its event waits until everyone has heard the one before it.
    if (telling) {
      queue.push(said)
      return
    }
    telling = true
    for (let next: Said | undefined = said; next; next = queue.shift()) {
      for (const member of next.audience) if (!member.stopped) guarded(next.tell, member.listener)
    }
    telling = false
  }

  const guarded = (tell: (listener: TailListener) => void, listener: TailListener) => {
    try {
      tell(listener)
    } catch (error) {
      try {
        onError(error)
      } catch {
        // Nobody is left to tell.
      }
    }
  }

  return {
    get size() {
      return members.length
    },
    add(listener) {
      const member: Member = { listener, stopped: false }
      members = [...members, member]
      return () => {
        member.stopped = true
        members = members.filter((other) => other !== member)
      }
    },
    events: (events) => say({ audience: members, tell: (listener) => listener.events(events) }),
    reset: (gap) => say({ audience: members, tell: (listener) => listener.reset(gap) }),
  }
}
