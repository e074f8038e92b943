// The way round a network that lets no stream through: pages of the log, from the same cursor, and the way back. Loaded at the first trouble.
import { CLOSED, LEAST_PAUSE_MS, pagesFailed, streamFailed } from '../breaker.ts'
import type { Frame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { asHubError } from '../http.ts'
import type { Clock, Random } from '../ports.ts'
import { pollSource } from './poll.ts'
import type { Question, Source } from './source.ts'
import { sseSource } from './sse.ts'

// A stream that has said nothing for so long may be held back by a proxy: a page that is asked for beside it tells.
const FIRST_MS = 3_000

/** One of the two, being read. */
interface Reading {
  readonly source: Source
  /** @throws HubError `ended`; whatever it breaks with */
  next(): Promise<readonly Frame[]>
  end(): void
}

/** One that has begun, and what it has said so far. */
interface Begun {
  readonly reading: Reading
  readonly batch: readonly Frame[]
}

/** A source over two, and what only `fallbackSource` tells it. */
export interface Detour extends Source {
  /** The stream has failed before, somewhere else. */
  blame(error: HubError, isProven: boolean, clock: Clock): void
  /** The stream is well, somewhere else. */
  trust(): void
  /** The stream has just said nothing for a while: pages are asked for at once. */
  suspect(): void
}

/** Makes a source over a stream and pages: see `fallbackSource`, which loads it at the first trouble. */
export function createDetour(random: Random, stream: Source = sseSource, pages: Source = pollSource): Detour {
  let breaker = CLOSED
  let current = stream
  let patienceMs = FIRST_MS

  async function* read(question: Question): AsyncGenerator<readonly Frame[]> {
    const { url, clock, signal } = question
    const readings = new Set<Reading>()
    let isOver = signal.aborted
    // Whether the stream that is read has been seen to flow.
    let isProven = false
    // How far the pages have come, and how often they told of something lost on the way.
    let cursor: string | undefined
    let losses = 0
    let cancel = () => {}
    const later = (ms: number, callback: () => void) => {
      cancel()
      cancel = clock.after(ms, callback)
    }
    const over = (code: 'ended' | 'timeout', why: string) =>
      new HubError(code, `The stream of ${url} ${why}`, { retryable: true })
    const streamHasFailed = (error: HubError) => {
      breaker = streamFailed(breaker, error, isProven, clock.now(), random.next())
    }
    const hasFailed = (error: HubError) => {
      if (current === stream) streamHasFailed(error)
      else breaker = pagesFailed(breaker, error)
    }
    const end = () => {
      isOver = true
      cancel()
      for (const reading of readings) reading.end()
    }
    const aborted = () => {
      // The client gives a reason where it heard nothing. Otherwise it wants something else, or nothing any more.
      if (signal.reason instanceof HubError) hasFailed(signal.reason)
      end()
    }

    function start(source: Source, after: string | undefined): Reading {
      const ending = new AbortController()
      const own = ending.signal
      const get: Question['get'] = (to, expect, init) => question.get(to, expect, { signal: own, ...init })
      const frames = source.open({ ...question, after, signal: own, get })[Symbol.asyncIterator]()
      const reading: Reading = {
        source,
        async next() {
          const { done, value } = await frames.next()
          if (done) throw over('ended', 'is over: ended')
          return value
        },
        end() {
          readings.delete(reading)
          ending.abort()
        },
      }
      readings.add(reading)
      return reading
    }

    /** Begins with the stream; or with pages, where they answer and it does not. */
    const begin = () =>
      new Promise<Begun>((resolve, reject) => {
        const first = async (source: Source) => {
          const reading = start(source, question.after)
          let batch: readonly Frame[]
          do batch = await reading.next()
          while (!batch[0])
          resolve({ reading, batch })
        }
        first(current).catch(reject)
        if (current === stream) later(patienceMs, () => void first(pages).catch(() => {}))
        patienceMs = FIRST_MS
      })

    /** Tries the stream beside the pages until it is seen to flow. Answers all that it has said. */
    async function wayBack(): Promise<Begun & { readonly losses: number }> {
      for (;;) {
        // Whoever asks for other topics again and again must not probe each time.
        const pauseMs = Math.max(LEAST_PAUSE_MS, breaker.probeAt - clock.now())
        await new Promise<void>((resolve) => later(pauseMs, resolve))
        const before = losses
        const reading = start(stream, cursor)
        later(FIRST_MS, reading.end)
        try {
          const batch: Frame[] = []
          let proofAt = Number.POSITIVE_INFINITY
          do {
            const isFirst = !batch[0]
            batch.push(...(await reading.next()))
            const [sync] = batch
            if (isFirst && sync?.kind === 'sync') {
              proofAt = clock.now() + sync.heartbeatMs / 2
              later(sync.heartbeatMs * 2.5, reading.end)
            }
          } while (clock.now() < proofAt && batch.at(-1)?.kind !== 'bye')
          cancel()
          const last = batch.at(-1)
          if (last?.kind === 'bye') return { reading, batch: [last], losses: before }
          // The pages will tell of it: the next one begins after that.
          if (batch.some(isLoss)) throw over('ended', 'could not be resumed')
          return { reading, batch, losses: before }
        } catch (thrown) {
          reading.end()
          const error = asHubError(url, thrown)
          // What is final for the stream is final for its pages.
          if (isOver || !error.retryable) throw error
          streamHasFailed(error)
        }
      }
    }

    /** Hands on pages until there is a way back. */
    async function* detour({ reading, batch }: Begun): AsyncGenerator<readonly Frame[], Begun> {
      const { code, message } = breaker.why as HubError
      const mark = (frame: Frame): Frame => (frame.kind === 'sync' ? { ...frame, degraded: { code, message } } : frame)
      let news: readonly Frame[] = batch.map(mark)
      let back: ReturnType<typeof wayBack> | undefined
      let wake = () => {}
      const seek = () => {
        const way = wayBack()
        const found = () => {
          back = way
          wake()
        }
        way.then(found, found)
      }
      seek()
      for (;;) {
        const last = news.at(-1)
        if (last?.kind === 'beat') cursor = last.cursor
        if (news.some(isLoss)) losses++
        yield news
        const next = reading.next()
        // A promise of its own each time: one that lasted would hold on to all that ever waited for it.
        await new Promise<void>((resolve) => {
          wake = resolve
          next.then(wake, wake)
          if (back) wake()
        })
        if (back) {
          const found = await back
          // Obeyed, whatever else it said: nobody reads on after a good-bye.
          if (found.batch[0]?.kind === 'bye') yield found.batch
          if (found.losses === losses) return found
          // What the pages have told of since, it knows nothing of.
          found.reading.end()
          back = undefined
          seek()
        }
        news = await next
      }
    }

    if (isOver) return
    signal.addEventListener('abort', aborted)
    try {
      let { reading, batch } = await begin()
      const alone = () => {
        for (const other of readings) if (other !== reading) other.end()
      }
      cancel()
      alone()
      if (reading.source === pages) {
        if (current === stream) {
          streamHasFailed(
            over('timeout', `is held back: a page was answered, and it was not. Turn off what buffers it on the way`),
          )
          current = pages
        }
        ;({ reading, batch } = yield* detour({ reading, batch }))
        alone()
        current = stream
        isProven = true
        breaker = CLOSED
      }
      let proofAt = Number.POSITIVE_INFINITY
      for (;;) {
        const [sync] = batch
        if (sync?.kind === 'sync') proofAt = clock.now() + sync.heartbeatMs / 2
        if (!isProven && clock.now() >= proofAt) {
          isProven = true
          breaker = CLOSED
        }
        yield batch
        batch = await reading.next()
      }
    } catch (thrown) {
      if (!isOver) hasFailed(asHubError(url, thrown))
      throw thrown
    } finally {
      signal.removeEventListener('abort', aborted)
      end()
    }
  }

  return {
    get via() {
      return current.via
    },
    open(question) {
      current = breaker.state === 'open' ? pages : stream
      return read(question)
    },
    blame(error, isProven, clock) {
      breaker = streamFailed(breaker, error, isProven, clock.now(), random.next())
    },
    trust() {
      breaker = CLOSED
    },
    suspect() {
      patienceMs = 0
    },
  }
}

/** Whether it tells that something is missing between what was asked for and what comes. */
function isLoss(frame: Frame): boolean {
  return frame.kind === 'sync' ? frame.gaps.length > 0 : frame.kind === 'gap' && frame.reason !== 'schema'
}
