// Three people at the same cards at once, each in a window of their own, over networks that fail them, and a server that is killed in the middle:
// `BOARD_SECONDS` (default 15) says for how long, `BOARD_SEED` repeats a run's choices.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../../scripts/e2e/until.ts'
import { browserRemedy, findBrowser } from '../../../scripts/lib/browsers.ts'
import { ci } from '../../../scripts/lib/repo.ts'
import type { Card } from '../contract.ts'
import { inOrder } from '../rank.ts'
import { type Done, judge, type Said } from './frames.ts'
import { createNetwork, type Network } from './network.ts'
import { type Player, play } from './player.ts'
import { seeded } from './seeded.ts'
import { buildPage, openWindow, scratch, startChromium, startDemo, type Window } from './stage.ts'

const seconds = Number(process.env.BOARD_SECONDS ?? 15)
const seed = Number(process.env.BOARD_SEED ?? Date.now() % 1_000_000)
const people = ['ada', 'grace', 'linus']
const firstCards = 8

const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

test(
  `three people at the same cards for ${seconds} s, seed ${seed}: no card is shown twice, flickers back or is resurrected, and all screens end as the server`,
  async ({ skip }) => {
    const executable = findBrowser('chromium')
    const missing = `There is no Chromium here. ${browserRemedy}`
    if (!executable && !ci) skip(missing)
    if (!executable) throw new Error(missing)
    await buildPage()
    const folder = scratch()
    const file = join(folder.path, 'board.db')
    let demo = await startDemo({ file })
    const browser = await startChromium(executable)
    const networks: Network[] = []
    onTestFinished(async () => {
      await browser.close()
      for (const network of networks) await network.close()
      await demo.kill()
      folder.remove()
    })

    const { cards, cursor } = await prepare(demo.url)
    const windows: Window[] = []
    for (const [at, user] of people.entries()) {
      const network = await createNetwork(demo.port, seeded(seed + 100 + at))
      networks.push(network)
      const window = await openWindow(browser, `${network.url}/?user=${user}`)
      windows.push(window)
      await window.page.getByRole('status', { name: 'Connection' }).getByText('Live', { exact: true }).waitFor()
    }
    for (const [at, { page }] of windows.entries()) {
      await page.evaluate(`globalThis.random = (${seeded})(${seed + at})`)
      await page.evaluate(play, people[at] ?? '')
    }

    const random = seeded(seed)
    const ends = performance.now() + seconds * 1_000
    let isRestarted = false
    while (performance.now() < ends) {
      await pause(300 + random() * 1_500)
      networks[Math.floor(random() * networks.length)]?.cut()
      if (isRestarted || performance.now() < ends - seconds * 500) continue
      isRestarted = true
      await demo.kill()
      demo = await startDemo({ file, port: demo.port })
    }
    for (const network of networks) {
      network.cut()
      network.heal()
    }
    for (const { page } of windows) await page.evaluate(() => (globalThis as unknown as Stage).player.stop())

    // All that was done has been sent, and has come to an end.
    const notesOf = ({ page }: Window) => page.evaluate(() => (globalThis as unknown as Stage).player.notes())
    for (const [at, window] of windows.entries()) {
      const { actions } = await notesOf(window)
      const runs = () => [...(networks[at]?.runs.values() ?? [])]
      await until(
        'every change was answered, or given up',
        () =>
          runs().length === actions.length && runs().every(({ status, attempts }) => isOver(status) || attempts > 3),
        {
          withinMs: 60_000,
          seen: () => ({
            open: runs().filter(({ status }) => !isOver(status)),
            // Of another number, each action that is not a request of its own moves the ones after it.
            ...(runs().length !== actions.length && { actions, runs: runs() }),
          }),
        },
      )
    }
    for (const window of windows) {
      await expect
        .poll(() => shownIn(window), { timeout: 30_000, message: `The screen of ${window.page.url()}, seed ${seed}` })
        .toEqual(await shownBy(demo.url))
    }

    const log = await logSince(demo.url, cursor, cards)
    for (const [at, window] of windows.entries()) {
      const { frames, actions } = await notesOf(window)
      const runs = [...(networks[at]?.runs.values() ?? [])]
      const done = actions.map((action, n): Done => {
        const { key, method, status = 0 } = runs[n] ?? {}
        // Somebody else had deleted it: so it is done.
        const isGone = method === 'DELETE' && status === 404
        return { ...action, key, failed: !isGone && (status < 200 || status > 299) }
      })
      const met = JSON.stringify(networks[at]?.met)
      console.log(
        `${people[at]}: ${actions.length} actions, ${done.filter(({ failed }) => failed).length} failed, ${frames.length} frames; ${met}`,
      )
      const story = { frames, actions: done, log }
      const faults = judge(story)
      if (faults.length > 0)
        writeFileSync(join(tmpdir(), `board-${people[at]}-${seed}.json`), JSON.stringify({ faults, ...story }))
      expect(
        faults,
        `${people[at]}, seed ${seed}; the whole story is in ${tmpdir()}/board-${people[at]}-${seed}.json`,
      ).toEqual([])
      expect(window.errors).toEqual([])
      // Or else nothing was tried.
      expect(actions.length).toBeGreaterThan(seconds / 2)
    }
  },
  seconds * 1_000 + 180_000,
)

