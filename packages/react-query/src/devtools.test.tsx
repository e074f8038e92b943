// Shows the devtools on screen: the button and the drawer, what they say, filters, keys and themes, and the plugin; and that production has none of it.
import { createHubClient, type Frame, HubError, type Source } from '@sse-hub/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, cleanup, configure, fireEvent, render, screen, within } from '@testing-library/react'
import { type ReactElement, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { quantile } from './devtools/latency.tsx'
import { clockTime, json, peek, shortCursor, span, took } from './devtools/words.ts'
import { createInspectedClient, HubDevtools, HubDevtoolsPanel, hubDevtoolsPlugin } from './devtools.tsx'

// What is waited for may take a second by the library's own chance (who reads again, or connects again, waits a part of one), and machines are busy.
configure({ asyncUtilTimeout: 10_000 })

let take: ((frames: readonly Frame[]) => void) | undefined
let end: (error: Error) => void
const source: Source = {
  via: 'sse',
  async open(question) {
    await undefined
    take = question.take
    const { topics } = question
    take([{ kind: 'sync', cursor: 'e:9', topics, gaps: [], user: 'ada', heartbeatMs: 2_000 }])
    await new Promise((_, reject) => (end = reject))
  },
}
// The first retry comes after a second less a bit, and not at once.
const random = { next: () => 0.9, id: () => 'random' }
const options = { url: '/api/sse', source, share: false, debounceMs: 0, onReport: () => {}, random }
let client: ReturnType<typeof createInspectedClient>
let queryClient: QueryClient
let errors: ReturnType<typeof vi.spyOn>
beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
  errors = vi.spyOn(console, 'error')
  client = createInspectedClient(options)
  queryClient = new QueryClient()
  client.subscribe({ topic: 'board:7' as never })
})
afterEach(() => {
  cleanup()
  client.close()
  vi.useRealTimers()
  expect(errors.mock.calls).toEqual([])
})

const pass = (ms = 300) => act(() => vi.advanceTimersByTimeAsync(ms))
async function show(element: ReactElement) {
  // At the root: elsewhere StrictMode does not run effects twice.
  const shown = render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>{element}</QueryClientProvider>
    </StrictMode>,
  )
  await pass()
  return shown
}
const hear = async (...frames: Frame[]) => {
  take?.(frames)
  await pass()
}
const event = (n: number, type = 'card.moved', topic = 'board:7'): Frame => ({
  kind: 'event',
  event: { type, topic, data: { title: `card ${n}` }, at: Date.now() - 12, id: `i${n}`, cursor: `e:${n}` },
})
const panel = () => screen.getByRole('region', { name: 'sse-hub devtools' })
const section = (name: string) => within(screen.getByRole('region', { name }))
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }))

test('a button says how things stand, and opens a drawer that says why', async () => {
  await show(<HubDevtools client={client} />)
  press('Open the sse-hub devtools: Live')
  expect(screen.getByRole('status').textContent).toBe('Live')
  expect(panel().textContent).toContain('WhyThe stream is open, and nothing is missing.NextNothing to do.')
  expect(panel().textContent).toContain('Cursore:9')
  expect(panel().textContent).toContain('board:7 live')
  end(new HubError('network', 'It fell over.', { retryable: true }))
  await pass()
  expect(screen.getByRole('status').textContent).toBe('Down')
  expect(panel().textContent).toContain('Viano connection')
  expect(panel().textContent).toMatch(/tries again in \d+ s.*The hub cannot be reached: It fell over\./)
  press('Try now')
  await pass()
  expect(screen.getByRole('status').textContent).toBe('Live')
})

test('the seconds to the next attempt count down, and are not told aloud', async () => {
  await show(<HubDevtools client={client} initialIsOpen />)
  end(new HubError('overloaded', 'Later.', { retryable: true, details: { byeMs: 30_000 } }))
  await pass()
  const seconds = () => Number(/tries again in (\d+) s/.exec(panel().textContent ?? '')?.[1])
  const first = seconds()
  await pass(5_000)
  expect(first - seconds()).toBe(5)
  expect(screen.getByRole('status').textContent).toBe('Down')
})

