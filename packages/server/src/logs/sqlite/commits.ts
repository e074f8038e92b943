// Group commit: what is asked for in one turn of the event loop becomes one transaction, tried again while another connection holds the lock.
import type { DatabaseSync } from 'node:sqlite'
import { HubError } from '@sse-hub/core/contract'
import type { Clock } from '../../ports.ts'
import { inTransaction, isBusy, whole, writeFailed } from './transaction.ts'

/** Gathers writes into transactions. */
export interface Commits {
  /**
   * Does the work within the transaction of this turn, and resolves to its answer when that is committed. Work that throws undoes only itself.
   * `bytes` is about what it will write. Rejects with `closed`, `overloaded` or `internal`, or with the HubError that the work throws.
   */
  add<T>(bytes: number, work: () => T): Promise<T>
  /**
   * Passes unless the last write failed; then writes as much again, for nothing, and rejects as that does: so a disk that has room again is found to
   * be well without anybody appending. Within a second of such an attempt it answers as that came out.
   */
  check(): Promise<void>
  /** Makes a transaction even if there is no work, for the sake of the housekeeping. */
  tidy(): void
  /** Takes no more work; resolves when none waits. */
  end(): Promise<void>
}

/** What {@link createCommits} takes. */
export interface CommitsOptions {
  readonly db: DatabaseSync
  readonly clock: Clock
  /** Bounded work at the end of every transaction. Answers whether there is more. */
  readonly housekeep: () => boolean
  /** Called after every commit, before what was committed is acknowledged. */
  readonly committed: () => void
  /** Writes this many bytes, or with none lets go of what it wrote before. */
  readonly probe: (bytes: number) => void
  /** Hears what went wrong in housekeeping that nobody waits for. */
  readonly onError: (error: unknown) => void
}

interface Waiting {
  readonly bytes: number
  readonly since: number
  readonly work: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: HubError }

// One transaction takes no more than this, so that it holds up the event loop for some 20 ms at most; the rest follows in the next turn.
const GROUP = 1_000
const GROUP_BYTES = 4_194_304
// Whoever asks for health may ask often: no more than one attempt at a time, and one a second.
const CHECK_MS = 1_000
// A page: even what needs none of its own has to be written somewhere.
const PROBE_BYTES = 4_096
const MOST_WAITING = 100_000
const MOST_WAITING_BYTES = 67_108_864
const GIVE_UP_MS = 5_000
const RETRY_MS = [1, 2, 5, 10]
const RETRY_MAX_MS = 20

/** Makes the queue of one connection. */
export function createCommits({ db, clock, housekeep, committed, probe, onError }: CommitsOptions): Commits {
  const queue: Waiting[] = []
  let waitingBytes = 0
  let scheduled = false
  let attempts = 0
  let untidySince: number | undefined
  let ended: (() => void) | undefined
  // The last write that failed, while none has come through since.
  let failed: { readonly bytes: number } | undefined
  let checking = Promise.resolve()
  let checkAgainAt = Number.NEGATIVE_INFINITY

  const refuse = (group: readonly Waiting[], error: HubError) => {
    if (group.length > 0) {
      const lost = group.reduce((sum, { bytes }) => sum + bytes, 0)
      failed = { bytes: Math.min(GROUP_BYTES, Math.max(PROBE_BYTES, lost)) }
    }
    for (const { reject } of group) reject(error)
  }

  const take = (count: number) => {
    const taken = queue.splice(0, count)
    for (const { bytes } of taken) waitingBytes -= bytes
    return taken
  }

  const schedule = () => {
    if (scheduled) return
    if (queue.length === 0 && untidySince === undefined) return ended?.()
    scheduled = true
    const flush = () => {
      scheduled = false
      if (queue.length > 0 || untidySince !== undefined) transact()
      schedule()
    }
    if (attempts === 0) clock.soon(flush)
    else clock.after(RETRY_MS[attempts - 1] ?? RETRY_MAX_MS, flush)
  }

  const transact = () => {
    try {
      db.exec('BEGIN IMMEDIATE')
      attempts = 0
    } catch (error) {
      if (isBusy(error)) return locked()
      untidySince = undefined
      if (queue.length === 0) onError(error)
      return refuse(take(queue.length), writeFailed(error))
    }
    const group = take(groupSize())
    let outcomes: readonly Outcome[]
    try {
      outcomes = group.map(({ work }) => attempt(work))
      untidySince = housekeep() && !ended ? clock.now() : undefined
      db.exec('COMMIT')
    } catch (error) {
      if (inTransaction(db)) db.exec('ROLLBACK')
      untidySince = undefined
      if (group.length === 0) onError(error)
      return refuse(group, writeFailed(error))
    }
    committed()
    for (const [index, waiting] of group.entries()) {
      const outcome = outcomes[index]
      if (outcome?.ok) {
        failed = undefined
        waiting.resolve(outcome.value)
      } else if (outcome?.error.code === 'internal') refuse([waiting], outcome.error)
      else waiting.reject(outcome?.error)
    }
  }

  const attempt = (work: () => unknown): Outcome => {
    try {
      return { ok: true, value: whole(db, work) }
    } catch (error) {
      // SQLite has undone everything: this is everybody's error.
      if (!inTransaction(db)) throw error
      return { ok: false, error: error instanceof HubError ? error : writeFailed(error) }
    }
  }

  const groupSize = () => {
    let count = 0
    for (let room = GROUP_BYTES; count < queue.length && count < GROUP && room > 0; count++)
      room -= queue[count]?.bytes ?? 0
    return count
  }

  // Another connection holds the lock. Whoever has waited too long is told so; the others wait on.
  const locked = () => {
    attempts += 1
    const late = clock.now() - GIVE_UP_MS
    if (untidySince !== undefined && untidySince <= late) untidySince = undefined
    const patient = queue.findIndex(({ since }) => since > late)
    refuse(
      take(patient < 0 ? queue.length : patient),
      new HubError(
        'overloaded',
        `Another connection has kept the log's file locked for ${GIVE_UP_MS} ms. Keep transactions short, and never await a publish within one: use appendIn.`,
        { retryable: true },
      ),
    )
    if (queue.length === 0 && untidySince === undefined) attempts = 0
  }

  const commits: Commits = {
    async add<T>(bytes: number, work: () => T) {
      if (ended) throw new HubError('closed', 'This log is closed: make another one with sqliteLog().')
      if (queue.length >= MOST_WAITING || waitingBytes >= MOST_WAITING_BYTES) {
        throw new HubError('overloaded', `${queue.length} appends wait for the disk already: publish less, or later.`, {
          retryable: true,
        })
      }
      return new Promise<T>((resolve, reject) => {
        queue.push({ bytes, since: clock.now(), work, resolve: (value) => resolve(value as T), reject })
        waitingBytes += bytes
        schedule()
      })
    },
    async check() {
      if (!failed) return
      const { bytes } = failed
      if (clock.now() >= checkAgainAt) {
        checkAgainAt = Number.POSITIVE_INFINITY
        checking = commits
          .add(bytes, () => probe(bytes))
          .then(() => commits.add(0, () => probe(0)))
          .finally(() => {
            checkAgainAt = clock.now() + CHECK_MS
          })
      }
      await checking
    },
    tidy() {
      if (ended) return
      untidySince ??= clock.now()
      schedule()
    },
    end: () =>
      new Promise((resolve) => {
        ended = resolve
        untidySince = undefined
        schedule()
      }),
  }
  return commits
}
