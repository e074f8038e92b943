// Serves the page, and the API beside it.
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { api } from './server.ts'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    vue(),
    {
      name: 'api',
      configureServer({ middlewares }) {
        middlewares.use((req, res, next) => (req.url?.startsWith('/api/') ? void api(req, res).catch(next) : next()))
      },
    },
  ],
  // One copy for all: here the packages bring their own for their tests.
  resolve: { dedupe: ['@tanstack/query-core'] },
})
