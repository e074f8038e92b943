// Lets cards glide from where they were to where they are, so that a move by somebody else is seen and not just noticed.
import { type RefObject, useLayoutEffect, useRef } from 'react'

const calm = matchMedia('(prefers-reduced-motion: reduce)')
/** What lies so far above the screen is about to be seen. */
const NEAR_PX = 200

interface Place {
  readonly left: number
  readonly top: number
}

/** The ref of the element whose `[data-card]` descendants glide. The card that was `dropped` by hand is there already, and stays. */
export function useGlide<E extends HTMLElement>(dropped: RefObject<string | undefined>): RefObject<E | null> {
  const container = useRef<E>(null)
  const places = useRef(new Map<string, Place>())

  useLayoutEffect(() => {
    const root = container.current
    if (!root) return
    const before = places.current
    places.current = new Map()
    const { top } = root.getBoundingClientRect()
    for (const { tile, place } of within(root, -NEAR_PX - top, innerHeight - top)) {
      const id = tile.dataset.card ?? ''
      places.current.set(id, place)
      const old = before.get(id)
      if (!old || calm.matches) continue
      if (dropped.current === id) dropped.current = undefined
      else glide(tile, old.left - place.left, old.top - place.top)
    }
  })
  return container
}

/**
 * The cards of the sheets that lie between two heights, and where they are laid out, whatever animation still carries them elsewhere.
 * What is on other sheets is not laid out, and to ask where it is would do that.
 */
function* within(root: HTMLElement, from: number, to: number): Generator<{ tile: HTMLElement; place: Place }> {
  for (const list of root.querySelectorAll<HTMLElement>('.cards')) {
    const left = list.offsetLeft
    for (const sheet of list.querySelectorAll<HTMLElement>('.sheet')) {
      const { offsetTop, offsetHeight } = sheet
      if (offsetTop > to) break
      if (offsetTop + offsetHeight < from) continue
      for (const tile of sheet.querySelectorAll<HTMLElement>('[data-card]'))
        yield { tile, place: { left, top: offsetTop + tile.offsetTop } }
    }
  }
}

function glide(tile: HTMLElement, dx: number, dy: number): void {
  if (Math.abs(dx) + Math.abs(dy) < 2) return
  const far = Math.abs(dx) > 40
  tile.animate(
    [
      { transform: `translate(${dx}px, ${dy}px)`, zIndex: far ? 3 : 1 },
      { transform: 'none', zIndex: far ? 3 : 1 },
    ],
    { duration: far ? 420 : 220, easing: 'cubic-bezier(.2, .8, .2, 1)' },
  )
}
