// Two real windows on the real demo: what one does the other shows, and a server that is killed in mid-traffic costs nothing.
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { browserRemedy, findBrowser } from '../../../scripts/lib/browsers.ts'
import { ci } from '../../../scripts/lib/repo.ts'
import type { Card, Message } from '../contract.ts'
import { buildPage, openWindow, scratch, startChromium, startDemo, type Window } from './stage.ts'
import { startWriter } from './writer.ts'

const executable = findBrowser('chromium')
const missing = `There is no Chromium here. ${browserRemedy}`
const shots = join(import.meta.dirname, '../screenshots')

/** Has the page connect at once, unless it does so by itself: that may be faster than we are. */
async function comeBack(page: Page) {
  const banner = page.getByRole('region', { name: 'Connection trouble' })
  const gone = banner.waitFor({ state: 'detached' })
  await Promise.race([banner.getByRole('button', { name: 'Try now' }).click(), gone])
  await gone
}

/** What a scene plays on: a demo of its own, on a file of its own. */
interface Stage {
  readonly url: () => string
  /** Opens a window for a person, and waits until it is live. */
  readonly open: (user: string) => Promise<Window>
  /** Ends the server as a power cut would. */
  readonly kill: () => Promise<void>
  /** Starts it again, with the same file and port. */
  readonly restart: () => Promise<void>
  /** Asks it to end; answers its exit code. */
  readonly stop: () => Promise<number | null>
}

