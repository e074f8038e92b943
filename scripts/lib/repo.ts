// What every script needs to know about where it runs, in one place.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The root of the repository. */
export const root = join(import.meta.dirname, '../..')

/** Whether we run where everything is required: there a skipped test is a failure. */
export const ci = process.env.CI === 'true'

/** One package that we publish. */
export interface Package {
  /** The folder under `packages/`. */
  readonly folder: string
  readonly path: string
  readonly name: string
  /** Entry points to the sources that implement them, as in `exports`. */
  readonly entries: readonly { readonly specifier: string; readonly source: string }[]
}

/** The packages under `packages/`, read from their manifests. */
export const packages: readonly Package[] = globSync('packages/*/package.json', { cwd: root })
  .sort()
  .map((manifest) => {
    const path = join(root, manifest, '..')
    const { name, exports } = JSON.parse(readFileSync(join(root, manifest), 'utf8')) as {
      name: string
      exports: Record<string, string | { types: string }>
    }
    const entries = Object.entries(exports).flatMap(([entry, target]) =>
      typeof target === 'string' ? [] : [{ specifier: join(name, entry), source: join(path, target.types) }],
    )
    return { folder: manifest.split('/')[1] ?? '', path, name, entries }
  })
