// Each check fires on a small history that breaks its promise, and stays silent on one that keeps them all.
import { describe, expect, it } from 'vitest'
import type { Config } from '../config.ts'
import { gatherFacts } from '../facts.ts'
import type { Entry, EntryOf, Final, Happening } from '../history.ts'
import { checks, judge } from './index.ts'

const config: Config = {
  pages: [
    { user: 'ann', validates: false, identifies: false, pauses: false, via: 'sse', cursors: 'none', latencyMs: [1, 1] },
  ],
  locks: ['b'],
  lists: ['list:1', 'list:2'],
  tagged: true,
  topics: ['board:1', 'room'],
  logEvents: 100,
  logAgeMs: 86_400_000,
  heartbeatMs: 2_000,
  recheckMs: 10_000,
  disabledRetryMs: 5_000,
  diskMs: 0,
  bufferBytes: 1_000,
  windowBytes: 1_000,
  activeMs: 10_000,
}

const json = (n: number, topic = 'board:1') => JSON.stringify({ data: { n, text: '' }, topic, at: n, id: `p${n}` })
const appended = (position: number, more: Partial<EntryOf<'appended'>['event']> = {}): Happening => {
  const event = { type: 'card.moved', topic: 'board:1', id: `p${position}`, json: json(position, more.topic), ...more }
  return { what: 'appended', epoch: 'E', position, event }
}
const request = (exchange: number, url: string, more: Partial<EntryOf<'request'>> = {}): Happening => ({
  what: 'request',
  exchange,
  page: 1,
  method: 'GET',
  url,
  ...more,
})
const said = (exchange: number, event: string, id: string | undefined, data: unknown): Happening => {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return { what: 'said', exchange, block: { event, ...(id === undefined ? {} : { id }), data: text } }
}
const heard = (happening: Happening): Happening => ({ ...(happening as EntryOf<'said'>), what: 'heard' })
const sync = (exchange: number, cursor: string, more: object = {}): Happening =>
  said(exchange, 'hub.sync', cursor, { cursor, topics: ['board:1'], gaps: [], user: 'ann', heartbeatMs: 2000, ...more })
const event = (position: number, screen = 1, more: Partial<EntryOf<'event'>> = {}): Happening => ({
  what: 'event',
  screen,
  id: `p${position}`,
  cursor: `E:${position}`,
  json: json(position),
  type: 'card.moved',
  ...more,
})
const gap = (to: string, reason: 'added' | 'trimmed' | 'epoch' | 'schema', from?: string): Happening => ({
  what: 'gap',
  screen: 1,
  gap: { topic: 'board:1', to, reason, ...(from === undefined ? {} : { from }) },
})
const live = { phase: 'live', via: 'sse', user: 'ann', topics: ['board:1'], refused: [] }
const screen = { screen: 1, topic: 'board:1', state: 'live', granted: true, missing: [], surplus: [] }
const final = (more: Partial<Final['pages'][number]> = {}, world: Partial<Final> = {}): Happening => ({
  what: 'settled',
  final: {
    atRest: true,
    connections: 1,
    leftovers: [],
    pages: [{ page: 1, user: 'ann', status: live, streams: [1], screens: [screen], ...more }],
    ...world,
  },
})

const opening: Happening[] = [
  { what: 'hub up', hub: 1, epoch: 'E' },
  { what: 'granted', user: 'ann', read: ['board:1'], write: ['board:1'] },
  { what: 'opened', page: 1, user: 'ann', place: 0 },
  { what: 'mounted', page: 1, screen: 1, topic: 'board:1', live: false },
  request(1, '/api/sse/events?topics=board:1'),
  { what: 'accepted', exchange: 1, hub: 1 },
  { what: 'answered', exchange: 1, status: 200, type: 'text/event-stream' },
]
// Told in the very moment in which it was heard: the ninth.
const beginning: (Happening & { at?: number })[] = [
  ...opening,
  sync(1, 'E:0'),
  heard(sync(1, 'E:0')),
  { ...gap('E:0', 'added'), at: 900 },
]
const firstEvent: Happening[] = [
  appended(1),
  said(1, 'card.moved', 'E:1', json(1)),
  heard(said(1, 'card.moved', 'E:1', json(1))),
  event(1),
]

// Two tabs of one browser, the first of which leads.
const tab = (page: number, user = 'ann'): Happening => ({ what: 'opened', page, user, place: page, browser: 'b' })
const tabs: (Happening & { at?: number })[] = [
  ...beginning.map((one) => (one.what === 'opened' ? { ...tab(1), at: 300 } : one)),
  tab(2),
  { what: 'mounted', page: 2, screen: 2, topic: 'board:1', live: false },
  { what: 'status', page: 1, status: live },
  { what: 'status', page: 2, status: { ...live, via: 'tab' } },
  { what: 'gap', screen: 2, gap: { topic: 'board:1', to: 'E:0', reason: 'added' } },
]
const two = final(
  {},
  {
    pages: [
      { page: 1, user: 'ann', status: live, streams: [1], screens: [screen] },
      { page: 2, user: 'ann', status: { ...live, via: 'tab' }, streams: [], screens: [{ ...screen, screen: 2 }] },
    ],
  },
)
/** Beats, so that nobody has heard nothing for too long. */
const beats = (from: number, to: number): (Happening & { at: number })[] =>
  Array.from({ length: (to - from) / 2_000 }, (_, index) => {
    const at = from + index * 2_000
    return [
      { ...said(1, 'hub.beat', 'E:0', ''), at },
      { what: 'bytes' as const, exchange: 1, count: 10, at },
      { ...heard(said(1, 'hub.beat', 'E:0', '')), at },
    ]
  }).flat()

/** Gives each entry its moment: 100 ms after the one before, unless it brings its own. */
function history(...happenings: (Happening & { at?: number })[]): Entry[] {
  let at = 0
  return happenings.map((happening) => {
    at = happening.at ?? at + 100
    return { ...happening, at } as Entry
  })
}
const verdict = (...happenings: (Happening & { at?: number })[]) => judge(gatherFacts(config, history(...happenings)))

