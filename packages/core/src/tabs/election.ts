// Which of a browser's tabs leads: by Web Locks where they exist, by claims on the channel where they do not. Terms fence whoever led before.
import type { Clock, Random, Tabs } from '../ports.ts'

// How long a claim stands open to objection.
const CLAIM_MS = 150

/** A word between candidates, on the channel that the tabs share. */
export type Vote =
  /** Whoever leads by an older term leads no more. `open`: it may still be objected to. */
  | { readonly kind: 'claim'; readonly term: number; readonly open: boolean }
  /** Asks the leader to say that it leads; or says that nobody does any more. */
  | { readonly kind: 'who' }
  | { readonly kind: 'resign'; readonly term: number }

/** Whom an election tells. */
export interface Candidate {
  /** This tab leads from now on, by this term. */
  lead(term: number): void
  /** Another tab leads, or will. */
  retire(): void
}

/** One tab's part in the election. */
export interface Election {
  /** Takes a word of another tab. */
  hear(vote: Vote): void
  /** Whether what a leader of this term says counts; it is then the newest that is known. */
  isCurrent(term: number): boolean
  /** The leader is silent: takes its place. */
  depose(): void
  /** Gives up what it has: leads no more, and waits no more. Takes part again by `enter`. */
  leave(): void
  /** Takes part. */
  enter(): unknown
}

/** Takes part in the election that is called so. */
export function createElection(
  name: () => string,
  { clock, random, tabs, post }: { clock: Clock; random: Random; tabs: Tabs; post: (vote: Vote) => void },
  { lead, retire }: Candidate,
): Election {
  // The newest term that is known; a wall clock, so that a tab that knows of none still outdoes those before it.
  let newest = 0
  // This tab's own, while it leads or claims to; else 0.
  let own = 0
  let leads = false
  // Undefined also where the page may not use them: with its cookies blocked, say.
  let manager = tabs.locks
  // Gives up the lock, the wait for it, or the claim.
  let giveUp: (() => void) | undefined

  const claim = () => post({ kind: 'claim', term: own, open: !leads })
  const stepDown = () => {
    giveUp?.()
    giveUp = undefined
    own = 0
    if (leads) {
      leads = false
      retire()
    }
  }
  const nextTerm = () => {
    newest = own = Math.max(newest + 1, tabs.now() + random.next())
  }
  const win = () => {
    leads = true
    claim()
    lead(own)
  }

  const byLock = (held: NonNullable<Tabs['locks']>, steal: boolean) => {
    const ending = new AbortController()
    const { signal } = ending
    giveUp = () => ending.abort()
    let isHeld = false
    held
      .request(name(), steal ? { steal } : { signal }, () => {
        if (signal.aborted) return undefined
        isHeld = true
        nextTerm()
        win()
        return new Promise((resolve) => signal.addEventListener('abort', resolve))
      })
      // Stolen, or given up while it waited.
      .catch(() => {
        if (signal.aborted) return
        if (!isHeld) manager = undefined
        stepDown()
        enter()
      })
  }

  const byClaim = (claims: boolean) => {
    let cancel = () => {}
    giveUp = () => cancel()
    const run = () => {
      nextTerm()
      claim()
      cancel = clock.after(CLAIM_MS, () => own && win())
    }
    if (claims) return run()
    // Whoever leads says so. Not all at once: the first one's claim keeps the others quiet.
    post({ kind: 'who' })
    cancel = clock.after(CLAIM_MS * (1 + random.next()), run)
  }

  const run = (force: boolean) => (manager ? byLock(manager, force) : byClaim(force))
  const enter = () => giveUp ?? run(false)

  return {
    enter,
    leave() {
      if (leads && !manager) post({ kind: 'resign', term: own })
      stepDown()
    },
    isCurrent(term) {
      if (term < newest) return false
      newest = term
      return true
    },
    depose() {
      stepDown()
      run(true)
    },
    hear(vote) {
      if (vote.kind === 'who') {
        if (leads) claim()
      } else if (vote.kind === 'resign') {
        // One that was over already changes nothing.
        if (leads || vote.term < newest) return
        stepDown()
        enter()
      } else if (vote.term < newest) {
        // A claim that comes too late, or a leader of before that has thawed: it must hear that it is over.
        if (own) claim()
      } else {
        newest = vote.term
        // Locks need no claims, but a leader whose lock was stolen while it was frozen learns of it here first.
        if (own && own < newest) {
          stepDown()
          if (manager) enter()
        } else if (!manager && !leads) {
          giveUp?.()
          // Another one leads, or is about to.
          giveUp = () => {}
        }
      }
    },
  }
}
