// Keeps the emits that wait beyond the life of their page, and takes over those whose page is gone.
import { HubError } from '../errors.ts'
import type { Clock, EmitStorage, KeptEmit } from '../ports.ts'

// A storage that does not answer (a browser's may hang) is not asked again: what waits for it would only grow.
const PATIENCE_MS = 5_000

/** An emit that may be kept, and what only its page knows of it. */
export interface Keepable extends KeptEmit {
  sent: boolean
  readonly settle: unknown
  /** It was sent, and nobody knows what became of it. */
  doubt?: boolean | undefined
  /** It is settled: nothing of it is to stay. */
  gone?: boolean
  /** The storage has it, as far as is known. */
  kept?: boolean
}

/** What was taken over. */
export interface Adopted {
  readonly emits: readonly KeptEmit[]
  /** Whether there is more, of pages that are there, or were a moment ago. */
  readonly more: boolean
}

/** Keeps the emits of one outbox. Nothing here rejects: what the storage refuses is reported, and lives on in memory. */
export interface Keeper {
  /** Writes down what has become of an emit. What changes in one moment is one step: all of it, or nothing. Resolves when that is over. */
  save(keepable: Keepable): Promise<unknown>
  /** Takes over the emits of pages that are gone, in order: whole lines of them, until there are `most` emits. */
  adopt(owner: string, most: number): Promise<Adopted | undefined>
  /** When all is written, lets go of the lines that are not in use: others may take them over. */
  release(): Promise<unknown>
}

/**
 * Makes a keeper; without a storage it keeps nothing. `isUsed` says whether the outbox works on a line; `report` hears of a storage that fails,
 * once until it works again.
 */
export function createKeeper(
  given: EmitStorage | null | undefined,
  clock: Clock,
  isUsed: (producer: string) => boolean,
  report: (during: 'emit', error: HubError) => void,
): Keeper {
  let storage = given
  const holds = new Map<string, () => void>()
  const changed = new Set<Keepable>()
  let last: Promise<unknown> = Promise.resolve()
  // What did not wait for the others.
  let urgent: Promise<unknown> | undefined
  // What has failed, and not worked since.
  const broken = new Set<'read' | 'write'>()

  /** A step, at once. Answers undefined where the storage fails. */
  const step = async <T>(
    work: (storage: EmitStorage) => Promise<T>,
    what: 'read' | 'write',
  ): Promise<T | undefined> => {
    if (!storage) return undefined
    let cancel = () => {}
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(PATIENCE_MS, () => {
        storage = undefined
        reject('no answer')
      })
    })
    try {
      return await Promise.race([work(storage), late])
    } catch (cause) {
      const why = `Emits that wait are lost with this page: the browser's storage failed (${cause}). Is there room?`
      if (broken.size === 0) report('emit', new HubError('storage', why, { cause }))
      broken.add(what)
      return undefined
    } finally {
      cancel()
    }
  }
  /** One after the other. */
  const next: typeof step = (work, what) => {
    const done = last.then(() => urgent?.then(() => step(work, what)) ?? step(work, what))
    last = done
    return done
  }

  /** A line is ours before anything of it is written: it would be taken for an orphan. */
  const hold = async (producer: string, storage: EmitStorage) => {
    const release = holds.get(producer) ?? (await storage.hold(producer))
    if (release) holds.set(producer, release)
    return release
  }

  const put = async (storage: EmitStorage, all: readonly Keepable[]) => {
    if (!all[0]) return
    const kept: KeptEmit[] = []
    const away: KeptEmit[] = []
    for (const keepable of all) {
      changed.delete(keepable)
      const { settle, doubt, kept: _, gone, ...emit } = keepable
      ;(gone ? away : kept).push(emit)
    }
    try {
      await storage.write(kept, away)
    } catch (error) {
      // What is settled must be forgotten with the next step, or whoever comes later sends it again.
      for (const keepable of all) if (keepable.gone) changed.add(keepable)
      throw error
    }
    for (const keepable of all) keepable.kept = true
    broken.delete('write')
  }

  const write = async (storage: EmitStorage) => {
    for (const { producer } of changed) await hold(producer, storage)
    await put(storage, [...changed])
  }

  return {
    save(keepable) {
      // An ephemeral one is gone with the moment, and of one without a user nobody could tell whose it is.
      if (keepable.seq && keepable.user !== undefined) changed.add(keepable)
      return next(write, 'write')
    },
    adopt: (owner, most) =>
      next(async (storage) => {
        const found = await storage.read(owner)
        const orphans = new Set<string>()
        let count = 0
        let more = false
        for (const producer of new Set(found.map((emit) => emit.producer))) {
          if (isUsed(producer)) continue
          if (count >= most || !(await hold(producer, storage))) {
            more = true
            continue
          }
          orphans.add(producer)
          count += found.filter((emit) => emit.producer === producer).length
        }
        // Read again now that they are ours: their pages may have had answers until they ended.
        const emits = orphans.size ? (await storage.read(owner)).filter((emit) => orphans.has(emit.producer)) : []
        broken.delete('read')
        return { emits, more }
      }, 'read'),
    release() {
      // The page may end before the steps under way do: nothing waits for them that need not. What is left may be taken over at once.
      const mayWrite = ({ producer }: Keepable) => holds.has(producer) || !isUsed(producer)
      urgent = Promise.all([urgent, step((storage) => put(storage, [...changed].filter(mayWrite)), 'write')])
      return next(async (storage) => {
        await write(storage)
        for (const [producer, release] of holds) {
          if (isUsed(producer)) continue
          holds.delete(producer)
          release()
        }
      }, 'write')
    },
  }
}
