// One request and its answer on their way through the simulated network, and every way in which the two sides can lose each other.
import type { History } from './history.ts'
import { openPipe } from './pipe.ts'
import type { Chance } from './random.ts'
import { openTap } from './tap.ts'
import type { ProcessClock } from './time.ts'

/** What the client notices of a cut. */
export type ClientSees = 'error' | 'end' | 'nothing'
/** What the hub notices of a cut: it is told at once, or only when its kernel gives up. */
export type HubSees = 'told' | 'nothing'

/** What can be done to a request before it is made; each is used up by the first request of its method. */
export type Trap =
  | 'lose the answer'
  | 'mute the answer'
  | 'late answer'
  | 'double the request'
  | 'double the request later'

/** What exchanges need of the world. */
export interface ExchangeWorld {
  readonly clock: Pick<ProcessClock, 'now' | 'after'>
  readonly history: History
  /** The hub that accepts connections now, if one does. */
  readonly door: () => { readonly hub: number; readonly fetch: (request: Request) => Promise<Response> } | undefined
  /** How many bytes the kernels hold under way. */
  readonly windowBytes: number
}

/** One request and its answer. */
export interface Exchange {
  readonly number: number
  readonly method: string
  readonly response: Promise<Response>
  /** Whether the hub has been asked, and still holds its side. */
  heldByHub(): boolean
  /** Cuts it: now, or after so many more bytes of the answer. A side that sees nothing goes on believing. */
  cut(client: ClientSees, hub: HubSees, afterBytes?: number): void
  /** Which hub holds it. */
  servedBy(): number | undefined
  /** The process of the hub is gone, and with it everything that it held. */
  hubDied(client: ClientSees): void
  /** Whoever has not noticed a cut notices it now. */
  heal(): void
  /** If its stream is being read, nothing of it ever arrives any more: so it is with a page that was frozen. */
  muteStream(): void
  /** The page is gone; its kernel tells the hub. */
  pageDied(): void
}

interface Options {
  readonly number: number
  readonly page: number
  readonly url: string
  readonly init: RequestInit
  readonly chance: Chance
  readonly trap: Trap | undefined
  readonly copyOf: number | undefined
  readonly delayMs: () => number
  readonly heldUntil: () => number
  readonly refused: () => boolean
  /** Whether a proxy on the way holds every stream back until it is over. */
  readonly buffered: () => boolean
  /** Runs what the page takes from the network: at once, or when it has thawed. */
  readonly take: (run: () => void) => void
  readonly closed: () => void
}

/** A kernel retransmits for minutes; in the simulated world it loses patience sooner, so that runs stay short. */
const KERNEL_PATIENCE_MS = 20_000

const NOTHING = { done: true, value: undefined } as const

