// The lists of the simulated application: items that users make, edit, move and delete over REST, each change in one transaction with its events.
import { encodeEvent } from '@sse-hub/core/contract'
import type { Item } from './contract.ts'
import type { History } from './history.ts'
import type { Host } from './host.ts'
import { type ProcessClock, sleep } from './time.ts'

/** A change that somebody asks for. */
export type Write =
  | { readonly to: 'create'; readonly list: string; readonly title: string; readonly made: string }
  | { readonly to: 'edit'; readonly list: string; readonly id: string; readonly title: string }
  | { readonly to: 'place'; readonly list: string; readonly id: string; readonly column: number }
  | { readonly to: 'move'; readonly list: string; readonly id: string; readonly other: string }
  | { readonly to: 'delete'; readonly list: string; readonly id: string }
  /** Makes an item again that was deleted. */
  | { readonly to: 'restore'; readonly list: string; readonly id: string }
  /** Says that the list has changed, and not how. */
  | { readonly to: 'mark'; readonly list: string }

/** What a transaction is besides: `id`, under which it happens once, and which its last event bears; `misfit`: its events do not fit the contract. */
export interface Mark {
  readonly id?: string
  readonly tagged?: boolean
  readonly misfit?: boolean
}

/** The lists. */
export interface Lists {
  /** Changes something, and publishes it, in one step. Rejects where there is no such item. */
  write(write: Write, mark?: Mark): Promise<Item>
  /** The items of some lists and the head of the log, in one snapshot. */
  read(lists: readonly string[]): Promise<{ readonly items: readonly Item[]; readonly cursor: string }>
  /** The items of some lists, as they are now. */
  state(lists: readonly string[]): readonly Item[]
  /** REST does not answer for so long. */
  fail(forMs: number): void
  isFailing(): boolean
  heal(): void
  /** How many changes are under way. */
  busy(): number
}

interface Event {
  readonly type: 'item.saved' | 'item.edited' | 'item.deleted' | 'list.changed'
  readonly topic: string
  readonly data: object
}

/** Makes empty lists. */
export function createLists({ clock, history, host }: { clock: ProcessClock; history: History; host: Host }): Lists {
  const items = new Map<string, Item & { readonly list: string }>()
  const deleted = new Map<string, Item>()
  const done = new Map<string, Item>()
  let versions = 0
  let made = 0
  let events = 0
  let busy = 0
  let failsUntil = 0
  let last: Promise<unknown> = Promise.resolve()

  /** One transaction after the other. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
  const there = (id: string, list: string) => {
    const item = items.get(id)
    if (item?.list !== list) throw new Error(`404: there is no ${id} in ${list}`)
    const { list: _, ...rest } = item
    return rest
  }
  /** What a change comes to: the item as it is then, where, and the events that say so. */
  const decide = (write: Write): { readonly item: Item; readonly list?: string; readonly events: readonly Event[] } => {
    const { list } = write
    const version = () => ++versions
    const saved = (item: Item, to = list): Event => ({ type: 'item.saved', topic: to, data: item })
    switch (write.to) {
      case 'create': {
        const item = { id: `c${++made}`, title: write.title, column: 0, made: write.made, version: version() }
        return { item, list, events: [saved(item)] }
      }
      case 'edit':
      case 'place': {
        const { to: _, list: __, ...change } = write
        const item = { ...there(write.id, list), ...change, version: version() }
        const data = { ...change, version: item.version }
        return { item, list, events: [{ type: 'item.edited', topic: list, data }] }
      }
      case 'move': {
        const gone = { id: write.id, version: version() }
        const item = { ...there(write.id, list), version: version() }
        const away: Event = { type: 'item.deleted', topic: list, data: gone }
        return { item, list: write.other, events: [away, saved(item, write.other)] }
      }
      case 'delete': {
        const item = { ...there(write.id, list), version: version() }
        return { item, events: [{ type: 'item.deleted', topic: list, data: { id: item.id, version: item.version } }] }
      }
      case 'restore': {
        const before = deleted.get(write.id)
        if (!before || items.has(write.id)) throw new Error(`404: ${write.id} was not deleted`)
        const item = { ...before, version: version() }
        return { item, list, events: [saved(item)] }
      }
      case 'mark':
        return {
          item: { id: '', title: '', column: 0, made: '', version: 0 },
          events: [{ type: 'list.changed', topic: list, data: { n: version() } }],
        }
    }
  }
  const state = (lists: readonly string[]) =>
    [...items.values()].filter(({ list }) => lists.includes(list)).map(({ list: _, ...item }) => item)

  return {
    async write(write, { id, tagged = true, misfit } = {}) {
      busy++
      try {
        return await alone(async () => {
          const before = id === undefined ? undefined : done.get(id)
          if (before) return before
          const { item, list, events: says } = decide(write)
          const name = id !== undefined && tagged ? id : `l${++events}`
          const at = clock.now()
          await host.appendRaw(
            ...says.map(({ type, topic, data }, index) => {
              const id = index === says.length - 1 ? name : `${name}.${index + 1}`
              const said = misfit ? { ...data, n: -1 } : data
              return { type, topic, id, at, json: encodeEvent({ data: said, topic, at, id }) }
            }),
          )
          items.delete(item.id)
          if (list !== undefined) items.set(item.id, { ...item, list })
          else if (write.to === 'delete') deleted.set(item.id, item)
          if (id !== undefined) done.set(id, item)
          history.record({ what: 'written', write: write.to, list: write.list, item, ...(list ? { now: list } : {}) })
          return item
        })
      } finally {
        busy--
      }
    },
    read: (lists) => alone(async () => ({ cursor: await host.head(), items: state(lists) })),
    state,
    fail(forMs) {
      failsUntil = clock.now() + forMs
    },
    isFailing: () => clock.now() < failsUntil,
    heal() {
      failsUntil = 0
    },
    busy: () => busy,
  }
}

/** How a request fares. */
export interface Fate {
  readonly sendMs: number
  readonly answerMs: number
  /** `refused`: nothing is done; `lost`: it is done, and the answer does not come; `late`: the page gives up before it is done. */
  readonly fails: 'no' | 'refused' | 'lost' | 'late'
}

/** Sends a write from a page: what its own clock times ends with it, what is under way does not. */
export async function send<T>(world: ProcessClock, page: ProcessClock, fate: Fate, act: () => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const arrive = async () => {
    if (fate.fails === 'refused') throw new Error('500: refused')
    const done = await act()
    await sleep(page, fate.answerMs)
    if (fate.fails === 'lost') throw new Error('the answer was lost')
    return done
  }
  world.after(fate.fails === 'late' ? fate.sendMs + 3_000 : fate.sendMs, () => arrive().then(resolve, reject))
  if (fate.fails === 'late') page.after(1_000, () => reject(new Error('timed out')))
  return promise
}
