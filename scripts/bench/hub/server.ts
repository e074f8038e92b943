// The process of one peer: it serves, publishes at the rate that it is told, and says what that cost it.
import { setImmediate as turn } from 'node:timers/promises'
import { answerCalls } from './child.ts'
import { keepPace, monotonicMs } from './clock.ts'
import { type CorpusSize, corpusEvent } from './corpus.ts'
import { makeEvent, topicOf } from './event.ts'
import type { Peer, PeerOptions } from './peers/peer.ts'
import { kindOf, type PeerName } from './peers.ts'

/** What to publish. */
export interface Load {
  /** Events per second. */
  readonly rate: number
  /** How long that goes on before it counts, in seconds, and how long after. */
  readonly warmUp: number
  readonly seconds: number
  /** The JSON of one event; of the corpus, that of the shortest. */
  readonly bytes: number
  /** Events are those of the corpus, and not padding. */
  readonly corpus?: CorpusSize
  /** How many of them come at once. Default 1. */
  readonly atOnce?: number
  /** Over how many topics events are spread, in turn. */
  readonly topics: number
  /** How late anything may be, in milliseconds, until it is given up. */
  readonly giveUpMs: number
  /** Whether events are only made, and not published: what the bench's own publisher costs in the server's process. */
  readonly unpublished?: boolean
  /** Whether to look now and then at what is held meanwhile, which costs something, too. */
  readonly watched?: boolean
}

/** What was published, and what it cost the server. */
export interface Published {
  /** How many there were so far, numbered from 0, and the first of these that counts. */
  readonly events: number
  readonly from: number
  /** Whether it could not keep to the rate, and stopped. */
  readonly gaveUp: boolean
  /** Of those that count: microseconds of processor time, of all that the server did meanwhile, and of the wall. */
  readonly cpuMicros: number
  readonly wallMicros: number
  /** The most that the process has held meanwhile, in bytes, if it was watched: resident, and what the peer says waits for readers. */
  readonly peakRss: number
  readonly peakBuffered: number
}

/** What to publish as fast as it goes. */
export interface Burst {
  readonly events: number
  readonly atOnce: number
  readonly asList: boolean
  readonly bytes: number
}

/** What that took. */
export type Burned = Pick<Published, 'cpuMicros' | 'wallMicros'>

/** What the process holds after a garbage collection, in bytes. */
export interface Memory {
  readonly rss: number
  readonly heap: number
  readonly external: number
}

/** What a server answers. */
export type ServerCalls = ReturnType<typeof serve>

const SAMPLE_MS = 250

function serve(peer: Peer, oneATurn: boolean) {
  const cpu = peer.cpu ?? (() => process.cpuUsage().user + process.cpuUsage().system)
  // Numbers go on from load to load.
  let next = 0
  return {
    /** What it has taken since it began; of nginx, its worker too. */
    spent: () => process.cpuUsage().user + process.cpuUsage().system + (peer.cpu?.() ?? 0),
    where: () => ({ port: peer.port, path: peer.path }),
    cursor: () => peer.cursor?.() ?? '',
    async publish(load: Load): Promise<Published> {
      const { rate, warmUp, seconds, bytes, topics, giveUpMs, watched, corpus, atOnce = 1, unpublished } = load
      const make = (n: number, due: number) => (corpus ? corpusEvent(n, due, corpus) : makeEvent(n, due, bytes))
      const first = next
      const from = first + Math.floor(rate * warmUp)
      const times = Math.ceil((from - first + Math.ceil(rate * seconds)) / atOnce)
      let begun = { cpu: cpu(), at: monotonicMs() }
      const peaks = { rss: 0, buffered: 0 }
      const look = () => {
        peaks.rss = Math.max(peaks.rss, process.memoryUsage.rss())
        peaks.buffered = Math.max(peaks.buffered, peer.buffered?.() ?? 0)
      }
      const looking = watched ? setInterval(look, SAMPLE_MS) : undefined
      let failed: unknown
      const publish = (due: number) => {
        const n = next++
        if (n === from) begun = { cpu: cpu(), at: monotonicMs() }
        const [event, topic] = [make(n, due), topicOf(n % topics)]
        const answer = unpublished ? undefined : peer.publish(event, topic)
        if (answer instanceof Promise)
          answer.catch((error: unknown) => {
            failed = error
          })
      }
      const done = await keepPace({ rate: rate / atOnce, times, oneATurn, giveUpMs }, (_, due) => {
        for (let k = 0; k < atOnce; k++) publish(due)
      })
      // The last one leaves at the end of its turn.
      await turn()
      await turn()
      clearInterval(looking)
      if (watched) look()
      if (failed !== undefined) throw failed
      return {
        events: next,
        from,
        gaveUp: done < times,
        cpuMicros: cpu() - begun.cpu,
        wallMicros: (monotonicMs() - begun.at) * 1_000,
        peakRss: peaks.rss,
        peakBuffered: peaks.buffered,
      }
    },
    /** How long it takes to publish so many events, each waited for: so many at a time, one by one or as a list. */
    async burst({ events, atOnce, asList, bytes }: Burst): Promise<Burned> {
      const { publishList } = peer
      if (!publishList) throw new Error('This peer takes no lists.')
      const begun = { cpu: cpu(), at: monotonicMs() }
      for (let n = 0; n < events; n += atOnce) {
        const some = Array.from({ length: atOnce }, (_, more) => makeEvent(n + more, begun.at, bytes))
        if (asList) await publishList(some, topicOf(0))
        else await Promise.all(some.map((event) => peer.publish(event, topicOf(0))))
      }
      return { cpuMicros: cpu() - begun.cpu, wallMicros: (monotonicMs() - begun.at) * 1_000 }
    },
    /** What the process holds as it is, in bytes. */
    resident: () => process.memoryUsage.rss(),
    async memory(): Promise<Memory> {
      // Twice: what the first one finds unreachable may hold what lies outside the heap until the second. The last resort also gives back the pages that
      // opening connections has left half empty, which V8 would otherwise keep: what is asked for is what connections need.
      for (let n = 0; n < 2; n++) {
        globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
        await turn()
      }
      const { rss, heapUsed, external } = process.memoryUsage()
      return { rss, heap: heapUsed, external }
    },
  }
}

if (import.meta.main) {
  const [name = '', options = '{}'] = process.argv.slice(2)
  const { load, oneATurn = false } = kindOf(name as PeerName)
  const start = await load()
  const peer = await start(JSON.parse(options) as PeerOptions)
  const leave = async () => {
    await peer.close?.()
    process.exit()
  }
  process.on('SIGTERM', leave).on('disconnect', leave)
  answerCalls(serve(peer, oneATurn))
}
