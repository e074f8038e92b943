// Light or dark, kept by the server and the same in all windows of a person: a live query on their own topic, changed by an emit.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import type { Theme } from '../contract.ts'
import { client } from './hub.ts'
import { Icon } from './icons.tsx'
import { me } from './me.ts'
import { themeQuery } from './queries.ts'
import { queryClient } from './query-client.ts'

// Until the server has answered, what this browser saw last: no flash of the other theme at every load.
const memory = `board.theme.${me}`
const remembered = localStorage.getItem(memory) as Theme | null
if (remembered) document.documentElement.dataset.theme = remembered

const darkSystem = matchMedia('(prefers-color-scheme: dark)')

/** What the system prefers, for whoever has not chosen. */
function useSystemTheme(): Theme {
  const subscribe = (listener: () => void) => {
    darkSystem.addEventListener('change', listener)
    return () => darkSystem.removeEventListener('change', listener)
  }
  return useSyncExternalStore(subscribe, () => (darkSystem.matches ? 'dark' : 'light'))
}

/** Changes the theme here and now; the event carries it to the person's other windows, and to the server's memory. */
async function choose(theme: Theme): Promise<void> {
  queryClient.setQueryData(themeQuery.queryKey, { theme })
  const { ok } = await client.emit({ type: 'theme.changed', data: { theme } }).accepted
  // Refused: back to what the server has.
  if (!ok) await queryClient.invalidateQueries(themeQuery)
}

export function ThemeButton() {
  const system = useSystemTheme()
  const { data } = useQuery(themeQuery)
  const chosen = data ? data.theme : remembered
  const theme = chosen ?? system
  const other = theme === 'dark' ? 'light' : 'dark'
  useEffect(() => {
    document.documentElement.dataset.theme = theme
    if (chosen) localStorage.setItem(memory, chosen)
  }, [theme, chosen])
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Switch to the ${other} theme`}
      title={`Switch to the ${other} theme, in all your windows`}
      onClick={() => void choose(other)}
    >
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </button>
  )
}
