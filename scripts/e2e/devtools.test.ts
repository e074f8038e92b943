// Drives the devtools in Chromium on the real board: healthy, gapped and down, in light and dark; and takes the pictures that a person should understand.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Card } from '../../examples/board/contract.ts'
import { buildPage, openWindow, scratch } from '../../examples/board/e2e/stage.ts'
import { createApp } from '../../examples/board/server/app.ts'
import { browserRemedy, findBrowser } from '../lib/browsers.ts'
import { ci, root } from '../lib/repo.ts'
import { capture } from '../lib/run.ts'
import { measure } from '../sizes.ts'
import { until } from './until.ts'

const board = join(root, 'examples/board')
const pictures = join(board, 'screenshots')
const executablePath = findBrowser('chromium')
const folder = scratch()
const page = join(folder.path, 'page')
let browser: Browser

beforeAll(async () => {
  if (!executablePath) return
  // A page for developers, beside the one that the demo serves.
  const args = ['build', '--outDir', page, '--emptyOutDir']
  const { code, output } = await capture('vite', args, { cwd: board, env: { NODE_ENV: 'development' } })
  if (code !== 0) throw new Error(`vite build failed:\n${output}`)
  mkdirSync(pictures, { recursive: true })
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
})
afterAll(async () => {
  await browser?.close()
  folder.remove()
})

let boards = 0
/** A board that runs, and a window on it with the devtools open. */
async function scene({ theme = 'light' as 'light' | 'dark', width = 1280, memory = false } = {}) {
  const path = join(folder.path, `board-${++boards}.db`)
  const start = (port: number) => createApp({ port, path, page, log: memory ? 'memory' : 'sqlite' })
  let app = await start(0)
  const { url } = app
  onTestFinished(() => app.close({ overMs: 0 }))
  const { page: window } = await openWindow(browser, `${url}/?user=ada`, {
    colorScheme: theme,
    viewport: { width, height: 860 },
  })
  onTestFinished(() => window.context().close())
  window.setDefaultTimeout(20_000)
  const opener = window.getByRole('button', { name: /^Open the sse-hub devtools/ })
  await opener.click()
  const panel = window.getByRole('region', { name: 'sse-hub devtools' })
  const cards = async () => (await (await fetch(`${url}/api/cards`)).json()) as Card[]
  const state = () => panel.getByRole('status').textContent()
  const is = (wanted: string) => until(`the panel says “${wanted}”`, async () => (await state()) === wanted)
  await is('Live')
  return {
    window,
    panel,
    opener,
    is,
    cause: async () => (await panel.locator('[data-why="cause"]').textContent()) ?? '',
    next: async () => (await panel.locator('[data-why="next"]').textContent()) ?? '',
    section: (name: string) => panel.getByRole('region', { name, exact: true }),
    press: (name: string) => panel.getByRole('button', { name, exact: true }).click(),
    /** Somebody else moves a card to and fro, and the panel has seen it. */
    async move(times: number) {
      const [card] = await cards()
      const seen = Number(/\d+/.exec((await panel.getByRole('heading', { name: /^Events/ }).textContent()) ?? '')?.[0])
      for (let i = 0; i < times; i++) {
        const answer = await fetch(`${url}/api/cards/${card?.id}?user=grace`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ column: i % 2 ? 'todo' : 'doing', before: null }),
        })
        expect(answer.status).toBe(200)
      }
      await panel.getByRole('heading', { name: new RegExp(`^Events ${seen + times} event`) }).waitFor()
    },
    /** The parts of which the title and the first line cannot be seen without scrolling. */
    hidden: () =>
      panel.evaluate((box) => {
        const bottom = (each: Element) => each.getBoundingClientRect().bottom
        return [...box.querySelectorAll('.hubdt-section')]
          .filter((part) => {
            const first = part.querySelector('li, tbody tr, svg') ?? part.querySelector('h3') ?? part
            const { top, height } = first.getBoundingClientRect()
            const shown = Math.min(bottom(part), bottom(part.parentElement ?? part), bottom(box), innerHeight)
            // What stands first may be wrapped, and go on below.
            return top + Math.min(height, 22) > shown + 0.5
          })
          .map((part) => part.getAttribute('aria-label'))
      }),
    stop: () => app.close({ overMs: 0 }),
    async restart() {
      app = await start(Number(new URL(url).port))
    },
    shoot: (name: string) => window.screenshot({ path: join(pictures, `devtools-${name}-${theme}.png`) }),
  }
}

/** Without Chromium there is nothing to see; in CI that is a failure. */
const needed = (context: TestContext) => {
  if (!executablePath && !ci) context.skip(`needs Chromium. ${browserRemedy}`)
}

test.for(['light', 'dark'] as const)('healthy, %s', async (theme, context) => {
  needed(context)
  const { panel, section, move, shoot, cause, next } = await scene({ theme })
  await move(14)
  expect(await cause()).toBe('The stream is open, and nothing is missing.')
  expect(await next()).toBe('Nothing to do.')
  await panel.getByText('leads · the only tab').waitFor()
  await panel.getByText('board live').waitFor()
  const events = section('Events')
  await events.getByLabel('Topic').selectOption('board')
  await events.getByLabel('Text').fill('doing')
  await events.getByText('7 of 14 events').waitFor()
  await events.locator('summary').first().click()
  await events.getByText('"column": "doing"').waitFor()
  await shoot('healthy')
  await events.getByLabel('Text').fill('no card says this')
  await events.getByText('No event is like that.').waitFor()
})

