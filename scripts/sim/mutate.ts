// Plants a deliberate bug into the real source text while Node loads it, so that the shipped code holds no switch for it.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Bug } from './bugs.ts'

const root = new URL('../../', import.meta.url)

/** The text of the file with the bug in it. Throws where the code has moved on and a snippet is no longer there, exactly once. */
export function plant({ name, file, edits }: Bug): string {
  return edits.reduce(
    (source, [replace, by]) => {
      if (source.split(replace).length === 2) return source.replace(replace, () => by)
      throw new Error(
        `The bug "${name}" replaces a snippet that is not exactly once in ${file}. Update scripts/sim/bugs.ts:\n${replace}`,
      )
    },
    readFileSync(new URL(file, root), 'utf8'),
  )
}

/** From now on this process loads the file with the bug in it. */
export function loadWith(bug: Bug): void {
  const text = plant(bug)
  const path = fileURLToPath(new URL(bug.file, root))
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      return url.startsWith('file:') && fileURLToPath(url) === path ? { ...loaded, source: text } : loaded
    },
  })
}
