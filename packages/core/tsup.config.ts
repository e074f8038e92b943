// Builds what is published; inside the repository everybody imports the sources.
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    contract: 'src/contract/index.ts',
    eventsource: 'src/eventsource.ts',
    tabs: 'src/tabs.ts',
    testing: 'src/testing/index.ts',
  },
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  dts: true,
  sourcemap: true,
  clean: true,
})