test.for(['light', 'dark'] as const)('gapped, %s', async (theme, context) => {
  needed(context)
  // A log in memory is another one after a restart.
  const { is, cause, next, move, stop, restart, section, shoot, hidden } = await scene({ theme, memory: true })
  await move(6)
  await stop()
  await restart()
  await is('Live again, after a gap')
  expect(await cause()).toMatch(
    /^Events of board, user:ada may have been missed, and cannot be replayed\. The server’s log is a new one/,
  )
  await until('the page is whole', async () => (await next()).includes('2 live queries were read again and are whole'))
  await section('Gaps').getByText('epoch').waitFor()
  await move(5)
  await shoot('gapped')
  expect(await hidden()).toEqual([])
})

test.for(['light', 'dark'] as const)('down, %s', async (theme, context) => {
  needed(context)
  const { is, cause, next, panel, move, stop, restart, shoot, hidden } = await scene({ theme })
  await move(9)
  await stop()
  await is('Down')
  await until('the client has tried in vain', async () => /^The hub cannot be reached/.test(await cause()))
  expect(await next()).toMatch(/^See whether the server runs/)
  await panel.getByText(/^tries again in \d+ s$/).waitFor()
  await shoot('down')
  expect(await hidden()).toEqual([])
  // Whoever pressed "Try now" from here on would race with the client, which tries by itself.
  await panel.getByRole('button', { name: 'Try now' }).waitFor()
  await restart()
  await is('Live')
})

test('cuts, and nothing is lost; gaps, and the cards are read again', async (context) => {
  needed(context)
  const { is, press, move, section, cause } = await scene()
  await move(2)
  await press('Cut')
  await section('Steps')
    .getByText(/cut with the devtools/)
    .waitFor()
  await is('Live')
  await section('Gaps').getByText('Nothing was lost.').waitFor()
  await press('Gap')
  await is('Live again, after a gap')
  expect(await cause()).toContain('You have made the gap here')
  await section('Gaps')
    .getByText(/read again: .*cards/)
    .waitFor()
})

test('plays a hub that is disabled, and one that is silent, until healed', async (context) => {
  needed(context)
  const { is, press, panel, cause, next, move } = await scene()
  await press('Disable')
  await is('Down')
  await until('the hub is said to be disabled', async () =>
    /^You have disabled it here\. The hub is switched off/.test(await cause()),
  )
  expect(await next()).toContain('Heal')
  await press('Heal')
  await is('Live')
  await press('Go silent')
  expect(await panel.getByRole('button', { name: 'Go silent' }).getAttribute('aria-pressed')).toBe('true')
  await is('Live, but silent')
  expect(await cause()).toMatch(/^You have made it silent here\./)
  await is('Down')
  await press('Heal')
  await is('Live')
  await move(1)
})

test('a tab that follows says so, and how many there are', async (context) => {
  needed(context)
  const { window, panel } = await scene()
  const second = await window.context().newPage()
  await second.goto(window.url())
  const other = second.getByRole('region', { name: 'sse-hub devtools' })
  await other.getByText('follows · 2 tabs').waitFor()
  await panel.getByText('leads · 2 tabs').waitFor()
  await other.getByText('Another tab reads the stream: break it there.').waitFor()
})

test('fits a telephone, and is worked by keys', async (context) => {
  needed(context)
  const { window, panel, opener, move } = await scene({ width: 320 })
  await move(3)
  const tooWide = await panel.evaluate((box) =>
    [box, ...box.querySelectorAll('*')]
      .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5 && !each.closest('pre, code'))
      .map(({ className }) => String(className)),
  )
  expect(tooWide).toEqual([])
  await window.screenshot({ path: join(pictures, 'devtools-320.png') })
  await panel.getByRole('button', { name: 'Cut', exact: true }).focus()
  await window.keyboard.press('Escape')
  await opener.waitFor()
  await until('the focus is on the button', () => opener.evaluate((it) => it === document.activeElement))
  await window.keyboard.press('Enter')
  await panel.waitFor()
})

test('what to filter by can be read at every width', async (context) => {
  needed(context)
  const { window, panel } = await scene()
  for (const width of [320, 480, 699, 700, 900, 1079, 1080, 1280, 1920]) {
    await window.setViewportSize({ width, height: 860 })
    const [needs, has] = await panel.getByLabel('Text').evaluate((input: HTMLInputElement) => {
      const style = getComputedStyle(input)
      const pen = document.createElement('canvas').getContext('2d')
      if (!pen) throw new Error('There is nothing to measure with')
      pen.font = style.font
      const padding = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.paddingRight)
      return [pen.measureText(input.placeholder).width, input.clientWidth - padding] as const
    })
    expect(needs, `at ${width} px`).toBeGreaterThan(0)
    expect(has, `at ${width} px`).toBeGreaterThanOrEqual(needs)
  }
})

test('nothing of it is in a production build of the board', async (context) => {
  needed(context)
  await buildPage()
  const scripts = (folder: string) =>
    readdirSync(join(folder, 'assets'))
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(folder, 'assets', name), 'utf8'))
      .join('')
  // The same search finds it where it is.
  expect(scripts(page).includes('hubdt')).toBe(true)
  expect(scripts(join(board, 'dist')).includes('hubdt')).toBe(false)
})

test('nor does a production build take anything of it from the package as it is published', async () => {
  const published = join(root, 'packages/react-query')
  const { code, output } = await capture('pnpm', ['run', 'build'], { cwd: published })
  if (code !== 0) throw new Error(`The package is not built:\n${output}`)
  const all = 'createInspectedClient, HubDevtools, HubDevtoolsPanel, hubDevtoolsPlugin'
  const { gzipped } = await measure(`export { ${all} } from '${join(published, 'dist/devtools.js')}'`, [
    ...['react', 'react/jsx-runtime', '@tanstack/react-query', '@tanstack/query-core', '@sse-hub/core'],
  ])
  // The functions themselves, which do nothing.
  expect(gzipped).toBeLessThan(350)
})