describe('the board', () => {
  let browser: Browser | undefined
  beforeAll(async () => {
    if (!executable) return
    await buildPage()
    browser = await startChromium(executable)
  })
  afterAll(() => browser?.close())

  const scene = (name: string, play: (stage: Stage) => Promise<void>) =>
    test(name, async ({ skip }) => {
      if (!browser && !ci) skip(missing)
      if (!browser) throw new Error(missing)
      const chromium = browser
      const folder = scratch()
      const file = join(folder.path, 'board.db')
      let demo = await startDemo({ file })
      const windows: Window[] = []
      onTestFinished(async () => {
        for (const { page } of windows) await page.context().close()
        await demo.kill()
        folder.remove()
      })
      await play({
        url: () => demo.url,
        async open(user) {
          const window = await openWindow(chromium, `${demo.url}/?user=${user}`)
          windows.push(window)
          await isLive(window)
          return window
        },
        kill: () => demo.kill(),
        stop: () => demo.stop(),
        async restart() {
          demo = await startDemo({ file, port: demo.port })
        },
      })
      for (const { errors } of windows) expect(errors).toEqual([])
    })

  scene('a card moved in one window moves in the other: by mouse, by keyboard, by button', async ({ open }) => {
    const ada = await open('ada')
    const grace = await open('grace')
    const title = 'Move this card to “Doing”'
    const cardIn = (window: Window, column: string) =>
      columnOf(window, column).getByRole('button', { name: title, exact: true })

    await cardIn(ada, 'To do').dragTo(columnOf(ada, 'Doing'))
    await cardIn(grace, 'Doing').waitFor()
    await grace.page.getByText('Ada moved this').waitFor()

    await cardIn(grace, 'Doing').press('Alt+ArrowRight')
    await cardIn(ada, 'Done').waitFor()
    // The focus goes with the card.
    await cardIn(grace, 'Done').and(grace.page.locator(':focus')).waitFor()

    await ada.page.getByRole('button', { name: `Move “${title}” to Doing` }).click()
    await cardIn(grace, 'Doing').waitFor()
  })

  scene('a card is made, edited, talked about and deleted, for both', async ({ open }) => {
    const ada = await open('ada')
    const grace = await open('grace')
    await ada.page.getByRole('button', { name: 'Add a card to To do' }).click()
    await ada.page.getByRole('textbox', { name: 'Title' }).fill('Bake a cake')
    await ada.page.getByRole('button', { name: 'Add', exact: true }).click()

    await grace.page.getByRole('button', { name: 'Bake a cake', exact: true }).click()
    await grace.page.getByRole('textbox', { name: 'Title' }).fill('Bake two cakes')
    await grace.page.getByRole('button', { name: 'Save' }).click()

    await ada.page.getByRole('button', { name: 'Bake two cakes', exact: true }).click()
    for (const { page } of [ada, grace]) await page.getByText('Nobody has said anything yet').waitFor()
    await carries(grace, 'conversation:')
    await ada.page.getByRole('textbox', { name: 'Message' }).pressSequentially('With nuts?')
    await grace.page.getByText('Ada is writing…').waitFor()
    await ada.page.getByRole('textbox', { name: 'Message' }).press('Enter')
    await grace.page.getByRole('list', { name: 'Messages' }).getByText('With nuts?').waitFor()

    await grace.page.getByRole('button', { name: 'Delete' }).click()
    await grace.page.getByRole('button', { name: 'Delete it for everybody?' }).click()
    await ada.page.getByText('Somebody deleted this card.').waitFor()
  })

  scene('who changes what somebody else changes at the same time is told, and may undo theirs', async ({ open }) => {
    const ada = await open('ada')
    const grace = await open('grace')
    const title = 'Move this card to “Doing”'
    const cardIn = (window: Window, column: string) =>
      columnOf(window, column).getByRole('button', { name: title, exact: true })
    const arrow = ({ page }: Window, to: string) => page.getByRole('button', { name: `Move “${title}” to ${to}` })
    // What Ada does stays on its way until we let it go.
    let release = () => {}
    const held: Promise<void>[] = []
    const hold = async () => {
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      await ada.page.route('**/api/cards/*', (route) => {
        const over = released.then(() => route.continue())
        held.push(over)
        return over
      })
    }
    const letGo = async () => {
      release()
      // Whoever is let go of must be on its way before the route is no more.
      await Promise.all(held.splice(0))
      await ada.page.unroute('**/api/cards/*')
    }

    await hold()
    await arrow(ada, 'Doing').click()
    await cardIn(ada, 'Doing').waitFor()
    await cardIn(grace, 'To do').press('Alt+ArrowDown')
    const notice = ada.page.getByRole('alert').filter({ hasText: `Grace moved “${title}” at the same time.` })
    await notice.waitFor()
    await cardIn(ada, 'Doing').waitFor()
    await letGo()
    await cardIn(grace, 'Doing').waitFor()
    await notice.getByRole('button', { name: 'Undo mine' }).click()
    await cardIn(grace, 'To do').waitFor()
    await cardIn(ada, 'To do').waitFor()

    await hold()
    await arrow(ada, 'Doing').click()
    await cardIn(ada, 'Doing').waitFor()
    await cardIn(grace, 'To do').click()
    await grace.page.getByRole('button', { name: 'Delete' }).click()
    await grace.page.getByRole('button', { name: 'Delete it for everybody?' }).click()
    const gone = ada.page
      .getByRole('alert')
      .filter({ hasText: `Grace deleted “${title}” while you were working on it.` })
    await gone.waitFor()
    await cardIn(ada, 'Doing').waitFor({ state: 'detached' })
    const refused = ada.page.waitForResponse((answer) => answer.status() === 404)
    await letGo()
    await refused
    await gone.getByRole('button', { name: 'Put it back' }).click()
    await cardIn(grace, 'Doing').waitFor()
    await cardIn(ada, 'Doing').waitFor()
  })

  scene('the theme follows a person into all of their windows, and to nobody else', async ({ open }) => {
    const [one, two, other] = [await open('ada'), await open('ada'), await open('grace')]
    const themed = ({ page }: Window, theme: string) =>
      page.locator(`html[data-theme="${theme}"]`).waitFor({ state: 'attached' })
    await one.page.getByRole('button', { name: 'Switch to the dark theme' }).click()
    await themed(two, 'dark')
    await two.page.reload()
    await themed(two, 'dark')
    await themed(other, 'light')
  })

  scene(
    'kill -9 in mid-traffic: nothing lost, nothing doubled, no gap, no read but the polls of the outage',
    async ({ url, open, kill, restart }) => {
      const windows = [await open('ada'), await open('grace')] as const
      const talked = 'pull-the-plug'
      for (const window of windows) {
        await window.page.locator(`[data-card="${talked}"] .card-open`).click()
        await window.page.getByText('Nobody has said anything yet').waitFor()
        await carries(window, `conversation:${talked}`)
      }
      // What the stream starts from is what was read: nothing was read twice.
      for (const { answered } of windows) {
        const path = `/api/cards/${talked}/messages`
        expect(answered.toSorted()).toEqual(['GET /api/cards', `GET ${path}`, 'GET /api/theme'])
      }
      const readBefore = windows.map(({ answered }) => answered.length)
      const streamsBefore = await Promise.all(windows.map(async (window) => (await window.wires()).length))

      const writer = startWriter(url(), talked)
      onTestFinished(async () => void (await writer.stop()))
      await writer.accepted(200)
      await kill()
      for (const { page } of windows) await page.getByText('Disconnected', { exact: true }).waitFor()
      await restart()
      for (const window of windows) await isLive(window)
      await writer.accepted(writer.count() + 200)
      const written = await writer.stop()

      const cards = await get<Card[]>(`${url()}/api/cards`)
      const messages = await get<Message[]>(`${url()}/api/cards/${talked}/messages`)
      expect(written.rejected).toEqual([])
      expect(cards.map(({ id }) => id)).toEqual(expect.arrayContaining([...written.cards]))
      expect(messages.map(({ id }) => id)).toEqual(expect.arrayContaining([...written.messages]))

      for (const [index, window] of windows.entries()) {
        await expect.poll(() => shownCards(window), { timeout: 20_000 }).toEqual(cardsByColumn(cards))
        await expect.poll(() => shownMessages(window)).toEqual(messages.map(({ id }) => id))
        // All of it came by the streams, each taken up exactly where the one before was cut. The API was away with the hub: its first poll may be answered before the
        // stream is back, and is the only one.
        const polled = window.answered.slice(readBefore[index])
        expect(new Set(polled).size).toBe(polled.length)
        expect(['GET /api/cards', `GET /api/cards/${talked}/messages`]).toEqual(expect.arrayContaining(polled))
        // Whoever has tried in vain may have come back by pages of the log, and goes over to the stream once that is seen to flow.
        await expect
          .poll(async () => (await window.wires()).length, { timeout: 20_000 })
          .toBeGreaterThan(streamsBefore[index] ?? 0)
        const resumed = (await window.wires()).slice(streamsBefore[index])
        for (const { url, text } of resumed) {
          const { cursor, gaps } = syncOf(text)
          expect({ cursor, gaps }).toEqual({ cursor: new URL(url).searchParams.get('after'), gaps: [] })
          expect(text).not.toContain('event: hub.gap')
        }
      }
    },
  )

  scene(
    'while it is disconnected it says so, keeps what could not be saved, and comes back at once when asked',
    async ({ open, kill, restart }) => {
      const { page } = await open('ada')
      await kill()
      const banner = page.getByRole('region', { name: 'Connection trouble' })
      await banner.getByText('Changes cannot be saved').waitFor()
      await page.getByRole('button', { name: 'Add a card to Doing' }).click()
      await page.getByRole('textbox', { name: 'Title' }).fill('Survive')
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      const notice = page
        .getByRole('alert')
        .filter({ hasText: 'The card was not added. The server cannot be reached.' })
      await notice.waitFor()

      await restart()
      await comeBack(page)
      await notice.getByRole('button', { name: 'Try again' }).click()
      await columnOf({ page }, 'Doing').getByRole('button', { name: 'Survive', exact: true }).waitFor()
      await notice.waitFor({ state: 'detached' })
    },
  )

  scene('a card whose answers were all lost is there once, however often one tries again', async ({ url, open }) => {
    const { page } = await open('ada')
    const keys: (string | undefined)[] = []
    await page.route('**/api/cards', async (route) => {
      if (route.request().method() === 'GET') return route.continue()
      keys.push(route.request().headers()['idempotency-key'])
      // The server does it, and the network does not say so.
      await route.fetch()
      await route.abort()
    })
    await page.getByRole('button', { name: 'Add a card to Doing' }).click()
    await page.getByRole('textbox', { name: 'Title' }).fill('Only once')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    const notice = page.getByRole('alert').filter({ hasText: 'The card was not added.' })
    await notice.waitFor()
    await page.unroute('**/api/cards')
    const answered = page.waitForResponse((answer) => answer.request().method() === 'POST')
    await notice.getByRole('button', { name: 'Try again' }).click()
    keys.push((await (await answered).request().allHeaders())['idempotency-key'])
    await notice.waitFor({ state: 'detached' })
    const cards = await get<Card[]>(`${url()}/api/cards`)
    expect(cards.filter(({ title }) => title === 'Only once')).toHaveLength(1)
    expect(await columnOf({ page }, 'Doing').getByRole('button', { name: 'Only once', exact: true }).count()).toBe(1)
    expect(keys.length).toBeGreaterThan(2)
    expect(new Set(keys).size).toBe(1)
  })

  scene(
    'who else is here is shown, for a while after they have left, and as what was while the server is away',
    async (stage) => {
      const ada = await stage.open('ada')
      const online = ada.page.getByRole('status', { name: 'On the board' })
      const says = (words: string) => online.getByText(words).waitFor()
      await says('Only you')
      const grace = await stage.open('grace')
      await stage.open('ada')
      await says('You and 1 other')
      await grace.page.getByRole('status', { name: 'On the board' }).getByText('You and 1 other').waitFor()
      await stage.kill()
      await says('You and 1 other when the connection was lost')
      await grace.page.close()
      await stage.restart()
      await comeBack(ada.page)
      await says('Only you')
    },
  )

  scene('it stops when it is asked to, and is told apart from a crash', async ({ open, stop }) => {
    const { page } = await open('ada')
    const [code] = await Promise.all([stop(), page.getByRole('region', { name: 'Connection trouble' }).waitFor()])
    expect(code).toBe(0)
  })

  scene('screenshots: fresh, busy, disconnected', async ({ url, open, kill }) => {
    const { page } = await open('ada')
    const shoot = (name: string) => page.screenshot({ path: join(shots, `${name}.png`) })
    await page.evaluate(() => document.fonts.ready)
    await shoot('fresh')

    const others = [
      ['grace', 'PATCH', '/api/cards/move-a-card', { column: 'doing', before: 'someone-else' }],
      ['linus', 'PATCH', '/api/cards/talk', { title: 'Talk about the release' }],
      ['margaret', 'POST', '/api/cards', { column: 'done', title: 'Invite Margaret' }],
      ['grace', 'POST', '/api/cards/pull-the-plug/messages', { text: 'I did, and it came back by itself.' }],
      ['linus', 'POST', '/api/cards/pull-the-plug/messages', { text: 'Nothing lost here either.' }],
    ] as const
    await page.locator('[data-card="pull-the-plug"] .card-open').click()
    await carries({ wires: () => page.evaluate('wires') }, 'conversation:pull-the-plug')
    for (const [user, method, path, body] of others) {
      const headers = { 'Content-Type': 'application/json' }
      const answer = await fetch(`${url()}${path}?user=${user}`, { method, headers, body: JSON.stringify(body) })
      expect(answer.ok).toBe(true)
    }
    await page.getByText('Margaret added this').waitFor()
    await page.getByText('Nothing lost here either.').waitFor()
    await settled(page)
    await shoot('busy')

    await kill()
    await page.getByText('Trying again in').waitFor()
    await settled(page)
    await shoot('disconnected')
  })
})