// What the narrow places of some checks are tried with, on either side of them.
const byPages = (page: number): Happening => ({
  what: 'status',
  page,
  status: { ...live, via: 'poll', degraded: { code: 'timeout', message: '' } },
})
const at = (happening: Happening, moment = 14_000) => ({ ...happening, at: moment })
const hanging: Happening[] = [
  { what: 'publish', id: 'p9', topic: 'board:1', durable: false },
  { what: 'froze', page: 1, how: 'hangs' },
  { what: 'thawed', page: 1 },
]
const ephemeral = (exchange: number) => [
  said(exchange, 'pointer.moved', undefined, json(9)),
  heard(said(exchange, 'pointer.moved', undefined, json(9))),
]
const { cursor: _, ...pointer } = event(9, 1, { type: 'pointer.moved' }) as EntryOf<'event'>
const twice: Happening[] = [pointer, pointer]
const second: (Happening & { at?: number })[] = [
  { ...request(2, '/api/sse/events?topics=board:1'), page: 2 } as Happening,
  ...beats(2_000, 14_000),
]
const late: Happening = { what: 'mounted', page: 2, screen: 3, topic: 'board:1', live: true }
const behind = [...beats(4_000, 8_000), at(firstEvent[1] as Happening, 8_000), firstEvent[2], event(1)] as Happening[]
const asked: Happening[] = [request(2, '/api/sse/page?topics=board:1&after=E:0&wait=10000'), { what: 'settling' }]
/** A page that waits: what it was answered, and that the next one follows at once. */
const paged = (exchange: number, status: number, more: boolean): Happening[] => [
  request(exchange, '/api/sse/page?topics=board:1&after=E:0&wait=10000'),
  { what: 'answered', exchange, status, type: 'application/json' },
  {
    what: 'answer body',
    exchange,
    text: JSON.stringify({ after: 'E:0', through: 'E:1', topics: ['board:1'], gaps: [], more, events: [] }),
  },
  { what: 'client side ended', exchange, how: 'end' },
]
/** A screen that brings an older cursor, beside one that goes on by a beat before a stream begins for both; and is told then that it lacks what lies between. */
const brought = (upTo: number): (Happening & { at?: number })[] => [
  ...beginning,
  ...firstEvent,
  { what: 'mounted', page: 1, screen: 3, topic: 'board:1', live: true, after: 'E:0' },
  appended(2),
  heard(said(1, 'hub.beat', 'E:2', '')),
  request(2, '/api/sse/events?topics=board:1&after=E:0'),
  heard(sync(2, 'E:0')),
  event(1, 3),
  ...Array.from({ length: upTo - 2 }, (_, index) => appended(index + 3)),
  { ...(gap('E:2', 'trimmed', 'E:1') as EntryOf<'gap'>), screen: 3 },
  final(),
]
const pageEnds = (how: string): Happening => ({ what: 'client side ended', exchange: 2, how })
const seenLate: (Happening & { at?: number })[] = [
  { what: 'publish', id: 'p1', topic: 'board:1', durable: true },
  ...firstEvent.slice(0, 3),
  { ...event(1), at: 9_000 },
  final(),
]
/** What another tab reads besides has its leader ask for more; and a stream for that, of which nothing is heard, or its beginning. */
const readsMore = (isHeard: boolean): (Happening & { at?: number })[] => [
  ...tabs,
  { what: 'mounted', page: 2, screen: 3, topic: 'room', live: false, at: 6_000 },
  ...firstEvent,
  streamEnds,
  request(2, '/api/sse/events?topics=board:1,room&after=E:1'),
  ...(isHeard ? [heard(sync(2, 'E:1', { topics: ['board:1', 'room'] }))] : []),
  { what: 'bytes', exchange: 2, count: 10, at: 13_000 },
  two,
]
/** A tab gives up its stream right after an event, while a third one hangs, and the other hears of it so late. */
const givesUp = (heardAt: number): (Happening & { at?: number })[] => [
  ...tabs,
  { ...tab(3), at: 5_000 },
  { what: 'froze', page: 3, how: 'hangs' },
  ...firstEvent,
  streamEnds,
  ...[heardAt].map((at) => ({ ...event(1, 2), at })),
  { what: 'thawed', page: 3 },
  { ...two, at: 20_000 },
]
/** A tab that follows another one has asked for so much. */
const followerAsks = (count: number, status: object): (Happening & { at?: number })[] => [
  ...tabs,
  at({ what: 'status', page: 2, status: { ...live, via: 'tab', ...status } }),
  ...Array.from({ length: count }, (_, index) => ({ ...request(index + 2, '/api/sse/events'), page: 2 }) as Happening),
  two,
]
/** A tab that reads pages tries a stream, and another one half a second later. */
const triesTwice = (isThawed: boolean): (Happening & { at?: number })[] => [
  ...beginning,
  byPages(1),
  { what: 'froze', page: 1, how: 'told' },
  { what: 'thawed', page: 1 },
  ...(isThawed ? [] : [at({ what: 'bytes', exchange: 1, count: 1 }, 6_000)]),
  streamEnds,
  ...(isThawed ? [{ what: 'thawed', page: 1 } as Happening] : []),
  request(2, '/api/sse/events?topics=board:1'),
  final(),
]
const unheard: Happening[] = [{ what: 'publish', id: 'p9', topic: 'board:1', durable: false }]
const emitted: Happening = { what: 'emit', page: 1, id: 'e1', type: 'note.added', seqed: true, n: 1001 }
const posted = (exchange: number, status: number): Happening[] => [
  request(exchange, '/api/sse/events', { method: 'POST', body: '{"events":[{"id":"e1"}]}' }),
  { what: 'answered', exchange, status, type: 'application/json' },
]
const postEnds = (exchange: number): Happening => ({ what: 'client side ended', exchange, how: 'end' })
const uncertain: EntryOf<'emitted'> | Happening = { what: 'emitted', page: 1, id: 'e1', ok: false, code: 'uncertain' }
const signedOut: Happening[] = [
  { what: 'signed', user: 'ann', in: false },
  ...posted(2, 401),
  { what: 'signed', user: 'ann', in: true },
  postEnds(2),
]
const leadingOn = (exchange: number, how: string): Happening[] => [
  request(exchange, '/api/sse/page?topics=board:1&after=E:0'),
  { what: 'answered', exchange, status: 200, type: 'application/json' },
  {
    what: 'answer body',
    exchange,
    text: '{"after":"E:1","through":"E:1","topics":[],"events":[],"gaps":[{"topics":[],"to":"E:1","reason":"trimmed"}]}',
  },
  { what: 'client side ended', exchange, how },
]
const streamEnds: Happening = { what: 'client side ended', exchange: 1, how: 'aborted' }

// One page with a live query.
const looks = (query = 'list list:1', mount = 1): Happening => ({ what: 'looks', page: 1, query, mount })
const fetch = (number: number, query = 'list list:1'): Happening => ({ what: 'fetch', page: 1, query, number })
const fetched = (number: number, more: object = { ok: true, cursor: 'E:0' }): Happening =>
  ({ what: 'fetched', page: 1, query: 'list list:1', number, ...more }) as Happening
const shown = (...items: [id: string, version: number, made: string][]): Happening => ({
  what: 'shown',
  page: 1,
  query: 'list list:1',
  items,
})
const listsLive: Happening = { what: 'status', page: 1, status: { ...live, topics: ['board:1', 'list:1'] } }
const listsLost: Happening = { what: 'status', page: 1, status: { phase: 'down' } }
const leaves: Happening = { what: 'unmounted', screen: 7 }
const holds: Happening = { what: 'mounted', page: 1, screen: 7, topic: 'list:1', live: true }
const reading: (Happening & { at?: number })[] = [
  ...beginning,
  at(looks(), 1_000),
  at(fetch(1), 1_000),
  fetched(1),
  shown(),
  listsLive,
  holds,
]
/** Holds its topic anew, from the cursor of its answer on. */
const holdsAnew: Happening = { what: 'mounted', page: 1, screen: 8, topic: 'list:1', live: true, after: 'E:1' }
const gapOfList: Happening = { ...(gap('E:1', 'added') as EntryOf<'gap'>), screen: 7 }
const said7 = (type: string, id: string, data: object): Happening => ({
  what: 'event',
  screen: 7,
  id,
  type,
  cursor: 'E:1',
  json: JSON.stringify({ data, topic: 'list:1', at: 1, id }),
})
const deletedAt3 = said7('item.deleted', 'l1', { id: 'c1', version: 3 })
const ownCreate: Happening = { what: 'change', page: 1, id: 'm1', write: 'create', lists: ['list:1'] }
const ownAnswer: Happening = { what: 'changed', page: 1, id: 'm1', ok: true }
const stirred = (why: string, query?: string): Happening => ({
  what: 'asked',
  page: 1,
  why,
  ...(query === undefined ? {} : { query }),
})
/** Another query hears of a delete in the next log, which this one has an answer of, or has only been told a gap; its own delete has hidden the item, and fails. */
const deletedInNextLog = (cursor: string): (Happening & { at?: number })[] => [
  ...reading,
  fetch(2),
  fetched(2, { ok: true, cursor }),
  shown(['c1', 2, 'a']),
  { ...(gap('F:1', 'epoch', 'E:1') as EntryOf<'gap'>), screen: 7 },
  { ...holds, screen: 8, after: 'F:0' } as Happening,
  { ...(deletedAt3 as EntryOf<'event'>), screen: 8, cursor: 'F:1' },
  shown(),
  shown(['c1', 2, 'a']),
  final(),
]
/** A read hangs, and another begins after so long. */
const hungFor = (ms: number): (Happening & { at?: number })[] => [
  ...reading,
  gapOfList,
  at(fetch(2), 5_000),
  at(fetch(3), 5_000 + ms),
  final(),
]
const ownEdit: Happening = { what: 'change', page: 1, id: 'm1', write: 'edit', lists: ['list:1'], item: 'c1' }
const ownEdited = said7('item.edited', 'm1', { id: 'c1' })
/** Somebody looks at another query at 3 s, which is answered at 5 s; what this page has changed is heard, and answered, in between; and it is read again. */
const answeredLate = (before: Happening, after: Happening & { at?: number }): (Happening & { at?: number })[] => [
  ...reading,
  at(before, 2_900),
  at(looks('all', 2), 3_000),
  at(fetch(2, 'all'), 3_000),
  { at: 4_000, ...after },
  at(ownEdit, 4_050),
  ownEdited,
  ownAnswer,
  at({ ...fetched(2), query: 'all' } as Happening, 5_000),
  at({ ...shown(), query: 'all' } as Happening, 5_000),
  at(fetch(3, 'all'), 9_500),
  final(),
]
/** What this page has changed is in an answer that came before that of the change; from there on the query holds its topic anew, or does not; and its event is heard. */
const hasItAlready = (more: Happening[], heardAt = 2_300): (Happening & { at?: number })[] => [
  ...reading,
  at(ownEdit, 2_000),
  at(stirred('refetch'), 2_100),
  at(fetch(2), 2_100),
  at(fetched(2, { ok: true, cursor: 'E:1' }), 2_200),
  ...more.map((one) => at(one, 2_200)),
  ...[at(ownEdited, heardAt), at(ownAnswer, 2_400)].sort((a, b) => a.at - b.at),
  at(fetch(3), 7_500),
  final(),
]
/** The event of what this page has changed, which was answered at 2.4 s, comes at such a moment, and the query is read soon after. */
const heardInTheEnd = (moment: number): (Happening & { at?: number })[] => [
  ...reading,
  at(ownEdit, 2_000),
  at(ownAnswer, 2_400),
  at(ownEdited, moment),
  at(fetch(2), 7_700),
  final(),
]
// All pages are read again for a gap, at 4.9 s.
const pages = (number: number) => fetch(number, 'pages list:1')
const pagesDone = (number: number): Happening => ({ ...fetched(number), query: 'pages list:1' }) as Happening
const more: Happening = { what: 'asked', page: 1, query: 'pages list:1', why: 'one more page' }
const pagesRead: (Happening & { at?: number })[] = [
  ...reading,
  at(looks('pages list:1', 2), 4_000),
  at(pages(1), 4_000),
  pagesDone(1),
  at(gapOfList, 4_900),
  at(pages(2), 4_900),
]
/** There are two pages, the second of which was asked for and read, or has waited; and so many are read for a gap. */
const allPages = (count: number, readAt = 6_000): (Happening & { at?: number })[] => [
  ...pagesRead,
  pagesDone(2),
  at(more, 6_000),
  ...(readAt > 6_000 ? [at(stirred('it was paused', 'pages list:1'), readAt)] : []),
  at(pages(3), readAt),
  pagesDone(3),
  at(gapOfList, 7_000),
  ...Array.from({ length: count }, (_, index) => [
    at(pages(4 + index), 7_000 + index * 100),
    at(pagesDone(4 + index), 7_100 + index * 100),
  ]).flat(),
  final(),
]
/** The user has both pages read while they are read for a gap; the first of that is answered last, and so many pages of it are read after that. */
const pagesGivenUp = (count: number): (Happening & { at?: number })[] => [
  ...allPages(0).filter(({ what }) => what !== 'settled'),
  at(pages(4), 7_000),
  at(stirred('refetch'), 7_050),
  at(pages(5), 7_050),
  at(pagesDone(5), 7_150),
  at(pages(6), 7_150),
  at(pagesDone(6), 7_250),
  at(pagesDone(4), 7_300),
  ...Array.from({ length: count }, (_, index) => [
    at(pages(7 + index), 7_300 + index * 100),
    at(pagesDone(7 + index), 7_400 + index * 100),
  ]).flat(),
  final(),
]
/** What this page has changed, and is not told of, is answered before all pages are read again, or one more; and they are read once more. */
const pagesHaveIt = (asked: Happening): (Happening & { at?: number })[] => [
  ...pagesRead,
  pagesDone(2),
  at(ownEdit, 6_000),
  ownAnswer,
  at(asked, 6_200),
  at(pages(3), 6_200),
  pagesDone(3),
  at(pages(4), 11_500),
  final(),
]
/** One more page, from such a cursor; and all are read again. */
const onePageFrom = (cursor: string): (Happening & { at?: number })[] => [
  ...pagesRead,
  pagesDone(2),
  at(more, 6_000),
  at(pages(3), 6_000),
  { ...fetched(3, { ok: true, cursor }), query: 'pages list:1' } as Happening,
  at(pages(4), 7_000),
  final(),
]
// The hub is lost at 2 s; polls at their moments.
const polled = (...moments: number[]): (Happening & { at?: number })[] =>
  moments.flatMap((moment, index) => [
    at({ what: 'poll', page: 1, query: 'list list:1' }, moment),
    at(fetch(index + 2), moment),
    at(fetched(index + 2), moment + 50),
  ])