interface Stage {
  readonly player: Player
}

/** Whether nobody tries it again. */
const isOver = (status = 0) => status >= 200 && status < 500

async function get<T>(url: string): Promise<{ body: T; cursor: string }> {
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  return { body: (await answer.json()) as T, cursor: answer.headers.get('hub-cursor') ?? '' }
}

/** Fills the board with cards that are named by the first word of their titles. */
async function prepare(url: string) {
  const ask = (method: string, path: string, body?: object) =>
    fetch(`${url}/api/cards${path}?user=demo`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  for (const { id } of (await get<Card[]>(`${url}/api/cards`)).body) await ask('DELETE', `/${id}`)
  for (let n = 0; n < firstCards; n++) {
    await ask('POST', '', { id: `c${n}`, title: `#c${n} is here`, column: ['todo', 'doing', 'done'][n % 3] })
  }
  const { body: cards, cursor } = await get<Card[]>(`${url}/api/cards`)
  expect(cards).toHaveLength(firstCards)
  return { cards, cursor }
}

/** All changes of cards since a cursor, in order. */
async function logSince(url: string, since: string, known: readonly Card[]): Promise<Said[]> {
  interface Page {
    through: string
    gaps: unknown[]
    events: { type: string; id: string; data: Partial<Card> & { id: string } }[]
  }
  const tags = new Map(known.map(({ id, title }) => [id, tagOf(title)]))
  const log: Said[] = []
  for (let after = since; ; ) {
    const { body } = await get<Page>(`${url}/api/sse/page?after=${after}&topics=board`)
    expect(body.gaps).toEqual([])
    for (const { type, id, data } of body.events) {
      if (type === 'card.created') tags.set(data.id, tagOf(data.title ?? ''))
      const { column, title } = data
      log.push({ key: id, tag: tags.get(data.id) ?? '', column, title, isDeleted: type === 'card.deleted' })
    }
    if (body.through === after) return log
    after = body.through
  }
}

const tagOf = (title: string) => title.split(' ')[0] ?? ''

const columnsOf = (cards: readonly { column: string; text: string }[]) =>
  ['todo', 'doing', 'done'].map((column) => cards.filter((card) => card.column === column).map(({ text }) => text))

/** The cards as the server has them, by column and in order. */
async function shownBy(url: string) {
  const { body } = await get<Card[]>(`${url}/api/cards`)
  return columnsOf(
    inOrder(body).map(({ id, column, title, version }) => ({ column, text: `${id} v${version} ${title}` })),
  )
}

/** The cards as a window shows them. */
const shownIn = async ({ page }: Window) =>
  columnsOf(
    await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-card]')].map((tile) => ({
        column: tile.closest<HTMLElement>('[data-column]')?.dataset.column ?? '',
        text: `${tile.dataset.card} v${tile.dataset.version} ${tile.querySelector('.card-open')?.textContent}`,
      })),
    ),
  )
