// Runs the tests of the scripts themselves, apart from the packages: the workspace has one project per package and no other.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'scripts',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    exclude: ['e2e/**'],
    testTimeout: 60_000,
  },
})
