// The lazy body of a stream's Response: a real ReadableStream for every runtime, and a private way past it for adapters that own the socket.
import type { Frame } from './frames.ts'

/** Where a connection writes to. */
export interface Sink {
  /** Sends the bytes; answers whether more may be sent now. After false, the outlet's `drained` says when. May throw: then it is lost. */
  write(frame: Frame): boolean
  /** Ends in order, after what was written. The outlet's `closed` follows. */
  end(): void
  /** Ends at once and forgets what is not sent. */
  destroy(): void
  /** Bytes taken and not yet handed to the system. */
  readonly pending: number
}

/** A connection as its sink sees it. Each of these may be called at any time and any number of times. */
export interface Outlet {
  /** Begins to write to the sink. */
  attach(sink: Sink): void
  /** The sink can take more. */
  drained(): void
  /** The sink is gone, for whatever reason. */
  closed(): void
}

// A body's identity leads to its outlet; `new Response(response.body)` keeps it, `clone()` does not.
const outlets = new WeakMap<ReadableStream, { readonly outlet: Outlet; readonly taken: () => void }>()

/**
 * Takes the outlet behind a body that {@link lazyBody} made, for an adapter that writes to the socket itself and never reads the stream. From then on it is
 * the adapter's to say when the reader is gone.
 */
export function takeOutlet(body: ReadableStream | null): Outlet | undefined {
  const found = body ? outlets.get(body) : undefined
  found?.taken()
  return found?.outlet
}

/**
 * A body that begins when it is first read, and costs nothing if an adapter takes its outlet instead: of which `taken` hears. Whoever reads it gets bytes of his own,
 * or, with `sharedChunks`, those that everybody gets.
 */
export function lazyBody(outlet: Outlet, sharedChunks: boolean, taken = () => {}): ReadableStream<Uint8Array> {
  let sink: BodySink | undefined
  const body = new ReadableStream<Uint8Array>(
    {
      // With a high-water mark of 0, called once for every read that finds nothing: so what waits, waits in the connection, where it is counted.
      pull(controller) {
        if (sink) return sink.drained()
        sink = new BodySink(controller, outlet, sharedChunks)
        outlet.attach(sink)
      },
      cancel: () => outlet.closed(),
    },
    { highWaterMark: 0 },
  )
  outlets.set(body, { outlet, taken })
  return body
}

class BodySink implements Sink {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>
  readonly #outlet: Outlet
  readonly #sharedChunks: boolean
  #isWanted = true
  // One write at most waits in the stream itself.
  #unread = 0

  constructor(controller: ReadableStreamDefaultController<Uint8Array>, outlet: Outlet, sharedChunks: boolean) {
    this.#controller = controller
    this.#outlet = outlet
    this.#sharedChunks = sharedChunks
  }

  get pending(): number {
    return (this.#controller.desiredSize ?? 0) < 0 ? this.#unread : 0
  }

  /** The body is asked for more. */
  drained() {
    this.#isWanted = true
    this.#outlet.drained()
  }

  write(frame: Frame): boolean {
    this.#isWanted = false
    this.#unread = frame.bytes.length
    // A copy of its own, unless it was promised: whoever reads it may change it, or hand its memory on, and the frame is everybody's.
    this.#controller.enqueue(this.#sharedChunks ? frame.bytes : frame.bytes.slice())
    return this.#isWanted
  }

  end() {
    this.#controller.close()
    this.#outlet.closed()
  }

  destroy() {
    this.#controller.error(new Error('The hub has ended this stream.'))
    this.#outlet.closed()
  }
}