/** Makes the request. */
export function openExchange(world: ExchangeWorld, options: Options): Exchange {
  const { clock, history, door, windowBytes } = world
  const { number, url, init, chance, trap, delayMs, heldUntil } = options
  const method = init.method ?? 'GET'
  const hubSignal = new AbortController()
  const taps = { said: openTap(), heard: openTap() }
  let client: 'asking' | 'reading' | 'gone' = 'asking'
  let hub: 'unasked' | 'asked' | 'gone' = 'unasked'
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let body: ReadableStreamDefaultController<Uint8Array> | undefined
  let isStream = false
  // What has arrived and the page has not read yet, whether it asks for more, and whether more will come. What it leaves unread it has not heard.
  let unread: Uint8Array[] = []
  let isAsked = false
  let isWhole = false
  let deaf = false
  // Whether the hub has said all, and how much of what it said has not arrived.
  let said = false
  let owed = 0
  // Cut while the request was still on its way: it never arrives.
  let severed = false
  // It travels on by itself: the page that made it is gone, and wanted it so.
  let outlives = false
  let lateUntil = 0
  let servedBy: number | undefined
  // What a proxy holds back, in order, the head included; undefined where there is none.
  let withheld: (() => void)[] | undefined
  // Undici follows a request's signal through a weak reference: the request must live as long as the exchange.
  let request: Request | undefined
  const answer = Promise.withResolvers<Response>()

  const finish = () => {
    if (client !== 'gone' || hub === 'asked' || outlives) return
    request = undefined
    options.closed()
  }
  const endClient = (
    how: 'end' | 'cut short' | 'error' | 'aborted' | 'cancelled' | 'lost',
    error: unknown = new TypeError('network error'),
  ) => {
    if (client === 'gone') return
    const was = client
    client = 'gone'
    if (options.copyOf === undefined) history.record({ what: 'client side ended', exchange: number, how })
    if (how !== 'lost') {
      if (was === 'asking') answer.reject(error)
      else if (how === 'end' || how === 'cut short') {
        isWhole = true
        if (!unread[0]) body?.close()
      } else if (how !== 'cancelled') body?.error(error)
    }
    if (!isWhole) unread = []
    finish()
  }
  const handOver = () => {
    if (!isAsked) return
    const bytes = unread.shift()
    if (!bytes) return
    isAsked = false
    if (isStream) for (const block of taps.heard.read(bytes)) history.record({ what: 'heard', exchange: number, block })
    body?.enqueue(bytes)
    if (isWhole && !unread[0]) body?.close()
  }
  // The ways in which runtimes tell a handler that its client is gone: some one, some the other, most both.
  const tellHub = (how: string) => {
    if (hub !== 'asked') return
    hub = 'gone'
    history.record({ what: 'hub side ended', exchange: number, how })
    const way = reader ? chance.pick(['signal', 'cancel', 'both'] as const) : 'both'
    if (way !== 'cancel') hubSignal.abort()
    if (way !== 'signal') reader?.cancel().catch(() => {})
    finish()
  }
  const tellHubLater = (how: string) => {
    if (deaf) return
    const ready = Math.max(clock.now() + delayMs(), heldUntil())
    clock.after(ready - clock.now(), () => tellHub(how))
  }
  const pipe = openPipe({
    clock,
    chance: chance.fork('pieces'),
    delayMs,
    heldUntil: () => Math.max(heldUntil(), lateUntil),
    windowBytes,
    deliver(bytes) {
      owed -= bytes.length
      options.take(() => {
        if (client !== 'reading') return
        history.record({ what: 'bytes', exchange: number, count: bytes.length })
        unread.push(bytes)
        handOver()
      })
    },
    ended(how, cut) {
      // A cut after the last byte cuts nothing.
      const seen = how === 'end' && cut && !(said && owed === 0) ? 'cut short' : how
      options.take(() => endClient(seen))
    },
  })

  const head = (response: Response) => () => {
    if (client !== 'asking') return
    client = 'reading'
    const stream = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          body = controller
        },
        pull() {
          isAsked = true
          handOver()
        },
        cancel() {
          unread = []
          if (client !== 'reading') return
          endClient('cancelled')
          tellHubLater('client gone')
        },
      },
      { highWaterMark: 0 },
    )
    answer.resolve(
      new Response(response.status === 204 ? null : stream, { status: response.status, headers: response.headers }),
    )
  }

  const destroyed = () => {
    if (hub !== 'asked') return
    hub = 'gone'
    history.record({ what: 'hub side ended', exchange: number, how: 'destroyed' })
    pipe.end('error')
    finish()
  }

  const release = () => {
    const passing = withheld ?? []
    withheld = undefined
    for (const pass of passing) pass()
  }
  const pass = (run: () => void) => {
    if (withheld) withheld.push(run)
    else run()
  }

  const pump = async (response: Response) => {
    const type = response.headers.get('content-type') ?? ''
    isStream = type.startsWith('text/event-stream')
    history.record({ what: 'answered', exchange: number, status: response.status, type })
    const text = new TextDecoder()
    let whole = ''
    reader = response.body?.getReader()
    // The hub may cut a connection whose bytes nobody takes.
    reader?.closed.catch(destroyed)
    if (trap === 'late answer') lateUntil = clock.now() + chance.between(500, 8_000)
    if (trap === 'mute the answer') pipe.vanish()
    if (options.copyOf !== undefined) {
      endClient('lost')
      if (isStream) clock.after(delayMs(), () => tellHub('copy discarded'))
    }
    if (trap === 'lose the answer') {
      pipe.cut('error')
      tellHubLater('cut')
    }
    if (isStream && options.buffered()) withheld = []
    pass(() => pipe.call(() => options.take(head(response))))
    for (;;) {
      const before = clock.now()
      await pipe.room()
      const held = clock.now() > before ? { heldMs: clock.now() - before } : {}
      const { done, value } = (await reader?.read().catch(destroyed)) ?? NOTHING
      if (hub === 'gone') {
        // It was said to its end, and the kernel has it: the cut came only after.
        said ||= done && !isStream && whole !== ''
        if (said) history.record({ what: 'answer body', exchange: number, text: whole })
        return
      }
      if (done) break
      if (isStream)
        for (const block of taps.said.read(value)) history.record({ what: 'said', exchange: number, block, ...held })
      else whole += text.decode(value, { stream: true })
      owed += value.length
      pass(() => pipe.push(value))
    }
    said = true
    if (!isStream) history.record({ what: 'answer body', exchange: number, text: whole })
    history.record({ what: 'hub side ended', exchange: number, how: 'done' })
    hub = 'gone'
    release()
    pipe.end('end')
    finish()
  }

  const arrive = async () => {
    if (severed) {
      outlives = false
      return finish()
    }
    const open = door()
    if (!outlives && (client === 'gone' || !open)) return endClient('error')
    outlives = false
    if (!open) return finish()
    hub = 'asked'
    servedBy = open.hub
    history.record({
      what: 'accepted',
      exchange: number,
      hub: open.hub,
      ...(options.copyOf === undefined ? {} : { copyOf: options.copyOf }),
    })
    const headers = new Headers(init.headers)
    if (method === 'POST') headers.set('origin', new URL(url).origin)
    request = new Request(url, {
      method,
      headers,
      signal: hubSignal.signal,
      ...(init.body == null ? {} : { body: init.body }),
    })
    try {
      await pump(await open.fetch(request))
    } catch (error) {
      if (hub !== 'asked') return
      history.record({ what: 'broken', why: `hub.fetch failed: ${String(error)}` })
      destroyed()
    }
    for (const offence of taps.said.offences) history.record({ what: 'broken', why: `not by the protocol: ${offence}` })
  }

  const depart = () => {
    const path = url.slice(new URL(url).origin.length)
    const text = typeof init.body === 'string' ? { body: init.body } : {}
    if (options.copyOf === undefined)
      history.record({ what: 'request', exchange: number, page: options.page, method, url: path, ...text })
    else client = 'reading'
    const travel = () => {
      if (options.refused()) {
        outlives = false
        endClient('error')
        return finish()
      }
      // Held back on the way: asks again when the network moves.
      if (heldUntil() > clock.now()) clock.after(heldUntil() - clock.now(), travel)
      else void arrive()
    }
    const late = trap === 'double the request later' && options.copyOf !== undefined
    clock.after(delayMs() + (late ? chance.between(1_000, 12_000) : 0), travel)
    const { signal } = init
    const abort = () => {
      if (client === 'gone') {
        unread = []
        return body?.error(signal?.reason)
      }
      const unasked = hub === 'unasked'
      endClient('aborted', signal?.reason)
      if (!unasked) tellHubLater('client gone')
    }
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  }

  const exchange: Exchange = {
    number,
    method,
    response: answer.promise,
    heldByHub: () => hub === 'asked',
    servedBy: () => servedBy,
    cut(clientSees, hubSees, afterBytes = 0) {
      const lose = () => {
        if (hubSees === 'told') return tellHubLater('cut')
        deaf = true
        clock.after(KERNEL_PATIENCE_MS, () => tellHub('timed out'))
      }
      if (afterBytes > 0) return pipe.cutAfter(afterBytes, clientSees === 'nothing' ? 'vanish' : clientSees, lose)
      severed ||= hub === 'unasked'
      if (clientSees === 'nothing') pipe.vanish()
      else pipe.cut(clientSees)
      lose()
    },
    heal() {
      lateUntil = 0
      pipe.spare()
      release()
      if (deaf || client === 'gone') tellHub('timed out')
    },
    muteStream() {
      if (isStream && client === 'reading') pipe.vanish()
    },
    pageDied() {
      outlives = init.keepalive === true && hub === 'unasked'
      if (!outlives) pipe.vanish()
      endClient('lost')
      if (!outlives) tellHubLater('client gone')
    },
    hubDied(clientSees) {
      if (hub !== 'asked') return
      hub = 'gone'
      history.record({ what: 'hub side ended', exchange: number, how: 'hub died' })
      if (clientSees === 'nothing') pipe.vanish()
      else pipe.cut(clientSees)
      finish()
    },
  }
  // Callers may let go of an answer that they no longer want.
  answer.promise.catch(() => {})
  depart()
  return exchange
}
