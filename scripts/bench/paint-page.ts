// Runs in the page of `pnpm bench paint`, before its own scripts: notes when the bytes of each event arrive, which frame shows it, and how often React commits.

/** What was noted, in milliseconds; of events from the moment that their bytes were there. */
export interface Painted {
  /** From an event's arrival until the frame that shows it has been painted. */
  readonly latencies: readonly number[]
  /** Events whose bytes have arrived, and that no frame has shown yet. */
  readonly open: number
  /** React's commits between each frame and the next. */
  readonly commits: readonly number[]
  /** The frames after a click until the one that shows what it does, for each click: 1 is the very next. */
  readonly local: readonly number[]
}

/** The face of the observer in its page. */
export interface Observer {
  /** Forgets what was noted so far. */
  reset(): void
  painted(): Painted
  /** Moves cards by their buttons for so long, two in a second, each at some moment between two frames. */
  click(seconds: number): Promise<void>
}

/** Observes the page. Sent into it as it stands, so it uses nothing from outside. */
export function observe(): void {
  /** When each version of a card has arrived, by the card's id. */
  const arrived = new Map<string, { version: number; at: number }[]>()
  /** The version of each card that was painted last. */
  const seen = new Map<string, number>()
  let latencies: number[] = []
  let commits: number[] = []
  let local: number[] = []
  let commitsNow = 0
  /** The newest versions that the DOM has got since the frame before. */
  let fresh = new Map<string, number>()

  // What React tells the developer tools, of a page as it is published too.
  Object.assign(globalThis, {
    __REACT_DEVTOOLS_GLOBAL_HOOK__: {
      supportsFiber: true,
      inject: () => 1,
      onCommitFiberRoot: () => void commitsNow++,
      onCommitFiberUnmount() {},
      onPostCommitFiberRoot() {},
    },
  })

  const fetchOf = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const response = await fetchOf(input, init)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) return response
    const [theirs, ours] = response.body.tee()
    let text = ''
    const write = (chunk: string) => {
      const at = performance.now()
      const lines = (text + chunk).split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        const { id, version } = line.startsWith('data: {') ? (JSON.parse(line.slice(6)).data ?? {}) : {}
        // What an answer to one's own change, or a stream before this one, has brought to the screen already does not come there once more.
        if (id !== undefined && version > (seen.get(id) ?? 0))
          arrived.set(id, [...(arrived.get(id) ?? []), { version, at }])
      }
    }
    ours
      .pipeThrough(new TextDecoderStream())
      .pipeTo(new WritableStream({ write }))
      .catch(() => {})
    return new Response(theirs, { status: response.status, headers: response.headers })
  }

  const note = (node: Node) => {
    if (!(node instanceof HTMLElement)) return
    const tiles = node.dataset.card === undefined ? node.querySelectorAll<HTMLElement>('[data-card]') : [node]
    for (const { dataset } of tiles) fresh.set(dataset.card ?? '', Number(dataset.version))
  }
  const follow = () =>
    new MutationObserver((records) => {
      for (const { type, target, addedNodes } of records) {
        if (type === 'attributes') note(target)
        else addedNodes.forEach(note)
      }
    }).observe(document.body, { subtree: true, childList: true, attributeFilter: ['data-version'] })
  addEventListener('DOMContentLoaded', follow)

  const settle = (shown: Map<string, number>) => {
    const at = performance.now()
    for (const [id, version] of shown) {
      seen.set(id, version)
      const all = arrived.get(id) ?? []
      for (const event of all) if (event.version <= version) latencies.push(at - event.at)
      arrived.set(
        id,
        all.filter((event) => event.version > version),
      )
    }
  }
  const afterPaint = new MessageChannel()
  const painting: Map<string, number>[] = []
  afterPaint.port1.onmessage = () => settle(painting.shift() ?? new Map())
  const frame = () => {
    commits.push(commitsNow)
    commitsNow = 0
    // What is in the DOM now is painted when this task's frame is over.
    painting.push(fresh)
    fresh = new Map()
    afterPaint.port2.postMessage(undefined)
    isFrame = false
    last = frameOf(frame)
  }
  // A frame shows what its last callback has done. So ours is asked for anew whenever the page asks for one, and runs after all of them.
  const frameOf = globalThis.requestAnimationFrame.bind(globalThis)
  let isFrame = false
  let last = frameOf(frame)
  globalThis.requestAnimationFrame = (callback) => {
    const theirs = frameOf((time) => {
      isFrame = true
      callback(time)
    })
    if (isFrame) return theirs
    cancelAnimationFrame(last)
    last = frameOf(frame)
    return theirs
  }

  const nextFrame = () => new Promise<void>((resolve) => requestAnimationFrame(() => resolve()))
  /** Resolves when the next frame has been painted, whatever else was to be done in it. */
  const nextPaint = async () => {
    await nextFrame()
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => resolve()
      port2.postMessage(undefined)
    })
  }
  const click = async () => {
    await nextFrame()
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 16))
    const tiles = [...document.querySelectorAll<HTMLElement>('[data-card]')]
    const tile = tiles[Math.floor(Math.random() * tiles.length)]
    const arrows = [...(tile?.querySelectorAll<HTMLButtonElement>('.card-arrows button') ?? [])]
    const arrow = [arrows[0], arrows[3]].find((each) => each && !each.disabled)
    if (!tile || !arrow) return
    const columnOf = () =>
      document.querySelector(`[data-card="${tile.dataset.card}"]`)?.closest<HTMLElement>('[data-column]')?.dataset
        .column
    const before = columnOf()
    arrow.click()
    for (let frames = 1; frames < 60; frames++) {
      await nextPaint()
      if (columnOf() === before) continue
      local.push(frames)
      return
    }
    local.push(Number.POSITIVE_INFINITY)
  }

  const observer: Observer = {
    reset() {
      latencies = []
      commits = []
      local = []
      arrived.clear()
    },
    painted: () => ({ latencies, commits, local, open: [...arrived.values()].flat().length }),
    async click(seconds) {
      const ends = performance.now() + seconds * 1_000
      while (performance.now() < ends) {
        await click()
        await new Promise((resolve) => setTimeout(resolve, 400))
      }
    },
  }
  Object.assign(globalThis, { observer })
}
