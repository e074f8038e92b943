// Light or dark, kept by the server and the same in all windows of a person: a live query on their own topic, changed by an emit.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import type { Theme } from '../contract.ts'
import { client } from './hub.ts'
import { Icon } from './icons.tsx'
import { themeQuery } from './queries.ts'
import { queryClient } from './query-client.ts'

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
function choose(theme: Theme): void {
  queryClient.setQueryData(themeQuery.queryKey, { theme })
  client.emit({ type: 'theme.changed', data: { theme } })
}

export function ThemeButton() {
  const system = useSystemTheme()
  const theme = useQuery(themeQuery).data?.theme ?? system
  const other = theme === 'dark' ? 'light' : 'dark'
  useEffect(() => {
    document.documentElement.dataset.theme = theme
  }, [theme])
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Switch to the ${other} theme`}
      title={`Switch to the ${other} theme, in all your windows`}
      onClick={() => choose(other)}
    >
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </button>
  )
}
