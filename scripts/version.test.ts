// Shows that three changelogs become one, with nothing said twice and nothing lost.
import { expect, test } from 'vitest'
import { fold } from './version.ts'

const section = (version: string, ...parts: string[]) => `# name\n\n## ${version}\n\n${parts.join('\n\n')}\n`

const packages = [
  { folder: 'core', text: section('0.2.0', '### Minor Changes\n\n- Both.\n- Only core.\n  \n  In two paragraphs.') },
  {
    folder: 'server',
    text: section(
      '0.2.0',
      '### Minor Changes\n\n- Both.',
      '### Patch Changes\n\n- Mended.\n- Updated dependencies\n  - @sse-hub/core@0.2.0',
    ),
  },
]

test('folds the newest sections into the root, newest first', () => {
  const first = fold('# Changelog\n\nWords.\n', packages)
  expect(first).toBe(`# Changelog

Words.

## 0.2.0

### Minor changes

- Both.
- core: Only core.

  In two paragraphs.

### Patch changes

- server: Mended.
`)
  const later = packages.map(({ folder, text }) => ({ folder, text: text.replace('## 0.2.0', '## 0.3.0') }))
  const second = fold(first, later)
  expect(second.match(/^## .*$/gm)).toEqual(['## 0.3.0', '## 0.2.0'])
  expect(second.endsWith(first.slice(first.indexOf('## 0.2.0')))).toBe(true)
})
