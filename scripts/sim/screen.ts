// One screen of a page: it reads the state of its topic when it is mounted and after every gap, and applies events in between.
import type { HubClient } from '@sse-hub/core'
import type { contract } from './contract.ts'
import { type Database, isBefore } from './database.ts'
import type { Final, History } from './history.ts'
import type { Host } from './host.ts'
import type { Chance } from './random.ts'
import { type ProcessClock, sleep } from './time.ts'

/** `query`: subscribes, then reads. `cursor`: reads with the cursor, then subscribes after it. `old cursor`: the same, but dawdles in between. */
export type Style = 'query' | 'cursor' | 'old cursor'

/** What a screen needs of its page. */
export interface ScreenOptions {
  readonly number: number
  readonly page: number
  readonly user: string
  /** As the application writes it: `user` for the user's own. */
  readonly topic: string
  readonly style: Style
  readonly client: HubClient<typeof contract>
  readonly clock: ProcessClock
  readonly chance: Chance
  readonly history: History
  readonly host: Host
  readonly database: Database
}

/** One screen. */
export interface Screen {
  /** Whether it has subscribed: one that reads first, and is refused, never does. */
  subscribed(): boolean
  stop(): void
  /** Why it has not come to rest, or undefined when it has. */
  restless(): string | undefined
  final(): Final['pages'][number]['screens'][number]
}

/** Opens a screen. */
export function openScreen(options: ScreenOptions): Screen {
  const { number, page, user, style, client, clock, chance, history, host, database } = options
  const dice = chance.fork(`screen ${number}`)
  const topic = options.topic === 'user' ? `user:${user}` : options.topic
  let state = new Set<string>()
  /** What arrived since the read under way began: a fetch must not overwrite it. */
  let reading: { readonly since: Set<string> } | undefined
  let unsubscribe: (() => void) | undefined
  let stopped = false
  // Up to where it was told, by an event or a gap.
  let toldUpTo: string | undefined
  const granted = () => host.mayRead(user, topic)

  /** A REST request: the head first, then the state; it fails while the server is down, and is refused without a grant. */
  const request = async (withCursor: boolean): Promise<{ ids: ReadonlySet<string>; cursor?: string }> => {
    for (;;) {
      await sleep(clock, dice.between(1, 300))
      try {
        if (!granted()) throw new Error('403')
        const cursor = withCursor ? await host.call((hub) => hub.cursor()) : undefined
        await sleep(clock, dice.pick([0, 1, 30]))
        const ids = database.read(topic)
        await sleep(clock, dice.between(1, 300))
        return cursor === undefined ? { ids } : { ids, cursor }
      } catch {
        if (stopped) return { ids: new Set() }
        await sleep(clock, 700)
      }
    }
  }
  const read = async () => {
    const mine = { since: new Set<string>() }
    reading = mine
    const { ids } = await request(false)
    // A later gap has asked for a fresher answer, or the screen is gone.
    if (reading !== mine || stopped) return
    state = new Set([...ids, ...mine.since])
    reading = undefined
    history.record({ what: 'read', screen: number, ids: state.size })
  }
  const subscribe = (after?: string) => {
    const live = client.status.topic(options.topic) === 'live'
    history.record({ what: 'mounted', page, screen: number, topic, ...(after === undefined ? {} : { after }), live })
    unsubscribe = client.subscribe({
      topic: options.topic as 'room',
      ...(after === undefined ? {} : { after }),
      onEvent(event) {
        const { id, type, cursor, data, at } = event
        const by = event.user === undefined ? {} : { user: event.user }
        const json = JSON.stringify({ data, topic: event.topic, at, id, ...by })
        history.record({ what: 'event', screen: number, id, type, json, ...(cursor === undefined ? {} : { cursor }) })
        if (cursor === undefined) return
        toldUpTo = cursor
        state.add(id)
        reading?.since.add(id)
        // Applications have bugs; a throw must not cost them, or others, an event.
        if (dice.maybe(0.02)) throw new Error('thrown on purpose')
      },
      onGap(gap) {
        history.record({ what: 'gap', screen: number, gap })
        toldUpTo = gap.to
        void read()
      },
    })
  }
  const mount = async () => {
    const { ids, cursor } = await request(true)
    if (style === 'old cursor') await sleep(clock, dice.between(500, 8_000))
    if (stopped) return
    state = new Set(ids)
    subscribe(cursor)
  }
  const compare = () => {
    const truth = database.read(topic)
    return {
      missing: [...truth].filter((id) => !state.has(id)),
      surplus: [...state].filter((id) => !truth.has(id)),
    }
  }
  if (style === 'query') {
    subscribe()
    void read()
  } else {
    void mount()
  }

  return {
    subscribed: () => unsubscribe !== undefined,
    stop() {
      stopped = true
      history.record({ what: 'unmounted', screen: number })
      unsubscribe?.()
    },
    restless() {
      const state = client.status.topic(options.topic)
      if (unsubscribe && state !== (granted() ? 'live' : 'refused')) return `screen ${number} is ${state}`
      if (!granted()) return undefined
      if (!unsubscribe || reading) return `screen ${number} is reading`
      if (isBefore(toldUpTo, database.newest(topic))) return `screen ${number} was told up to ${toldUpTo} only`
      const { missing, surplus } = compare()
      return missing.length + surplus.length > 0 ? `screen ${number} is not up to date` : undefined
    },
    final() {
      return {
        screen: number,
        topic,
        state: client.status.topic(options.topic),
        granted: granted(),
        ...compare(),
      }
    },
  }
}
