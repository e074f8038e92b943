// Runs in the browser: one native EventSource, as a team writes it that has never heard of our client.

/** What a native EventSource hears of one event. */
export interface Heard {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/** What the test calls. */
export interface NativePage {
  /** Opens an EventSource and listens for these types. */
  connect(url: string, types: readonly string[]): void
  /** What it heard so far, as JSON: a list of {@link Heard}. */
  heard(): string
  /** Its `readyState`. */
  state(): number
  /** Closes it. */
  close(): void
}

let source: EventSource | undefined
const heard: Heard[] = []

const page: NativePage = {
  connect(url, types) {
    source = new EventSource(url)
    for (const type of types) {
      source.addEventListener(type, ({ data, lastEventId }) => heard.push({ type, data, lastEventId }))
    }
  },
  heard: () => JSON.stringify(heard),
  state: () => source?.readyState ?? -1,
  close: () => source?.close(),
}

Object.assign(globalThis, { page })
