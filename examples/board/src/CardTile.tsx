// One card on the board: opens by a click, moves by mouse, by its arrows, or by Alt and an arrow key.
import { type KeyboardEvent, memo } from 'react'
import type { Card } from '../contract.ts'
import { displayName } from '../people.ts'
import { type Arrow, beside } from './columns.ts'
import { Icon } from './icons.tsx'
import { me } from './me.ts'
import { Avatar, hueOf } from './person.tsx'
import { sentence } from './sentence.ts'
import { ago } from './time.ts'

export interface CardTileProps {
  readonly card: Card
  readonly now: number
  /** Whether it is the first and the last of its column. */
  readonly isFirst: boolean
  readonly isLast: boolean
  /** Whether it is open beside the board. */
  readonly open: boolean
  readonly dragged: boolean
  /** Whether a dragged card would land before it. */
  readonly dropBefore: boolean
  readonly onMove: (card: Card, arrow: Arrow) => void
  readonly onOpen: (id: string) => void
  readonly onDragStart: (id: string) => void
  readonly onDragEnd: () => void
}

const arrows: readonly Arrow[] = ['left', 'up', 'down', 'right']
// The style sheet hides it then.
const newsForMs = 5_000

// A board has hundreds of cards, and an event changes one.
export const CardTile = memo((props: CardTileProps) => {
  const { card, now, isFirst, isLast, open, dragged, dropBefore, onMove, onOpen, onDragStart, onDragEnd } = props
  // The server has not named it yet: nobody could tell it what to do with this card.
  const isSaving = card.version === 0
  const isNews = card.changedBy !== me && Date.now() - card.changedAt < newsForMs
  const canMove = (arrow: Arrow) => {
    if (isSaving) return false
    if (arrow === 'up') return !isFirst
    return arrow === 'down' ? !isLast : beside(card.column, arrow) !== undefined
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const arrow = arrows.find((arrow) => event.altKey && event.key.toLowerCase() === `arrow${arrow}`)
    if (!arrow) return
    event.preventDefault()
    if (canMove(arrow)) onMove(card, arrow)
  }
  return (
    <li
      className="card"
      data-card={card.id}
      data-version={card.version}
      data-pending={isSaving || undefined}
      data-dragged={dragged || undefined}
      data-drop={dropBefore || undefined}
      data-open={open || undefined}
      style={hueOf(card.changedBy)}
      draggable={!isSaving}
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move'
        event.dataTransfer.setData('text/plain', card.title)
        onDragStart(card.id)
      }}
      onDragEnd={onDragEnd}
    >
      {isNews && (
        // Drawn anew, and so shown for its time, at each change.
        <p className="card-news" key={card.version}>
          <Avatar user={card.changedBy} />
          {sentence(card)} this
        </p>
      )}
      <button
        type="button"
        className="card-open"
        disabled={isSaving}
        onClick={() => onOpen(card.id)}
        onKeyDown={onKeyDown}
        aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight Alt+ArrowUp Alt+ArrowDown"
      >
        {card.title}
      </button>
      {card.text && <p className="card-text">{card.text}</p>}
      <footer>
        <Avatar user={card.changedBy} />
        <span>
          {displayName(card.changedBy)} · {ago(card.changedAt, now)}
        </span>
        {card.messages > 0 && (
          <span className="card-messages">
            <Icon name="talk" />
            {card.messages}
            <span className="visually-hidden"> messages</span>
          </span>
        )}
      </footer>
      <div className="card-arrows">
        {arrows.map((arrow) => (
          <button
            key={arrow}
            type="button"
            aria-label={labelOf(arrow, card)}
            title={labelOf(arrow, card)}
            disabled={!canMove(arrow)}
            onClick={() => onMove(card, arrow)}
          >
            <Icon name={arrow} />
          </button>
        ))}
      </div>
    </li>
  )
})

function labelOf(arrow: Arrow, card: Card): string {
  if (arrow === 'up' || arrow === 'down') return `Move “${card.title}” ${arrow}`
  return `Move “${card.title}” to ${beside(card.column, arrow)?.name ?? 'nowhere'}`
}
