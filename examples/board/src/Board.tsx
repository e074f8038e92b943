// The board: three columns of cards, kept by one live query.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import type { Card, Column } from '../contract.ts'
import { sentence, useActivity } from './activity.ts'
import { CardTile } from './CardTile.tsx'
import { type Arrow, arrange, columns, step } from './columns.ts'
import { Hint } from './Hint.tsx'
import { useMoveCard, usePendingMoves } from './mutations.ts'
import { NewCard } from './NewCard.tsx'
import { cardsQuery } from './queries.ts'
import { useGlide } from './use-glide.ts'

export interface BoardProps {
  /** The card that is open beside the board. */
  readonly openCard: string | undefined
  readonly onOpen: (id: string) => void
}

export function Board(props: BoardProps) {
  const cards = useQuery(cardsQuery)
  if (cards.data) {
    return (
      <>
        <Hint />
        <Columns cards={cards.data} {...props} />
      </>
    )
  }
  if (cards.isError) {
    return (
      <div className="whole" role="alert">
        <h2>The board could not be loaded</h2>
        <p>{cards.error.message} It is tried again every 10 seconds.</p>
        <button type="button" className="button primary" onClick={() => void cards.refetch()}>
          Try again
        </button>
      </div>
    )
  }
  return <Skeleton />
}

/** Where a dragged card would go. */
interface Target {
  readonly column: Column
  readonly before: string | null
}

function Columns({ cards, openCard, onOpen }: BoardProps & { readonly cards: readonly Card[] }) {
  const pending = usePendingMoves()
  const { mutate } = useMoveCard()
  const arranged = arrange(cards, pending)
  const activity = useActivity()
  const [dragged, setDragged] = useState<string>()
  const [target, setTarget] = useState<Target>()
  const dropped = useRef<string>(undefined)
  const container = useGlide<HTMLDivElement>(dropped)

  const moveByArrow = (card: Card, arrow: Arrow) => {
    const to = step(arranged, card, arrow)
    if (!to) return
    mutate(to)
    refocus.current = card.id
  }
  // In another column the card is drawn anew, so the focus has to be carried there.
  const refocus = useRef<string>(undefined)
  useEffect(() => {
    const tile =
      refocus.current && container.current?.querySelector<HTMLElement>(`[data-card="${refocus.current}"][data-pending]`)
    if (!tile) return
    refocus.current = undefined
    tile.querySelector<HTMLElement>('.card-open')?.focus()
  })
  const drop = () => {
    if (dragged !== undefined && target) {
      dropped.current = dragged
      mutate({ id: dragged, ...target })
    }
    endDrag()
  }
  const endDrag = () => {
    setDragged(undefined)
    setTarget(undefined)
  }

  return (
    <div className="columns" ref={container}>
      {columns.map(({ id: column, name, empty }) => (
        <section
          key={column}
          className="column"
          data-column={column}
          data-target={target?.column === column || undefined}
          aria-labelledby={`column-${column}`}
          onDragOver={(event) => {
            if (dragged === undefined) return
            event.preventDefault()
            const before = cardBelow(event.currentTarget, event.clientY, dragged)
            if (target?.column !== column || target.before !== before) setTarget({ column, before })
          }}
          onDrop={(event) => {
            event.preventDefault()
            drop()
          }}
        >
          <header>
            <span className="column-dot" aria-hidden="true" />
            <h2 id={`column-${column}`}>{name}</h2>
            <span className="count">
              {arranged[column].length}
              <span className="visually-hidden"> cards</span>
            </span>
          </header>
          <ul className="cards" aria-labelledby={`column-${column}`}>
            {arranged[column].map((card) => (
              <CardTile
                key={card.id}
                card={card}
                open={card.id === openCard}
                activity={activity.get(card.id)}
                pending={pending.some(({ id }) => id === card.id)}
                dragged={dragged === card.id}
                dropBefore={target?.column === column && target.before === card.id && dragged !== card.id}
                canMove={(arrow) => step(arranged, card, arrow) !== undefined}
                onMove={(arrow) => moveByArrow(card, arrow)}
                onOpen={() => onOpen(card.id)}
                onDragStart={() => setDragged(card.id)}
                onDragEnd={endDrag}
              />
            ))}
            {target?.column === column && target.before === null && <li className="drop-end" aria-hidden="true" />}
          </ul>
          {arranged[column].length === 0 && <p className="empty">{empty}</p>}
          <NewCard column={column} columnName={name} />
        </section>
      ))}
      <Announcer text={newest(activity, cards)} />
    </div>
  )
}

/** The card that a drop at this height goes before: the first whose middle is below it. */
function cardBelow(column: HTMLElement, y: number, dragged: string): string | null {
  for (const tile of column.querySelectorAll<HTMLElement>('[data-card]')) {
    const { top, height } = tile.getBoundingClientRect()
    if (tile.dataset.card !== dragged && y < top + height / 2) return tile.dataset.card ?? null
  }
  return null
}

function newest(activity: ReturnType<typeof useActivity>, cards: readonly Card[]): string {
  const [id, last] = [...activity].at(-1) ?? []
  const card = cards.find((card) => card.id === id)
  return last && card ? sentence(last, `“${card.title}”`) : ''
}

/** Tells people who do not see the board what others do. */
function Announcer({ text }: { text: string }) {
  return (
    <p className="visually-hidden" aria-live="polite">
      {text}
    </p>
  )
}

function Skeleton() {
  return (
    <div className="columns" aria-busy="true">
      <p className="visually-hidden" role="status">
        The board is loading.
      </p>
      {columns.map(({ id, name }) => (
        <section key={id} className="column" data-column={id}>
          <header>
            <span className="column-dot" aria-hidden="true" />
            <h2>{name}</h2>
          </header>
          <div className="skeleton" />
          <div className="skeleton short" />
        </section>
      ))}
    </div>
  )
}
