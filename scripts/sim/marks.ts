// The marks that a client should keep (docs/PROTOCOL.md §3.4), worked out from the bytes that reached it and from nothing that it says of itself.
import { cursorOf, type Facts, type ScreenFacts, taken } from './facts.ts'

interface Place {
  readonly epoch: string
  readonly position: number
}

/** The marks of one page over time. */
export interface Marks {
  /** The mark of a topic just before a moment; undefined while the page is not covered for it. */
  before(topic: string, at: number): Place | undefined
  /** Whether a stream that asked for the topic did not get it, between two moments. */
  refused(topic: string, from: number, to: number): boolean
}

/** What a stream or a page says of itself. */
interface Opening {
  readonly topics: readonly string[]
  readonly gaps: readonly { readonly topics: readonly string[]; readonly reason: string }[]
}

interface Step {
  readonly at: number
  readonly topic: string
  readonly mark: Place | undefined
}

/** Works out the marks of a page. */
export function marksOf(facts: Facts, page: number): Marks {
  const steps: Step[] = []
  const refusals: { readonly at: number; readonly topic: string }[] = []
  const now = new Map<string, Place | undefined>()
  const set = (at: number, topic: string, mark: Place | undefined) => {
    now.set(topic, mark)
    steps.push({ at, topic, mark })
  }
  const screens = [...facts.screens.values()].filter((screen) => screen.page === page)
  const isHeld = (topic: string, at: number) =>
    screens.some((screen) => screen.topic === topic && screen.mountedAt <= at && end(screen) > at)
  // What a block with an id says: whole up to there, for every topic of the stream.
  const reach = (at: number, topics: readonly string[], id: string | undefined) => {
    const place = cursorOf(id)
    if (!place) return
    for (const topic of topics) {
      if (!isHeld(topic, at)) continue
      const mark = now.get(topic)
      if (mark?.epoch !== place.epoch || mark.position < place.position) set(at, topic, place)
    }
  }
  const sync = (at: number, asked: readonly string[] | undefined, topics: readonly string[]) => {
    for (const topic of asked ?? []) if (!topics.includes(topic)) refusals.push({ at, topic })
    for (const topic of now.keys()) if (!topics.includes(topic)) set(at, topic, undefined)
  }
  const mine = [...facts.exchanges.values()].filter((exchange) => exchange.page === page)
  const heard = mine.flatMap((exchange) => taken(facts, exchange).map((one) => ({ ...one, exchange })))
  // A page of the log counts when it has arrived whole.
  const read = mine
    .filter(({ kind, clientEnd, status }) => kind === 'page' && clientEnd === 'end' && status === 200)
    .map((exchange) => ({ at: exchange.clientEndedAt ?? 0, block: undefined, exchange }))
  // A client may leave such a stream for one that starts elsewhere, so a gap moves no mark yet; the next block does.
  const whole = (topics: readonly string[], gaps: Opening['gaps']) =>
    topics.filter((topic) => !gaps.some((gap) => gap.reason !== 'schema' && gap.topics.includes(topic)))
  let lastTopics = ''
  const carried = new Map<number, readonly string[]>()
  // Streams that were left for the sake of a gap, with what came along in the same piece.
  const leaving = new Set<number>()

  // Topics that nobody holds any more; the client may linger, so this is as soon as it may.
  const left = abandoned(facts, page)
  const forgetUntil = (at: number) => {
    while (left[0] && left[0].at <= at) {
      const { topic, at: then } = left.shift() as { topic: string; at: number }
      set(then, topic, undefined)
    }
  }

  for (const { at, block, exchange } of [...heard, ...read].sort((a, b) => a.at - b.at)) {
    forgetUntil(at)
    if (!block) {
      const { topics, through, gaps } = JSON.parse(exchange.answer ?? '{}') as Opening & { readonly through: string }
      sync(at, exchange.topics, topics)
      // A client leaves a page that carries other topics than the last one unread.
      reach(at, String(topics) === lastTopics ? whole(topics, gaps) : [], through)
      lastTopics = String(topics)
      continue
    }
    if (leaving.has(exchange.number)) continue
    const said = JSON.parse(block.event === 'hub.sync' || block.event === 'hub.gap' ? (block.data ?? '{}') : '{}')
    const { topics = [], gaps = [] } = (block.event === 'hub.gap' ? { gaps: [said] } : said) as Partial<Opening>
    if (block.event === 'hub.sync') {
      carried.set(exchange.number, topics)
      sync(at, exchange.topics, topics)
    }
    if (
      gaps.some(({ reason }) => reason === 'trimmed') &&
      exchange.clientEnd === 'aborted' &&
      exchange.clientEndedAt === at
    )
      leaving.add(exchange.number)
    reach(at, whole(carried.get(exchange.number) ?? [], gaps), block.id)
  }
  forgetUntil(Number.POSITIVE_INFINITY)
  steps.sort((a, b) => a.at - b.at)
  return {
    refused: (topic, from, to) => refusals.some((one) => one.topic === topic && one.at >= from && one.at <= to),
    before: (topic, at) => steps.findLast((step) => step.topic === topic && step.at < at)?.mark,
  }
}

const end = (screen: ScreenFacts) => screen.unmountedAt ?? Number.POSITIVE_INFINITY

/** When which topic was left by the last screen that held it. */
function abandoned(facts: Facts, page: number): { readonly topic: string; readonly at: number }[] {
  const mine = [...facts.screens.values()].filter((screen) => screen.page === page)
  return mine
    .filter(
      ({ topic, unmountedAt: at }) =>
        at !== undefined && !mine.some((one) => one.topic === topic && one.mountedAt <= at && end(one) > at),
    )
    .map((screen) => ({ topic: screen.topic, at: end(screen) }))
    .sort((a, b) => a.at - b.at)
}
