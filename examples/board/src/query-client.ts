// The page's one query cache. What a person asked for and the server did not do is put before them, with a way to try again.
import { frameScheduler } from '@sse-hub/react-query'
import { MutationCache, type MutationOptions, notifyManager, QueryClient } from '@tanstack/react-query'
import { ApiError } from './api.ts'
import { notices, showNotice } from './notices.ts'

declare module '@tanstack/react-query' {
  interface Register {
    mutationMeta: {
      /** What to tell the person if it fails: "The card was not moved". */
      readonly failed: string
    }
  }
}

/** Does something that no component waits for. If it fails, the person is told as ever. */
export function run<TData, TError, TVariables, TContext>(
  options: MutationOptions<TData, TError, TVariables, TContext>,
  variables: TVariables,
): void {
  queryClient
    .getMutationCache()
    .build(queryClient, options)
    .execute(variables)
    .catch(() => {})
}

/** Whether the same may work in a moment: the network or the server failed. */
const mayPass = (error: Error) => !(error instanceof ApiError && error.status >= 400 && error.status < 500)

export const queryClient = new QueryClient({
  mutationCache: new MutationCache({
    onError(error, variables, _result, mutation) {
      const { meta, options } = mutation
      // Of a conflict they know already.
      if (!meta || notices.get()?.about === mutation) return
      // The very same variables: it is the same request, and what has happened unheard does not happen twice.
      const again = { label: 'Try again', act: () => run(options, variables) }
      showNotice({
        about: mutation,
        text: `${meta.failed}. ${error.message}`,
        ...(mayPass(error) && { action: again }),
      })
    },
  }),
  defaultOptions: {
    // Tried a few times, on line or not, under one name; then the person decides what to do next.
    mutations: {
      networkMode: 'always',
      retry: (failures, error) => failures < 3 && mayPass(error),
      retryDelay: (failures) => 500 * 2 ** failures,
    },
  },
})

// However much comes at once, the page is drawn anew once a frame.
notifyManager.setScheduler(frameScheduler())
