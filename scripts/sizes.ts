// Keeps what a browser downloads small: bundles what a user would import and holds it against a limit that the README promises.
import { gzipSync } from 'node:zlib'
import { type BuildResult, build } from 'esbuild'
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
    // The aim is 6: docs/decisions/0008-the-size-of-the-client.md.
    limit: 7,
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
  /** Minified bytes that each source file contributes, largest first. */
  readonly shares: readonly { readonly file: string; readonly bytes: number }[]
}

/** Bundles a piece of code for a browser, as bundlers do in parts where an import is dynamic, and measures what is fetched at once. */
export async function measure(code: string, external: readonly string[], directory = root): Promise<Size> {
  const result: BuildResult<{ write: false; metafile: true }> = await build({
    stdin: { contents: code, resolveDir: directory, sourcefile: 'app.ts' },
    bundle: true,
    splitting: true,
    outdir: 'out',
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    external: [...external],
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'silent',
  })
  const { outputs } = result.metafile
  const paths = Object.keys(outputs)
  const entry = paths.find((path) => outputs[path]?.entryPoint?.endsWith('app.ts')) ?? ''
  const atOnce = new Set([entry])
  for (const path of atOnce) {
    for (const { path: needed, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && needed in outputs) atOnce.add(needed)
    }
  }
  const bytesOf = (wanted: (path: string) => boolean) =>
    Buffer.concat(
      paths
        .flatMap((path, index) => (wanted(path) ? [result.outputFiles[index]?.contents ?? []] : []))
        .map((part) => Buffer.from(part)),
    )
  const now = bytesOf((path) => atOnce.has(path))
  const later = bytesOf((path) => !atOnce.has(path))
  const shares = [...atOnce]
    .flatMap((path) => Object.entries(outputs[path]?.inputs ?? {}))
    .map(([file, { bytesInOutput }]) => ({
      file: file.replace(/^node_modules\/\.pnpm\/[^/]+\/node_modules\//, ''),
      bytes: bytesInOutput,
    }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
  return { minified: now.length, gzipped: gzip(now), later: later.length > 0 ? gzip(later) : 0, shares }
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
