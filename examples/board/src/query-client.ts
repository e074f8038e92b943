// The page's one query cache. What a person asked for and the server did not do is put before them, with a way to try again.
import { MutationCache, QueryClient } from '@tanstack/react-query'
import { showNotice } from './notices.ts'

declare module '@tanstack/react-query' {
  interface Register {
    mutationMeta: {
      /** What to tell the person if it fails: "The card was not moved". */
      readonly failed: string
    }
  }
}

export const queryClient = new QueryClient({
  mutationCache: new MutationCache({
    onError(error, variables, _result, mutation) {
      const { failed } = mutation.meta ?? {}
      if (failed) showNotice({ text: `${failed}. ${error.message}`, retry: () => mutation.execute(variables) })
    },
  }),
  defaultOptions: {
    // A press of a button is tried once and answered at once, on line or not: the person decides what to do next.
    mutations: { networkMode: 'always' },
  },
})
