// Builds what is published; inside the repository everybody imports the sources.
import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    sqlite: 'src/logs/sqlite.ts',
    node: 'src/node.ts',
    gzip: 'src/gzip.ts',
    testing: 'src/testing.ts',
  },
  format: 'esm',
  target: 'es2023',
  platform: 'node',
  // `node:sqlite` has no name without its prefix.
  removeNodeProtocol: false,
  dts: true,
  sourcemap: true,
  clean: true,
})
