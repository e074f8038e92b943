// Lets cards glide from where they were to where they are, so that a move by somebody else is seen and not just noticed.
import { type RefObject, useLayoutEffect, useRef } from 'react'

const calm = matchMedia('(prefers-reduced-motion: reduce)')

/** The ref of the element whose `[data-card]` descendants glide. The card that was `dropped` by hand is there already, and stays. */
export function useGlide<E extends HTMLElement>(dropped: RefObject<string | undefined>): RefObject<E | null> {
  const container = useRef<E>(null)
  const places = useRef(new Map<string, { left: number; top: number }>())

  useLayoutEffect(() => {
    const root = container.current
    if (!root) return
    const before = places.current
    const { top } = root.getBoundingClientRect()
    const isSeen = (place: number) => top + place > -200 && top + place < innerHeight
    places.current = new Map()
    for (const tile of root.querySelectorAll<HTMLElement>('[data-card]')) {
      const id = tile.dataset.card ?? ''
      // Where it is laid out, whatever animation still carries it elsewhere.
      const place = { left: tile.offsetLeft, top: tile.offsetTop }
      places.current.set(id, place)
      const old = before.get(id)
      if (!old || calm.matches) continue
      const dx = old.left - place.left
      const dy = old.top - place.top
      if (Math.abs(dx) + Math.abs(dy) < 2 || !(isSeen(old.top) || isSeen(place.top))) continue
      if (dropped.current === id) {
        dropped.current = undefined
        continue
      }
      const far = Math.abs(dx) > 40
      tile.animate(
        [
          { transform: `translate(${dx}px, ${dy}px)`, zIndex: far ? 3 : 1 },
          { transform: 'none', zIndex: far ? 3 : 1 },
        ],
        { duration: far ? 420 : 220, easing: 'cubic-bezier(.2, .8, .2, 1)' },
      )
    }
  })
  return container
}