test('events are filtered by type, topic and text, and show what they carry when they are opened', async () => {
  await show(<HubDevtools client={client} initialIsOpen />)
  const events = section('Events')
  expect(events.getByText('No event has arrived yet.')).toBeDefined()
  await hear(event(10), event(11), event(12, 'card.deleted'))
  const rows = () => events.queryAllByRole('listitem').map((row) => row.querySelector('code')?.textContent)
  expect(rows()).toEqual(['title: "card 12"', 'title: "card 11"', 'title: "card 10"'])
  fireEvent.change(events.getByLabelText('Type'), { target: { value: 'card.moved' } })
  expect(rows()).toHaveLength(2)
  fireEvent.change(events.getByLabelText('Text'), { target: { value: 'CARD 11' } })
  expect(rows()).toEqual(['title: "card 11"'])
  expect(events.getByText('1 of 3 events, filtered')).toBeDefined()
  const row = events.getByRole('listitem').querySelector('details')
  if (!row) throw new Error('There is nothing to open')
  row.open = true
  fireEvent(row, new Event('toggle'))
  expect(row.querySelector('code')?.title).toBe('{"title":"card 11"}')
  expect(row.textContent).toContain('from the server · e:11')
  expect(row.textContent).toContain('"title": "card 11"\n')
  fireEvent.change(events.getByLabelText('Text'), { target: { value: 'nothing' } })
  expect(events.getByText('No event is like that.')).toBeDefined()
  press('Clear list')
  await pass()
  expect(events.getByText('No event has arrived yet.')).toBeDefined()
})

test('the latency is drawn and said', async () => {
  await show(<HubDevtools client={client} initialIsOpen />)
  await hear(event(10), event(11))
  const chart = section('Latency').getByRole('img')
  expect(chart.getAttribute('aria-label')).toBe('From publish to arrival, the last 2 events: p50 12 ms · max 12 ms')
  expect(chart.querySelectorAll('rect')).toHaveLength(2)
  await hear(...Array.from({ length: 18 }, (_, i) => event(12 + i)))
  expect(section('Latency').getByText('the last 20: p50 12 ms · p95 12 ms · max 12 ms')).toBeDefined()
})

test('a gap is said, listed, and no news after a minute', async () => {
  await show(<HubDevtools client={client} initialIsOpen />)
  await hear({ kind: 'gap', topics: ['board:7'], from: 'e:9', to: 'e:12', reason: 'trimmed' })
  expect(screen.getByRole('status').textContent).toBe('Live again, after a gap')
  expect(section('Gaps').getByText(/board:7 from e:9 to e:12/)).toBeDefined()
  vi.setSystemTime(Date.now() + 61_000)
  await hear({ kind: 'beat', cursor: 'e:12' })
  expect(screen.getByRole('status').textContent).toBe('Live')
})

test('faults last until they are healed', async () => {
  await show(<HubDevtools client={client} initialIsOpen />)
  press('Go silent')
  const button = () => screen.getByRole('button', { name: 'Go silent' })
  expect(button().getAttribute('aria-pressed')).toBe('true')
  expect(screen.getByRole('button', { name: 'Heal' }).title).toMatch(/^End the fault/)
  press('Heal')
  expect(button().getAttribute('aria-pressed')).toBe('false')
  press('Disable')
  press('Disable')
  expect(screen.queryByRole('button', { name: 'Heal' })).toBeNull()
})

test('what makes no sense now cannot be pressed, keeps the focus, and says why', async () => {
  await show(<HubDevtools client={client} initialIsOpen />)
  const can = () =>
    ['Cut', 'Gap', 'Go silent', 'Disable'].map(
      (name) => screen.getByRole('button', { name }).getAttribute('aria-disabled') === 'false',
    )
  expect(can()).toEqual([true, true, true, true])
  press('Go silent')
  expect(can()).toEqual([false, false, true, false])
  press('Disable')
  expect(screen.getByRole('button', { name: 'Go silent' }).getAttribute('aria-pressed')).toBe('true')
  expect(screen.getByRole('button', { name: 'Disable' }).title).toBe(
    'Play a hub that is switched off, until healed. Heal first.',
  )
  press('Heal')
  end(new HubError('network', 'It fell over.', { retryable: true }))
  await pass()
  expect(can()).toEqual([false, false, false, false])
  expect(screen.getByText('There is no connection to break.')).toBeDefined()
})

