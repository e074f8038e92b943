// A card, opened beside the board: its text to read and edit, its conversation below. Both stay live while it is open.
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { Card } from '../contract.ts'
import { displayName } from '../people.ts'
import { Conversation } from './Conversation.tsx'
import { columns } from './columns.ts'
import { Icon } from './icons.tsx'
import { deleteCard, editCard, moveCard } from './mutations.ts'
import { cardsQuery } from './queries.ts'

export function CardPanel({ id, onClose }: { id: string; onClose: () => void }) {
  const card = useQuery({ ...cardsQuery, select: (cards) => cards.find((card) => card.id === id) }).data
  const panel = useRef<HTMLElement>(null)
  useEffect(() => {
    const from = document.activeElement
    panel.current?.focus()
    return () => {
      if (from instanceof HTMLElement && from.isConnected) from.focus()
    }
  }, [])
  return (
    <aside
      ref={panel}
      className="panel"
      tabIndex={-1}
      aria-label={card ? `Card “${card.title}”` : 'A deleted card'}
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <button type="button" className="icon-button panel-close" aria-label="Close" onClick={onClose}>
        <Icon name="close" />
      </button>
      {card ? (
        <>
          <Details card={card} onDelete={onClose} />
          <Conversation cardId={card.id} />
        </>
      ) : (
        <p className="empty">Somebody deleted this card.</p>
      )}
    </aside>
  )
}

/** What a person has typed and not saved, and the card that they began from. */
interface Draft {
  readonly title: string
  readonly text: string
  readonly from: Card
}

function Details({ card, onDelete }: { card: Card; onDelete: () => void }) {
  const edit = useMutation(editCard)
  const [draft, setDraft] = useState<Draft>()
  const { title, text } = draft ?? card
  const overtaken = draft && (draft.from.title !== card.title || draft.from.text !== card.text)

  const change = (part: Partial<Draft>) => setDraft({ title, text, from: draft?.from ?? card, ...part })
  const save = (event: FormEvent) => {
    event.preventDefault()
    // Shown at once as if it were saved; if it is not, they have it back.
    edit.mutate({ id: card.id, title, text }, { onError: () => setDraft((newer) => newer ?? draft) })
    setDraft(undefined)
  }

  return (
    <form className="details" onSubmit={save} aria-label="Details">
      <ColumnPicker card={card} />
      <input
        className="details-title"
        aria-label="Title"
        value={title}
        required
        maxLength={120}
        autoComplete="off"
        onChange={(event) => change({ title: event.target.value })}
      />
      <textarea
        aria-label="Text"
        value={text}
        rows={2}
        maxLength={4000}
        placeholder="Say more about it…"
        onChange={(event) => change({ text: event.target.value })}
      />
      {overtaken && (
        <p className="overtaken" role="status">
          {displayName(card.changedBy)} changed this card while you were editing it. It now says “{card.title}”. If you
          save, yours takes its place.
        </p>
      )}
      <div className="row">
        <button type="submit" className="button primary" disabled={!draft}>
          Save
        </button>
        {draft && (
          <button type="button" className="button quiet" onClick={() => setDraft(undefined)}>
            {overtaken ? 'Take theirs' : 'Undo'}
          </button>
        )}
        <DeleteButton card={card} onDelete={onDelete} />
      </div>
    </form>
  )
}

function ColumnPicker({ card }: { card: Card }) {
  const { mutate } = useMutation(moveCard)
  return (
    <fieldset className="segments">
      <legend className="visually-hidden">Column</legend>
      {columns.map(({ id, name }) => (
        <label key={id} data-column={id}>
          <input
            type="radio"
            name="column"
            className="visually-hidden"
            checked={card.column === id}
            onChange={() => mutate({ id: card.id, column: id, before: null })}
          />
          {name}
        </label>
      ))}
    </fieldset>
  )
}

function DeleteButton({ card, onDelete }: { card: Card; onDelete: () => void }) {
  const [asking, setAsking] = useState(false)
  const { mutate } = useMutation(deleteCard)
  const remove = () => {
    mutate(card)
    onDelete()
  }
  return (
    <button
      type="button"
      className="button danger"
      onBlur={() => setAsking(false)}
      onClick={() => (asking ? remove() : setAsking(true))}
    >
      <Icon name="bin" />
      {asking ? 'Delete it for everybody?' : 'Delete'}
    </button>
  )
}
