// One card on the board: opens by a click, moves by mouse, by its arrows, or by Alt and an arrow key.
import type { KeyboardEvent } from 'react'
import type { Card } from '../contract.ts'
import { displayName } from '../people.ts'
import { type Activity, sentence } from './activity.ts'
import { type Arrow, columns } from './columns.ts'
import { Icon } from './icons.tsx'
import { Avatar, hueOf } from './person.tsx'
import { ago, useNow } from './time.ts'

export interface CardTileProps {
  readonly card: Card
  /** Whether it is open beside the board. */
  readonly open: boolean
  /** What somebody else just did to it. */
  readonly activity: Activity | undefined
  /** Whether its move is on its way to the server. */
  readonly pending: boolean
  readonly dragged: boolean
  /** Whether a dragged card would land before it. */
  readonly dropBefore: boolean
  readonly canMove: (arrow: Arrow) => boolean
  readonly onMove: (arrow: Arrow) => void
  readonly onOpen: () => void
  readonly onDragStart: () => void
  readonly onDragEnd: () => void
}

const arrows: readonly Arrow[] = ['left', 'up', 'down', 'right']

export function CardTile(props: CardTileProps) {
  const { card, open, activity, pending, dragged, dropBefore, canMove, onMove, onOpen, onDragStart, onDragEnd } = props
  const now = useNow(30_000)
  const onKeyDown = (event: KeyboardEvent) => {
    const arrow = arrows.find((arrow) => event.altKey && event.key.toLowerCase() === `arrow${arrow}`)
    if (!arrow) return
    event.preventDefault()
    if (canMove(arrow)) onMove(arrow)
  }
  return (
    <li
      className="card"
      data-card={card.id}
      data-version={card.version}
      data-pending={pending || undefined}
      data-dragged={dragged || undefined}
      data-drop={dropBefore || undefined}
      data-open={open || undefined}
      data-active={activity !== undefined || undefined}
      style={activity && hueOf(activity.user)}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move'
        event.dataTransfer.setData('text/plain', card.title)
        onDragStart()
      }}
      onDragEnd={onDragEnd}
    >
      {activity && (
        <p className="card-activity">
          <Avatar user={activity.user} />
          {sentence(activity)}
        </p>
      )}
      <button
        type="button"
        className="card-open"
        onClick={onOpen}
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
            onClick={() => onMove(arrow)}
          >
            <Icon name={arrow} />
          </button>
        ))}
      </div>
    </li>
  )
}

function labelOf(arrow: Arrow, card: Card): string {
  if (arrow === 'up' || arrow === 'down') return `Move “${card.title}” ${arrow}`
  const index = columns.findIndex(({ id }) => id === card.column) + (arrow === 'left' ? -1 : 1)
  return `Move “${card.title}” to ${columns[index]?.name ?? 'nowhere'}`
}
