// Puts the page together.
import '@fontsource-variable/figtree/wght.css'
import './styles.css'
import { HubDevtools } from '@sse-hub/react-query/devtools'
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App.tsx'
import { showConflict } from './conflicts.ts'
import { client, HubProvider } from './hub.ts'
import { queryClient } from './query-client.ts'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no element with the id "root"')

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <HubProvider client={client} queryClient={queryClient} onConflict={showConflict}>
        <App />
        <HubDevtools client={client} />
      </HubProvider>
    </QueryClientProvider>
  </StrictMode>,
)
