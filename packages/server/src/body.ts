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
const outlets = new WeakMap<ReadableStream, Outlet>()

/** The outlet behind a body that {@link lazyBody} made, for an adapter that writes to the socket itself and never reads the stream. */
export function outletOf(body: ReadableStream | null): Outlet | undefined {
  return body ? outlets.get(body) : undefined
}

/** A body that begins when it is first read, and costs nothing if an adapter takes its outlet instead. */
export function lazyBody(outlet: Outlet): ReadableStream<Uint8Array> {
  let attached = false
  let wanted = false
  // One write at most waits in the stream itself.
  let unread = 0
  const body = new ReadableStream<Uint8Array>(
    {
      // With a high-water mark of 0, called once for every read that finds nothing: so what waits, waits in the connection, where it is counted.
      pull(controller) {
        wanted = true
        if (attached) return outlet.drained()
        attached = true
        outlet.attach({
          write(frame) {
            wanted = false
            unread = frame.bytes.length
            controller.enqueue(frame.bytes)
            return wanted
          },
          end() {
            controller.close()
            outlet.closed()
          },
          destroy() {
            controller.error(new Error('The hub has ended this stream.'))
            outlet.closed()
          },
          get pending() {
            return (controller.desiredSize ?? 0) < 0 ? unread : 0
          },
        })
      },
      cancel: () => outlet.closed(),
    },
    { highWaterMark: 0 },
  )
  outlets.set(body, outlet)
  return body
}
