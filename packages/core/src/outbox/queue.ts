// The emits that wait for the hub: numbered in order, kept in the browser, and each settled once.
import { HubError } from '../errors.ts'
import type { Clock, EmitStorage, Random } from '../ports.ts'
import { createKeeper, type Keepable } from './keeper.ts'

// The type and the id of what stands for a number whose emit is not here any more: no contract has it.
export const SKIP = 'hub.skip'

/** What became of an emit. */
export type EmitOutcome =
  | { readonly ok: true; readonly id: string; readonly cursor?: string }
  /**
   * The error's code is the hub's (docs/PROTOCOL.md §7), `uncertain` (sent, and the hub has lost its memory of it), `timeout` (it waited for too
   * long) or `closed`. One with `details.kept` is kept in the browser, and goes out later all the same: do not emit it again.
   */
  | { readonly ok: false; readonly id: string; readonly error: HubError }

/** An emit that waits. Only those that are ephemeral have no seq. */
export interface Waiting extends Keepable {
  readonly settle: (outcome: EmitOutcome) => void
}

/** Numbers emits, one after the other. */
interface Line {
  readonly producer: string
  readonly owner: string
  readonly user: string | null | undefined
  last: number
}

/** Chooses among those that wait. */
type Choice = (waiting: Waiting) => unknown

/** What a queue works with. */
export interface QueueUser {
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  readonly storage: EmitStorage | null | undefined
  /** The time of what is kept. */
  now(): number
  /** Hears of a storage that fails, and of what became of emits that nobody waits for any more. */
  report(during: 'emit', error: HubError): void
}

/** What waits. */
export interface Queue {
  /** All of it, in order. */
  all(): readonly Waiting[]
  /** Resolves when nothing must be read or written any more before something goes out. */
  ready(): Promise<unknown>
  /** Whether something is being numbered anew. */
  isMoving(): boolean
  /** Takes in an emit of a user. `json` is what the hub is sent of it, without the brace that opens it and its number. */
  add(emit: Pick<Waiting, 'user' | 'id' | 'json' | 'settle'>, isEphemeral: boolean): Waiting
  /** Writes down how an emit stands. */
  save(waiting: Waiting): void
  /** Settles an emit, and forgets it. */
  finish(waiting: Waiting, outcome: EmitOutcome): void
  /** Settles the emits that are chosen, and forgets them. */
  refuse(chosen: Choice, cause: HubError): void
  /** Settles the emits that are chosen, and leaves what is kept to whoever comes next. */
  leave(chosen: Choice, cause: HubError): Promise<void>
  /** Takes over, before all else, what pages of this user have left, but not more than `most` emits, and nothing if it `isOver` by then. Answers whether there is more. */
  adopt(user: string | null, most: number, isOver: () => boolean): Promise<boolean | undefined>
  /** Begins a line anew. What may have been accepted from the old one cannot be sent again. */
  renew(old: string, error: HubError): void
  /**
   * The hub expects the number `expected` instead of that of `next`; 0 is none that could be filled. Numbers of which nothing is known here are filled with what
   * is refused for good, which uses them up: what of them may still be on its way is not accepted after all, and all that follows keeps its number. A line of
   * this page that the hub has forgotten begins anew, since only of what others have left it cannot be known whether it was sent.
   */
  mend(next: Waiting, expected: number, error: HubError): void
}

