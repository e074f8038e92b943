// Builds the page into `dist`, which the server serves.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  // The page's security policy allows no inlined files.
  build: { assetsInlineLimit: 0 },
})
