// The board: three columns of cards, kept by one live query.
import { useMutation, useQuery } from '@tanstack/react-query'
import { memo, useCallback, useEffect, useRef, useState } from 'react'
import type { Card, Column } from '../contract.ts'
import { CardTile, type CardTileProps } from './CardTile.tsx'
import { type Arrow, arrange, columns, sheetsOf, step } from './columns.ts'
import { Hint } from './Hint.tsx'
import { me } from './me.ts'
import { moveCard } from './mutations.ts'
import { NewCard } from './NewCard.tsx'
import { cardsQuery } from './queries.ts'
import { queryClient } from './query-client.ts'
import { sentence } from './sentence.ts'
import { useNow } from './time.ts'
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
  const { mutate: move } = useMutation(moveCard)
  const arranged = arrange(cards)
  const now = useNow(30_000)
  const [dragged, setDragged] = useState<string>()
  const [target, setTarget] = useState<Target>()
  const dropped = useRef<string>(undefined)
  const container = useGlide<HTMLDivElement>(dropped)

  const refocus = useRef<string>(undefined)
  const moveByArrow = useCallback(
    (card: Card, arrow: Arrow) => {
      const place = step(queryClient.getQueryData(cardsQuery.queryKey) ?? [], card, arrow)
      if (!place) return
      move({ id: card.id, ...place })
      refocus.current = card.id
    },
    [move],
  )
  // In its new place the card is drawn anew, so the focus has to be carried there.
  useEffect(() => {
    if (refocus.current === undefined || document.activeElement !== document.body) return
    const tile = container.current?.querySelector(`[data-card="${refocus.current}"]`)
    refocus.current = undefined
    tile?.querySelector<HTMLElement>('.card-open')?.focus()
  })
  const endDrag = useCallback(() => {
    setDragged(undefined)
    setTarget(undefined)
  }, [])
  const drop = () => {
    if (dragged !== undefined && target) {
      dropped.current = dragged
      move({ id: dragged, ...target })
    }
    endDrag()
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
          <div className="cards">
            {[...sheetsOf(arranged[column])].map(([number, sheet], index, { length }) => (
              <Sheet
                key={number}
                column={column}
                cards={sheet}
                now={now}
                isFirst={index === 0}
                isLast={index === length - 1}
                openCard={openCard}
                dragged={dragged}
                dropBefore={target?.column === column ? target.before : null}
                onMove={moveByArrow}
                onOpen={onOpen}
                onDragStart={setDragged}
                onDragEnd={endDrag}
              />
            ))}
            {target?.column === column && target.before === null && <div className="drop-end" aria-hidden="true" />}
          </div>
          {arranged[column].length === 0 && <p className="empty">{empty}</p>}
          <NewCard column={column} columnName={name} />
        </section>
      ))}
      <Announcer text={newest(cards)} />
    </div>
  )
}

interface SheetProps
  extends Pick<CardTileProps, 'now' | 'isFirst' | 'isLast' | 'onMove' | 'onOpen' | 'onDragStart' | 'onDragEnd'> {
  readonly column: Column
  readonly cards: readonly Card[]
  readonly openCard: string | undefined
  readonly dragged: string | undefined
  readonly dropBefore: string | null
}

/** Some cards of a column, one below the other. A long column is made of many, and only those are drawn that are on the screen and have changed. */
const Sheet = memo(
  ({ column, cards, isFirst, isLast, openCard, dragged, dropBefore, ...rest }: SheetProps) => (
    <ul className="sheet" ref={markFar} aria-labelledby={`column-${column}`}>
      {cards.map((card, index, { length }) => (
        <CardTile
          // What is put elsewhere is drawn anew: React would move all the cards that it passes instead.
          key={`${card.id} ${card.rank}`}
          card={card}
          isFirst={isFirst && index === 0}
          isLast={isLast && index === length - 1}
          open={card.id === openCard}
          dragged={dragged === card.id}
          dropBefore={dropBefore === card.id && dragged !== card.id}
          {...rest}
        />
      ))}
    </ul>
  ),
  hasSame,
)

// What it marks, the style sheet has the browser skip.
const nearness = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) target.toggleAttribute('data-far', !isIntersecting)
  },
  { rootMargin: '200px' },
)

/** Keeps `data-far` at an element while it is far from the screen. */
function markFar(element: HTMLElement | null) {
  if (!element) return
  nearness.observe(element)
  return () => nearness.unobserve(element)
}

/** Whether nothing is to be drawn anew: the cards are the same, in a list that is made at every change of any. */
function hasSame({ cards, ...props }: SheetProps, next: SheetProps): boolean {
  return (
    cards.length === next.cards.length &&
    cards.every((card, index) => card === next.cards[index]) &&
    Object.entries(props).every(([name, value]) => value === next[name as keyof SheetProps])
  )
}

/** The card that a drop at this height goes before: the first whose middle is below it. */
function cardBelow(column: HTMLElement, y: number, dragged: string): string | null {
  for (const sheet of column.querySelectorAll('.sheet')) {
    // What is far from the screen is not laid out, and asking it where it is would do that.
    if (sheet.getBoundingClientRect().bottom < y) continue
    for (const tile of sheet.querySelectorAll<HTMLElement>('[data-card]')) {
      const { top, height } = tile.getBoundingClientRect()
      if (tile.dataset.card !== dragged && y < top + height / 2) return tile.dataset.card ?? null
    }
  }
  return null
}

/** What others did last, in words. */
function newest(cards: readonly Card[]): string {
  const last = cards.reduce<Card | undefined>((a, b) => (a && a.changedAt > b.changedAt ? a : b), undefined)
  return last && last.changedBy !== me ? `${sentence(last)} “${last.title}”` : ''
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
