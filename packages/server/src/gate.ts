// Who may see and say what: asks the application, checks its answer, and goes on asking while a stream is open.
import { type Contract, HubError, isTopic, isUserId, kindOf } from '@sse-hub/core/contract'
import type { Grant, Report } from './options.ts'
import type { Clock } from './ports.ts'
import { within } from './within.ts'

/** A grant, checked and completed. */
export interface Access {
  /** Who it is; null for an anonymous user. */
  readonly user: string | null
  /** All topics it may read, the user's own included. */
  readonly read: ReadonlySet<string>
  /** All topics it may emit to, the user's own included. */
  readonly write: ReadonlySet<string>
  /** Whether it may see details. */
  readonly admin: boolean
  /** When it runs out, in milliseconds since 1970; Infinity for never. */
  readonly expiresAt: number
}

/** Why an open stream may not go on. */
type Withdrawal = 'revoked' | 'changed' | 'expired'

/** The door to the application's `authorize`. */
export interface Gate {
  /** Asks for a grant; null means not authorized. Rejects with `overloaded` when it cannot be told, which has been reported. */
  ask(request: Request, timeoutMs?: number): Promise<Access | null>
  /** A grant has been taken away just now: whoever is being asked about is asked about again. */
  withdraw(): void
  /** Goes on asking, and calls back once when what it was may not go on. The answer stops it, and may be called twice. */
  watch(
    request: Request,
    access: Access,
    isSame: (now: Access) => boolean,
    withdraw: (why: Withdrawal) => void,
  ): () => void
}

const ASK_MS = 5_000
const MOST_ATTEMPTS = 3
// The longest delay that timers take.
const LONGEST_MS = 2 ** 31 - 1

/** Makes the gate. */
export function createGate({
  contract,
  authorize,
  clock,
  recheckMs,
  report,
}: {
  readonly contract: Contract
  readonly authorize: (request: Request) => Grant | null | Promise<Grant | null>
  readonly clock: Clock
  readonly recheckMs: number
  readonly report: (report: Report) => void
}): Gate {
  // A confirmation may take this long, and is asked for this much earlier: so what hangs does not see more than what answers.
  const recheckTimeoutMs = Math.min(ASK_MS, recheckMs / 2)

  const consult = async (request: Request, timeoutMs: number): Promise<Access | null> => {
    try {
      const grant = await within(clock, timeoutMs, 'authorize', (async () => authorize(request))())
      // Untyped applications forget to answer, or answer false.
      return grant ? checked(grant, contract) : null
    } catch (error) {
      report({ during: 'authorize', error })
      throw new HubError(
        'overloaded',
        'The hub cannot tell what this request may do: its `authorize` failed. Try again later.',
        { retryable: true, cause: error },
      )
    }
  }

  let withdrawals = 0

  return {
    async ask(request, timeoutMs = ASK_MS) {
      for (let attempt = 0; ; attempt++) {
        const before = withdrawals
        const access = await consult(question(request), timeoutMs)
        // What was answered may be from before the withdrawal.
        if (withdrawals !== before && attempt < MOST_ATTEMPTS) continue
        return access && access.expiresAt > clock.now() ? access : null
      }
    },
    withdraw() {
      withdrawals++
    },

    watch(request, access, isSame, withdraw) {
      // A thousand open streams need not hold a thousand requests.
      const { url, method } = request
      const headers = [...request.headers]
      let stopped = false
      let stopRecheck = () => {}
      let stopExpiry = () => {}
      const stop = () => {
        stopped = true
        stopRecheck()
        stopExpiry()
      }
      const end = (why: Withdrawal) => {
        if (stopped) return
        stop()
        withdraw(why)
      }
      const expireAt = (expiresAt: number) => {
        stopExpiry()
        if (expiresAt === Number.POSITIVE_INFINITY) return
        const leftMs = expiresAt - clock.now()
        if (leftMs <= 0) return end('expired')
        stopExpiry = clock.after(Math.min(leftMs, LONGEST_MS), () => expireAt(expiresAt))
      }
      const recheck = async () => {
        try {
          const now = await consult(new Request(url, { method, headers }), recheckTimeoutMs)
          if (stopped) return
          if (!now || now.user !== access.user) return end('revoked')
          if (!isSame(now)) return end('changed')
          expireAt(now.expiresAt)
        } catch {
          // Reported already. What cannot be confirmed does not go on.
          end('expired')
        }
      }
      const schedule = () => {
        stopRecheck = clock.after(recheckMs - recheckTimeoutMs, () => {
          // Counted from the question, not from its answer.
          schedule()
          void recheck()
        })
      }
      schedule()
      expireAt(access.expiresAt)
      return stop
    },
  }
}

/** Whether the contract has topics of this kind. */
export function isKnownKind(contract: Contract, kind: string): boolean {
  return kind === 'user' || contract.topics.includes(kind)
}

/** The request as `authorize` gets it, every time the same: the body belongs to the hub, and only URL and headers outlive the opening. */
function question({ url, method, headers }: Request): Request {
  return new Request(url, { method, headers })
}

function checked(grant: Grant, contract: Contract): Access {
  if (typeof grant !== 'object' || Array.isArray(grant)) throw wrongGrant('it is no object: answer one, or null')
  const { user, read = [], write = [], admin = false, expiresAt = Number.POSITIVE_INFINITY } = grant
  if (user !== undefined && !isUserId(user)) {
    throw wrongGrant(
      `its \`user\` is ${JSON.stringify(user)}: a user id has 1 to 128 characters, no comma and no control character; leave it out for an anonymous user`,
    )
  }
  if (typeof expiresAt !== 'number' || Number.isNaN(expiresAt)) {
    throw wrongGrant('its `expiresAt` is no number: write milliseconds since 1970')
  }
  const own = user === undefined ? [] : [`user:${user}`]
  const topics = (list: readonly string[], name: string) => {
    for (const topic of list) {
      const problem = wrongTopic(topic, user, contract)
      if (problem) throw wrongGrant(`its \`${name}\` lists ${JSON.stringify(topic)}, ${problem}`)
    }
    return new Set([...list.filter((topic) => topic !== 'user'), ...own])
  }
  return {
    user: user ?? null,
    read: topics(read, 'read'),
    write: topics(write, 'write'),
    admin: admin === true,
    expiresAt,
  }
}

function wrongTopic(topic: string, user: string | undefined, contract: Contract): string | undefined {
  if (typeof topic !== 'string' || !isTopic(topic)) return 'which is not a topic: write "kind" or "kind:key"'
  const kind = kindOf(topic)
  if (!isKnownKind(contract, kind)) return `but the contract has no topics of kind "${kind}"`
  if (kind !== 'user' || (topic === 'user' && user !== undefined) || topic === `user:${user}`) return undefined
  return 'which is for one user alone: publish to a topic of a declared kind what several may see'
}

function wrongGrant(why: string): HubError {
  return new HubError('invalid_option', `The grant that \`authorize\` answered cannot be used: ${why}.`)
}