const lost: (Happening & { at?: number })[] = [...reading, at(listsLost, 2_000)]
const lostBy = (status: object): (Happening & { at?: number })[] => [
  ...reading,
  at({ what: 'status', page: 1, status: { phase: 'down', ...status } }, 2_000),
]
/** The hub is lost after the first read of a query, on topics that were live. */
const readThenLost = (ok: boolean): (Happening & { at?: number })[] => [
  ...beginning,
  at(listsLive, 1_000),
  at(looks(), 1_100),
  at(fetch(1), 1_100),
  fetched(1, { ok }),
  at(listsLost, 2_000),
  at(final(), 4_000),
]
const bye = { byeMs: 1_000, retryInMs: 1_000 }
const hurried: Happening = { what: 'hurried', page: 1 }
// The first query is there while the client tries again; which has failed at 8 s.
const triesInVain: (Happening & { at?: number })[] = [
  ...beginning,
  at(listsLost, 2_000),
  at({ what: 'status', page: 1, status: { phase: 'connecting' } }, 3_000),
  at(looks(), 5_000),
  at(fetch(1), 5_000),
  fetched(1),
  shown(),
  at(listsLost, 8_000),
  at(hurried, 8_600),
]
// Two tabs that have lost the hub; the first one polls at 2.5 s, and has its answer after a second.
const inTab = (page: number, happening: object): Happening =>
  ({ ...happening, page, query: 'list list:1' }) as Happening
const lostTabs: (Happening & { at?: number })[] = [
  ...tabs,
  at(inTab(1, { what: 'looks', mount: 1 }), 1_900),
  at(inTab(2, { what: 'looks', mount: 1 }), 1_900),
  ...[1, 2].map((page) => at({ what: 'status', page, status: { ...live, topics: ['list:1'] } }, 1_900)),
  ...[1, 2].map((page) => at({ what: 'status', page, status: { phase: 'down' } }, 2_000)),
  at(inTab(1, { what: 'poll' }), 2_500),
  at(inTab(1, { what: 'fetch', number: 1 }), 2_500),
]
const firstAnswered = at(inTab(1, { what: 'fetched', number: 1, ok: true }), 3_500)
const secondPolls = (moment: number): (Happening & { at?: number })[] => [
  at(inTab(2, { what: 'poll' }), moment),
  at(inTab(2, { what: 'fetch', number: 2 }), moment),
  at(inTab(2, { what: 'fetched', number: 2, ok: true }), moment + 50),
]
const changed2 = (
  id: string,
  from: number,
  to: number,
  lists = ['list:1'],
  ok = true,
): (Happening & { at: number })[] => [
  at({ what: 'change', page: 2, id, write: 'edit', lists, item: 'c1' }, from),
  at({ what: 'changed', page: 2, id, ok }, to),
]
/** The second polls though the first has asked for all; these are its changes besides, each of its moment. */
const secondPollsFor = (...changes: (Happening & { at: number })[]): (Happening & { at?: number })[] => [
  ...[...lostTabs, firstAnswered, ...changes]
    .map((one, index) => ({ at: (index + 1) * 10, ...one }))
    .sort((a, b) => a.at - b.at),
  ...secondPolls(4_000),
  at(two, 4_100),
]
/** A change of two lists, of which the second tab hears on the other one; it polls the first. */
const heardElsewhere = (ok: boolean, doneAt: number) => {
  const elsewhere: Happening = { what: 'mounted', page: 2, screen: 9, topic: 'list:2', live: true }
  const json = '{"data":{"id":"c1","version":2},"topic":"list:2","at":0,"id":"m2.1"}'
  const event: Happening = { what: 'event', screen: 9, id: 'm2.1', type: 'item.deleted', json }
  const changed = changed2('m2', 2_100, doneAt, ['list:2', 'list:1'], ok)
  return secondPollsFor(at(elsewhere, 2_050), ...changed, at(event, 2_200))
}
const secondWaits = (moment: number) => at(inTab(2, { what: 'waits' }), moment)
/** The second waits for the first, and hangs meanwhile. */
const secondHangs: (Happening & { at?: number })[] = [
  ...lostTabs,
  secondWaits(2_700),
  at({ what: 'froze', page: 2, how: 'hangs' }, 3_000),
  at({ what: 'thawed', page: 2 }, 3_500),
]
/** The second polls an infinite query, though the first has asked for all; each has so many pages. */
const secondPollsPages = (
  first: number | undefined,
  second: number | undefined,
  ...meanwhile: (Happening & { at?: number })[]
): (Happening & { at?: number })[] =>
  [...lostTabs, ...meanwhile, firstAnswered, ...secondPolls(4_000), at(two, 4_100)].map((one) => {
    if (!('query' in one)) return one
    const count = one.page === 1 ? first : second
    const pages = one.what === 'poll' && count !== undefined ? { pages: count } : {}
    return { ...one, query: 'pages list:1', ...pages } as Happening & { at?: number }
  })
/** A tab polls alone from then on that one of two lists is live; it has asked for the lock before, and is told at such a moment that another tab has it. */
const pollsAlone = (toldAt: number): (Happening & { at?: number })[] => {
  const all = (happening: object, moment: number) => at({ ...happening, page: 2, query: 'all' } as Happening, moment)
  const read = (number: number, moment: number) => [
    all({ what: 'fetch', number }, moment),
    all({ what: 'fetched', number, ok: true }, moment + 50),
  ]
  const status = (of: object, moment: number) => at({ what: 'status', page: 2, status: of } as Happening, moment)
  return [
    ...tabs,
    all({ what: 'looks', mount: 1 }, 1_800),
    status({ ...live, topics: ['list:1', 'list:2'] }, 1_800),
    ...read(1, 1_800),
    status({ phase: 'down' }, 2_000),
    all({ what: 'poll' }, 2_500),
    ...read(2, 2_500),
    ...[
      all({ what: 'waits' }, toldAt),
      status({ ...live, topics: ['list:1'] }, 12_500),
      ...(toldAt > 12_500 ? [all({ what: 'poll' }, 12_500), ...read(3, 12_500)] : []),
    ].sort((a, b) => a.at - b.at),
    all({ what: 'poll' }, 22_500),
    ...read(4, 22_500),
    at(two, 22_600),
  ]
}
const POLLS = 'queries poll while the hub is away, one tab for all'
const compared = (shown: string[], truth: string[]): Happening => {
  const query = 'list list:1'
  return { what: 'query at rest', page: 1, query, shown, truth, isInvalidated: false, status: 'success' }
}

