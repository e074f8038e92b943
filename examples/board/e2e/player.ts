// Runs in a window: somebody who moves, edits, adds and deletes cards as fast as a person might, by the page's own buttons; and an observer who notes every frame.

/** A card as it stood in a frame. What names it all its life is the first word of its title. */
export interface Seen {
  readonly tag: string
  readonly id: string
  readonly column: string
  readonly title: string
}

/** What was on the screen, from this frame until the next one that is noted. */
export interface Frame {
  readonly cards: readonly Seen[]
  /** How many actions of this window came before. */
  readonly actions: number
}

/** Something done in the window. */
export interface Action {
  readonly kind: 'add' | 'move' | 'edit' | 'delete'
  readonly tag: string
  /** The column or the title that it gives the card. */
  readonly to?: string
}

/** What a window has noted. */
export interface Notes {
  readonly frames: readonly Frame[]
  readonly actions: readonly Action[]
}

/** The face of a player in its window. */
export interface Player {
  /** Stops playing, when the action under way has ended. */
  stop(): Promise<void>
  /** What was noted so far. */
  notes(): Notes
}

/** Starts playing. Sent into the page as it stands, so it uses nothing from outside but a global `random`. */
export function play(user: string): void {
  const { random } = globalThis as unknown as { random: () => number }
  const columns = ['todo', 'doing', 'done']
  const frames: Frame[] = []
  const actions: Action[] = []
  let made = 0

  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]

  const tilesOf = (root: ParentNode) => [...root.querySelectorAll<HTMLElement>('[data-card]')]
  const titleOf = (tile: HTMLElement) => tile.querySelector('.card-open')?.textContent ?? ''
  const columnOf = (tile: HTMLElement) => tile.closest<HTMLElement>('[data-column]')?.dataset.column ?? ''
  const tagOf = (tile: HTMLElement) => titleOf(tile).split(' ')[0] ?? ''

  // The observer: what has changed since the frame before is looked at when the next is about to be painted.
  let changed = true
  new MutationObserver(() => {
    changed = true
  }).observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true })
  const frame = () => {
    if (changed) {
      changed = false
      const cards = tilesOf(document).map((tile) => ({
        tag: tagOf(tile),
        id: tile.dataset.card ?? '',
        column: columnOf(tile),
        title: titleOf(tile),
      }))
      frames.push({ cards, actions: actions.length })
    }
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)

  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve))
  /** The element, if it appears within some frames: another person may be faster. */
  const appears = async <E extends Element>(selector: string, root: ParentNode = document): Promise<E | undefined> => {
    for (let n = 0; n < 30; n++) {
      const found = root.querySelector<E>(selector)
      if (found) return found
      await nextFrame()
    }
    return undefined
  }
  const type = (input: HTMLInputElement, text: string) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(input, text)
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }
  const leave = (element: Element) =>
    element.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))

  const add = async () => {
    const column = document.querySelector(`section[data-column="${pick(columns)}"]`)
    column?.querySelector<HTMLElement>('.add')?.click()
    const input = column && (await appears<HTMLInputElement>('.new-card input', column))
    if (!input?.form) return
    const tag = `#${user}-${++made}`
    type(input, `${tag} is new`)
    await nextFrame()
    actions.push({ kind: 'add', tag })
    input.form.requestSubmit()
    leave(input)
  }
  const move = (tile: HTMLElement) => {
    const arrows = [...tile.querySelectorAll<HTMLButtonElement>('.card-arrows button')]
    const arrow = pick(arrows.filter(({ disabled }) => !disabled))
    if (!arrow) return
    const by = [-1, 0, 0, 1][arrows.indexOf(arrow)] ?? 0
    actions.push({ kind: 'move', tag: tagOf(tile), to: columns[columns.indexOf(columnOf(tile)) + by] ?? '' })
    arrow.click()
  }
  const withPanel = async (tile: HTMLElement, act: (panel: HTMLElement) => Promise<void>) => {
    tile.querySelector<HTMLElement>('.card-open')?.click()
    const panel = await appears<HTMLElement>('.panel')
    if (!panel) return
    await act(panel)
    leave(panel)
  }
  const edit = (tile: HTMLElement) => {
    const tag = tagOf(tile)
    return withPanel(tile, async (panel) => {
      const input = panel.querySelector<HTMLInputElement>('.details-title')
      if (!input?.form) return
      const to = `${tag} by ${user}, ${++made}`
      type(input, to)
      await nextFrame()
      if (!input.isConnected) return
      actions.push({ kind: 'edit', tag, to })
      input.form.requestSubmit()
    })
  }
  // To delete the very same card once more, after a failure, would be the same request, and no action of its own.
  const removed = new Set<string>()
  const remove = (tile: HTMLElement) => {
    const tag = tagOf(tile)
    if (removed.has(tag)) return move(tile)
    return withPanel(tile, async (panel) => {
      const button = panel.querySelector<HTMLElement>('.button.danger')
      button?.click()
      await nextFrame()
      if (!button?.isConnected) return
      removed.add(tag)
      actions.push({ kind: 'delete', tag })
      button.click()
    })
  }

  let playing = true
  const played = (async () => {
    while (playing) {
      await new Promise((resolve) => setTimeout(resolve, 200 + random() * 700))
      const tiles = tilesOf(document).filter((tile) => tile.dataset.pending === undefined)
      const tile = pick(tiles)
      const chance = random()
      if (!tile || tiles.length < 6 || (chance < 0.2 && tiles.length < 16)) await add()
      else if (chance < 0.35) await remove(tile)
      else if (chance < 0.5) await edit(tile)
      else move(tile)
    }
  })()
  const player: Player = {
    stop() {
      playing = false
      return played
    },
    notes: () => ({ frames, actions }),
  }
  Object.assign(globalThis, { player })
}