test('Escape closes the drawer and gives the focus back; it stays as it was, and in its theme', async () => {
  await show(<HubDevtools client={client} />)
  press(/^Open/)
  press('Theme: auto. Change to light')
  press('Theme: light. Change to dark')
  expect(panel().dataset.theme).toBe('dark')
  fireEvent.keyDown(panel(), { key: 'Escape' })
  await pass()
  const opener = screen.getByRole('button', { name: /^Open/ })
  expect(document.activeElement).toBe(opener)
  fireEvent.click(opener)
  cleanup()
  await show(<HubDevtools client={client} />)
  expect(panel().dataset.theme).toBe('dark')
})

test('a client that cannot be looked into shows what its face shows, and the panel says how to see more', async () => {
  const plain = createHubClient(options)
  const stop = plain.subscribe({ topic: 'board:7' as never })
  await show(<HubDevtoolsPanel client={plain} queryClient={queryClient} theme="dark" />)
  expect(screen.getByRole('status').textContent).toBe('Live')
  expect(panel().textContent).toContain('createInspectedClient')
  expect(screen.queryByRole('toolbar')).toBeNull()
  stop()
  plain.close()
})

test.each(['dark', { theme: 'dark' }] as const)('is a plugin of TanStack Devtools, in its theme: %s', async (given) => {
  const { id, name, render: plugin } = hubDevtoolsPlugin({ client, queryClient })
  expect([id, name]).toEqual(['sse-hub', 'sse-hub'])
  await show(plugin(document.createElement('div'), given))
  expect(panel().dataset.theme).toBe('dark')
})

test('leaves neither styles nor timers behind', async () => {
  const sheets = document.adoptedStyleSheets.length
  const timers = vi.getTimerCount()
  const { unmount } = await show(<HubDevtools client={client} initialIsOpen />)
  expect(document.adoptedStyleSheets.length).toBeGreaterThan(sheets)
  expect(vi.getTimerCount()).toBeGreaterThan(timers)
  unmount()
  expect(document.adoptedStyleSheets).toHaveLength(sheets)
  expect(vi.getTimerCount()).toBe(timers)
})

test('renders on a server', () => {
  const html = renderToString(<HubDevtools client={client} queryClient={queryClient} />)
  expect(html).toContain('hubdt-opener')
})

test('in production nothing is rendered, and the client is an ordinary one', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  vi.resetModules()
  const production = await import('./devtools.tsx')
  const core = await import('@sse-hub/core')
  vi.unstubAllEnvs()
  expect(production.createInspectedClient).toBe(core.createHubClient)
  const { container } = render(<production.HubDevtools client={client} />)
  expect(container.innerHTML).toBe('')
  expect(render(production.hubDevtoolsPlugin({ client }).render(container, 'dark')).container.innerHTML).toBe('')
})

test.each([
  [span(0), '0 s'],
  [span(59_400), '59 s'],
  [span(125_000), '2 min 5 s'],
  [span(3_840_000), '1 h 4 min'],
  [took(12.4), '12 ms'],
  [took(1_400), '1.4 s'],
  [shortCursor('e:1'), 'e:1'],
  [shortCursor('0123456789abcdef:42'), '012345…:42'],
  [clockTime(new Date(2026, 0, 1, 4, 5, 6, 7).getTime(), true), '04:05:06.007'],
  [json(undefined), 'undefined'],
  [json(1n), 'cannot be shown: TypeError: Do not know how to serialize a BigInt'],
  [peek({ id: 'a', version: 2, column: 'doing' }), 'column: "doing", version: 2'],
  [peek({ id: 'a' }), '{"id":"a"}'],
  [peek([{ id: 'a' }]), '[{"id":"a"}]'],
  [peek('text'), '"text"'],
  [peek(null), 'null'],
  [peek({ n: 1n }), 'n: cannot be shown: TypeError: Do not know how to serialize a BigInt'],
  [String(quantile([3, 1, 2], 0.5)), '2'],
  [String(quantile([], 0.5)), 'undefined'],
])('words: %s', (said, wanted) => expect(said).toBe(wanted))
