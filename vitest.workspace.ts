// Names the test projects, one per package; Vitest no longer looks for this file by itself, so `scripts/test.ts` passes it as the config.
import { join } from 'node:path'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

const project = (name: string, environment: 'node' | 'happy-dom' = 'node') =>
  ({
    test: {
      name,
      root: join(import.meta.dirname, 'packages', name),
      include: ['src/**/*.test.{ts,tsx}'],
      environment,
      restoreMocks: true,
    },
  }) satisfies TestProjectInlineConfiguration

/** One project per folder under `packages/`; a test in `scripts/` keeps the two equal. */
export const projects = [project('core'), project('server'), project('react-query', 'happy-dom')]

export default defineConfig({ test: { projects } })
