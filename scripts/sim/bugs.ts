// The deliberate bugs: each must be found by the checks within a few hundred seeds, or the checks are not worth their time.

/** One deliberate bug. */
export interface Bug {
  readonly name: string
  /** What it breaks. */
  readonly breaks: string
  /** The file, from the root of the repository. */
  readonly file: string
  /** A snippet that is in the file exactly once. */
  readonly replace: string
  readonly by: string
}

/** All of them. */
export const bugs: readonly Bug[] = []
