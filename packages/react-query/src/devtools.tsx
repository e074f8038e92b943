// The door of `@sse-hub/react-query/devtools`: a panel for development, by itself and for TanStack Devtools. In production builds nothing of it is left.
'use client'
import { type ClientOptions, type Contract, createHubClient, type HubClient } from '@sse-hub/core'
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { type ReactElement, useEffect, useMemo } from 'react'
import { Drawer } from './devtools/float.tsx'
import { createInspectedClient as createInspected } from './devtools/inspect.ts'
import { Panel, type Theme } from './devtools/panel.tsx'
import { createRecorder, type Recorder } from './devtools/recorder.ts'

// Bundlers put the word in its place, and drop what it makes unreachable.
declare const process: { readonly env: { readonly NODE_ENV?: string } }

/** What the devtools look into. */
export interface HubDevtoolsOptions {
  /** The client. Made by {@link createInspectedClient} it shows its events and cursor too, and faults can be made. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the contract
  readonly client: HubClient<any>
  /** The cache whose live queries are shown. Default: that of the `QueryClientProvider` around. */
  readonly queryClient?: QueryClient
}

/** What {@link HubDevtools} takes. */
export interface HubDevtoolsProps extends HubDevtoolsOptions {
  /** Whether the drawer is open before anybody has opened or closed it in this browser. Default false. */
  readonly initialIsOpen?: boolean
}

/** What {@link HubDevtoolsPanel} takes. */
export interface HubDevtoolsPanelProps extends HubDevtoolsOptions {
  /** Default `auto`: as the system says. */
  readonly theme?: 'auto' | 'light' | 'dark'
}

/** A plugin of TanStack Devtools for React. */
export interface HubDevtoolsPlugin {
  readonly id: string
  readonly name: string
  /** TanStack Devtools hands over its theme by itself (before 0.10) or among others. */
  readonly render: (
    element: HTMLElement,
    given: 'light' | 'dark' | { readonly theme: 'light' | 'dark' },
  ) => ReactElement
}

function useRecorder({ client, queryClient: own }: HubDevtoolsOptions): { recorder: Recorder; onTry: () => void } {
  const queryClient = useQueryClient(own)
  const recorder = useMemo(() => createRecorder(client, queryClient), [client, queryClient])
  useEffect(() => recorder.start(), [recorder])
  return { recorder, onTry: client.start }
}

function DevDrawer({ initialIsOpen = false, ...options }: HubDevtoolsProps): ReactElement {
  return <Drawer {...useRecorder(options)} isOpenFirst={initialIsOpen} />
}

function DevPanel({ theme = 'auto', ...options }: HubDevtoolsPanelProps): ReactElement {
  return <Panel {...useRecorder(options)} theme={theme satisfies Theme} />
}

const Nothing = () => null

/**
 * A button in the corner of the page that opens the devtools as a drawer. In production builds it renders nothing.
 *
 * @example
 * ```tsx
 * import { createInspectedClient, HubDevtools } from '@sse-hub/react-query/devtools'
 * import type { contract } from './contract.ts'
 *
 * export const client = createInspectedClient<typeof contract>({ url: '/api/sse' })
 * export const devtools = <HubDevtools client={client} />
 * ```
 */
export const HubDevtools: (props: HubDevtoolsProps) => ReactElement | null =
  process.env.NODE_ENV === 'production' ? Nothing : DevDrawer

/** The devtools' panel, to put wherever there is room; it fills what is around it. In production builds it renders nothing. */
export const HubDevtoolsPanel: (props: HubDevtoolsPanelProps) => ReactElement | null =
  process.env.NODE_ENV === 'production' ? Nothing : DevPanel

/** The panel as a plugin of TanStack Devtools: `<TanStackDevtools plugins={[hubDevtoolsPlugin({ client })]} />`. */
export function hubDevtoolsPlugin(options: HubDevtoolsOptions): HubDevtoolsPlugin {
  return {
    id: 'sse-hub',
    name: 'sse-hub',
    render: (_, given) => <HubDevtoolsPanel {...options} theme={typeof given === 'string' ? given : given.theme} />,
  }
}

/**
 * Makes a client as `createHubClient` does, which the devtools can look into: events, cursor and lag, and faults to order. In production builds it is
 * `createHubClient` itself.
 */
export const createInspectedClient: <C extends Contract>(options: ClientOptions<C>) => HubClient<C> =
  process.env.NODE_ENV === 'production' ? createHubClient : createInspected
