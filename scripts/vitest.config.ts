// Runs the tests of the scripts themselves, apart from the packages: the workspace has one project per package and no other.
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'scripts',
    root: join(import.meta.dirname, '..'),
    include: ['scripts/**/*.test.ts'],
    exclude: ['scripts/{e2e,lowest}/**'],
    testTimeout: 60_000,
  },
})
