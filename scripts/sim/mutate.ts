// Plants a deliberate bug into the real source text while Node loads it, so that the shipped code holds no switch for it.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Bug } from './bugs.ts'

const root = new URL('../../', import.meta.url)

/** The text of the file with the bug in it. Throws where the code has moved on and a snippet is no longer there, exactly once. */
export function plant({ name, file, edits }: Pick<Bug, 'name' | 'file' | 'edits'>): string {
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

/** From now on this process loads the files with the bug in them. */
export function loadWith(bug: Bug): void {
  const planted = new Map(filesOf(bug).map((file) => [fileURLToPath(new URL(file.file, root)), plant(file)] as const))
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      const text = url.startsWith('file:') ? planted.get(fileURLToPath(url)) : undefined
      return text === undefined ? loaded : { ...loaded, source: text }
    },
  })
}

/** What a bug changes, file by file. */
export const filesOf = ({ name, file, edits, also }: Bug): readonly Pick<Bug, 'name' | 'file' | 'edits'>[] => [
  { name, file, edits },
  ...(also ? [{ name, ...also }] : []),
]
