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
    for (const list of root.querySelectorAll('.cards')) {
      for (const tile of between(list.querySelectorAll('[data-card]'), -NEAR_PX - top, innerHeight - top)) {
        const id = tile.dataset.card ?? ''
        const place = placeOf(tile)
        places.current.set(id, place)
        const old = before.get(id)
        if (!old || calm.matches) continue
        if (dropped.current === id) dropped.current = undefined
        else glide(tile, old.left - place.left, old.top - place.top)
      }
    }
  })
  return container
}

/** Where it is laid out, whatever animation still carries it elsewhere. */
const placeOf = (tile: HTMLElement): Place => ({ left: tile.offsetLeft, top: tile.offsetTop })

/** Those of a list that begin between two heights. To ask a thousand cards where they are takes longer than a frame, and they lie one below the other. */
function* between(tiles: NodeListOf<HTMLElement>, from: number, to: number): Generator<HTMLElement> {
  let first = 0
  for (let end = tiles.length; first < end; ) {
    const middle = (first + end) >> 1
    if ((tiles[middle]?.offsetTop ?? 0) < from) first = middle + 1
    else end = middle
  }
  for (let tile = tiles[first]; tile && tile.offsetTop < to; tile = tiles[++first]) yield tile
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
