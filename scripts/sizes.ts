// Keeps what a browser downloads small: bundles what a user would import, holds it against its limit, and keeps the table of docs/sizes.md true.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { root } from './lib/repo.ts'

/** One import that users write, and what it may cost. */
export interface Budget {
  /** As the table calls it. */
  readonly name: string
  readonly code: string
  /** What it may cost at once, in kilobytes of 1,000 bytes, minified and gzipped. */
  readonly limit: number
  /** What the page has already, so that only what comes on top is counted. */
  readonly beside?: string
  /** Left out, because the application has it anyway. */
  readonly external?: readonly string[]
}

const react = ['react', 'react-dom', '@tanstack/react-query']
const peers = ['@sse-hub/core', '@tanstack/query-core']
const client = "export { createHubClient } from '@sse-hub/core'\n"

/** Every size that we promise. */
export const budgets: readonly Budget[] = [
  { name: '`createHubClient`, with its parser of streams and what tabs share', code: client, limit: 9 },
  {
    name: '`pollSource`, beside the client',
    code: "export { pollSource } from '@sse-hub/core'",
    beside: client,
    limit: 0.6,
  },
  {
    name: '`plainSource`, beside the client',
    code: "export { plainSource } from '@sse-hub/core'",
    beside: client,
    limit: 0.6,
  },
  {
    name: '`statusFeed`, beside the client',
    code: "export { statusFeed } from '@sse-hub/core'",
    beside: client,
    limit: 0.8,
  },
  {
    name: '`presenceOf`, beside the client',
    code: "export { presenceOf } from '@sse-hub/core'",
    beside: client,
    limit: 0.3,
  },
  { name: '`HubEventSource`, by itself', code: "export * from '@sse-hub/core/eventsource'", limit: 12 },
  {
    name: '`defineContract`, in a page that validates',
    code: "export { defineContract } from '@sse-hub/core/contract'",
    limit: 2,
  },
  {
    name: 'live queries, join, optimistic updates and fallback, without React, beside their peers',
    code: "export { createHubQuery, hubJson, invalidate, patch, remove, upsert } from '@sse-hub/react-query'",
    limit: 6,
    external: peers,
  },
  {
    name: '`@sse-hub/react-query` with all that it exports',
    code: "export * from '@sse-hub/react-query'",
    limit: 6.3,
    external: peers,
  },
  {
    name: '`@sse-hub/react-query/react`, with all that the line above has',
    code: "export * from '@sse-hub/react-query/react'",
    limit: 7.5,
    external: [...peers, ...react],
  },
  {
    name: '`@sse-hub/react-query/devtools` in a production build, beside the client',
    code: "export { createInspectedClient, HubDevtools, hubDevtoolsPlugin } from '@sse-hub/react-query/devtools'",
    beside: client,
    limit: 0.2,
    external: [...react, 'react/jsx-runtime'],
  },
]

/** What one import costs. */
export interface Size {
  readonly minified: number
  readonly gzipped: number
  /** What is fetched only when it is first used, gzipped: parts that the code imports dynamically. */
  readonly later: number
  /** Bytes that each source file contributes before they are minified, largest first. */
  readonly shares: readonly { readonly file: string; readonly bytes: number }[]
}

/** Bundles a piece of code for a browser with the bundler and the minifier of Vite, and measures what is fetched at once. */
export async function measure(code: string, external: readonly string[], directory = root): Promise<Size> {
  const app = join(directory, 'app.ts')
  const bundle = await rolldown({
    input: app,
    logLevel: 'silent',
    external: [...external],
    platform: 'browser',
    // A page's own script: nobody imports it but the parts of it that are fetched later.
    preserveEntrySignatures: 'allow-extension',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    plugins: [
      {
        name: 'app',
        resolveId: (id) => (id === app ? app : null),
        load: (id) => (id === app ? code : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'es', minify: true, comments: false, topLevelVar: true })
  await bundle.close()
  const chunks = output.flatMap((file) => (file.type === 'chunk' ? [file] : []))
  const atOnce = new Set(chunks.filter(({ isEntry }) => isEntry))
  for (const { imports } of atOnce) {
    for (const needed of chunks) if (imports.includes(needed.fileName)) atOnce.add(needed)
  }
  const sizes = (wanted: (chunk: (typeof chunks)[number]) => boolean) =>
    chunks.filter(wanted).map((chunk) => Buffer.from(chunk.code))
  // As they are fetched: each file is compressed by itself.
  const sum = (files: readonly Buffer[], size: (file: Buffer) => number) =>
    files.reduce((total, file) => total + size(file), 0)
  const now = sizes((chunk) => atOnce.has(chunk))
  const later = sizes((chunk) => !atOnce.has(chunk))
  const shares = [...atOnce]
    .flatMap(({ modules }) => Object.entries(modules))
    .map(([file, { renderedLength }]) => ({
      file: relative(root, file).replace(/^node_modules\/\.pnpm\/[^/]+\/node_modules\//, ''),
      bytes: renderedLength,
    }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
  return { minified: sum(now, (file) => file.length), gzipped: sum(now, gzip), later: sum(later, gzip), shares }
}

const gzip = (bytes: Buffer): number => gzipSync(bytes, { level: 9 }).length

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(2)} kB`

/** What a budget's import costs, on top of what it stands beside. */
export async function weigh({ code, beside = '', external = [] }: Budget, directory = root): Promise<Size> {
  const all = await measure(beside + code, external, directory)
  if (!beside) return all
  const base = await measure(beside, external, directory)
  return {
    ...all,
    minified: all.minified - base.minified,
    gzipped: all.gzipped - base.gzipped,
    later: all.later - base.later,
  }
}

const TABLE = /(?<=<!-- sizes -->\n).*(?=<!-- \/sizes -->)/s

/** The text of docs/sizes.md with its table as it should be. */
export function withTable(text: string, rows: readonly (readonly [name: string, size: Size, limit: number])[]): string {
  const lines = rows.map(
    ([name, { gzipped, later }, limit]) =>
      `| ${name} | ${kilobytes(gzipped)} | ${limit} kB | ${later > 0 ? kilobytes(later) : ''} |`,
  )
  return text.replace(
    TABLE,
    () =>
      `| what is imported | fetched at once | at most | when first used |\n|---|---|---|---|\n${lines.join('\n')}\n`,
  )
}

if (import.meta.main) {
  const rows: [string, Size, number][] = []
  for (const budget of budgets) {
    const { name, limit } = budget
    const size = await weigh(budget)
    const { minified, gzipped, later, shares } = size
    rows.push([name, size, limit])
    const over = gzipped > limit * 1000
    if (over) process.exitCode = 1
    const verdict = over ? `✗ over its limit of ${limit} kB` : `of ${limit} kB`
    console.log(
      `${name.padEnd(58)} ${kilobytes(gzipped).padStart(8)} ${verdict} (${kilobytes(minified)} before gzip${later > 0 ? `; ${kilobytes(later)} more when first used` : ''})`,
    )
    if (over || process.argv.includes('--explain')) {
      for (const { file, bytes } of shares) console.log(`  ${kilobytes(bytes).padStart(8)}  ${file}`)
    }
  }
  const file = join(root, 'docs/sizes.md')
  const text = readFileSync(file, 'utf8')
  const truth = withTable(text, rows)
  if (process.argv.includes('--write')) writeFileSync(file, truth)
  else if (truth !== text) {
    console.log('✗ The table in docs/sizes.md is not true any more: `pnpm sizes --write` mends it.')
    process.exitCode = 1
  }
}
