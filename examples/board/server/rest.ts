// The plain REST API: the table of what may be asked, and what it takes. Every change goes through `live.commit`.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { type Card, Column } from '../contract.ts'
import { type Change, createCard, deleteCard, editCard, moveCard, postMessage } from './changes.ts'
import { type Answer, headerOf, RestError, readJson, refuseOtherSites, sendError, sendJson } from './http.ts'
import { whoIs } from './identity.ts'
import type { Live } from './live.ts'
import type { Store } from './store.ts'

// Callers may name what they make, and what they ask for, so that trying again after a lost answer does nothing twice.
const name = z.string().regex(/^[\w-]{1,64}$/, 'Letters, digits, "_" and "-", at most 64')
const title = z.string().trim().min(1, 'A card needs a title').max(120)
const text = z.string().trim().max(4_000)

const NewCard = z.strictObject({ id: name.optional(), column: Column.default('todo'), title, text: text.default('') })
const Move = z.strictObject({ column: Column, before: name.nullish() })
const Edit = z.strictObject({ title: title.optional(), text: text.optional() })
const NewMessage = z.strictObject({ id: name.optional(), text: text.min(1, 'A message needs a text') })

/** What a route gets. */
interface Asked {
  /** The card's id, on the routes that have one. */
  readonly id: string
  /** Who asks; undefined for somebody who has not said. */
  readonly user: string | undefined
  /** Names the request: one that comes again changes nothing more, and is answered as it was. */
  readonly key: string | undefined
  readonly body: unknown
}

/** The REST API as a handler for `node:http`. */
export function createRest(store: Store, live: Live) {
  const commit = <T>(asked: Asked, plan: (user: string) => Change<T>): Promise<T> => {
    const user = author(asked)
    return live.commit({ user, key: asked.key }, () => plan(user))
  }
  const routes: Readonly<Record<string, (asked: Asked) => Promise<Answer>>> = {
    'GET /api/me': async ({ user }) => ({ body: { user: user ?? null } }),
    'GET /api/theme': (asked) => live.read(() => ({ theme: store.theme(author(asked)) ?? null })),
    'GET /api/cards': () => live.read(() => store.cards()),
    'GET /api/cards/:id/messages': ({ id }) => live.read(() => store.messages(id)),

    async 'POST /api/cards'(asked) {
      const input = NewCard.parse(asked.body)
      return { status: 201, body: await commit(asked, (user) => createCard(store, input, user)) }
    },
    async 'PATCH /api/cards/:id'(asked) {
      const isMove = typeof asked.body === 'object' && asked.body !== null && 'column' in asked.body
      const plan: (user: string) => Change<Card> = isMove
        ? moveCard.bind(null, store, asked.id, Move.parse(asked.body))
        : editCard.bind(null, store, asked.id, Edit.parse(asked.body))
      return { body: await commit(asked, plan) }
    },
    async 'DELETE /api/cards/:id'(asked) {
      await commit(asked, (user) => deleteCard(store, asked.id, user))
      return { status: 204 }
    },
    async 'POST /api/cards/:id/messages'(asked) {
      const input = NewMessage.parse(asked.body)
      return { status: 201, body: await commit(asked, (user) => postMessage(store, asked.id, input, user)) }
    },
  }

  return async (req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> => {
    try {
      const { method = 'GET' } = req
      const [, card, id = '', rest = ''] = /^(\/api\/cards\/)([^/]+)(.*)/.exec(url.pathname) ?? []
      const path = card === undefined ? url.pathname : `${card}:id${rest}`
      const route = routes[`${method} ${path}`]
      if (!route) throw new RestError(404, 'not_found', `There is no ${method} ${path}.`)
      if (method !== 'GET') refuseOtherSites(req)
      const body = method === 'GET' ? undefined : await readJson(req)
      const header = headerOf(req)
      const key = name.optional().parse(header('Idempotency-Key'))
      sendJson(res, await route({ id, user: whoIs(url, header), key, body }))
    } catch (error) {
      sendError(res, error)
    }
  }
}

function author({ user }: Asked): string {
  if (user === undefined) throw new RestError(401, 'unauthorized', 'Say who you are: add ?user=ada.')
  return user
}
