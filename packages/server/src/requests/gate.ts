// Who may see and say what: asks the application, checks its answer, and goes on asking while a stream is open.
import { type Contract, HubError, isTopic, isUserId, kindOf } from '@sse-hub/core/contract'
import type { Grant, Report } from '../options.ts'
import type { Clock } from '../ports.ts'
import { createRounds, type Rounds } from '../time/rounds.ts'
import { within } from '../time/within.ts'

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
  watch(request: Request, access: Access, holder: Holder): Watch
}

/** Who goes on with what was granted. */
export interface Holder {
  /** Whether a grant that was asked for again, for the same request, comes to the same. */
  isSame(now: Access, request: Request): boolean
  /** It may not go on. */
  withdraw(why: Withdrawal): void
}

/** What goes on asking. */
export interface Watch {
  /** Ends that. May be called twice. */
  stop(): void
}

const ASK_MS = 5_000
const MOST_ATTEMPTS = 3
// However many streams are open, the application is asked about a few at once.
const RECHECK_PARTS = 64
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
  // Counted from the question, not from its answer.
  const rechecks = createRounds<OpenWatch>(clock, {
    everyMs: recheckMs - recheckTimeoutMs,
    parts: RECHECK_PARTS,
    call: (watch) => void watch.recheck(),
  })
  const confirm = (request: Request) => consult(request, recheckTimeoutMs)

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

    watch: (request, access, holder) => new OpenWatch(request, access, holder, { clock, rechecks, confirm }),
  }
}

/** What watches take from their gate. */
interface WatchGate {
  readonly clock: Clock
  readonly rechecks: Rounds<OpenWatch>
  /** Asks again. */
  readonly confirm: (request: Request) => Promise<Access | null>
}

class OpenWatch implements Watch {
  // A thousand open streams need not hold a thousand requests: as text, one is a tenth of the object.
  readonly #asked: string
  readonly #user: string | null
  readonly #holder: Holder
  readonly #gate: WatchGate
  #isStopped = false
  #stopExpiry: (() => void) | undefined

  constructor({ url, method, headers }: Request, access: Access, holder: Holder, gate: WatchGate) {
    this.#asked = JSON.stringify([url, method, [...headers]])
    this.#user = access.user
    this.#holder = holder
    this.#gate = gate
    gate.rechecks.enter(this)
    this.#expireAt(access.expiresAt)
  }

  async recheck() {
    const [url, method, headers] = JSON.parse(this.#asked) as [string, string, [string, string][]]
    const request = new Request(url, { method, headers })
    try {
      const now = await this.#gate.confirm(request)
      if (this.#isStopped) return
      if (!now || now.user !== this.#user) return this.#end('revoked')
      if (!this.#holder.isSame(now, request)) return this.#end('changed')
      this.#expireAt(now.expiresAt)
    } catch {
      // Reported already. What cannot be confirmed does not go on.
      this.#end('expired')
    }
  }

  stop() {
    this.#isStopped = true
    this.#gate.rechecks.leave(this)
    this.#stopExpiry?.()
  }

  #end(why: Withdrawal) {
    if (this.#isStopped) return
    this.stop()
    this.#holder.withdraw(why)
  }

  #expireAt(expiresAt: number) {
    this.#stopExpiry?.()
    if (expiresAt === Number.POSITIVE_INFINITY) return
    const { clock } = this.#gate
    const leftMs = expiresAt - clock.now()
    if (leftMs <= 0) return this.#end('expired')
    this.#stopExpiry = clock.after(Math.min(leftMs, LONGEST_MS), () => this.#expireAt(expiresAt))
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
