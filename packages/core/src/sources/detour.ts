// The way round a network that lets no stream through: pages of the log, from the same cursor, and the way back. Loaded at the first trouble.
import { CLOSED, LEAST_PAUSE_MS, pagesFailed, streamFailed } from '../breaker.ts'
import type { Frame } from '../contract/wire.ts'
import { HubError } from '../errors.ts'
import { asHubError, ended } from '../http.ts'
import type { Random } from '../ports.ts'
import { pollSource } from './poll.ts'
import { type Part, partOf, type Question, type Source } from './source.ts'
import { sseSource } from './sse.ts'

// A stream that has said nothing for so long may be held back by a proxy: a page that is asked for beside it tells.
const FIRST_MS = 3_000

type Frames = readonly Frame[]

/** A source over two, and what only `fallbackSource` tells it. */
export interface Detour extends Source {
  /** Hears how the stream fares where it is not this source that reads it. */
  readonly learn: NonNullable<Source['learn']>
  /** The stream has just said nothing for a while: pages are asked for at once. */
  suspect(): void
}

/** Makes a source over a stream and pages: see `fallbackSource`, which loads it at the first trouble. */
export function createDetour(random: Random, stream: Source = sseSource, pages: Source = pollSource): Detour {
  let breaker = CLOSED
  let current = stream
  let patienceMs = FIRST_MS

  async function read(question: Question): Promise<void> {
    const { url, clock, signal, take } = question
    const readings = new Set<Part>()
    // What is read, once the stream or pages have said something.
    let chosen: Part | undefined
    // Whether the stream has been seen to flow, or else when it will have been.
    let isProven = false
    let proofAt = Number.POSITIVE_INFINITY
    // How far the pages have come, and how often they told of something lost on the way.
    let cursor: string | undefined
    let losses = 0
    let fail: (error: unknown) => void = () => {}
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

    /** Reads one of the two. `failed` hears how it is over, unless it was ended. */
    function start(
      source: Source,
      after: string | undefined,
      hear: (frames: Frames) => void,
      failed: (error: HubError) => void,
    ): Part {
      const part = partOf({ ...question, after }, hear)
      readings.add(part)
      const isOver = (thrown: unknown) => {
        const wasEnded = part.signal.aborted
        part.end()
        readings.delete(part)
        if (wasEnded) return
        const error = asHubError(url, thrown)
        if (part === chosen) fail(error)
        else failed(error)
      }
      source.open(part).then(() => isOver(ended(url)), isOver)
      return part
    }

    /** From now on this is read, and nothing else. */
    function choose(part?: Part) {
      chosen = part
      cancel()
      for (const reading of readings) if (reading !== part) reading.end()
    }

    /** Hands on what the stream says. */
    function flow(frames: Frames) {
      const [sync] = frames
      if (sync?.kind === 'sync') proofAt = clock.now() + sync.heartbeatMs / 2
      if (!isProven && clock.now() >= proofAt) {
        isProven = true
        breaker = CLOSED
      }
      take(frames)
    }

    /** Hands on what pages say. */
    function turn(frames: Frames) {
      const { why } = breaker
      const last = frames.at(-1)
      if (last?.kind === 'beat') cursor = last.cursor
      if (frames.some(isLoss)) losses++
      const degraded = why && { code: why.code, message: why.message }
      take(frames.map((frame) => (frame.kind === 'sync' && degraded ? { ...frame, degraded } : frame)))
    }

    /** Tries the stream beside the pages until it is seen to flow, and goes over to it. */
    function seek() {
      const probe = () => {
        const before = losses
        const said: Frame[] = []
        proofAt = Number.POSITIVE_INFINITY
        const inVain = (error: HubError) => {
          // What is final for the stream is final for its pages.
          if (!error.retryable) return fail(error)
          streamHasFailed(error)
          seek()
        }
        const isHeldBack = () => {
          part.end()
          inVain(over('timeout', 'is held back'))
        }
        const part = start(
          stream,
          cursor,
          (frames) => {
            if (part === chosen) return flow(frames)
            const isFirst = !said[0]
            said.push(...frames)
            const [sync] = said
            const last = said.at(-1)
            if (isFirst && sync?.kind === 'sync') {
              proofAt = clock.now() + sync.heartbeatMs / 2
              later(sync.heartbeatMs * 2.5, isHeldBack)
            }
            // Obeyed, whatever else it said: nobody reads on after a good-bye.
            if (last?.kind === 'bye') return take([last])
            if (clock.now() < proofAt) return
            if (!said.some(isLoss) && before === losses) {
              choose(part)
              current = stream
              isProven = true
              breaker = CLOSED
              return flow(said)
            }
            part.end()
            // The pages will tell of it: the next one begins after that.
            if (before === losses) inVain(over('ended', 'could not be resumed'))
            else seek()
          },
          inVain,
        )
        later(FIRST_MS, isHeldBack)
      }
      // Whoever asks for other topics again and again must not probe each time.
      later(Math.max(LEAST_PAUSE_MS, breaker.probeAt - clock.now()), probe)
    }

    /** Begins with one of the two, or with the other where that is quicker. */
    function first(source: Source, failed: (error: HubError) => void) {
      const part = start(
        source,
        question.after,
        (frames) => {
          if (!chosen) {
            if (!frames[0]) return
            choose(part)
            if (source === pages) {
              if (current === stream) {
                const why = 'is held back: a page was answered, and it was not. Turn off what buffers it on the way'
                streamHasFailed(over('timeout', why))
                current = pages
              }
              seek()
            }
          }
          if (source === pages) turn(frames)
          else flow(frames)
        },
        failed,
      )
    }

    if (signal.aborted) return
    const aborted = () => fail(signal.reason)
    signal.addEventListener('abort', aborted)
    try {
      await new Promise<never>((_, reject) => {
        fail = reject
        // The stream; or pages, where they answer and it does not.
        first(current, reject)
        if (current === stream) later(patienceMs, () => first(pages, () => {}))
        patienceMs = FIRST_MS
      })
    } catch (thrown) {
      // The client gives a reason where it heard nothing. Otherwise it wants something else, or nothing any more.
      if (!signal.aborted || thrown instanceof HubError) {
        const error = asHubError(url, thrown)
        if (current === stream) streamHasFailed(error)
        else breaker = pagesFailed(breaker, error)
      }
      throw thrown
    } finally {
      signal.removeEventListener('abort', aborted)
      choose()
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
    learn(error, isProven, clock) {
      breaker = error ? streamFailed(breaker, error, isProven, clock.now(), random.next()) : CLOSED
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
