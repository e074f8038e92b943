// One loaded page of the simulated application: a real client, and screens that read their state and apply events as an application would.
import { createHubClient, type HubClient, HubError, type HubEvent, pollSource, type Status } from '@sse-hub/core'
import { sharedSource } from '@sse-hub/core/tabs'
import type { Board } from './board.ts'
import type { Freeze, Tab } from './browser.ts'
import type { PageConfig } from './config.ts'
import { contract } from './contract.ts'
import type { Database } from './database.ts'
import type { Final, History } from './history.ts'
import type { Host } from './host.ts'
import type { Lists } from './lists.ts'
import type { Link } from './network.ts'
import type { Chance } from './random.ts'
import type { Realm } from './realm.ts'
import { openScreen, type Screen, type Style } from './screen.ts'
import type { Drawer } from './storage.ts'
import type { ProcessClock } from './time.ts'

/** What a page needs of the world. */
export interface PageOptions {
  readonly number: number
  readonly place: number
  readonly config: PageConfig
  /** What it has of its browser, if it is a tab of one. */
  readonly tab: Tab | undefined
  /** Where its emits outlive it. */
  readonly drawer: Drawer
  /** The clock of the application's own code. */
  readonly clock: ProcessClock
  /** The clock of its client, apart, so that what the client leaves behind is seen. */
  readonly clientClock: ProcessClock
  readonly chance: Chance
  readonly link: Link
  readonly history: History
  readonly host: Host
  readonly database: Database
  /** What a page with live queries is made of; undefined in a world without. */
  readonly queries:
    | {
        readonly realm: Realm
        readonly lists: Lists
        readonly topics: readonly string[]
        readonly tagged: boolean
        /** The clock of the server. */
        readonly world: ProcessClock
      }
    | undefined
  /** Gives each screen its number. */
  readonly nextScreen: () => number
}

/** One loaded page. */
export interface Page {
  readonly number: number
  readonly user: string
  readonly link: Link
  /** Its live queries, if it has any, and is awake. */
  board(): Board | undefined
  mount(topic: string, style: Style): void
  /** Leaves one of the screens: which, as a fraction of their number. */
  unmount(which: number): void
  emit(emission: { readonly type: string; readonly topic: string; readonly count: number; readonly bad: boolean }): void
  close(): void
  start(): void
  /** The process is gone, politely or not. */
  crash(gently: boolean): void
  /** Stands still, if it is a tab. */
  freeze(how: Freeze): void
  thaw(): void
  /** Somebody looks at it, or its browser believes to be online. */
  turn(turn: 'hidden' | 'seen' | 'online'): void
  /** Whether it is a tab that hears what comes for its user by itself, for the others, too. */
  leads(): boolean
  /** Whether it is gone. */
  gone(): boolean
  /** Whether it reads pages for want of a stream. */
  goesRound(): boolean
  /** Why the page has not come to rest, or undefined when it has. */
  restless(): string | undefined
  final(): Final['pages'][number]
  /** How many callbacks of its client wait. */
  pending(): number
}

const plain = (status: Status) => {
  if (!('error' in status)) return { ...status }
  const { code, details } = status.error
  return { ...status, error: code, ...(details.byeMs === undefined ? {} : { byeMs: details.byeMs }) }
}

