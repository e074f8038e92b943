// Shows that each layering rule can fail: every row is a small house with one thing out of place.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { checkLayering } from './layering.ts'

let directory = ''
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function house(files: Record<string, string>): string[] {
  directory = mkdtempSync(join(tmpdir(), 'layering-'))
  for (const [path, text] of Object.entries(files)) {
    const full = join(directory, 'packages', path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
  }
  return checkLayering(directory).map(({ file, line, rule, message }) => `${file}:${line} ${rule} ${message}`)
}

/** The layers of the server, as a message lists them. */
const server =
  'log.ts, ports.ts, counters.ts, ring.ts → time/** → wire/** → options.ts → publishing/** → tail/** → connection/** → requests/** → logs/** → api.ts → hub.ts → node.ts, index.ts'

const broken: [what: string, files: Record<string, string>, expected: string[]][] = [
  [
    'the server imports more of core than the contract, if only a type',
    { 'server/src/hub.ts': "\nimport type { Client } from '@sse-hub/core'" },
    [
      "packages/server/src/hub.ts:2 packages '@sse-hub/core' is not for this package, which imports only @sse-hub/core/contract.",
    ],
  ],
  [
    'react-query reaches into core',
    { 'react-query/src/join.ts': "export type A = import('@sse-hub/core/contract').Contract" },
    [
      "packages/react-query/src/join.ts:1 packages '@sse-hub/core/contract' is not for this package, which imports only @sse-hub/core.",
    ],
  ],
  [
    'core imports a package above it',
    { 'core/src/client.ts': "export { createHub } from '@sse-hub/server'" },
    [
      "packages/core/src/client.ts:1 packages '@sse-hub/server' is not for this package, which imports no other package of ours.",
    ],
  ],
  [
    'another package by its path',
    { 'server/src/hub.ts': "import '../../core/src/errors.ts'", 'core/src/errors.ts': '' },
    [
      "packages/server/src/hub.ts:1 own-package '../../core/src/errors.ts' leaves the package. Import another package by its name, and only its public entry points.",
    ],
  ],
  [
    'an import without its extension',
    { 'core/src/client.ts': "import './connection'", 'core/src/connection.ts': '' },
    [
      "packages/core/src/client.ts:1 full-path './connection' is not a file. Write relative imports with their extension, as Node reads them.",
    ],
  ],
  [
    'the index of the package',
    { 'core/src/sources/sse.ts': "import type { A } from '../index.ts'", 'core/src/index.ts': 'export interface A {}' },
    [
      "packages/core/src/sources/sse.ts:1 no-index '../index.ts' is the package's index. Import the file that owns the name.",
    ],
  ],
  [
    'the index of a folder',
    { 'core/src/client.ts': "import './contract/index.ts'", 'core/src/contract/index.ts': '' },
    ["packages/core/src/client.ts:1 no-index './contract/index.ts' is an index. Import the file that owns the name."],
  ],
  [
    'a leaf, even from the index',
    {
      'server/src/index.ts': "export { suite } from './testing.ts'",
      'server/src/testing.ts': 'export const suite = 1',
    },
    [
      "packages/server/src/index.ts:1 leaf 'testing.ts' is a leaf: an entry point of its own that nobody imports. Move what is shared out of it.",
    ],
  ],
  [
    'a test',
    { 'core/src/client.ts': "import './client.test.ts'", 'core/src/client.test.ts': '' },
    ["packages/core/src/client.ts:1 no-tests './client.test.ts' is a test. Move what is shared into a source file."],
  ],
  [
    'a circle, if only of types',
    {
      'core/src/a.ts': "import type { B } from './b.ts'\nexport interface A { b: B }",
      'core/src/b.ts': "import type { A } from './a.ts'\nexport interface B { a: A }",
    },
    ['packages/core/src/a.ts:1 no-cycles a.ts → b.ts → a.ts is a circle. Move what both need into a file of its own.'],
  ],
  [
    'a low file that reaches a high one through another',
    {
      'server/src/log.ts': "import type { Helper } from './helper.ts'",
      'server/src/helper.ts': "import type { Hub } from './hub.ts'\nexport type Helper = Hub",
      'server/src/hub.ts': 'export interface Hub {}',
    },
    [
      `packages/server/src/log.ts:1 direction log.ts → helper.ts → hub.ts goes upward. Data flows ${server}. The lower file must not know the higher one.`,
    ],
  ],
  [
    'a circle of folders, even where no file is in one, and by way of a file of none',
    {
      'server/src/connection/queue.ts': "import type { Tail } from '../tail/tail.ts'\nexport type Queue = Tail",
      'server/src/tail/tail.ts': 'export interface Tail {}',
      'server/src/tail/recent.ts': "import type { Helper } from '../helper.ts'\nexport type Recent = Helper",
      'server/src/helper.ts': "import type { Roster } from './connection/roster.ts'\nexport type Helper = Roster",
      'server/src/connection/roster.ts': 'export interface Roster {}',
    },
    [
      `packages/server/src/tail/recent.ts:1 direction tail/recent.ts → helper.ts → connection/roster.ts goes upward. Data flows ${server}. The lower file must not know the higher one.`,
    ],
  ],
  [
    'a pure file that imports one that is not',
    {
      'core/src/sequence.ts': "import type { Outbox } from './outbox.ts'",
      'core/src/outbox.ts': 'export interface Outbox {}',
    },
    [
      "packages/core/src/sequence.ts:1 pure 'sequence.ts' is pure and may import only pure files; 'outbox.ts' is not one. Pass what is needed as an argument.",
    ],
  ],
  [
    'effects in a pure file',
    {
      'core/src/backoff.ts':
        'export const a = () => Math.random()\nexport const b = () => Date.now()\nexport const c = () => new Date()',
    },
    [
      "packages/core/src/backoff.ts:1 effects 'Math.random' is an effect. This file is pure: pass the value in as an argument.",
      "packages/core/src/backoff.ts:2 effects 'Date.now' is an effect. This file is pure: pass the value in as an argument.",
      "packages/core/src/backoff.ts:3 effects 'new Date()' is an effect. This file is pure: pass the value in as an argument.",
    ],
  ],
  [
    'effects outside the platform',
    {
      'core/src/outbox.ts':
        'setTimeout(() => {}, 1)\nexport const online = { navigator }.navigator.onLine\nexport const f = globalThis.fetch',
    },
    [
      "packages/core/src/outbox.ts:1 effects 'setTimeout' is an effect. Take it from a port; only platform.ts and storage.ts may touch the real one.",
      "packages/core/src/outbox.ts:2 effects 'navigator' is an effect. Take it from a port; only platform.ts and storage.ts may touch the real one.",
      "packages/core/src/outbox.ts:3 effects 'globalThis' is an effect. Take it from a port; only platform.ts and storage.ts may touch the real one.",
    ],
  ],
  [
    'Node in the part for any runtime',
    { 'server/src/hub.ts': "const { readFile } = await import('node:fs/promises')\nexport { readFile }" },
    [
      "packages/server/src/hub.ts:1 any-runtime 'node:fs/promises' exists only on Node. Only node.ts and gzip.ts and logs/sqlite.ts and logs/sqlite/** and testing.ts and conformance/** may import it; elsewhere use web standards or a port.",
    ],
  ],
  [
    'React in the part without React',
    { 'react-query/src/live.ts': "import { useQuery } from '@tanstack/react-query'\nexport { useQuery }" },
    [
      "packages/react-query/src/live.ts:1 react '@tanstack/react-query' ties this file to React. Only react.tsx and devtools.tsx and devtools/** may import it; elsewhere use @tanstack/query-core.",
    ],
  ],
  [
    'a package without rules',
    { 'vue-query/src/index.ts': '' },
    ['packages/vue-query:1 known-package This package has no rules yet. Describe its layers in scripts/layering.ts.'],
  ],
]

test.each(broken)('finds %s', (_what, files, expected) => {
  expect(house(files)).toEqual(expected)
})

test('leaves alone what only looks like an effect', () => {
  const text = [
    'export const wait = (clock: { setTimeout(): void }, fetch: () => void) => { clock.setTimeout(); fetch() }',
    'export const parse = (at: string): Date => new Date(at)',
    'export type Fetch = typeof fetch',
    'export const { performance } = { performance: 1 }',
    'export interface Ports { fetch: Fetch; crypto(): void }',
  ]
  expect(house({ 'core/src/outbox.ts': text.join('\n') })).toEqual([])
})

test('lets tests reach anything', () => {
  expect(
    house({
      'core/src/client.test.ts':
        "import '@sse-hub/server'\nimport 'node:http'\nsetTimeout(() => {}, 1)\nimport './index.ts'",
    }),
  ).toEqual([])
})