const broken: [check: string, why: string, happenings: (Happening & { at?: number })[]][] = [
  ['live queries equal the server', 'one item too few', [...beginning, compared([], ['c1 "a" 0 v1']), final()]],
  [
    'live queries equal the server',
    'an older state',
    [...beginning, compared(['c1 "a" 0 v1'], ['c1 "b" 0 v2']), final()],
  ],
  ['nothing pending is left', 'a temporary id', [...beginning, compared(['1-2 "a" 0 v0'], []), final()]],
  [
    'nothing pending is left',
    'a mutation',
    [...beginning, { what: 'mutation at rest', page: 1, isPaused: true }, final()],
  ],
  ['no item shows twice', 'under one id', [...reading, shown(['c1', 1, 'a'], ['c1', 1, 'b']), final()]],
  [
    'no item shows twice',
    'under its temporary id as well',
    [...reading, shown(['c1', 1, '1.1'], ['1-2', 0, '1.1']), final()],
  ],
  [
    'no item shows twice',
    'what was made while its list was live',
    [...reading, ownCreate, shown(['c1', 1, '1.1'], ['m1', 0, '1.1']), final()],
  ],
  [
    'what is deleted stays deleted',
    'though there is another answer, which is newer than the delete',
    [
      ...reading,
      shown(['c1', 2, 'a']),
      deletedAt3,
      fetch(2),
      fetched(2, { ok: true, cursor: 'E:1' }),
      shown(),
      shown(['c1', 2, 'a']),
      final(),
    ],
  ],
  [
    'what is deleted stays deleted',
    'in the state from before',
    [...reading, shown(['c1', 2, 'a']), deletedAt3, shown(), shown(['c1', 2, 'a']), final()],
  ],
  [
    'what is deleted stays deleted',
    'though there was a gap, where its answer is of the log that the delete is in',
    deletedInNextLog('F:0'),
  ],
  ['no fetch without a reason', 'out of the blue', [...reading, fetch(2), final()]],
  ['no fetch without a reason', 'while another is under way', hungFor(9_990)],
  [
    'no fetch without a reason',
    'a second look at what is live',
    [...reading, gapOfList, fetch(2), fetched(2), at(looks(undefined, 2), 5_000), at(fetch(3), 5_000), final()],
  ],
  [
    'no fetch without a reason',
    'at an interval, though the fallback has not polled',
    [...lost, at(fetch(2), 12_000), final()],
  ],
  ['no fetch without a reason', 'a poll explains one read', [...lost, ...polled(2_500), at(fetch(3), 3_000), final()]],
  [
    'no fetch without a reason',
    'at the focus, of what is covered',
    [...reading, gapOfList, fetch(2), fetched(2), at(stirred('focus'), 5_000), at(fetch(3), 5_000), final()],
  ],
  [
    'no fetch without a reason',
    'once more after what a create of mine made doubtful was read again',
    [...reading, ownCreate, gapOfList, fetch(2), fetched(2), ownAnswer, fetch(3), fetched(3), fetch(4), final()],
  ],
  ['no fetch without a reason', 'for a page more than there are, at once', allPages(3)],
  ['no fetch without a reason', 'for a page more than there are, by what was given up', pagesGivenUp(2)],
  [
    'no fetch without a reason',
    'one more page, when all that was asked for has come',
    [...pagesRead, pagesDone(2), at(more, 5_000), at(pages(3), 5_000), pagesDone(3), at(pages(4), 6_000), final()],
  ],
  [POLLS, 'while it is up', [...reading, ...polled(12_000), final()]],
  [
    POLLS,
    'soon, though the hub is back and has refused it',
    [...lost, at({ what: 'status', page: 1, status: live }, 2_450), ...polled(2_700), final()],
  ],
  [POLLS, 'at once', [...lost, ...polled(2_100), final()]],
  [POLLS, 'sooner than a good-bye allows', [...lostBy(bye), ...polled(3_000), final()]],
  [
    POLLS,
    'again at the next loss of a hub that comes and goes',
    [...lost, ...polled(2_500), at(listsLive, 4_000), at(listsLost, 5_000), ...polled(5_500), at(final(), 6_000)],
  ],
  [POLLS, 'again too soon', [...lost, ...polled(2_500, 7_000), final()]],
  [POLLS, 'a third time too soon', [...lost, ...polled(2_500, 8_000, 17_000), final()]],
  [POLLS, 'what was never kept', [...beginning, at(looks(), 1_000), at(listsLost, 2_000), ...polled(9_000), final()]],
  [
    POLLS,
    'what nobody looks at',
    [...lost, { what: 'looks away', page: 1, query: 'list list:1', mount: 1 }, ...polled(2_500), final()],
  ],
  [POLLS, 'offline', [...lost, stirred('offline'), ...polled(2_500), final()]],
  [POLLS, 'unseen', [...lost, stirred('hidden'), ...polled(2_500), final()]],
  [POLLS, 'not at all', [...lost, at(final(), 4_000)]],
  [POLLS, 'not again', [...lost, ...polled(2_500), at(final(), 13_000)]],
  [POLLS, 'two tabs of one browser', [...lostTabs, firstAnswered, ...secondPolls(4_000), at(two, 4_100)]],
  [POLLS, 'two tabs with the same pages', secondPollsPages(2, 2)],
  [POLLS, 'though its own change is in what another tab asked for', secondPollsFor(...changed2('m2', 2_100, 2_300))],
  [POLLS, 'though it has changed another list', secondPollsFor(...changed2('m2', 2_100, 2_800, ['list:2']))],
  [
    POLLS,
    'though it has heard of its change',
    secondPollsFor(
      at({ what: 'mounted', page: 2, screen: 9, topic: 'list:1', live: true }, 1_910),
      at({ ...(ownEdited as EntryOf<'event'>), screen: 9, id: 'm2' }, 1_980),
      ...changed2('m2', 1_950, 2_800),
    ),
  ],
  [POLLS, 'though it was refused a change', secondPollsFor(...changed2('m2', 2_100, 2_800, ['list:1'], false))],
  [POLLS, 'though it has heard elsewhere of a change that failed before', heardElsewhere(false, 2_300)],
  [POLLS, 'though a change of its own is on its way', secondPollsFor(...changed2('m2', 2_100, 3_900))],
  [
    POLLS,
    'as the user has another tab read again what its poll was not answered',
    [
      ...lostTabs,
      at(inTab(1, { what: 'fetched', number: 1, ok: false }), 2_600),
      at(inTab(1, { what: 'fetch', number: 3 }), 2_900),
      at(inTab(1, { what: 'fetched', number: 3, ok: true }), 2_950),
      ...secondPolls(4_000),
      at(two, 4_100),
    ],
  ],
  [POLLS, 'while another tab asks', [...lostTabs, ...secondPolls(2_700), at(two, 3_000)]],
  [POLLS, 'not at all, though it was read, and lost', readThenLost(true)],
  [POLLS, 'not by the end of the wait for another tab, though it polls alone by then', pollsAlone(12_499)],
  [POLLS, 'while another tab is waited for', [...secondHangs, ...secondPolls(4_000), at(two, 4_100)]],
  [POLLS, 'a client in a hurry, too soon', [...lost, at(hurried, 2_400), final()]],
  [POLLS, 'a client in a hurry, again too soon', [...lost, at(hurried, 2_600), at(hurried, 3_000), final()]],
  [POLLS, 'a client in a hurry that has failed just now, too soon', [...triesInVain, at(hurried, 9_100), final()]],
  [POLLS, 'a client in a hurry, told to wait', [...lostBy(bye), at(hurried, 2_600), final()]],
  [POLLS, 'a client in a hurry, and nobody waits', [...lost, stirred('hidden'), at(hurried, 2_600), final()]],
  [POLLS, 'a client in a hurry, which is live', [...reading, at(hurried, 2_600), final()]],
  [
    'no fetch without a reason',
    'for an event that has come',
    [...reading, ownCreate, said7('item.saved', 'm1', { id: 'c1' }), ownAnswer, at(fetch(2), 9_000), final()],
  ],
  [
    'no fetch without a reason',
    'for an event that has come while it was read, and its topic was live',
    answeredLate(listsLive, listsLive),
  ],
  [
    'no fetch without a reason',
    'for an event that has come while it was read, and its topic was held with that',
    answeredLate(leaves, at(holds, 3_000)),
  ],
  ['no fetch without a reason', 'for an event that has come, though the answer had it', hasItAlready([])],
  [
    'no fetch without a reason',
    'for an event that the answer had from which on its topic is held anew, and others have heard',
    hasItAlready([holdsAnew]),
  ],
  ['no fetch without a reason', 'for an event that has come just before its time was over', heardInTheEnd(7_399)],
  ['no fetch without a reason', 'for an event that all pages have had', pagesHaveIt(stirred('refetch'))],
  ['no fetch without a reason', 'for one more page that is newer than the others', onePageFrom('E:5')],
  ['no fetch without a reason', 'for a gap of another list', [...reading, gap('E:1', 'added'), fetch(2), final()]],
  ['once and in order', 'an event twice', [...beginning, ...firstEvent, event(1), final()]],
  ['once and in order', 'backward', [...beginning, appended(1), appended(2), event(2), event(1), final()]],
  [
    'once and in order',
    'another epoch without a gap',
    [...beginning, ...firstEvent, event(1, 1, { cursor: 'F:1' }), final()],
  ],
  [
    'once and in order',
    'after it was unmounted',
    [...beginning, appended(1), { what: 'unmounted', screen: 1 }, event(1), final()],
  ],
  [
    'once and in order',
    'something durable without a cursor',
    [...beginning, appended(1), { ...event(1), cursor: undefined } as unknown as Happening, final()],
  ],
  [
    'once and in order',
    'something ephemeral that nobody said',
    [...beginning, { ...event(9, 1, { type: 'pointer.moved' }), cursor: undefined } as unknown as Happening, final()],
  ],
  [
    'once and in order',
    'back to an epoch that is over',
    [
      ...beginning,
      { what: 'hub up', hub: 2, epoch: 'F' },
      gap('F:0', 'epoch', 'E:0'),
      gap('E:0', 'epoch', 'F:0'),
      final(),
    ],
  ],
  [
    'nothing lost without a word',
    'after joining what was live',
    [
      ...beginning,
      { what: 'mounted', page: 1, screen: 2, topic: 'board:1', live: true },
      ...firstEvent,
      appended(2),
      event(2, 1),
      event(2, 2),
      final(),
    ],
  ],
  [
    'nothing lost without a word',
    'before the gap begins, of a topic that is added again',
    [...beginning, ...firstEvent, appended(2), appended(3), gap('E:3', 'added', 'E:2'), final()],
  ],
  ['nothing lost without a word', 'a hole', [...beginning, appended(1), appended(2), event(2), final()]],
  ['nothing lost without a word', 'the end is missing', [...beginning, ...firstEvent, appended(2), final()]],
  [
    'an event that does not fit is announced',
    'it was delivered',
    [...beginning, appended(1, { json: json(-1) }), event(1), final()],
  ],
  [
    'the hub says a gap only where the log lost something',
    'trimmed, and held',
    [
      ...beginning,
      ...firstEvent,
      said(1, 'hub.gap', 'E:1', { topics: ['board:1'], from: 'E:0', to: 'E:1', reason: 'trimmed' }),
      final(),
    ],
  ],
  [
    'the hub says a gap only where the log lost something',
    'epoch, and the same',
    [...beginning, said(1, 'hub.gap', 'E:0', { topics: ['board:1'], to: 'E:0', reason: 'epoch' }), final()],
  ],
  [
    'a screen hears of a gap only where it was not covered',
    'added, and covered',
    [...beginning, ...firstEvent, gap('E:1', 'added'), final()],
  ],
  [
    'a screen hears of a gap only where it was not covered',
    'trimmed, and held',
    [...beginning, ...firstEvent, gap('E:1', 'trimmed', 'E:0'), final()],
  ],
  [
    'a cursor that was brought is honoured',
    'added, and the log held everything after it',
    [
      ...opening.slice(0, 3),
      { ...opening[3], after: 'E:0' } as Happening,
      ...opening.slice(4),
      appended(1),
      gap('E:1', 'added', 'E:0'),
      final(),
    ],
  ],
  [
    'a cursor means scanned and sent',
    'the head as the beat',
    [...beginning, appended(1), said(1, 'hub.beat', 'E:1', ''), final()],
  ],
  [
    'a cursor means scanned and sent',
    'skips one',
    [...beginning, appended(1), appended(2), said(1, 'card.moved', 'E:2', json(2)), final()],
  ],
  [
    'a cursor means scanned and sent',
    'starts later than asked',
    [
      ...opening.slice(0, 4),
      appended(1),
      request(1, '/api/sse/events?topics=board:1&after=E:0'),
      ...opening.slice(5),
      sync(1, 'E:1'),
      final(),
    ],
  ],
  ['a cursor means scanned and sent', 'ahead of the log', [...beginning, said(1, 'hub.beat', 'E:7', ''), final()]],
  [
    'a cursor means scanned and sent',
    'a gap of what it does not carry',
    [...beginning, said(1, 'hub.gap', 'E:0', { topics: ['room'], from: 'E:0', to: 'E:0', reason: 'schema' }), final()],
  ],
  [
    'a cursor means scanned and sent',
    'ephemeral, of what it does not carry',
    [...beginning, said(1, 'pointer.moved', undefined, json(1, 'room')), final()],
  ],
  ['a cursor means scanned and sent', 'never sent', [...beginning, appended(1), final()]],
  [
    'a page is what the log holds',
    'an event is missing',
    [
      ...opening.slice(0, 4),
      appended(1),
      request(1, '/api/sse/page?topics=board:1&after=E:0'),
      ...opening.slice(5),
      {
        what: 'answer body',
        exchange: 1,
        text: JSON.stringify({ after: 'E:0', through: 'E:1', topics: ['board:1'], user: 'ann', events: [], gaps: [] }),
      },
      final(),
    ],
  ],
  [
    'acknowledged means kept, once',
    'it is not there',
    [
      ...beginning,
      { what: 'publish', id: 'p9', topic: 'board:1', durable: true },
      { what: 'published', id: 'p9', cursor: 'E:9' },
      final(),
    ],
  ],
  [
    'acknowledged means kept, once',
    'it is there twice',
    [...beginning, appended(1), appended(2, { id: 'p1' }), final()],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'accepted, and nowhere',
    [
      ...beginning,
      { what: 'emit', page: 1, id: 'e1', type: 'note.added', seqed: true, n: 1001 },
      { what: 'emitted', page: 1, id: 'e1', ok: true, cursor: 'E:1' },
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'refused, and kept',
    [
      ...beginning,
      appended(1, { id: 'e1' }),
      { what: 'emit', page: 1, id: 'e1', type: 'note.added', seqed: true, n: 1001 },
      { what: 'emitted', page: 1, id: 'e1', ok: false, code: 'forbidden' },
      final(),
    ],
  ],
  [
    'acknowledged means kept, once',
    'it is there as something else',
    [...beginning, appended(1, { json: json(2) }), final()],
  ],
  ...(['forbidden', 'uncertain', 'closed', 'invalid_data', 'network'] as const).map((code): (typeof broken)[number] => [
    'emits exactly once, in order, answered truthfully',
    `${code} for no reason`,
    [
      ...beginning,
      { what: 'emit', page: 1, id: 'e1', type: 'note.added', topic: 'board:1', seqed: true, n: 1001 },
      request(2, '/api/sse/events', { method: 'POST', body: '{"events":[{"id":"e1"}]}' }),
      { what: 'answered', exchange: 2, status: 200, type: 'application/json' },
      { what: 'client side ended', exchange: 2, how: 'end' },
      { what: 'emitted', page: 1, id: 'e1', ok: false, code },
      final(),
    ],
  ]),
  [
    'emits exactly once, in order, answered truthfully',
    'it is kept as somebody else’s',
    [
      ...beginning,
      appended(1, { type: 'note.added', id: 'e1', json: '{"data":{"n":1001},"user":"bob"}' }),
      { what: 'emit', page: 1, id: 'e1', type: 'note.added', seqed: true, n: 1001 },
      { what: 'emitted', page: 1, id: 'e1', ok: true, cursor: 'E:1' },
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'accepted from two producers',
    [
      ...beginning,
      appended(1, {
        type: 'note.added',
        id: 'e1',
        json: '{"data":{"n":1001},"user":"ann"}',
        producer: 'ann/x',
        seq: 1,
      }),
      {
        ...appended(1, {
          type: 'note.added',
          id: 'e1',
          json: '{"data":{"n":1001},"user":"ann"}',
          producer: 'ann/y',
          seq: 1,
        }),
        epoch: 'F',
      } as Happening,
      { what: 'emit', page: 1, id: 'e1', type: 'note.added', seqed: true, n: 1001 },
      { what: 'emitted', page: 1, id: 'e1', ok: true, cursor: 'F:1' },
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'handled in another order',
    [
      ...beginning,
      ...[1, 2].map((n): Happening => ({ what: 'emit', page: 1, id: `e${n}`, type: 'button.clicked', seqed: true, n })),
      ...[2, 1].map((n): Happening => ({ what: 'handled', id: `e${n}`, user: 'ann', refused: false })),
      ...[1, 2].map((n): Happening => ({ what: 'emitted', page: 1, id: `e${n}`, ok: true })),
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'handled as somebody else’s',
    [
      ...beginning,
      { what: 'emit', page: 1, id: 'e1', type: 'button.clicked', seqed: true, n: 1 },
      { what: 'handled', id: 'e1', user: 'bob', refused: false },
      { what: 'emitted', page: 1, id: 'e1', ok: true },
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'turned away by the kill switch',
    [
      ...beginning,
      request(2, '/api/sse/events', { method: 'POST', body: '{}' }),
      { what: 'answer body', exchange: 2, text: '{"error":{"code":"disabled"}}' },
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'never settled',
    [...beginning, { what: 'emit', page: 1, id: 'e1', type: 'note.added', seqed: true, n: 1001 }, final()],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'out of order',
    [
      ...beginning,
      appended(1, { id: 'e2', producer: 'ann/x', seq: 2 }),
      appended(2, { id: 'e1', producer: 'ann/x', seq: 1 }),
      final(),
    ],
  ],
  [
    'authorization is continuous',
    'read without a grant',
    [
      ...beginning,
      appended(1, { topic: 'room', json: json(1, 'room') }),
      said(1, 'room.said', 'E:1', json(1, 'room')),
      final(),
    ],
  ],
  [
    'authorization is continuous',
    'written without a grant',
    [...beginning, appended(1, { topic: 'room', producer: 'ann/x', seq: 1 }), final()],
  ],
  [
    'authorization is continuous',
    'refused, and granted all the while',
    [...opening, sync(1, 'E:0', { topics: [] }), final()],
  ],
  [
    'authorization is continuous',
    'ephemeral, and written without a grant',
    [
      ...opening.map((one): Happening => (one.what === 'granted' ? { ...one, read: ['board:1', 'room'] } : one)),
      sync(1, 'E:0', { topics: ['board:1', 'room'] }),
      { what: 'emit', page: 1, id: 'e1', type: 'pointer.moved', topic: 'room', seqed: false, n: 1 },
      said(1, 'pointer.moved', undefined, { data: { n: 1 }, topic: 'room', id: 'e1', user: 'ann' }),
      final(),
    ],
  ],
  [
    'authorization is continuous',
    'ephemeral, and somebody else’s',
    [
      ...beginning,
      { what: 'emit', page: 1, id: 'e1', type: 'pointer.moved', topic: 'board:1', seqed: false, n: 1 },
      said(1, 'pointer.moved', undefined, { data: { n: 1 }, topic: 'board:1', id: 'e1', user: 'bob' }),
      final(),
    ],
  ],
  [
    'live means hearing something',
    'silent, and polling',
    [...beginning, { what: 'status', page: 1, status: { ...live, via: 'poll' } }, { ...final(), at: 30_000 }],
  ],
  [
    'a grant that runs out ends its stream',
    'it does not',
    [
      { what: 'expiring', user: 'ann', afterMs: 2_000 },
      ...opening,
      sync(1, 'E:0'),
      { ...said(1, 'hub.beat', 'E:0', ''), at: 5_000 },
      final(),
    ],
  ],
  [
    'live means hearing something',
    'stopped for no reason',
    [...beginning, { what: 'status', page: 1, status: { phase: 'stopped', error: 'unauthorized' } }, final()],
  ],
  [
    'live means hearing something',
    'a refusal is kept quiet',
    [
      ...opening.map((one): Happening => (one.what === 'request' ? { ...one, url: `${one.url},room` } : one)),
      heard(sync(1, 'E:0')),
      { what: 'status', page: 1, status: live },
      final(),
    ],
  ],
  [
    'live means hearing something',
    'as somebody else',
    [...beginning, { what: 'status', page: 1, status: { ...live, user: 'bob' } }, final()],
  ],
  [
    'live means hearing something',
    'silent for too long',
    [...beginning, { what: 'status', page: 1, status: live }, { ...final(), at: 20_000 }],
  ],
  ['everybody comes back', 'down at the end', [...beginning, final({ status: { phase: 'down' } })]],
  [
    'everybody comes back',
    'a refused topic is not named',
    [
      ...beginning,
      final({ screens: [screen, { ...screen, screen: 2, topic: 'room', state: 'pending', granted: false }] }),
    ],
  ],
  [
    'the kill switch ends everything within a second',
    'a stream lives on',
    [...beginning, { what: 'switched', on: false }, { what: 'still connected', connections: 1 }, final()],
  ],
  [
    'the kill switch ends everything within a second',
    'a stream speaks on',
    [...beginning, { what: 'switched', on: false }, { ...said(1, 'hub.beat', 'E:0', ''), at: 3_000 }, final()],
  ],
  [
    'the kill switch ends everything within a second',
    'a page is answered',
    [
      ...beginning,
      { what: 'switched', on: false },
      { ...request(2, '/api/sse/page?topics=board:1'), at: 3_000 },
      { what: 'accepted', exchange: 2, hub: 1 },
      { what: 'answered', exchange: 2, status: 200, type: 'application/json' },
      {
        what: 'answer body',
        exchange: 2,
        text: JSON.stringify({ after: 'E:0', through: 'E:0', topics: ['board:1'], user: 'ann', events: [], gaps: [] }),
      },
      final(),
    ],
  ],
  [
    'a client that is told to wait waits',
    'it does not',
    [
      ...beginning,
      heard(said(1, 'hub.bye', undefined, { reason: 'disabled', retryMs: 5_000 })),
      request(2, '/api/sse/events?topics=board:1'),
      final(),
    ],
  ],
  [
    'a client that is told to wait waits',
    'it hears of it late, and counts from when the hub said it',
    [
      ...beginning,
      { ...said(1, 'hub.bye', undefined, { reason: 'disabled', retryMs: 5_000 }), at: 2_000 },
      { ...heard(said(1, 'hub.bye', undefined, { reason: 'disabled', retryMs: 5_000 })), at: 6_000 },
      { ...request(2, '/api/sse/events?topics=board:1'), at: 8_000 },
      final(),
    ],
  ],
  [
    'slow readers cost no more than was agreed',
    'they cost more',
    [...beginning, { what: 'buffered', bytes: 10_000, connections: 2 }, final()],
  ],
  [
    'what happens is seen soon',
    'it is seen late',
    [
      ...beginning,
      { what: 'settling' },
      { what: 'publish', id: 'p1', topic: 'board:1', durable: true },
      ...firstEvent.slice(0, 3),
      { ...event(1), at: 9_000 },
      final(),
    ],
  ],
  [
    'who is there hears what is not kept',
    'it does not',
    [...beginning, { what: 'settling' }, { what: 'publish', id: 'p9', topic: 'board:1', durable: false }, final()],
  ],
  [
    'who is there hears what is not kept',
    'it went back to the stream too late',
    [
      ...beginning,
      byPages(1),
      { what: 'settling' },
      { what: 'at rest' },
      ...unheard,
      { what: 'status', page: 1, status: live },
      final(),
    ],
  ],
  [
    'nobody hammers',
    'fourteen requests, and emits explain only those of emits',
    [
      ...beginning,
      ...Array.from({ length: 14 }, (_, index) => request(index + 2, '/api/sse/events')),
      ...Array.from(
        { length: 9 },
        (_, n): Happening => ({ what: 'emit', page: 1, id: `e${n}`, type: 'pointer.moved', seqed: false, n }),
      ),
      final(),
    ],
  ],
  ['nobody hammers', 'nine requests of a tab that follows', followerAsks(9, {})],
  [
    'nobody hammers',
    'twelve requests of a tab that follows one that reads pages',
    followerAsks(12, { degraded: { code: 'network', message: '' } }),
  ],
  [
    'nobody hammers',
    'pages that say the same gap again',
    [
      ...beginning,
      ...Array.from({ length: 30 }, (_, index): Happening[] => [
        request(index + 2, '/api/sse/page?topics=board:1&after=E:0'),
        { what: 'answered', exchange: index + 2, status: 200, type: 'application/json' },
        {
          what: 'answer body',
          exchange: index + 2,
          text: '{"after":"E:0","through":"E:0","topics":["board:1"],"events":[],"gaps":[{"topics":[],"to":"E:0","reason":"trimmed"}]}',
        },
      ]).flat(),
      final(),
    ],
  ],
  [
    'nobody hammers',
    'thirty requests',
    [...beginning, ...Array.from({ length: 30 }, (_, index) => request(index + 2, '/api/sse/events')), final()],
  ],
  [
    'emits outlive their page',
    'an emit that was kept is gone',
    [...beginning, { what: 'kept', page: 1, id: 'e1' }, { what: 'forgotten', page: 2, id: 'e1' }, final()],
  ],
  [
    'emits outlive their page',
    'nobody takes over what is kept',
    [...beginning, { what: 'kept', page: 1, id: 'e1' }, final()],
  ],
  [
    'emits outlive their page',
    'the application is told that it is kept, and it is not',
    [...beginning, { what: 'emitted', page: 1, id: 'e1', ok: false, code: 'closed', kept: true }, final()],
  ],
  ['nothing is left behind', 'a connection too many', [...beginning, final({}, { connections: 2 })]],
  ['nothing is left behind', 'timers', [...beginning, final({}, { leftovers: ['a timer waits'] })]],
  [
    'nothing breaks inside',
    'a report that nobody expects',
    [...beginning, { what: 'report', from: 'hub 1', during: 'tail', error: 'TypeError', expected: false }, final()],
  ],
  [
    'the tabs of a browser share one stream',
    'a second stream',
    [...tabs, { ...request(2, '/api/sse/events?topics=board:1'), page: 2 } as Happening, ...beats(2_000, 14_000), two],
  ],
  [
    'the tabs of a browser share one stream',
    'no stream, and live',
    [...tabs, { what: 'client side ended', exchange: 1, how: 'error' }, { ...two, at: 14_000 }],
  ],
  [
    'who follows asks for nothing in peace',
    'a follower asks for a page',
    [
      ...tabs,
      { what: 'at rest' },
      { ...request(2, '/api/sse/page?topics=board:1&after=E:0'), page: 2 } as Happening,
      two,
    ],
  ],
  [
    'what one tab hears, the others hear soon',
    'the other tab hears nothing of it',
    [...tabs, ...beats(2_000, 8_000), ...firstEvent, ...beats(10_000, 14_000), two],
  ],
  [
    'a tab hears only what came to its own browser and user',
    'what came to somebody else',
    [...tabs, appended(1), { ...said(1, 'card.moved', 'E:1', json(1)) }, event(1, 2), two],
  ],
  [
    'a screen hears of a gap only where it was not covered',
    'a follower is told a gap of what it has',
    [
      ...tabs,
      ...firstEvent,
      { ...event(1, 2), at: 20_000 },
      { ...(gap('E:1', 'trimmed') as EntryOf<'gap'>), screen: 2 },
      two,
    ],
  ],
  [
    'once and in order',
    'what is not kept twice, by one stream, to a tab that hung once',
    [...tabs, ...hanging, ...ephemeral(1), ...twice, two],
  ],
  [
    'what one tab hears, the others hear soon',
    'the other tab has brought an older cursor',
    [...tabs, appended(1), { ...late, after: 'E:0' }, ...behind, event(1, 2), ...beats(10_000, 14_000), two],
  ],
  ['what one tab hears, the others hear soon', 'the stream that carries more is there', readsMore(true)],
  ['what one tab hears, the others hear soon', 'long after a tab that hung was given the lead', givesUp(11_500)],
  ['whoever reads pages leaves pauses', 'one stream after the other, long after a thaw', triesTwice(false)],
  ['the tabs of a browser share one stream', 'two beside pages', [...tabs, byPages(1), ...second, two]],
  [
    'live means hearing something',
    'another tab has read pages, long before',
    [
      ...tabs,
      byPages(2),
      { what: 'status', page: 2, status: { ...live, via: 'tab' } },
      ...beats(2_000, 6_000),
      at(two),
    ],
  ],
  [
    'what happens is seen soon',
    'it is seen late, although each page was answered',
    [...beginning, byPages(1), ...asked, pageEnds('end'), ...seenLate],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'uncertain as its page was put away, and never sent',
    [...beginning, emitted, { what: 'put away', page: 1 }, uncertain, final()],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'shut out, and signed out only before',
    [...beginning, ...signedOut, emitted, { ...uncertain, code: 'unauthorized' }, final()],
  ],
  [
    'nobody hammers',
    'pages that lead on, if they only arrived',
    [...beginning, ...Array.from({ length: 30 }, (_, index) => leadingOn(index + 2, 'error')).flat(), final()],
  ],
  [
    'whoever reads pages leaves pauses',
    'a page for each event',
    [
      ...beginning,
      byPages(1),
      ...asked.slice(0, 1),
      request(3, '/api/sse/page?topics=board:1&after=E:1&wait=10000'),
      final(),
    ],
  ],
  [
    'whoever reads pages leaves pauses',
    'a page that held all, after one that was asked twice who it is',
    [...beginning, byPages(1), ...paged(2, 401, false), ...paged(3, 200, false), ...paged(4, 200, false), final()],
  ],
  [
    'a screen hears of a gap only where it was not covered',
    'the log held all of what a cursor that was brought lacks',
    brought(101),
  ],
  [
    'whoever reads pages leaves pauses',
    'one stream after the other',
    [...beginning, byPages(1), streamEnds, request(2, '/api/sse/events?topics=board:1'), final()],
  ],
  [
    'nothing is left behind',
    'a connection too few, of a page that the hub has known for long',
    [...beginning, byPages(1), { ...final({ status: { ...live, via: 'poll' } }, { connections: 0 }), at: 5_000 }],
  ],
  [
    'everybody comes back',
    'by pages, when nothing is in the way of the stream any more',
    [...beginning, final({ status: { ...live, via: 'poll', degraded: { code: 'timeout', message: '' } } })],
  ],
  [
    'who is there is told',
    'a page was not told',
    [
      ...beginning,
      final({ screens: [{ ...screen, present: [] }] }, { present: [{ topic: 'board:1', users: ['ann'] }] }),
    ],
  ],
  [
    'who is there is told',
    'a page that reads is not counted',
    [...beginning, final({ screens: [{ ...screen, present: [] }] }, { present: [{ topic: 'board:1', users: [] }] })],
  ],
  [
    'who is there is told',
    'somebody is counted who is not there',
    [
      ...beginning,
      final(
        { screens: [{ ...screen, present: ['ann', 'bob'] }] },
        { present: [{ topic: 'board:1', users: ['ann', 'bob'] }] },
      ),
    ],
  ],
  ['convergence', 'an event is missing', [...beginning, final({ screens: [{ ...screen, missing: ['p1'] }] })]],
]

// What these checks let pass, and why: nothing else may get through beside it.
const excused: [check: string, why: string, happenings: (Happening & { at?: number })[]][] = [
  [
    'emits outlive their page',
    'what stands for a missing number is gone',
    [...beginning, { what: 'kept', page: 1, id: 'hub.skip' }, { what: 'forgotten', page: 2, id: 'hub.skip' }, final()],
  ],
  ['live queries equal the server', 'equal', [...beginning, compared(['c1 "a" 0 v1'], ['c1 "a" 0 v1']), final()]],
  ['nothing pending is left', 'named by the server', [...beginning, compared(['c1 "a" 0 v1'], []), final()]],
  ['no item shows twice', 'two of one title', [...reading, shown(['c1', 1, 'a'], ['c2', 1, 'b']), final()]],
  [
    'what is deleted stays deleted',
    'made again',
    [...reading, shown(['c1', 2, 'a']), deletedAt3, shown(), shown(['c1', 4, 'a']), final()],
  ],
  [
    'what is deleted stays deleted',
    'shown by another look, which may be of any age',
    [
      ...reading,
      shown(['c1', 2, 'a']),
      deletedAt3,
      shown(),
      { what: 'looks away', page: 1, query: 'list list:1', mount: 1 },
      shown(['c1', 2, 'a']),
      final(),
    ],
  ],
  [
    'what is deleted stays deleted',
    'an answer that is older than the delete, joined with what followed it',
    [
      ...reading,
      shown(['c1', 2, 'a']),
      deletedAt3,
      fetch(2),
      fetched(2, { ok: true, cursor: 'E:0' }),
      shown(),
      shown(['c1', 2, 'a']),
      final(),
    ],
  ],
  [
    'no item shows twice',
    'what was made in a list that is not live, and moved to one that is',
    [...lost, ownCreate, shown(['c1', 1, '1.1'], ['m1', 0, '1.1']), final()],
  ],
  [
    'what is deleted stays deleted',
    'a delete that only another query has heard, and this one was told a gap instead',
    deletedInNextLog('E:0'),
  ],
  ['no fetch without a reason', 'a gap', [...reading, gapOfList, fetch(2), final()]],
  ['no fetch without a reason', 'one that hangs', hungFor(9_999.999_999_999_996)],
  [
    'no fetch without a reason',
    'what was given up for one more page',
    [...pagesRead, at(more, 5_000), at(pages(3), 5_000), at(pages(4), 6_000), final()],
  ],
  [
    'no fetch without a reason',
    'a failure',
    [...reading, gapOfList, fetch(2), fetched(2, { ok: false }), fetch(3), final()],
  ],
  ['no fetch without a reason', 'a poll', [...lost, ...polled(2_500), final()]],
  [
    'no fetch without a reason',
    'at the focus, of what is not covered',
    [...lost, at(stirred('focus'), 5_000), at(fetch(2), 5_000), final()],
  ],
  [
    'no fetch without a reason',
    'what a create of mine makes doubtful',
    [...reading, ownCreate, gapOfList, fetch(2), fetched(2), ownAnswer, fetch(3), final()],
  ],
  [
    'no fetch without a reason',
    'an event that came before anybody looked at the query',
    [
      ...reading,
      ownCreate,
      said7('item.saved', 'm1', { id: 'c1' }),
      ownAnswer,
      at(looks('all'), 5_000),
      at({ ...fetch(2, 'all') }, 5_000),
      at({ ...fetch(3, 'all') }, 7_500),
      final(),
    ],
  ],
  [
    'no fetch without a reason',
    'an event that came while it was read, and its topic was not live when that began',
    answeredLate(listsLost, listsLive),
  ],
  [
    'no fetch without a reason',
    'an event that came while it was read, and nobody heard its topic any more when that began',
    answeredLate(leaves, holds),
  ],
  [
    'no fetch without a reason',
    'an event that the answer had from which on its topic is held anew, which nobody had heard when its time was over',
    hasItAlready([holdsAnew], 7_410),
  ],
  [
    'no fetch without a reason',
    'an event that has come in the moment in which its time was over',
    heardInTheEnd(7_400),
  ],
  ['no fetch without a reason', 'all pages that there are, one after the other', allPages(2)],
  ['no fetch without a reason', 'all pages, of which one was asked for offline', allPages(2, 6_500)],
  ['no fetch without a reason', 'the other page of what was given up', pagesGivenUp(1)],
  ['no fetch without a reason', 'an event that only one more page has had', pagesHaveIt(more)],
  ['no fetch without a reason', 'one more page that is of another log than the others', onePageFrom('F:0')],
  [POLLS, 'two tabs with other pages', secondPollsPages(2, 1)],
  [
    POLLS,
    'who is answered nothing by another tab, which has given its read up for one more page',
    secondPollsPages(2, 2, at(inTab(1, { what: 'asked', why: 'one more page' }), 3_000)),
  ],
  [POLLS, 'two tabs, of which one has no pages yet', secondPollsPages(2, undefined)],
  [POLLS, 'at the interval, though it was told that another tab asks when it polled alone already', pollsAlone(12_502)],
  [POLLS, 'soon, a while later, and at the interval', [...lost, ...polled(2_500, 8_000, 18_000), at(final(), 20_000)]],
  [
    POLLS,
    'an interval after the last, though the hub comes and goes',
    [...lost, ...polled(2_500), at(listsLive, 4_000), at(listsLost, 5_000), ...polled(12_500), at(final(), 13_000)],
  ],
  [POLLS, 'at once, after silence', [...lostBy({ reason: 'timeout' }), ...polled(2_000), at(final(), 4_000)]],
  [POLLS, 'after the wait of a good-bye', [...lostBy(bye), ...polled(3_400), at(final(), 4_000)]],
  [
    POLLS,
    'not while offline, nor unseen',
    [...lost, stirred('offline'), at(stirred('hidden'), 9_000), at(stirred('online'), 19_000), at(final(), 20_000)],
  ],
  [
    POLLS,
    'with a lock that was asked for before the hub was back, and has refused it',
    [...lost, at({ what: 'status', page: 1, status: live }, 2_450), ...polled(2_455), at(final(), 4_000)],
  ],
  [POLLS, 'not soon where it was never read, and perhaps not held', readThenLost(false)],
  [POLLS, 'not where it is back', [...lost, at(listsLive, 2_200), at(final(), 20_000)]],
  [
    POLLS,
    'who takes the answer of another tab',
    [...lostTabs, secondWaits(2_700), firstAnswered, at(inTab(2, { what: 'took' }), 3_510), at(two, 11_000)],
  ],
  [POLLS, 'who has waited for another tab', [...lostTabs, secondWaits(2_700), ...secondPolls(5_200), at(two, 6_000)]],
  [
    POLLS,
    'who has waited for another tab, and hung meanwhile',
    [...secondHangs, secondWaits(5_200), ...secondPolls(5_200), at(two, 6_000)],
  ],
  [
    POLLS,
    'who is answered nothing by another tab',
    [...lostTabs, { ...firstAnswered, ok: false } as Happening, ...secondPolls(4_000), at(two, 4_100)],
  ],
  [POLLS, 'who has changed something since another tab has asked', secondPollsFor(...changed2('m2', 2_100, 2_800))],
  [POLLS, 'who has heard elsewhere of a change that is on its way', heardElsewhere(false, 3_900)],
  [
    POLLS,
    'who has changed something before, and something else is on its way',
    secondPollsFor(...changed2('m2', 2_100, 2_300), ...changed2('m3', 2_200, 3_900)),
  ],
  [
    POLLS,
    'who is answered nothing by another tab, which reads again later for its user',
    [
      ...lostTabs,
      at(inTab(1, { what: 'fetched', number: 1, ok: false }), 2_600),
      at(inTab(1, { what: 'fetch', number: 3 }), 2_900),
      at(inTab(1, { what: 'fetched', number: 3, ok: false }), 2_950),
      at({ what: 'asked', page: 1, why: 'refetch' }, 3_000),
      at(inTab(1, { what: 'fetch', number: 4 }), 3_000),
      at(inTab(1, { what: 'fetched', number: 4, ok: true }), 3_050),
      ...secondPolls(4_000),
      at(two, 4_100),
    ],
  ],
  [POLLS, 'a client in a hurry that has failed just now', [...triesInVain, at(hurried, 9_120), at(final(), 9_200)]],
  [
    POLLS,
    'a client in a hurry',
    [...lost, ...polled(2_500), at(hurried, 2_600), at(hurried, 3_400), at(final(), 4_000)],
  ],
  [
    'no fetch without a reason',
    'an event that does not come',
    [...reading, ownCreate, ownAnswer, at(fetch(2), 7_500), final()],
  ],
  [
    'no fetch without a reason',
    'an event that says too little',
    [...reading, said7('list.changed', 'l1', { n: 1 }), fetch(2), final()],
  ],
  [
    'once and in order',
    'what is not kept twice, by the stream of a tab that hung and by another',
    [...tabs, ...hanging, ...second.slice(0, 1), ...ephemeral(1), ...ephemeral(2), ...twice, two],
  ],
  [
    'what one tab hears, the others hear soon',
    'the leader hears what is older than the screen',
    [...tabs, appended(1), late, ...behind, event(1, 2), ...beats(10_000, 14_000), two],
  ],
  [
    'authorization is continuous',
    'refused, and granted in the very moment in which the hub asked',
    [
      ...opening.flatMap((one): (Happening & { at?: number })[] => {
        if (one.what === 'granted') return [{ ...one, read: [] }]
        return one.what === 'accepted' ? [at(one, 2_000), at(opening[1] as Happening, 2_000)] : [one]
      }),
      sync(1, 'E:0', { topics: [] }),
      final(),
    ],
  ],
  ['what one tab hears, the others hear soon', 'the stream that carries more is held back', readsMore(false)],
  ['what one tab hears, the others hear soon', 'a tab that hangs was given the lead, and is deposed', givesUp(9_500)],
  ['whoever reads pages leaves pauses', 'one stream after the other, of a tab that has just thawed', triesTwice(true)],
  [
    'the tabs of a browser share one stream',
    'none beside pages',
    [...tabs, byPages(1), streamEnds, ...second.slice(1), two],
  ],
  ['live means hearing something', 'another tab reads pages', [...tabs, byPages(2), ...beats(2_000, 6_000), at(two)]],
  [
    'what happens is seen soon',
    'the page that was under way died unseen',
    [...beginning, byPages(1), ...asked, ...seenLate.slice(0, -1), pageEnds('aborted'), final()],
  ],
  [
    'what happens is seen soon',
    'the page that was under way was refused when it came at last',
    [
      ...beginning,
      byPages(1),
      ...asked,
      { what: 'answered', exchange: 2, status: 503, type: 'application/json' },
      ...seenLate.slice(0, -1),
      pageEnds('end'),
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'uncertain, since nobody heard the answer as its page was put away',
    [
      ...beginning,
      emitted,
      { what: 'put away', page: 1, at: 2_000 },
      ...posted(2, 200).map((one) => at(one, 2_000)),
      uncertain,
      postEnds(2),
      final(),
    ],
  ],
  [
    'emits exactly once, in order, answered truthfully',
    'shut out with what waits, by an answer that was under way',
    [...beginning, ...signedOut.slice(0, -1), emitted, postEnds(2), { ...uncertain, code: 'unauthorized' }, final()],
  ],
  [
    'who is there hears what is not kept',
    'it reads pages by choice',
    [...beginning, { what: 'settling' }, { what: 'at rest' }, ...unheard, final({ status: { ...live, via: 'poll' } })],
  ],
  [
    'nobody hammers',
    'eleven requests of a tab that follows one that reads pages',
    followerAsks(11, { degraded: { code: 'network', message: '' } }),
  ],
  [
    'nobody hammers',
    'pages that lead on',
    [...beginning, ...Array.from({ length: 30 }, (_, index) => leadingOn(index + 2, 'end')).flat(), final()],
  ],
  [
    'a screen hears of a gap only where it was not covered',
    'the others went on before a stream began for a cursor that was brought',
    brought(102),
  ],
  [
    'whoever reads pages leaves pauses',
    'one after the other while there is more',
    [...beginning, byPages(1), ...paged(2, 200, true), ...paged(3, 200, false), final()],
  ],
  [
    'whoever reads pages leaves pauses',
    'while there is more, after one that was asked twice who it is',
    [...beginning, byPages(1), ...paged(2, 401, false), ...paged(3, 200, true), ...paged(4, 200, false), final()],
  ],
  [
    'whoever reads pages leaves pauses',
    'a stream a second after the other',
    [...beginning, byPages(1), streamEnds, at(request(2, '/api/sse/events?topics=board:1'), 3_000), final()],
  ],
  [
    'whoever reads pages leaves pauses',
    'a stream after the other, of a tab that begins anew in between',
    [
      ...beginning,
      byPages(1),
      streamEnds,
      request(2, '/api/sse/page?topics=board:1&after=E:1'),
      request(3, '/api/sse/events?topics=board:1'),
      final(),
    ],
  ],
  [
    'nothing is left behind',
    'a page that the hub still asks who it is',
    [...beginning, byPages(1), final({ status: { ...live, via: 'poll' } }, { connections: 0 })],
  ],
]

describe('the checks', () => {
  it('are silent where every promise is kept', () => {
    expect(verdict(...beginning, ...firstEvent, said(1, 'hub.beat', 'E:1', ''), final()).findings).toEqual([])
  })

  it('are silent where tabs share a stream', () => {
    expect(verdict(...tabs, ...firstEvent, event(1, 2), two).findings).toEqual([])
  })

  it.each(broken)('"%s" fires: %s', (check, _why, happenings) => {
    const { findings } = verdict(...happenings)
    expect(findings.map((finding) => finding.check)).toContain(check)
    expect(findings.filter(({ what }) => what.startsWith('the check itself broke'))).toEqual([])
  })

  it.each(excused)('"%s" lets pass: %s', (check, _why, happenings) => {
    expect(verdict(...happenings).findings.filter((finding) => finding.check === check)).toEqual([])
  })

  it('have each been seen to fire here', () => {
    expect([...new Set(broken.map(([check]) => check))].sort()).toEqual(checks.map(({ name }) => name).sort())
  })
})
