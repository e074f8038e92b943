// Makes the next version out of the changesets, and one changelog out of three: the packages are released together, so readers want one list.
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { root } from './lib/repo.ts'
import { run } from './lib/run.ts'

/** The changelog that Changesets wrote for one package. */
export interface PackageChangelog {
  readonly folder: string
  readonly text: string
}

const sections = ['Major Changes', 'Minor Changes', 'Patch Changes']

/** Puts the newest section of every package's changelog on top of the root's, each change once. */
export function fold(changelog: string, packages: readonly PackageChangelog[]): string {
  const newest = packages.map(({ folder, text }) => ({ folder, section: text.split(/^## /m)[1] ?? '' }))
  const version = newest[0]?.section.split('\n', 1)[0] ?? ''
  const parts = sections.flatMap((title) => {
    const changes = new Map<string, string[]>()
    for (const { folder, section } of newest) {
      for (const change of changesUnder(title, section)) changes.set(change, [...(changes.get(change) ?? []), folder])
    }
    const items = [...changes].map(
      ([change, folders]) => `- ${folders.length < packages.length ? `${folders.join(', ')}: ` : ''}${change}`,
    )
    return items.length > 0 ? [`### ${title.replace('Changes', 'changes')}\n\n${items.join('\n')}\n`] : []
  })
  const [intro = '', ...older] = changelog.split(/^(?=## )/m)
  return [
    `${intro.trimEnd()}\n`,
    `## ${version}\n\n${parts.join('\n')}`,
    ...older.map((section) => `${section.trimEnd()}\n`),
  ].join('\n')
}

/** The changes below one heading, without those that only say that a sister package was released. */
function changesUnder(title: string, section: string): string[] {
  const part = section.split(/^### /m).find((text) => text.startsWith(title)) ?? ''
  return part
    .split(/^- /m)
    .slice(1)
    .map((change) => change.replace(/[ \t]+$/gm, '').trimEnd())
    .filter((change) => !change.startsWith('Updated dependencies'))
}

if (import.meta.main) {
  const code = await run('changeset', ['version'])
  const files = globSync('packages/*/CHANGELOG.md', { cwd: root }).sort()
  if (code === 0 && files.length > 0) {
    const packages = files.map((file) => ({
      folder: basename(dirname(file)),
      text: readFileSync(join(root, file), 'utf8'),
    }))
    const target = join(root, 'CHANGELOG.md')
    writeFileSync(target, fold(readFileSync(target, 'utf8'), packages))
    for (const file of files) rmSync(join(root, file))
  }
  process.exitCode = code
}
