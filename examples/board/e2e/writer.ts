// Other people at work: writes over REST, some eighty a second, remembering what the server has acknowledged.
import { randomUUID } from 'node:crypto'
import type { Column } from '../contract.ts'

const everyMs = 12
const mostInFlight = 8
// The server answers with the newest 200 of a conversation; beyond that nobody could say what is missing.
const mostMessages = 150
const mostCards = 40

/** What the writer knows when it has stopped. */
export interface Written {
  /** The ids of cards and messages whose making was acknowledged. */
  readonly cards: readonly string[]
  readonly messages: readonly string[]
  /** Refusals, of which there should be none. An answer that never came is not one: nobody knows what became of it. */
  readonly rejected: readonly string[]
}

/** Starts writing: new cards, moves, edits, and messages on one card. */
export function startWriter(url: string, talkedCard: string) {
  const cards: string[] = []
  const messages: string[] = []
  const rejected: string[] = []
  let count = 0
  let turn = 0
  let waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const inFlight = new Set<Promise<void>>()

  async function write(method: string, path: string, body: Record<string, unknown>, kept?: string[]): Promise<void> {
    const headers = { 'Content-Type': 'application/json' }
    const user = turn % 2 === 0 ? 'linus' : 'margaret'
    try {
      const answer = await fetch(`${url}${path}?user=${user}`, { method, headers, body: JSON.stringify(body) })
      if (!answer.ok) return void rejected.push(`${method} ${path}: ${answer.status} ${await answer.text()}`)
      await answer.arrayBuffer()
    } catch {
      return
    }
    if (kept) kept.push(String(body.id))
    count++
    for (const { resolve } of waiting.filter((one) => one.count <= count)) resolve()
    waiting = waiting.filter((one) => one.count > count)
  }

  function next(): Promise<void> {
    turn++
    if (turn % 4 === 0 && messages.length < mostMessages)
      return write('POST', `/api/cards/${talkedCard}/messages`, { id: randomUUID(), text: `Message ${turn}` }, messages)
    const column = (['todo', 'doing', 'done'] as const satisfies Column[])[turn % 3]
    const card = cards[turn % mostCards]
    if (card === undefined)
      return write('POST', '/api/cards', { id: randomUUID(), column, title: `Card ${turn}` }, cards)
    const before = cards[(turn * 7) % cards.length]
    return turn % 5 === 0
      ? write('PATCH', `/api/cards/${card}`, { title: `Card, edited in turn ${turn}` })
      : write('PATCH', `/api/cards/${card}`, { column, before: before === card ? null : before })
  }

  const timer = setInterval(() => {
    if (inFlight.size >= mostInFlight) return
    const work = next().finally(() => inFlight.delete(work))
    inFlight.add(work)
  }, everyMs)

  return {
    /** How many writes were acknowledged. */
    count: () => count,
    /** Resolves when so many writes have been acknowledged. */
    accepted: (wanted: number) =>
      count >= wanted
        ? Promise.resolve()
        : new Promise<void>((resolve) => void waiting.push({ count: wanted, resolve })),
    async stop(): Promise<Written> {
      clearInterval(timer)
      await Promise.all(inFlight)
      return { cards, messages, rejected }
    },
  }
}
