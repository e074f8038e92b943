// Two real windows on the Vue example: what one does the other shows, at once in its own, and each has read the cards once.
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { browserRemedy, findBrowser } from '../../../scripts/lib/browsers.ts'
import { ci } from '../../../scripts/lib/repo.ts'

const executablePath = findBrowser('chromium')
let browser: Browser | undefined
let server: ViteDevServer | undefined
beforeAll(async () => {
  if (!executablePath) return
  const root = join(import.meta.dirname, '..')
  server = await createServer({ root, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } })
  await server.listen()
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

/** Opens a window of somebody, and waits until it is live. */
async function open(chromium: Browser) {
  const context = await chromium.newContext()
  const page = await context.newPage()
  const reads: string[] = []
  const errors: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'GET' && request.url().endsWith('/api/cards')) reads.push(request.url())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(server?.resolvedUrls?.local[0] ?? '')
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor()
  return { page, reads, errors }
}

const cards = (page: Page, column: string) =>
  page.getByRole('region', { name: column, exact: true }).getByRole('listitem')

test('a live query, its status and optimistic mutations in Vue', async ({ skip }) => {
  if (!browser && !ci) skip(`There is no Chromium here. ${browserRemedy}`)
  const windows = [await open(browser as Browser), await open(browser as Browser)] as const
  const [{ page: mine }, { page: theirs }] = windows

  // What I do stays on its way until we let it go: I see it at once, and they do not.
  let letGo = () => {}
  const gone = new Promise<void>((resolve) => {
    letGo = resolve
  })
  await mine.route('**/api/cards', async (route) => {
    if (route.request().method() === 'POST') await gone
    await route.continue()
  })
  await mine.getByRole('button', { name: 'Move Watch me here to doing' }).click()
  await cards(mine, 'doing').getByText('Watch me here').waitFor()
  await mine.getByRole('textbox', { name: 'Title' }).fill('Made at once')
  await mine.getByRole('button', { name: 'Add' }).click()
  await cards(mine, 'todo').getByText('Made at once').waitFor()
  expect(await cards(theirs, 'doing').count()).toBe(0)
  expect(await cards(theirs, 'todo').count()).toBe(3)

  letGo()
  await cards(theirs, 'doing').getByText('Watch me here').waitFor()
  await cards(theirs, 'todo').getByText('Made at once').waitFor()
  // Theirs comes to me, and what I have made is named by the server and there once.
  await theirs.getByRole('button', { name: 'Move Made at once to done' }).click()
  await cards(mine, 'done').getByText('Made at once').waitFor()
  expect(await mine.getByRole('listitem').count()).toBe(4)
  for (const { reads, errors } of windows) expect({ reads: reads.length, errors }).toEqual({ reads: 1, errors: [] })
}, 60_000)