/** Makes an empty queue. */
export function createQueue({ url, clock, random, storage, now, report }: QueueUser): Queue {
  let all: readonly Waiting[] = []
  // Where what is emitted now is numbered.
  let own: Line | undefined
  let ready: Promise<unknown> = Promise.resolve()
  let moving: Promise<unknown> | undefined

  const isUsed = (name: string) => [own, ...all].some((line) => line?.producer === name)
  const keeper = createKeeper(storage, clock, isUsed, report)
  const save = (waiting: Waiting) => keeper.save(waiting)
  const ownerOf = (user: Line['user']) => JSON.stringify([url, user])
  const begin = (user: Line['user']): Line => {
    // The names of older lines sort before those of newer ones, for the next eight hundred years.
    const producer = `${Math.floor(now()).toString(36)}-${random.id()}`.slice(0, 64)
    return { producer, owner: ownerOf(user), user, last: 0 }
  }

  const finish: Queue['finish'] = (waiting, outcome) => {
    all = all.filter((other) => other !== waiting)
    waiting.gone = true
    void save(waiting)
    waiting.settle(outcome)
  }
  const failure = ({ id, doubt }: Waiting, cause: HubError): EmitOutcome => {
    const uncertain = 'Sent, and perhaps accepted: look before you send it again'
    return { ok: false, id, error: doubt ? new HubError('uncertain', uncertain, { cause }) : cause }
  }
  const refuse: Queue['refuse'] = (chosen, cause) => {
    for (const waiting of all.filter(chosen)) finish(waiting, failure(waiting, cause))
  }
  const leave: Queue['leave'] = async (chosen, cause) => {
    const left = all.filter(chosen)
    all = all.filter((waiting) => !chosen(waiting))
    own = undefined
    // Only when all is written it is known what is kept.
    await keeper.release()
    const kept = new HubError(cause.code, `${cause.message} It goes out later.`, { cause, details: { kept: true } })
    for (const waiting of left) {
      waiting.settle(waiting.kept ? { ok: false, id: waiting.id, error: kept } : failure(waiting, cause))
    }
  }

  const renew: Queue['renew'] = (old, error) => {
    refuse(({ producer, doubt }) => doubt && producer === old, error)
    let line: Line | undefined
    const isOwn = own?.producer === old
    all = all.map((waiting) => {
      if (waiting.producer !== old || !waiting.seq) return waiting
      line ??= begin(waiting.user)
      const moved = { ...waiting, producer: line.producer, seq: ++line.last, sent: false, doubt: false, kept: false }
      waiting.gone = true
      void save(waiting)
      // Under its new number it goes out when the old one is forgotten: an end between them would send it twice.
      ready = moving = save(moved).then(() => {
        if (!waiting.kept || moved.kept) return
        // Whether it is forgotten nobody can tell: it is left, under the old one, to whoever comes next, and no later step may take it away.
        moved.kept = true
        waiting.gone = false
        return leave(
          (one) => one === moved,
          new HubError('storage', 'The storage failed while this was numbered anew.'),
        )
      })
      return moved
    })
    const mine = moving
    void moving?.then(() => {
      if (moving === mine) moving = undefined
    })
    if (isOwn) own = line
  }

  return {
    all: () => all,
    ready: () => ready,
    isMoving: () => moving !== undefined,
    add(emit, isEphemeral) {
      if (own?.user !== emit.user) own = undefined
      own ??= begin(emit.user)
      const { last: _, ...line } = own
      const waiting = { ...line, ...emit, seq: isEphemeral ? 0 : ++own.last, at: now(), sent: false }
      all = [...all, waiting]
      return waiting
    },
    save,
    finish,
    refuse,
    leave,
    adopt(user, most, isOver) {
      const taken = keeper.adopt(ownerOf(user), most - all.length).then((found) => {
        if (isOver()) return undefined
        const adopted = found?.emits.map((emit): Waiting => {
          const settle = (outcome: EmitOutcome) => {
            if (outcome.ok || outcome.error.details.kept || emit.id === SKIP) return
            const { code, message } = outcome.error
            report('emit', new HubError(code, message, { cause: outcome.error, details: { id: emit.id } }))
          }
          return { ...emit, kept: true, doubt: emit.sent, settle }
        })
        all = [...(adopted ?? []), ...all]
        return found?.more
      })
      ready = taken
      return taken
    },
    renew,
    mend(next, expected, error) {
      const { producer, owner, user, at } = next
      const isForgotten = expected <= 1
      if (!expected || (isForgotten && own?.producer === producer)) return renew(producer, error)
      // A hub that remembers more than nothing is sure of what it has not settled.
      if (isForgotten) refuse((waiting) => waiting.doubt && waiting.producer === producer, error)
      const first = all.find((waiting) => waiting.seq && waiting.producer === producer)
      if (!first) return
      const json = `"id":"${SKIP}","type":"${SKIP}","data":null}`
      const skipped = { producer, owner, user, at, id: SKIP, json, sent: false, settle() {} }
      const missing = Array.from({ length: first.seq - expected }, (_, n) => ({ ...skipped, seq: expected + n }))
      all = [...missing, ...all]
    },
  }
}
