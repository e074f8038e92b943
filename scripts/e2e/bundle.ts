// Makes browser code out of our sources for a test's page, as an application's bundler would.
import { build } from 'esbuild'
import { root } from '../lib/repo.ts'

/** Bundles an entry file (relative to the repository's root) into one ES module. */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    logLevel: 'silent',
  })
  return result.outputFiles[0]?.text ?? ''
}

/** A page that does nothing but load a module from `/page.js`. */
export const emptyPage =
  '<!doctype html><meta charset="utf-8"><title>e2e</title><script type="module" src="/page.js"></script>'
