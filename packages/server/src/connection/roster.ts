// Who is here: every open stream and waiting page, counted against the limits and found by user.
import type { ByeReason } from '@sse-hub/core/contract'

/** An open stream or a waiting page. */
export interface Member {
  /** Whose it is; null for an anonymous user. */
  readonly user: string | null
  /** What it is doing: a connection's phase, or `page`. */
  readonly phase: string
  /** Bytes that wait for its reader. */
  readonly buffered: number
  /** Says good-bye and ends. Does nothing when it has begun to end. */
  end(reason: ByeReason, retryMs: number): void
  /** Drops what waits for its reader and can be read from the log again; answers whether there was anything. */
  flush?(): boolean
}

/** Every open stream and waiting page. */
export interface Roster {
  /** How many are here. */
  readonly size: number
  /** How many different users they are. */
  readonly users: number
  /** Whether a limit keeps this user out. */
  full(user: string | null): boolean
  /** Lets one in. */
  enter(member: Member): void
  /** Lets it go. May be called twice. */
  leave(member: Member): void
  /** Those of one user, or all of them, as of now. */
  members(user?: string): Member[]
  /** Resolves when nobody is left. */
  empty(): Promise<void>
}

/** Makes a roster with the given limits. */
export function createRoster(limits: { readonly connections: number; readonly connectionsPerUser: number }): Roster {
  const all = new Set<Member>()
  const byUser = new Map<string, Set<Member>>()
  let waiting: (() => void)[] = []

  return {
    get size() {
      return all.size
    },
    get users() {
      return byUser.size
    },
    // Anonymous users are different people, so that only the sum of all bounds them.
    full: (user) =>
      all.size >= limits.connections || (user !== null && (byUser.get(user)?.size ?? 0) >= limits.connectionsPerUser),
    enter(member) {
      const { user } = member
      all.add(member)
      if (user !== null) {
        const own = byUser.get(user) ?? new Set()
        byUser.set(user, own.add(member))
      }
    },
    leave(member) {
      if (!all.delete(member)) return
      const { user } = member
      if (user !== null) {
        const own = byUser.get(user)
        own?.delete(member)
        if (own?.size === 0) byUser.delete(user)
      }
      if (all.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    members: (user) => [...(user === undefined ? all : (byUser.get(user) ?? []))],
    empty: () => (all.size === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
  }
}
