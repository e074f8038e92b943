// The hub and a REST API in memory: all that the page needs of a server.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { createHub } from '@sse-hub/server'
import { toNodeHandler } from '@sse-hub/server/node'
import { type Card, type Column, contract } from './contract.ts'

const hub = createHub({ contract, authorize: () => ({ user: 'you', read: ['board:1'] }) })
const stream = toNodeHandler(hub)

const cards = new Map<string, Card>()
for (const title of ['Open a second window', 'Move me there', 'Watch me here'])
  cards.set(title, { id: title, title, column: 'todo', version: 1 })

// What was done for each request, so that one that comes again changes nothing.
const done = new Map<string, Card>()

/** Answers what is under `/api`. */
export async function api(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url?.startsWith('/api/sse')) return stream(req, res)
  const key = req.headers['idempotency-key']
  if (req.method === 'GET' || typeof key !== 'string') {
    // Read before the state: the stream starts there, and nothing is read twice.
    res.setHeader('Hub-Cursor', await hub.cursor())
    return send(res, 200, [...cards.values()])
  }
  const body = (await json(req)) as { id?: string; title?: string; column?: Column }
  const answer = done.get(key) ?? (await write(key, body))
  return answer ? send(res, 200, answer) : send(res, 404, {})
}

async function write(
  key: string,
  { id, title = 'Untitled', column = 'todo' }: { id?: string; title?: string; column?: Column },
) {
  const old = id === undefined ? undefined : cards.get(id)
  if (id !== undefined && !old) return undefined
  const card = old ? { ...old, column, version: old.version + 1 } : { id: key, title, column, version: 1 }
  cards.set(card.id, card)
  done.set(key, card)
  // Under the request's own name, by which the page knows it for its own.
  await hub.publish({ type: old ? 'card.moved' : 'card.created', topic: 'board:1', data: card, id: key })
  return card
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
