// Keeps what a browser downloads small: bundles what a user would import and holds it against a limit that the README promises.
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { root } from './lib/repo.ts'

/** One import that users write, and what it may cost. */
export interface Budget {
  readonly name: string
  readonly code: string
  /** Kilobytes of 1,000 bytes, minified and gzipped. */
  readonly limit: number
  /** Left out, because the application has it anyway. */
  readonly external: readonly string[]
}

const react = ['react', 'react-dom', '@tanstack/react-query']
const peers = ['@sse-hub/core', '@tanstack/query-core']

/** Every size that we promise. */
export const budgets: readonly Budget[] = [
  {
    name: '@sse-hub/core, the client with all that it needs',
    code: "export { createHubClient } from '@sse-hub/core'",
    limit: 6,
    external: [],
  },
  {
    name: '@sse-hub/react-query without React, beside its peers',
    code: "export * from '@sse-hub/react-query'",
    limit: 4,
    external: peers,
  },
  {
    name: '@sse-hub/react-query/react, with all of the above',
    code: "export * from '@sse-hub/react-query/react'",
    limit: 5,
    external: [...peers, ...react],
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
  const { output } = await bundle.generate({ format: 'es', minify: true })
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

if (import.meta.main) {
  for (const { name, code, limit, external } of budgets) {
    const { minified, gzipped, later, shares } = await measure(code, external)
    const over = gzipped > limit * 1000
    if (over) process.exitCode = 1
    const verdict = over ? `✗ over its limit of ${limit} kB` : `of ${limit} kB`
    console.log(
      `${name.padEnd(56)} ${kilobytes(gzipped).padStart(8)} ${verdict} (${kilobytes(minified)} before gzip${later > 0 ? `; ${kilobytes(later)} more when first used` : ''})`,
    )
    if (over || process.argv.includes('--explain')) {
      for (const { file, bytes } of shares) console.log(`  ${kilobytes(bytes).padStart(8)}  ${file}`)
    }
  }
}
