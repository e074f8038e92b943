// All that this server says to sse-hub: who may hear what, that state and events are kept together, and which events a state reflects.
import { createHub, type EventLog } from '@sse-hub/server'
import type { SqliteLog } from '@sse-hub/server/sqlite'
import { contract } from '../contract.ts'
import { boardLimit, type Change } from './changes.ts'
import { type Answer, RestError } from './http.ts'
import { whoIs } from './identity.ts'
import { inTurn } from './in-turn.ts'
import type { Store } from './store.ts'

export type Live = ReturnType<typeof createLive>

/** Who asks for a change, and the name of the request, if it has one. */
export interface Asked {
  readonly user: string
  readonly key: string | undefined
}

/** Makes the hub of a store. `log` is either in the store's own file, or anywhere else. */
export function createLive(store: Store, log: SqliteLog | EventLog) {
  const hub = createHub({
    contract,
    log,
    // A reader who names no topics gets all: the board, every conversation, and the own topic.
    limits: { topics: boardLimit + 2 },
    authorize(request) {
      const user = whoIs(new URL(request.url), (name) => request.headers.get(name))
      const conversations = store.cards().map((card) => `conversation:${card.id}`)
      const read = ['board', ...conversations]
      return user === undefined ? { read } : { user, read, write: conversations }
    },
  })

  hub.on('theme.changed', ({ user, data }) => user !== undefined && store.saveTheme(user, data.theme))
  hub.on('button.clicked', ({ data }) => store.countClick(data.button))

  return {
    hub,

    /**
     * Makes a change and tells of it: both are kept, or neither. Changes are made one at a time, since each builds on the state before it.
     * One request, named by its `key`, makes its change once; the event bears that name too, by which the page knows it for its own.
     */
    commit: inTurn(async <T>({ user, key }: Asked, plan: () => Change<T>): Promise<T> => {
      const before = key === undefined ? undefined : store.answer(key)
      // Names of requests are seen by all, in events. One that is used again would change the board, and no event would tell of it.
      if (before && before.user !== user)
        throw new RestError(422, 'key_taken', 'Somebody else has used this Idempotency-Key.')
      if (before) return before.body as T
      const { events: unnamed, answer, ...change } = plan()
      const events = unnamed.map((event, at) => {
        const others = unnamed.length - 1 - at
        return key === undefined ? event : { ...event, id: others === 0 ? key : `${key}.${others}` }
      })
      const write = () => {
        change.write()
        if (key !== undefined) store.keepAnswer(key, user, answer)
      }
      const ready = await hub.prepare(events)
      if ('appendIn' in log) {
        store.transaction(() => {
          write()
          log.appendIn(store.db, ready)
        })
      } else {
        store.transaction(write)
        // Elsewhere the two cannot be one: a crash right here loses the events, and a log in memory loses all of them.
        await hub.publish(events)
      }
      return answer
    }),

    /** Answers a state with the cursor that it reflects. The cursor is read first: the state holds at least all that it claims. */
    async read(state: () => unknown): Promise<Answer> {
      const cursor = await hub.cursor()
      return { headers: { 'Hub-Cursor': cursor }, body: state() }
    },
  }
}
