// Builds what is published; inside the repository everybody imports the sources.
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', react: 'src/react.tsx', hydration: 'src/hydration.ts', devtools: 'src/devtools.tsx' },
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  dts: true,
  sourcemap: true,
  clean: true,
})
