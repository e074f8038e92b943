// Runs the tests that need a real browser, server or network: one file at a time, because they measure time and share the machine.
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'e2e',
    root: join(import.meta.dirname, '../..'),
    include: ['examples/*/e2e/**/*.test.ts', 'scripts/e2e/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