const isLive = ({ page }: Pick<Window, 'page'>) =>
  page.getByRole('status', { name: 'Connection' }).getByText('Live', { exact: true }).waitFor()

const columnOf = ({ page }: Pick<Window, 'page'>, name: string) => page.getByRole('region', { name, exact: true })

/** Waits until the newest stream of a window carries a topic. */
const carries = (window: Pick<Window, 'wires'>, topic: string) =>
  expect
    .poll(async () => syncOf((await window.wires()).at(-1)?.text ?? '').topics.join(), { timeout: 10_000 })
    .toContain(topic)

/** Waits until nothing moves any more, but for what never ends, and what only waits to be hidden. */
const settled = (page: Window['page']) =>
  page.waitForFunction(() =>
    document
      .getAnimations()
      .every(
        (one) =>
          one.effect?.getTiming().iterations === Infinity ||
          (one instanceof CSSAnimation && one.animationName === 'news'),
      ),
  )

/** What a stream said first. */
function syncOf(text: string): { cursor?: string; topics: string[]; gaps?: unknown[] } {
  const [, data] = /^event: hub\.sync\n(?:.+\n)*?data: (.+)\n/m.exec(text) ?? []
  return data === undefined ? { topics: [] } : JSON.parse(data)
}

async function get<T>(url: string): Promise<T> {
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  return (await answer.json()) as T
}

/** The cards that a window shows, by column and in order, each with its version. */
const shownCards = ({ page }: Window) =>
  page.evaluate(() =>
    [...document.querySelectorAll('section[data-column]')].map((column) =>
      [...column.querySelectorAll<HTMLElement>('[data-card]')].map(
        ({ dataset }) => `${dataset.card} v${dataset.version}`,
      ),
    ),
  )

const shownMessages = ({ page }: Window) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('[data-message]')].map(({ dataset }) => dataset.message),
  )

const cardsByColumn = (cards: readonly Card[]) =>
  ['todo', 'doing', 'done'].map((column) =>
    cards.filter((card) => card.column === column).map(({ id, version }) => `${id} v${version}`),
  )