/** Loads a page. */
export function openPage(options: PageOptions): Page {
  const { number, place, config, tab, drawer, clock, clientClock, chance, link, history, host, database, queries } =
    options
  const { user } = config
  const screens = new Set<Screen>()
  let client: HubClient<typeof contract>
  let emitting = 0
  let emits = 0
  let leaving = false
  let crashed = false
  let frozen: Freeze | undefined
  let closed = false
  let last: Status | undefined
  let token = host.token(user)

  const noteStatus = () => {
    const status = client.status.get()
    if (status === last || crashed) return
    last = status
    history.record({ what: 'status', page: number, status: plain(status) })
  }
  const { browser, via, identifies } = config
  const random = { next: chance.next, id: chance.id }
  const ports = tab && { identity: user, tabs: tab.tabs, life: tab.life }
  const pages = ports ? sharedSource({ ...ports, hub: pollSource, clock: clientClock, random }) : pollSource
  const pauses = tab && config.pauses && { pauseWhenHiddenMs: 1_000 }
  const source = { ...ports, ...pauses, ...(via === 'poll' && { source: pages }) }
  history.record({ what: 'opened', page: number, user, place, ...(browser === undefined ? {} : { browser }) })
  client = createHubClient<typeof contract>({
    url: 'http://hub.test/api/sse',
    ...(config.validates ? { contract } : {}),
    ...(identifies ? { identity: user } : {}),
    ...source,
    storage: drawer.storage,
    headers({ refresh }) {
      if (refresh) token = host.token(user)
      return { 'x-user': user, 'x-token': token }
    },
    connectTimeoutMs: 4_000,
    onReport({ during, error }) {
      // What the network does to a client is no fault of its own; what our own handlers throw they throw on purpose.
      const expected =
        during === 'connect' || during === 'emit'
          ? error instanceof HubError
          : during === 'handler' && String(error).includes('on purpose')
      // What became of an emit that its page has left behind.
      const { id } = (error instanceof HubError ? error.details : {}) as { id?: string }
      const left = id === undefined ? {} : { id, code: (error as HubError).code }
      history.record({ what: 'report', from: `page ${number}`, during, error: String(error), expected, ...left })
    },
    clock: clientClock,
    random,
    fetch: link.fetch,
  })
  client.status.subscribe(noteStatus)
  noteStatus()

  // What live queries hear is what screens hear.
  const held = new Map<number, { readonly topic: string }>()
  const tapped: typeof client = {
    ...client,
    start() {
      history.record({ what: 'hurried', page: number })
      client.start()
    },
    subscribe(subscription) {
      const screen = options.nextScreen()
      const { topic, after } = subscription
      const live = client.status.topic(topic) === 'live'
      const onEvent = subscription.onEvent as ((event: HubEvent) => void) | undefined
      history.record({ what: 'mounted', page: number, screen, topic, live, ...(after === undefined ? {} : { after }) })
      const stop = client.subscribe({
        ...subscription,
        onEvent(event: HubEvent) {
          const { id, type, cursor, data, at } = event
          const by = event.user === undefined ? {} : { user: event.user }
          const json = JSON.stringify({ data, topic: event.topic, at, id, ...by })
          history.record({ what: 'event', screen, id, type, json, ...(cursor === undefined ? {} : { cursor }) })
          onEvent?.(event)
        },
        onGap(gap) {
          history.record({ what: 'gap', screen, gap })
          subscription.onGap?.(gap)
        },
      } as typeof subscription)
      held.set(screen, { topic })
      return () => {
        if (!held.delete(screen)) return
        if (!leaving) history.record({ what: 'unmounted', screen })
        stop()
      }
    },
  }
  const board = queries?.realm.board.openBoard({
    ...queries,
    page: number,
    cursors: config.cursors,
    client: tapped,
    host,
    clock,
    chance,
    tabs: tab?.tabs,
    history,
    window: queries.realm.enter(clock, chance.fork('realm')),
  })

  const putAway = () => {
    history.record({ what: 'put away', page: number })
    drawer.hide()
    tab?.turn('away')
  }
  const end = () => {
    if (crashed) return
    crashed = true
    tab?.end()
    drawer.end()
    history.record({ what: 'crashed', page: number })
    clock.stop()
    clientClock.stop()
    link.crash()
  }

  return {
    number,
    user,
    link,
    board: () => (leaving || frozen ? undefined : board),
    mount(topic, style) {
      if (leaving || frozen || screens.size >= 6) return
      const screen = openScreen({
        number: options.nextScreen(),
        page: number,
        user,
        topic,
        style,
        client,
        clock,
        chance,
        history,
        host,
        database,
      })
      screens.add(screen)
    },
    unmount(which) {
      const screen = [...screens][Math.floor(which * screens.size)]
      if (!screen || leaving || frozen) return
      screens.delete(screen)
      screen.stop()
    },
    emit({ type, topic, count, bad }) {
      if (leaving || frozen) return
      if ((type === 'note.added' || type === 'pointer.moved') && !topic.startsWith('board')) return
      for (let i = 0; i < count; i++) {
        // A client that validates throws what is bad back at its application; only the others can send it.
        emits++
        const n = bad && !config.validates ? -2 : number * 1_000 + emits
        const id = `e${number}.${emits}`
        const onTopic = type === 'theme.changed' || type === 'button.clicked' ? {} : { topic }
        const ephemeral = type === 'pointer.moved' ? { ephemeral: true } : {}
        history.record({ what: 'emit', page: number, id, type, ...onTopic, seqed: type !== 'pointer.moved', n })
        emitting++
        // The plan draws type and topic together, which types cannot see.
        const emission = { type, data: { n, text: 'ö' }, id, ...onTopic, ...ephemeral } as unknown as Parameters<
          typeof client.emit
        >[0]
        void client.emit(emission).accepted.then((outcome) => {
          emitting--
          if (crashed) return
          const more = outcome.ok
            ? outcome.cursor === undefined
              ? {}
              : { cursor: outcome.cursor }
            : { code: outcome.error.code, ...(outcome.error.details.kept ? { kept: true } : {}) }
          history.record({ what: 'emitted', page: number, id, ok: outcome.ok, ...more })
        })
      }
    },
    close() {
      if (leaving || frozen) return
      history.record({ what: 'closed', page: number })
      closed = true
      client.close()
    },
    start() {
      if (leaving || frozen) return
      history.record({ what: 'started', page: number })
      closed = false
      client.start()
    },
    crash(gently) {
      if (crashed || leaving) return
      leaving = true
      board?.end()
      if (!gently || frozen) return end()
      // What it does in answer it does in the same moment.
      putAway()
      // The browser says good-bye to a tab; elsewhere the application does.
      if (!tab) client.close()
      clock.after(0, end)
    },
    freeze(how) {
      if (leaving || frozen || !tab) return
      if (how === 'told') putAway()
      frozen = how
      history.record({ what: 'froze', page: number, how })
      tab.freeze(how)
      clock.freeze()
      clientClock.freeze()
      // One that merely hangs finds what has come meanwhile.
      link.freeze(how !== 'hangs')
    },
    thaw() {
      if (leaving || !frozen || !tab) return
      const how = frozen
      frozen = undefined
      history.record({ what: 'thawed', page: number })
      clock.thaw()
      clientClock.thaw()
      tab.thaw()
      link.thaw()
      if (how === 'told') tab.turn('back')
    },
    turn(turn) {
      if (leaving || frozen) return
      tab?.turn(turn)
      if (turn !== 'online') board?.turn(turn)
    },
    leads() {
      const status = client.status.get()
      return tab !== undefined && !leaving && !frozen && status.phase === 'live' && status.via !== 'tab'
    },
    gone: () => leaving,
    goesRound() {
      const status = client.status.get()
      return !leaving && via === 'sse' && status.phase === 'live' && status.degraded !== undefined
    },
    restless() {
      if (leaving) return undefined
      const { phase } = client.status.get()
      // A person sees that it is over, and presses the button.
      if (closed || phase === 'stopped') return 'closed'
      const subscribed = held.size > 0 || [...screens].some((screen) => screen.subscribed())
      if (phase !== (subscribed ? 'live' : 'idle')) return `page ${number} is ${phase}`
      if (emitting > 0) return `page ${number} waits for ${emitting} emits`
      for (const screen of screens) {
        const why = screen.restless()
        if (why) return why
      }
      for (const { topic } of held.values()) {
        const state = client.status.topic(topic)
        if (state !== 'live') return `page ${number} has ${topic} ${state}`
      }
      return board?.restless()
    },
    final: () => ({
      page: number,
      user,
      status: plain(client.status.get()),
      streams: link
        .exchanges()
        .filter((exchange) => exchange.method === 'GET' && exchange.heldByHub())
        .map((exchange) => exchange.number),
      screens: [
        ...[...screens]
          .filter((screen) => screen.subscribed())
          .map((screen) => screen.final())
          .map((one) => ({ ...one, present: client.present.get(one.topic)?.users })),
        ...[...held].map(([screen, { topic }]) => ({
          screen,
          topic,
          state: client.status.topic(topic),
          granted: host.mayRead(user, topic),
          missing: [],
          surplus: [],
        })),
      ],
    }),
    pending: clientClock.pending,
  }
}
