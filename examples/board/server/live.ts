// All that this server says to sse-hub: who may hear what, that state and events are kept together, and which events a state reflects.
import { createHub, type EventLog } from '@sse-hub/server'
import type { SqliteLog } from '@sse-hub/server/sqlite'
import { contract } from '../contract.ts'
import { boardLimit, type Change } from './changes.ts'
import type { Answer } from './http.ts'
import { whoIs } from './identity.ts'
import { inTurn } from './in-turn.ts'
import type { Store } from './store.ts'

export type Live = ReturnType<typeof createLive>

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

    /** Makes a change and tells of it: both are kept, or neither. Changes are made one at a time, since each builds on the state before it. */
    commit: inTurn(async <T>(plan: () => Change<T>): Promise<T> => {
      const { events, write, answer } = plan()
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
