// Shows by types that the plugin is one of TanStack Devtools', and that a client of any contract can be looked into.
import { createHubClient } from '@sse-hub/core'
import type { ReactElement } from 'react'
import { expectTypeOf, test } from 'vitest'
import { createInspectedClient, HubDevtools, hubDevtoolsPlugin } from './devtools.tsx'
import type { C } from './testing/world.ts'

/** As `@tanstack/react-devtools` 0.10 declares a plugin, and as it did before. */
interface Plugin<Given> {
  id?: string
  name: string | Render<Given>
  render: Render<Given>
  defaultOpen?: boolean
  destroy?: (pluginId: string) => void
}
type Render<Given> = ReactElement | ((element: HTMLElement, given: Given) => ReactElement)
type Theme = 'light' | 'dark'

const client = createInspectedClient<C>({ url: '/api/sse' })

test('the client is as createHubClient makes it', () => {
  expectTypeOf(client).toEqualTypeOf(createHubClient<C>({ url: '/api/sse' }))
})

test('the plugin fits', () => {
  expectTypeOf(hubDevtoolsPlugin({ client })).toExtend<Plugin<{ theme: Theme; devtoolsOpen: boolean }>>()
  expectTypeOf(hubDevtoolsPlugin({ client })).toExtend<Plugin<Theme>>()
})

test('no client, no devtools', () => {
  // @ts-expect-error: there is nothing to look into
  void (<HubDevtools />)
})
