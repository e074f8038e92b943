// Says, while an application is developed, where its components define one live query differently.
import { HubError } from '@sse-hub/core'
import type { Query } from '@tanstack/query-core'
import { logError } from './platform.ts'

/** What makes a query live, as one component says it. */
export interface Definition {
  readonly topic: string | readonly string[]
  readonly on: object
  readonly fallback?: { readonly refetchInterval: number }
}

const said = new WeakSet<Query>()

const wordsOf = ({ topic, on, fallback }: Definition) =>
  JSON.stringify({ topic: [topic].flat().sort(), on: Object.keys(on).sort(), fallback })

/** Looks for two definitions of a query that are not the same, and says so once. */
export function compareDefinitions(query: Query, definitions: readonly Definition[]): void {
  if (said.has(query)) return
  const [first = '', other] = new Set([...new Set(definitions)].map(wordsOf))
  if (other === undefined) return
  said.add(query)
  const remedy = new HubError(
    'invalid_option',
    'All of it counts, for as long as they are mounted. Make these options in one function, which every component calls.',
  )
  logError(`the live query ${query.queryHash} is defined in two ways: as ${first}, and as ${other}`, remedy)
}
