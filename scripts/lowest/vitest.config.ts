// Runs the tests of `@sse-hub/react-query` against the lowest versions of its peers. React is 18.3.1: what 18.3.0 lacks is `act`, which tests need.
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { root } from '../lib/repo.ts'
import manifest from './package.json' with { type: 'json' }

const names = Object.keys(manifest.devDependencies)
const isHere = (source: string) => names.some((name) => source === name || source.startsWith(`${name}/`))

export default defineConfig({
  plugins: [
    {
      name: 'lowest',
      enforce: 'pre',
      // As if this file had imported it: what is installed here comes with its own peers.
      resolveId(source) {
        return isHere(source) ? this.resolve(source, import.meta.filename, { skipSelf: true }) : null
      },
    },
  ],
  test: {
    name: 'lowest',
    root: join(root, 'packages/react-query'),
    include: ['src/**/*.test.{ts,tsx}', join(import.meta.dirname, '*.test.ts')],
    environment: 'happy-dom',
    restoreMocks: true,
  },
})
